//! A registry as the tests see it: each call is one or two requests, and any answer that is not expected fails the test.

use super::images::Content;
use super::{RUNTIME, http_client};
use bundle::oci::{Digest, media_type};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode};

/// A client of one registry.
pub(crate) struct Registry {
    address: String,
    credentials: Option<(String, String)>,
    client: reqwest::Client,
}

impl Registry {
    /// The registry at `127.0.0.1:PORT`.
    pub(crate) fn at(address: &str) -> Self {
        Self { address: address.to_owned(), credentials: None, client: http_client() }
    }

    /// Sends basic authentication.
    pub(crate) fn with_credentials(mut self, user: &str, password: &str) -> Self {
        self.credentials = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A request to `path`, below `/v2/`; answers are not judged.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_to(method, &format!("http://{}/v2/{path}", self.address))
    }

    /// Sends a request.
    pub(crate) fn send(&self, request: RequestBuilder) -> Response {
        RUNTIME.block_on(request.send()).expect("an answer")
    }

    /// Stores a blob.
    pub(crate) fn push_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let path = format!("{repository}/blobs/uploads/");
        let answer = self.send(self.request(Method::POST, &path));
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "upload to {repository}");
        let location = answer.headers()[LOCATION].to_str().expect("location");
        let mut location = match location.strip_prefix('/') {
            Some(path) => format!("http://{}/{path}", self.address),
            None => location.to_owned(),
        };
        location.push(if location.contains('?') { '&' } else { '?' });
        let request = self
            .request_to(Method::PUT, &format!("{location}digest={digest}"))
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(bytes.to_vec());
        let answer = self.send(request);
        assert_eq!(answer.status(), StatusCode::CREATED, "blob {digest} to {repository}");
        digest
    }

    /// Stores a manifest under a tag or its digest.
    pub(crate) fn push_manifest(
        &self,
        repository: &str,
        reference: &str,
        manifest: &Content,
    ) -> HeaderMap {
        let request = self
            .request(Method::PUT, &format!("{repository}/manifests/{reference}"))
            .header(CONTENT_TYPE, &manifest.media_type)
            .body(manifest.bytes.clone());
        let answer = self.send(request);
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = RUNTIME.block_on(answer.text()).unwrap_or_default();
        assert_eq!(status, StatusCode::CREATED, "{repository}:{reference}: {text}");
        headers
    }

    /// A manifest by tag or digest; `None` when the registry says that there is none.
    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Option<Content> {
        let request = self
            .request(Method::GET, &format!("{repository}/manifests/{reference}"))
            .header(ACCEPT, media_type::MANIFESTS.join(", "));
        let answer = self.send(request);
        if answer.status() == StatusCode::NOT_FOUND {
            return None;
        }
        assert_eq!(answer.status(), StatusCode::OK, "{repository}:{reference}");
        let media_type = answer.headers()[CONTENT_TYPE].to_str().expect("type").to_owned();
        let bytes = RUNTIME.block_on(answer.bytes()).expect("manifest");
        Some(Content::new(&media_type, bytes))
    }

    /// A blob; `None` when the registry says that there is none.
    pub(crate) fn blob(&self, repository: &str, digest: &Digest) -> Option<Vec<u8>> {
        let answer = self.send(self.request(Method::GET, &format!("{repository}/blobs/{digest}")));
        if answer.status() == StatusCode::NOT_FOUND {
            return None;
        }
        assert_eq!(answer.status(), StatusCode::OK, "{repository}@{digest}");
        Some(RUNTIME.block_on(answer.bytes()).expect("blob").to_vec())
    }

    /// Tags of a repository, sorted; none when it does not exist.
    pub(crate) fn tags(&self, repository: &str) -> Vec<String> {
        self.list(&format!("{repository}/tags/list?n=10000"), "tags")
    }

    /// Repositories, sorted. docker-registry gives 1,000 at most, and a test has a few.
    pub(crate) fn repositories(&self) -> Vec<String> {
        self.list("_catalog?n=1000", "repositories")
    }

    fn list(&self, path: &str, key: &str) -> Vec<String> {
        let answer = self.send(self.request(Method::GET, path));
        if answer.status() == StatusCode::NOT_FOUND {
            return Vec::new();
        }
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let bytes = RUNTIME.block_on(answer.bytes()).expect("list");
        let mut document: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        // distribution answers null for no tags.
        let list: Option<Vec<String>> =
            serde_json::from_value(document[key].take()).expect("a list of names");
        let mut list = list.unwrap_or_default();
        list.sort();
        list
    }

    fn request_to(&self, method: Method, address: &str) -> RequestBuilder {
        let request = self.client.request(method, address);
        match &self.credentials {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }
}
