//! A proxy in front of a real registry that passes everything on, except where a rule breaks it.

use super::tokens::TokenGate;
use super::{RUNTIME, http_client};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// This answer, without asking the registry.
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// The connection breaks after so many bytes of the answer's body.
    CloseAfter(u64),
    /// The connection breaks before the request's body was read whole, and the registry sees a broken upload.
    CloseUploadAfter(u64),
    /// One bit of the answer's body is another one, at this offset.
    FlipBit(u64),
    /// The answer has this header, whatever the registry said.
    SetHeader(&'static str, String),
    /// The answer does not have this header.
    DropHeader(&'static str),
    /// The request is passed on later.
    Delay(Duration),
}

impl Fault {
    /// An answer with a status alone.
    pub(crate) fn status(status: u16) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// Too many requests, to be tried again after so many seconds.
    pub(crate) fn too_many(seconds: u32) -> Self {
        let headers = vec![("retry-after", seconds.to_string())];
        Self::Answer {
            status: 429,
            headers,
            body: String::new(),
        }
    }
}

type Matches = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Which requests a fault meets.
pub(crate) struct Rule {
    method: Method,
    path: Matches,
    from: usize,
    times: usize,
    seen: usize,
    fault: Fault,
}

impl Rule {
    /// Breaks every request of this method whose path and query satisfy `path`.
    pub(crate) fn new(
        method: Method,
        path: impl Fn(&str) -> bool + Send + Sync + 'static,
        fault: Fault,
    ) -> Self {
        Self {
            method,
            path: Box::new(path),
            from: 1,
            times: usize::MAX,
            seen: 0,
            fault,
        }
    }

    /// Only the `number`th matching request, counted from 1.
    pub(crate) fn nth(mut self, number: usize) -> Self {
        (self.from, self.times) = (number, 1);
        self
    }

    /// Only the first `number` matching requests.
    pub(crate) fn first(mut self, number: usize) -> Self {
        (self.from, self.times) = (1, number);
        self
    }

    fn meets(&mut self, method: &Method, path: &str) -> bool {
        if self.method != *method || !(self.path)(path) {
            return false;
        }
        self.seen += 1;
        self.seen >= self.from && self.seen - self.from < self.times
    }
}

/// A request that came, and the answer's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    /// As it was answered here.
    pub(crate) status: u16,
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
        let listener = RUNTIME
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .expect("a free port");
        let shared = Arc::new(Shared {
            address: listener.local_addr().expect("address").to_string(),
            upstream: upstream.to_owned(),
            client: http_client(),
            gate,
            rules: Mutex::default(),
            seen: Mutex::default(),
        });
        let router = axum::Router::new()
            .fallback(handle)
            .with_state(Arc::clone(&shared));
        let server = RUNTIME.spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("the proxy serves");
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

    /// Every request so far, in the order of their answers.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// How many requests of this method had a path that satisfies `path`.
    pub(crate) fn count(&self, method: &Method, path: impl Fn(&str) -> bool) -> usize {
        self.seen()
            .iter()
            .filter(|seen| seen.method == *method && path(&seen.path))
            .count()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .expect("no test thread panics while it holds this")
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let method = request.method().clone();
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let response = answer(&shared, &method, &path, request).await;
    let status = response.status().as_u16();
    lock(&shared.seen).push(Seen {
        method,
        path,
        status,
    });
    response
}

async fn answer(shared: &Shared, method: &Method, path: &str, request: Request) -> Response {
    let fault = lock(&shared.rules)
        .iter_mut()
        .find_map(|rule| rule.meets(method, path).then(|| rule.fault.clone()));
    if let Some(Fault::Answer {
        status,
        headers,
        body,
    }) = fault
    {
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
    let body = passed
        .bytes_stream()
        .map(|piece| piece.map_err(io::Error::other));
    let body = match fault {
        Some(Fault::CloseAfter(length)) => Body::from_stream(cut(body, length)),
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
        let body = body
            .into_data_stream()
            .map(|piece| piece.map_err(io::Error::other));
        passed = passed.body(match fault {
            Some(Fault::CloseUploadAfter(length)) => reqwest::Body::wrap_stream(cut(body, *length)),
            _ => reqwest::Body::wrap_stream(body),
        });
    }
    passed.send().await
}

/// Where an answer leads to the registry, it leads here instead.
fn point_here(shared: &Shared, headers: &mut HeaderMap) {
    let Some(location) = headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
    else {
        return;
    };
    let there = format!("http://{}", shared.upstream);
    if let Some(rest) = location.strip_prefix(&there) {
        let here = format!("http://{}{rest}", shared.address);
        headers.insert(
            header::LOCATION,
            HeaderValue::from_str(&here).expect("location"),
        );
    }
}

/// The first `length` bytes, then an error.
fn cut(
    body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    length: u64,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let mut left = length;
    let mut broken = false;
    body.map(move |piece| {
        let piece = piece?;
        let size = piece.len() as u64;
        if broken || size > left {
            broken = true;
        }
        let take = usize::try_from(left.min(size)).expect("a piece in memory");
        left -= take as u64;
        Ok((piece.slice(..take), broken))
    })
    .flat_map(|step: io::Result<(Bytes, bool)>| {
        let pieces = match step {
            Ok((piece, false)) => vec![Ok(piece)],
            Ok((piece, true)) => vec![Ok(piece), Err(io::Error::other("cut by a rule"))],
            Err(error) => vec![Err(error)],
        };
        futures_util::stream::iter(pieces)
    })
}

/// The same bytes, but for one bit of the one at `offset`.
fn flip(
    body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    offset: u64,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let mut start = 0;
    body.map(move |piece| {
        let mut piece = piece?.to_vec();
        if let Some(place) = offset.checked_sub(start)
            && let Some(byte) = usize::try_from(place)
                .ok()
                .and_then(|place| piece.get_mut(place))
        {
            *byte ^= 1;
        }
        start += piece.len() as u64;
        Ok(piece.into())
    })
}
