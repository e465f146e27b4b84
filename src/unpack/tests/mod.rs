//! The whole way, in process: archives from a builder, registries on loopback.

mod anchors;
mod attachments;
mod courier;
mod disguises;
mod enforcement;
mod places;
mod registries;
mod seal;
mod signatures;
mod targets;
mod turns;
mod way;

use super::{
    AttachmentChoice, Class, InstallOptions, OnExistingAttachment, Opened, Request, Target,
    TrustInputs, UnpackError, unpack,
};
use crate::archive::Input;
use crate::archive::testing::{Builder, LAYER};
use crate::inventory::Found;
use crate::oci::{Descriptor, Digest, Repository};
use crate::progress::Progress;
use crate::registry::{Client, ClientOptions, RemoteRepository, RetryPolicy};
use crate::report::unpack::UnpackReport;
use crate::serve::{self, Registry, Store};
use crate::trust::{Anchors, PublicKey, ScopedKey};
use bundle_testing::Signer;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

const APP: &str = "quay.io/org/app:1";
const WEB: &str = "registry.example/web:2";

/// Counts what it is told.
#[derive(Default)]
struct Counting {
    bytes: AtomicU64,
    finished: AtomicU64,
}

impl Progress for Counting {
    fn total(&self, _: u64, _: u64) {}
    fn started(&self, _: &Digest, _: u64) {}
    fn advanced(&self, _: &Digest, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
    fn finished(&self, _: &Digest, _: u64) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }
    fn note(&self, _: &str) {}
}

/// An archive with two images that share a layer, and a registry to fill.
struct Scene {
    builder: Builder,
    signer: Signer,
    /// An index of amd64 and arm64, under [`APP`]; signed, with a note.
    index: Descriptor,
    children: Vec<Descriptor>,
    folder: TempDir,
    host: String,
    client: Client,
    progress: Arc<Counting>,
}

fn client() -> Client {
    let retry_policy = RetryPolicy {
        attempts: 2,
        first_contact: 2,
        pause: Duration::from_millis(1),
        ..RetryPolicy::default()
    };
    Client::new(ClientOptions { retry_policy, ..ClientOptions::default() }).expect("a client")
}

/// Serves an empty store in `folder` until the runtime of the test ends.
async fn serve_store(folder: &TempDir) -> String {
    let store = Store::open(&folder.path().join("store")).expect("a store");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    tokio::spawn(serve::run(listener, Registry::read_write(store), std::future::pending()));
    host
}

impl Scene {
    /// Nothing is trusted yet.
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let host = serve_store(&folder).await;
        Self::at(host, folder)
    }

    fn at(host: String, folder: TempDir) -> Self {
        let (mut builder, signer) = (Builder::new(), Signer::p256());
        let shared = builder.blob(LAYER, "shared by all");
        let large = builder.blob(LAYER, "large ".repeat(300_000));
        let children = vec![
            builder.image_of("amd64", &[shared.clone(), large]),
            builder.image_of("arm64", std::slice::from_ref(&shared)),
        ];
        let index = builder.index_of(&children);
        builder.add_image(APP, &index, &children);
        builder.sign(0, &index, &signer);
        let note = builder.referrer(&index, "a note");
        builder.attach(0, index.digest, &note, Found::Referrer);
        let web = builder.image_of("amd64", &[shared]);
        builder.add_image(WEB, &web, &[]);
        builder.sign(1, &web, &signer);
        builder.carry(&signer);
        let progress = Arc::default();
        Self { builder, signer, index, children, folder, host, client: client(), progress }
    }

    fn archive(&self) -> PathBuf {
        self.folder.path().join("a.tar.zst")
    }

    fn trusting(&self, scope: &str) -> TrustInputs {
        TrustInputs { anchors: anchored(scope, &self.signer), ..TrustInputs::default() }
    }

    fn options(&self, trust: TrustInputs) -> Request {
        let target = self.host.parse().expect("a target");
        Request::new(Input::Files(vec![self.archive()]), target, trust)
    }

    /// Writes the archive and unpacks it.
    async fn run(&self, options: Request) -> Result<UnpackReport, UnpackError> {
        self.builder.write(&self.archive());
        self.run_as_it_is(options).await
    }

    /// Unpacks what lies there.
    async fn run_as_it_is(&self, options: Request) -> Result<UnpackReport, UnpackError> {
        let progress: Arc<dyn Progress> = self.progress.clone();
        unpack(options, &self.client, &progress).await
    }

    /// The same, trusting the signer for everything.
    async fn run_trusting(&self) -> Result<UnpackReport, UnpackError> {
        self.run(self.options(self.trusting("*"))).await
    }

    fn repository(&self, path: &str) -> RemoteRepository {
        self.client.repository(&Repository::new(&self.host, path).expect("a name"))
    }

    async fn tag(&self, path: &str, tag: &str) -> Option<Digest> {
        self.repository(path).manifest_digest(tag).await.expect("an answer")
    }

    /// True when neither image has its tag.
    async fn is_untagged(&self) -> bool {
        self.tag("org/app", "1").await.is_none() && self.tag("web", "2").await.is_none()
    }
}

fn anchored(scope: &str, signer: &Signer) -> Anchors {
    let key = PublicKey::from_spki(signer.spki()).expect("a key");
    let scope = scope.parse().expect("a scope");
    let anchor = ScopedKey { scope, key, name: "test.pub".into() };
    Anchors { keys: vec![anchor], ..Anchors::default() }
}
