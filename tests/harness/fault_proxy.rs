//! A proxy in front of a real registry that passes everything on, except where a rule breaks it.

use super::faults::{Fault, Rule, cut, flip, hang, slow};
use super::tokens::TokenGate;
use super::{RUNTIME, http_client};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt as _;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// A request that came, and the answer's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    /// As it was answered here.
    pub(crate) status: u16,
    /// The byte that the answer was asked to start at.
    pub(crate) from: u64,
}

/// The proxy; it ends when it is dropped.
pub(crate) struct FaultProxy {
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

struct Shared {
    address: String,
    upstream: String,
    client: reqwest::Client,
    gate: Option<TokenGate>,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
}

impl FaultProxy {
    /// Passes on to the registry at `upstream`, `127.0.0.1:PORT`.
    pub(crate) fn start(upstream: &str) -> Self {
        Self::start_with(upstream, None)
    }

    /// As [`Self::start`], for bearers of tokens only.
    pub(crate) fn start_with_tokens(upstream: &str, gate: TokenGate) -> Self {
        Self::start_with(upstream, Some(gate))
    }

    fn start_with(upstream: &str, gate: Option<TokenGate>) -> Self {
        let listener =
            RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let shared = Arc::new(Shared {
            address: listener.local_addr().expect("address").to_string(),
            upstream: upstream.to_owned(),
            client: http_client(),
            gate,
            rules: Mutex::default(),
            seen: Mutex::default(),
        });
        let router = axum::Router::new().fallback(handle).with_state(Arc::clone(&shared));
        let server = RUNTIME.spawn(async move {
            axum::serve(listener, router).await.expect("the proxy serves");
        });
        Self { shared, server }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.shared.address
    }

    /// Adds a rule. The first rule that meets a request breaks it.
    pub(crate) fn add(&self, rule: Rule) {
        lock(&self.shared.rules).push(rule);
    }

    /// Removes all rules.
    pub(crate) fn heal(&self) {
        lock(&self.shared.rules).clear();
    }

    /// Makes every token that was handed out expire.
    pub(crate) fn forget_tokens(&self) {
        if let Some(gate) = &self.shared.gate {
            gate.forget();
        }
    }

    /// Every request so far, in the order of their answers.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// Forgets the requests so far.
    pub(crate) fn forget_seen(&self) {
        lock(&self.shared.seen).clear();
    }

    /// How many requests of this method had a path that satisfies `path`.
    pub(crate) fn count(&self, method: &Method, path: impl Fn(&str) -> bool) -> usize {
        self.seen().iter().filter(|seen| seen.method == *method && path(&seen.path)).count()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test thread panics while it holds this")
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let method = request.method().clone();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let range = request.headers().get(header::RANGE).and_then(|range| range.to_str().ok());
    let from =
        range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let from = from.unwrap_or(0);
    let response = answer(&shared, &method, &path, request).await;
    let status = response.status().as_u16();
    lock(&shared.seen).push(Seen { method, path, status, from });
    response
}

async fn answer(shared: &Shared, method: &Method, path: &str, request: Request) -> Response {
    let fault = lock(&shared.rules)
        .iter_mut()
        .find_map(|rule| rule.meets(method, path).then(|| rule.fault.clone()));
    if let Some(Fault::Answer { status, headers, body }) = fault {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        return response.body(Body::from(body)).expect("answer of a rule");
    }
    if let Some(Fault::Delay(time)) = fault {
        tokio::time::sleep(time).await;
    }
    if let Some(gate) = &shared.gate
        && let Some(refusal) = gate.judge(&shared.address, method, path, request.headers())
    {
        return refusal;
    }
    let passed = match pass_on(shared, path, request, fault.as_ref()).await {
        Ok(passed) => passed,
        Err(error) => {
            let mut response = Response::new(Body::from(error.to_string()));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            return response;
        }
    };
    let mut response = Response::builder().status(passed.status());
    let mut headers = passed.headers().clone();
    headers.remove(header::CONNECTION);
    headers.remove(header::TRANSFER_ENCODING);
    point_here(shared, &mut headers);
    match &fault {
        Some(Fault::SetHeader(name, value)) => {
            let value = HeaderValue::from_str(value).expect("value of a rule");
            headers.insert(HeaderName::from_static(name), value);
        }
        Some(Fault::DropHeader(name)) => {
            headers.remove(*name);
        }
        _ => {}
    }
    *response.headers_mut().expect("a fresh answer") = headers;
    let body = passed.bytes_stream().map(|piece| piece.map_err(io::Error::other));
    let body = match fault {
        Some(Fault::CloseAfter(length)) => Body::from_stream(cut(body, length)),
        Some(Fault::HangAfter(length)) => Body::from_stream(hang(body, length)),
        Some(Fault::Slow(pause)) => Body::from_stream(slow(body, pause)),
        Some(Fault::FlipBit(offset)) => Body::from_stream(flip(body, offset)),
        _ => Body::from_stream(body),
    };
    response.body(body).expect("an answer that was passed on")
}

async fn pass_on(
    shared: &Shared,
    path: &str,
    request: Request,
    fault: Option<&Fault>,
) -> reqwest::Result<reqwest::Response> {
    let (parts, body) = request.into_parts();
    let mut headers = parts.headers;
    headers.remove(header::HOST);
    headers.remove(header::CONNECTION);
    headers.remove(header::TRANSFER_ENCODING);
    if shared.gate.is_some() {
        headers.remove(header::AUTHORIZATION);
    }
    let has_body = headers.contains_key(header::CONTENT_LENGTH)
        || !matches!(parts.method, Method::GET | Method::HEAD);
    let mut passed = shared
        .client
        .request(parts.method, format!("http://{}{path}", shared.upstream))
        .headers(headers);
    if has_body {
        let body = body.into_data_stream().map(|piece| piece.map_err(io::Error::other));
        passed = passed.body(match fault {
            Some(Fault::CloseUploadAfter(length)) => reqwest::Body::wrap_stream(cut(body, *length)),
            _ => reqwest::Body::wrap_stream(body),
        });
    }
    passed.send().await
}

/// Where an answer leads to the registry, it leads here instead.
fn point_here(shared: &Shared, headers: &mut HeaderMap) {
    let Some(location) = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()) else {
        return;
    };
    let there = format!("http://{}", shared.upstream);
    if let Some(rest) = location.strip_prefix(&there) {
        let here = format!("http://{}{rest}", shared.address);
        headers.insert(header::LOCATION, HeaderValue::from_str(&here).expect("location"));
    }
}
