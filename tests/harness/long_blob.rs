//! A registry with one image whose layer is as long as one wishes and lies nowhere: its bytes are made when they are
//! asked for, and what is pushed is hashed and forgotten.

use super::RUNTIME;
use super::images::{CONFIG, Content, LAYER, TestImage};
use super::layers::noise;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use bundle::oci::media_type::OCI_MANIFEST;
use bundle::oci::{Digest, Hasher};
use futures_util::StreamExt as _;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// The layer repeats this many bytes: prime, so that nothing that is a power of two long falls into step with it.
const PERIOD: usize = 1_048_583;
/// One piece of an answer.
const PIECE: u64 = 256 << 10;

/// The bytes of the layer, which follow from their place.
struct Layer {
    /// Two periods, so that every piece lies in one stretch.
    bytes: Bytes,
    length: u64,
    digest: Digest,
}

impl Layer {
    fn new(length: u64) -> Self {
        let bytes: Bytes = noise("long", PERIOD).repeat(2).into();
        let mut layer = Self { bytes, length, digest: Digest::of(b"") };
        let mut hasher = Hasher::new();
        let mut at = 0;
        while let Some(piece) = layer.piece(at) {
            at += piece.len() as u64;
            hasher.update(&piece);
        }
        layer.digest = hasher.finish();
        layer
    }

    /// What follows byte `at`; `None` at the end.
    fn piece(&self, at: u64) -> Option<Bytes> {
        let length = self.length.checked_sub(at)?.min(PIECE) as usize;
        let start = (at % PERIOD as u64) as usize;
        (length > 0).then(|| self.bytes.slice(start..start + length))
    }
}

/// The server; it ends when it is dropped.
pub(crate) struct LongBlob {
    address: String,
    image: TestImage,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

struct Shared {
    layer: Layer,
    /// What can be read, by path below `/v2/`.
    stored: Mutex<HashMap<String, Content>>,
    /// Length of each blob that was pushed, by path. Its digest was right.
    pushed: Mutex<HashMap<String, u64>>,
}

impl LongBlob {
    /// Serves `from/long:1`, whose one layer has `length` bytes. What is below `to/` is what was pushed.
    pub(crate) fn start(length: u64) -> Self {
        let layer = Layer::new(length);
        let config = json!({
            "os": "linux", "architecture": "amd64",
            "rootfs": { "type": "layers", "diff_ids": [layer.digest] },
        });
        let config = Content::new(CONFIG, config.to_string());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.descriptor(),
            "layers": [{ "mediaType": LAYER, "digest": layer.digest, "size": length }],
        });
        let manifest = Content::new(OCI_MANIFEST, manifest.to_string());
        let stored = HashMap::from([
            ("from/long/manifests/1".to_owned(), manifest.clone()),
            (format!("from/long/manifests/{}", manifest.digest()), manifest.clone()),
            (format!("from/long/blobs/{}", config.digest()), config.clone()),
        ]);
        let image = TestImage { manifest, blobs: vec![config], children: Vec::new() };
        let stored = Mutex::new(stored);
        let shared = Arc::new(Shared { layer, stored, pushed: Mutex::default() });
        let listener =
            RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("address").to_string();
        let router = axum::Router::new().fallback(handle).with_state(Arc::clone(&shared));
        let server = RUNTIME.spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { address, image, shared, server }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Digest of the layer.
    pub(crate) fn layer(&self) -> Digest {
        self.shared.layer.digest
    }

    /// The image's manifest.
    pub(crate) fn manifest(&self) -> &Content {
        &self.image.manifest
    }

    /// Length of a blob that came with the right digest; `None` when none came.
    pub(crate) fn pushed(&self, repository: &str, digest: &Digest) -> Option<u64> {
        lock(&self.shared.pushed).get(&format!("{repository}/blobs/{digest}")).copied()
    }

    /// A manifest as it was pushed.
    pub(crate) fn tagged(&self, repository: &str, tag: &str) -> Option<Content> {
        lock(&self.shared.stored).get(&format!("{repository}/manifests/{tag}")).cloned()
    }
}

