//! A server on loopback and a real HTTP client, endpoint by endpoint.

mod archive;
mod durability;
mod listings;
mod manifests;
mod reading;
mod uploads;

use super::{Registry, Store, StoreError, run};
use crate::oci::layout::LayoutError;
use crate::oci::media_type::{OCI_EMPTY, OCI_INDEX, OCI_MANIFEST};
use crate::oci::{Descriptor, Digest};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A registry with a store in a temporary directory; gone with the value.
struct Server {
    base: String,
    client: reqwest::Client,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
    directory: Arc<TempDir>,
}

impl Server {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self::at(Arc::new(directory), Registry::read_write).await
    }

    async fn at(directory: Arc<TempDir>, registry: impl FnOnce(Arc<Store>) -> Registry) -> Self {
        let store = open(&directory).await.expect("a store");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel();
        let shutdown = async { drop(stopped.await) };
        let client = reqwest::Client::builder().no_proxy().build();
        Self {
            base,
            client: client.expect("a client"),
            stop,
            serving: tokio::spawn(run(listener, registry(store), shutdown)),
            directory,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    async fn delete(&self, path: &str) -> StatusCode {
        let answer = self.request(Method::DELETE, path).send().await;
        answer.expect("an answer").status()
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
    }

    /// Pushes a blob in one request.
    async fn push_blob(&self, repository: &str, content: &[u8]) -> Descriptor {
        let blob = Descriptor::of("application/x", content);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={}", blob.digest);
        let request = self.request(Method::POST, &path).body(content.to_vec());
        assert_eq!(request.send().await.expect("an answer").status(), 201);
        blob
    }

    async fn put(&self, path: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Response {
        self.request(Method::PUT, path)
            .header("Content-Type", media_type)
            .body(body.into())
            .send()
            .await
            .expect("an answer")
    }

    /// Pushes a manifest of one config blob under `target`, with whatever `extra` adds.
    async fn push_artifact(
        &self,
        repository: &str,
        target: Target<'_>,
        extra: Value,
    ) -> Descriptor {
        let mut document = image(&self.push_blob(repository, b"{}").await);
        let fields = document.as_object_mut().expect("an object");
        fields.extend(extra.as_object().expect("an object").clone());
        self.push_document(repository, target, OCI_MANIFEST, &document).await
    }

    async fn push_document(
        &self,
        repository: &str,
        target: Target<'_>,
        media_type: &str,
        document: &Value,
    ) -> Descriptor {
        let bytes = document.to_string();
        let descriptor = Descriptor::of(media_type, bytes.as_bytes());
        let target = match target {
            Target::Tag(tag) => tag.to_owned(),
            Target::Digest => descriptor.digest.to_string(),
        };
        let path = format!("/v2/{repository}/manifests/{target}");
        let answer = self.put(&path, media_type, bytes).await;
        let status = answer.status();
        assert_eq!(status, 201, "{}", answer.text().await.unwrap_or_default());
        descriptor
    }

    /// Stops this server, and waits until it has gone.
    async fn stop(self) -> Arc<TempDir> {
        self.stop.send(()).expect("it runs");
        let stopped = self.serving.await.expect("no panic");
        stopped.expect("it served to its end");
        self.directory
    }

    /// Stops this server and starts one on the same directory.
    async fn restart(self, registry: impl FnOnce(Arc<Store>) -> Registry) -> Self {
        Self::at(self.stop().await, registry).await
    }
}

/// Opens a store as soon as the task of the last change of the one before has let go of the lock.
async fn open(directory: &TempDir) -> Result<Arc<Store>, StoreError> {
    loop {
        match Store::open(directory.path()) {
            Err(StoreError::Layout(LayoutError::Locked(_))) => tokio::task::yield_now().await,
            other => return other,
        }
    }
}

#[derive(Clone, Copy)]
enum Target<'a> {
    Tag(&'a str),
    Digest,
}

fn image(config: &Descriptor) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_EMPTY, "digest": config.digest, "size": config.size},
        "layers": []
    })
}

fn index(children: &[&Descriptor]) -> Value {
    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children})
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

/// Status and code of a refusal.
async fn refusal(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let body = answer.bytes().await.expect("a body");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert!(body["errors"][0]["message"].is_string(), "{body}");
    let code = body["errors"][0]["code"].as_str().expect("a code");
    (status, code.to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn absent() -> Digest {
    Digest::of(b"nobody pushed this")
}
