//! An OCI registry (distribution-spec 1.1): read-only over any [`Content`], or read/write over a [`Store`].
//!
//! - [`Registry`], [`router`], [`run`] (here): the server
//! - [`content`]: what is served, as the reading endpoints see it
//! - [`store`]: a read/write registry in an image layout directory
//! - [`archive`]: a read-only one over archives
//! - [`name`]: repository names, tags and digests of requests
//! - `route`: path → endpoint
//! - `manifests`, `blobs`, `uploads`, `listings`: the endpoints
//! - `signatures`: GPG signatures, by the signature extension
//! - `range`: parts of a blob
//! - `refusal`: answers that refuse
//!
//! There is no access control: the server is meant for loopback, and for whoever puts a proxy in front of it.

pub mod archive;
mod blobs;
pub mod content;
mod idle;
mod listings;
mod manifests;
pub mod name;
mod range;
mod refusal;
mod route;
mod signatures;
pub mod store;
mod uploads;

#[cfg(test)]
mod tests;

pub use archive::{ArchiveContent, ArchiveContentError};
pub use content::Content;
pub use name::{Name, Target};
pub use store::{Store, StoreError};

use crate::oci::source::SourceError;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use axum::response::{IntoResponse as _, Response};
use axum::serve::ListenerExt as _;
use idle::Impatient;
use refusal::Refusal;
use route::{Query, Route};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpListener;

/// The address of a server unless told otherwise: on loopback, at the port registries have.
pub const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// The content of a server, and whether it takes pushes.
#[derive(Clone)]
pub struct Registry {
    content: Arc<dyn Content>,
    store: Option<Arc<Store>>,
    damage: Damage,
}

/// Is told of every blob that could not be sent whole.
type Damage = Arc<dyn Fn(&SourceError) + Send + Sync>;

impl Registry {
    /// A registry that refuses every change.
    pub fn read_only(content: Arc<dyn Content>) -> Self {
        Self { content, store: None, damage: Arc::new(|_| ()) }
    }

    /// A registry that takes pushes and deletions.
    pub fn read_write(store: Arc<Store>) -> Self {
        Self { content: store.clone(), store: Some(store), damage: Arc::new(|_| ()) }
    }

    /// Tells `damage` of every blob that cannot be sent whole. The connection ends then, so that the client knows too.
    #[must_use]
    pub fn telling(self, damage: impl Fn(&SourceError) + Send + Sync + 'static) -> Self {
        Self { damage: Arc::new(damage), ..self }
    }

    fn writable(&self) -> Result<&Arc<Store>, Refusal> {
        let read_only = || Refusal::unsupported("this registry is read-only");
        self.store.as_ref().ok_or_else(read_only)
    }
}

/// A registry as an axum router.
pub fn router(registry: Registry) -> Router {
    Router::new().fallback(answer).with_state(registry)
}

/// Serves a registry until `shutdown` is done; requests that have begun are finished, unless nothing moves any more.
///
/// # Errors
/// When the listener fails.
pub async fn run(
    listener: TcpListener,
    registry: Registry,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    // Small answers must not wait for the acknowledgement of what was sent before. Without it they are only slower.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    let stopping = Arc::new(AtomicBool::new(false));
    let listener = Impatient::new(listener, stopping.clone());
    let shutdown = async move {
        shutdown.await;
        stopping.store(true, Ordering::Relaxed);
    };
    axum::serve(listener, router(registry)).with_graceful_shutdown(shutdown).await
}

async fn answer(State(registry): State<Registry>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answered = match Route::parse(parts.uri.path()) {
        Ok(route) => dispatch(&registry, route, Call::new(parts, body)).await,
        Err(refusal) => Err(refusal),
    };
    let mut response = answered.unwrap_or_else(Refusal::into_response);
    let headers = response.headers_mut();
    headers.insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A request but for what its path names.
struct Call {
    parts: Parts,
    query: Query,
    body: Body,
}

impl Call {
    fn new(parts: Parts, body: Body) -> Self {
        let query = Query::parse(parts.uri.query());
        Self { parts, query, body }
    }

    /// A header's text.
    fn header(&self, name: HeaderName) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    fn reads(&self) -> bool {
        matches!(self.parts.method, Method::GET | Method::HEAD)
    }
}

async fn dispatch(registry: &Registry, route: Route, call: Call) -> Result<Response, Refusal> {
    let content = &*registry.content;
    let method = call.parts.method.clone();
    match route {
        Route::Base if call.reads() => base(content),
        Route::Catalog if call.reads() => listings::catalog(content, &call.query),
        Route::Tags(name) if call.reads() => listings::tags(content, &name, &call.query),
        Route::Referrers(name, subject) if call.reads() => {
            listings::referrers(content, &name, &subject, &call.query)
        }
        Route::Signatures(name, subject) if call.reads() => {
            signatures::list(content, &name, &subject).await
        }
        Route::Manifest(name, target) if call.reads() => {
            manifests::get(content, &name, &target, &method).await
        }
        Route::Manifest(name, target) if method == Method::PUT => {
            manifests::put(registry.writable()?, &name, target, call).await
        }
        Route::Manifest(name, target) if method == Method::DELETE => {
            manifests::delete(registry.writable()?, &name, &target).await
        }
        Route::Blob(name, digest) if call.reads() => {
            blobs::get(registry, &name, &digest, call).await
        }
        Route::Blob(_, digest) if method == Method::DELETE => {
            blobs::delete(registry.writable()?, &digest).await
        }
        Route::Uploads(name) if method == Method::POST => {
            uploads::start(registry.writable()?, &name, call).await
        }
        Route::Upload(name, id) => {
            let store = registry.writable()?;
            match method {
                Method::GET => uploads::status(store, &name, &id),
                Method::PATCH => uploads::append(store, &name, &id, call).await,
                Method::PUT => uploads::finish(store, &name, &id, call).await,
                Method::DELETE => uploads::cancel(store, &name, &id),
                _ => Err(unsupported(&method)),
            }
        }
        _ => Err(unsupported(&method)),
    }
}

/// `GET /v2/`.
fn base(content: &dyn Content) -> Result<Response, Refusal> {
    let mut response = json(&serde_json::json!({}))?;
    if content.keeps_signatures() {
        set(&mut response, &[(signatures::SUPPORTED, "1".into())])?;
    }
    Ok(response)
}

fn unsupported(method: &Method) -> Refusal {
    let method: String = method.as_str().chars().take(20).collect();
    Refusal::unsupported(format!("{method} is not possible here"))
}

/// An answer without a body.
fn empty(status: StatusCode, headers: &[(HeaderName, String)]) -> Result<Response, Refusal> {
    let mut response = status.into_response();
    set(&mut response, headers)?;
    Ok(response)
}

/// An answer that is a JSON document.
fn json(document: &serde_json::Value) -> Result<Response, Refusal> {
    let mut response = Response::new(Body::from(document.to_string()));
    set(&mut response, &[(header::CONTENT_TYPE, "application/json".into())])?;
    Ok(response)
}

fn set(response: &mut Response, headers: &[(HeaderName, String)]) -> Result<(), Refusal> {
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).map_err(|error| Refusal::failed(&error))?;
        response.headers_mut().insert(name, value);
    }
    Ok(())
}