impl Drop for LongBlob {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().trim_start_matches("/v2/").to_owned();
    if path.is_empty() || path == "/v2" {
        return answer(StatusCode::OK, &[], Body::empty());
    }
    match method {
        Method::GET | Method::HEAD => read(&shared, &path, request.headers()),
        Method::POST => {
            let place = format!("/v2/{path}one");
            answer(StatusCode::ACCEPTED, &[(header::LOCATION, &place)], Body::empty())
        }
        Method::PUT => write(&shared, &path, request).await,
        _ => answer(StatusCode::METHOD_NOT_ALLOWED, &[], Body::empty()),
    }
}

fn read(shared: &Arc<Shared>, path: &str, headers: &HeaderMap) -> Response {
    if path == format!("from/long/blobs/{}", shared.layer.digest) {
        return read_layer(shared, headers);
    }
    let Some(content) = lock(&shared.stored).get(path).cloned() else {
        let body = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"not here"}]}"#;
        return answer(StatusCode::NOT_FOUND, &[], body.into());
    };
    let digest = content.digest().to_string();
    let length = content.bytes.len().to_string();
    let headers = [
        (header::CONTENT_TYPE, content.media_type.as_str()),
        (header::CONTENT_LENGTH, &length),
        (header::HeaderName::from_static("docker-content-digest"), &digest),
    ];
    answer(StatusCode::OK, &headers, content.bytes.into())
}

/// The layer from the byte that `Range: bytes=N-` names.
fn read_layer(shared: &Arc<Shared>, headers: &HeaderMap) -> Response {
    let whole = shared.layer.length;
    let range = headers.get(header::RANGE).map(|range| range.to_str().expect("text"));
    let from = range.map(|range| {
        let from = range.strip_prefix("bytes=").and_then(|range| range.split('-').next());
        from.and_then(|from| from.parse::<u64>().ok()).expect("a start")
    });
    let length = (whole - from.unwrap_or(0)).to_string();
    let place = format!("bytes {}-{}/{whole}", from.unwrap_or(0), whole - 1);
    let mut headers = vec![(header::CONTENT_LENGTH, length.as_str())];
    let status = match from {
        Some(_) => {
            headers.push((header::CONTENT_RANGE, &place));
            StatusCode::PARTIAL_CONTENT
        }
        None => StatusCode::OK,
    };
    let shared = Arc::clone(shared);
    let pieces = futures_util::stream::unfold(from.unwrap_or(0), move |at| {
        let piece = shared.layer.piece(at);
        async move {
            piece.map(|piece| (Ok::<_, std::io::Error>(piece.clone()), at + piece.len() as u64))
        }
    });
    answer(status, &headers, Body::from_stream(pieces))
}

async fn write(shared: &Shared, path: &str, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().replace("%3A", ":");
    let media_type = request.headers().get(header::CONTENT_TYPE).cloned();
    let mut body = request.into_body().into_data_stream();
    let (mut hasher, mut length, mut bytes) = (Hasher::new(), 0, Vec::new());
    let is_manifest = path.contains("/manifests/");
    while let Some(piece) = body.next().await {
        let Ok(piece) = piece else {
            return answer(StatusCode::BAD_REQUEST, &[], Body::empty());
        };
        hasher.update(&piece);
        length += piece.len() as u64;
        if is_manifest {
            bytes.extend_from_slice(&piece);
        }
    }
    let digest = hasher.finish();
    if is_manifest {
        let media_type = media_type.expect("a type");
        let content = Content::new(media_type.to_str().expect("text"), bytes);
        let (repository, _) = path.split_once("/manifests/").expect("a manifest's path");
        let mut stored = lock(&shared.stored);
        stored.insert(format!("{repository}/manifests/{digest}"), content.clone());
        stored.insert(path.to_owned(), content);
    } else {
        let said = query.split('&').find_map(|pair| pair.strip_prefix("digest="));
        if said != Some(digest.to_string().as_str()) {
            return answer(StatusCode::BAD_REQUEST, &[], Body::empty());
        }
        let (repository, _) = path.split_once("/blobs/").expect("a blob's path");
        lock(&shared.pushed).insert(format!("{repository}/blobs/{digest}"), length);
    }
    let digest = digest.to_string();
    let place = (header::LOCATION, "/v2/");
    let name = header::HeaderName::from_static("docker-content-digest");
    answer(StatusCode::CREATED, &[place, (name, &digest)], Body::empty())
}

fn answer(status: StatusCode, headers: &[(header::HeaderName, &str)], body: Body) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, *value);
    }
    response.body(body).expect("a response")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
