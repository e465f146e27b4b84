//! A server that answers as a test says, and remembers what it was asked.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A request that arrived.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    /// `None` when the body broke off.
    pub(super) body: Option<Bytes>,
    /// How many requests with the same method and target came before.
    pub(super) before: usize,
}

impl Seen {
    /// `METHOD TARGET`.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().expect("text"))
    }
}

/// A server on a free loopback port, gone when dropped.
pub(super) struct Script {
    /// `127.0.0.1:PORT`.
    pub(super) address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    server: JoinHandle<()>,
}

impl Script {
    /// Answers with what `answer` gives. Without one, `GET /v2/` is 200 and everything else 418.
    pub(super) async fn start(
        answer: impl Fn(&Seen) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        Self::start_at("127.0.0.1:0", answer).await
    }

    /// As [`Self::start`], at this address.
    pub(super) async fn start_at(
        address: &str,
        answer: impl Fn(&Seen) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind(address).await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&seen), Arc::new(answer));
        let handler = move |request: Request| {
            let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 64 << 20).await.ok();
                let mut kept = kept.lock().expect("no test panicked");
                let mut seen = Seen {
                    method: head.method.to_string(),
                    target: head.uri.to_string(),
                    headers: head.headers,
                    body,
                    before: 0,
                };
                seen.before = kept.iter().filter(|s: &&Seen| s.line() == seen.line()).count();
                kept.push(seen.clone());
                answer(&seen).unwrap_or_else(|| match seen.target.as_str() {
                    "/v2/" => status(200),
                    _ => status(418),
                })
            }
        };
        let router = axum::Router::new().fallback(handler);
        let server = tokio::spawn(async move {
            drop(axum::serve(listener, router).await);
        });
        Self { address, seen, server }
    }

    /// All requests so far but pings.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.all().into_iter().filter(|s| s.target != "/v2/").collect()
    }

    /// All requests so far.
    pub(super) fn all(&self) -> Vec<Seen> {
        self.seen.lock().expect("no test panicked").clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(super) fn status(code: u16) -> Response {
    full(code, &[], "")
}

pub(super) fn full(code: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response {
    with_body(code, headers, Body::from(body.into()))
}

fn with_body(code: u16, headers: &[(&str, &str)], body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).expect("a status");
    for (name, value) in headers {
        let name: header::HeaderName = name.parse().expect("a name");
        response.headers_mut().append(name, value.parse().expect("a value"));
    }
    response
}

/// An answer that breaks off after `part`, though it announced `length` bytes.
pub(super) fn broken(code: u16, headers: &[(&str, &str)], length: usize, part: &[u8]) -> Response {
    let part = stream::iter([Ok(Bytes::copy_from_slice(part))]);
    // What came before leaves while this waits; an error at once would take it along.
    let end = stream::once(async {
        tokio::task::yield_now().await;
        Err(std::io::Error::other("broken off"))
    });
    let length = length.to_string();
    let headers = [headers, &[("content-length", length.as_str())]].concat();
    with_body(code, &headers, Body::from_stream(part.chain(end)))
}

/// An answer without a length that gives `part` and then, if `stalls`, neither goes on nor ends.
pub(super) fn unsized_answer(part: &[u8], stalls: bool) -> Response {
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::copy_from_slice(part))]);
    let body = if stalls {
        Body::from_stream(first.chain(stream::pending()))
    } else {
        Body::from_stream(first)
    };
    with_body(200, &[], body)
}

/// An answer of `length` bytes that gives `piece` every so often.
pub(super) fn dripping(
    headers: &[(&str, &str)],
    length: usize,
    piece: &'static [u8],
    every: Duration,
) -> Response {
    let pieces = stream::unfold(length, move |left| async move {
        let count = left.min(piece.len());
        if count == 0 {
            return None;
        }
        tokio::time::sleep(every).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(&piece[..count])), left - count))
    });
    with_body(200, headers, Body::from_stream(pieces))
}
