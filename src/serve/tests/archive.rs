//! Archives served as they are.

use crate::archive::testing::{Builder, LAYER};
use crate::inventory::Found;
use crate::oci::source::read_blob;
use crate::oci::{Descriptor, Digest, Repository};
use crate::registry::{Client, ClientOptions, RegistryError, RemoteRepository};
use crate::serve::archive::{ArchiveContent, ArchiveContentError};
use crate::serve::{Registry, run};
use bundle_testing::Signer;
use std::path::PathBuf;
use std::sync::Arc;

const CONTENT: &str = "a layer of an image";

/// An archive with `source`, signed and with a note; gives the image too.
fn archive(folder: &tempfile::TempDir, source: &str, content: &str) -> (PathBuf, Descriptor) {
    let mut builder = Builder::new();
    let image = builder.simple_image("amd64", content);
    builder.add_image(source, &image, &[]);
    builder.sign(0, &image, &Signer::p256());
    let note = builder.referrer(&image, "a note");
    builder.attach(0, image.digest, &note, Found::Referrer);
    let path = folder.path().join(Digest::of(format!("{source} {content}").as_bytes()).hex());
    builder.write(&path);
    (path, image)
}

async fn served(content: ArchiveContent, path: &str) -> RemoteRepository {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    tokio::spawn(run(listener, Registry::read_only(Arc::new(content)), std::future::pending()));
    let client = Client::new(ClientOptions::default()).expect("a client");
    client.repository(&Repository::new(&host, path).expect("a name"))
}

#[tokio::test]
async fn everything_in_an_archive_can_be_pulled_and_nothing_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, image) = archive(&folder, "quay.io/org/app:1", CONTENT);
    let content = ArchiveContent::open(&[path]).expect("served");
    let repository = served(content, "org/app").await;
    let manifest = repository.manifest_by_tag("1").await.expect("an answer").expect("the image");
    assert_eq!(manifest.digest(), image.digest);
    let layer = manifest.blobs().nth(1).expect("a layer");
    let read = read_blob(&repository, layer, 1 << 20).await.expect("its content");
    assert_eq!(read, CONTENT);
    let signature = format!("sha256-{}.sig", image.digest.hex());
    assert_eq!(repository.tags().await.expect("tags"), ["1".to_owned(), signature]);
    let referrers = repository.referrers(&image.digest).await.expect("listed").descriptors;
    assert_eq!(referrers[0].artifact_type.as_deref(), Some("application/x-note"));
    assert_eq!(referrers.len(), 1);
    let refused = repository.push_manifest(Some("2"), &manifest).await.expect_err("read-only");
    assert!(matches!(refused, RegistryError::Refused { .. }), "{refused:?}");
    let other = Descriptor::of(LAYER, b"not there");
    assert!(!repository.blob_exists(&other).await.expect("an answer"));
}

#[tokio::test]
async fn the_later_archive_has_the_tag_and_both_have_their_manifests() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, old) = archive(&folder, "quay.io/org/app:1", "old");
    let (second, new) = archive(&folder, "quay.io/org/app:1", "new");
    let content = ArchiveContent::open(&[first, second]).expect("served");
    let repository = served(content, "org/app").await;
    assert_eq!(repository.manifest_digest("1").await.expect("an answer"), Some(new.digest));
    assert!(repository.manifest_by_digest(&old.digest).await.expect("an answer").is_some());
}

#[test]
fn sources_that_differ_in_the_host_alone_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, _) = archive(&folder, "quay.io/org/app:1", "x");
    let (second, _) = archive(&folder, "docker.io/org/app:2", "y");
    let (third, _) = archive(&folder, "docker.io/org/other:2", "y");
    let error = ArchiveContent::open(&[first.clone(), second]).expect_err("a collision");
    assert!(matches!(error, ArchiveContentError::Collision { .. }), "{error:?}");
    assert!(ArchiveContent::open(&[first, third]).is_ok());
}

#[tokio::test]
async fn gpg_signatures_are_announced_and_handed_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut builder = Builder::new();
    let (image, other) = (builder.simple_image("amd64", "a"), builder.simple_image("amd64", "b"));
    builder.add_image("quay.io/org/app:1", &image, &[]);
    builder.add_image("quay.io/org/app:2", &other, &[]);
    builder.gpg(0, image.digest, b"\x90one");
    builder.gpg(0, image.digest, b"\x90two");
    let path = folder.path().join("a.tar.zst");
    builder.write(&path);
    let repository = served(ArchiveContent::open(&[path]).expect("served"), "org/app").await;
    assert!(repository.keeps_signatures().await.expect("reached"));
    let mut signatures = repository.signatures(&image.digest).await.expect("listed");
    signatures.sort_by(|a, b| a.content.cmp(&b.content));
    let contents: Vec<_> = signatures.iter().map(|s| s.content.as_ref()).collect();
    assert_eq!(contents, [b"\x90one", b"\x90two"]);
    assert_eq!(repository.signatures(&other.digest).await.expect("listed"), []);
    let absent = Digest::of(b"absent");
    assert_eq!(repository.signatures(&absent).await.expect("none"), []);
    let refused = repository.push_signature(&signatures[0]).await.expect_err("read-only");
    assert!(matches!(refused, RegistryError::Refused { status: 405, .. }), "{refused:?}");
}

#[tokio::test]
async fn list_beyond_its_bound_is_a_failure_and_is_not_cut() {
    let list_of = async |length: usize| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut builder = Builder::new();
        let image = builder.simple_image("amd64", "a");
        builder.add_image("quay.io/org/app:1", &image, &[]);
        builder.gpg(0, image.digest, &vec![0x90; length]);
        let path = folder.path().join("a.tar.zst");
        builder.write(&path);
        let content = ArchiveContent::open(&[path]).expect("served");
        let content: Arc<dyn crate::serve::Content> = Arc::new(content);
        let name = crate::serve::Name::parse("org/app").expect("a name");
        let listed = crate::serve::signatures::list(&*content, &name, &image.digest).await;
        listed.map(drop).map_err(|refusal| refusal.is_internal())
    };
    assert_eq!(list_of((3 << 20) - (64 << 10)).await, Ok(()));
    assert_eq!(list_of(3 << 20).await, Err(true));
}
