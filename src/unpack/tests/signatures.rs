//! GPG signatures at targets that keep them and at targets that do not.
//!
//! No registry that can be installed beside the tests takes signatures by the extension (Pulp and OpenShift's do), so
//! one in memory stands in: the product's own store, with the extension before it.

use super::*;
use crate::oci::atomic::AtomicName;
use crate::registry::ExtensionSignature;
use crate::registry::extension::document;
use crate::report::unpack::{LookasideOutcome, SignatureOutcome};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;

const SIGNATURE: &[u8] = b"\x90of the index";
const OF_CHILD: &[u8] = b"\x90of a child";

/// What a registry keeps, by path.
type Kept = Arc<Mutex<BTreeMap<String, Vec<Value>>>>;

/// One answer of a registry that keeps signatures of tagged images.
async fn keep(kept: Kept, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if path == "/v2/" {
        let mut response = next.run(request).await;
        let one = HeaderValue::from_static("1");
        response.headers_mut().insert("x-registry-supports-signatures", one);
        return response;
    }
    if !path.starts_with("/extensions/v2/") {
        return next.run(request).await;
    }
    if request.method() == Method::GET {
        let kept = kept.lock().expect("no test panicked");
        let list = kept.get(&path).cloned().unwrap_or_default();
        return json!({ "signatures": list }).to_string().into_response();
    }
    let body = axum::body::to_bytes(request.into_body(), 8 << 20).await.expect("a body");
    let sent = serde_json::from_slice(&body).expect("JSON");
    kept.lock().expect("no test panicked").entry(path).or_default().push(sent);
    StatusCode::CREATED.into_response()
}

async fn keeping() -> (Scene, Kept) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Store::open(&folder.path().join("store")).expect("a store");
    let kept = Kept::default();
    let layer = {
        let kept = kept.clone();
        axum::middleware::from_fn(move |request: Request, next: Next| {
            keep(kept.clone(), request, next)
        })
    };
    let router = serve::router(Registry::read_write(store)).layer(layer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move { drop(axum::serve(listener, router).await) });
    (signed(Scene::at(host, folder)), kept)
}

/// With a GPG signature of the index and of its first child.
fn signed(mut scene: Scene) -> Scene {
    let (index, child) = (scene.index.digest, scene.children[0].digest);
    scene.builder.gpg(0, index, SIGNATURE);
    scene.builder.gpg(0, child, OF_CHILD);
    scene
}

fn outcomes(report: &UnpackReport) -> Vec<SignatureOutcome> {
    report.images[0].atomic_signatures.iter().map(|signature| signature.outcome).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_keeps_signatures_gets_them_once() {
    let (scene, kept) = keeping().await;
    let expected = [SignatureOutcome::Published, SignatureOutcome::AlreadyThere];
    for outcome in expected {
        let report = scene.run_trusting().await.expect("unpacked");
        assert_eq!(outcomes(&report), [outcome; 2]);
        assert!(!report.warnings.iter().any(|w| w.contains("GPG")), "{:?}", report.warnings);
    }
    let there = scene.repository("org/app").signatures(&scene.index.digest).await.expect("listed");
    let name = AtomicName::of(scene.index.digest, SIGNATURE);
    assert_eq!(there, [ExtensionSignature { name, content: SIGNATURE.into() }]);
    let kept = kept.lock().expect("no test panicked");
    assert_eq!(kept.values().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_and_puts_nothing() {
    let (scene, kept) = keeping().await;
    let mut options = scene.options(scene.trusting("*"));
    (options.dry_run, options.lookaside) = (true, Some(scene.folder.path().join("sigs")));
    let report = scene.run(options).await.expect("planned");
    assert_eq!(outcomes(&report), [SignatureOutcome::Published; 2]);
    let beside = report.images[0].atomic_signatures[0].lookaside;
    assert_eq!(beside, Some(LookasideOutcome::Written));
    assert!(kept.lock().expect("no test panicked").is_empty());
    assert!(!scene.folder.path().join("sigs").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_signature_under_the_same_name_keeps_nothing_out() {
    let (mut scene, kept) = keeping().await;
    let index = scene.index.digest;
    let taken: AtomicName = format!("{index}@{}", "0".repeat(32)).parse().expect("a name");
    let by_content = AtomicName::of(index, SIGNATURE);
    let path = format!("/extensions/v2/org/app/signatures/{index}");
    let put = |names: &[&AtomicName]| {
        let list = names.iter().map(|name| document(name, b"\x90another")).collect();
        kept.lock().expect("no test panicked").insert(path.clone(), list);
    };
    scene.builder.images[0].atomic_signatures[0].name = taken.clone();
    put(&[&taken]);
    let report = scene.run_trusting().await.expect("unpacked");
    let first = &report.images[0].atomic_signatures[0];
    assert_eq!((&first.name, first.outcome), (&by_content, SignatureOutcome::Published));
    put(&[&taken, &by_content]);
    let report = scene.run_trusting().await.expect("unpacked without it");
    assert_eq!(outcomes(&report)[0], SignatureOutcome::NameTaken);
    assert!(!report.images[0].is_complete());
    assert!(report.warnings.iter().any(|text| text.contains("other signatures under their names")));
}

#[tokio::test(flavor = "multi_thread")]
async fn unverified_signatures_never_fill_a_registry_or_a_directory() {
    let (mut scene, kept) = keeping().await;
    let index = scene.index.digest;
    let junk = |number: usize| [&b"\x90junk"[..], number.to_string().as_bytes()].concat();
    for number in 0..120 {
        scene.builder.gpg(0, index, &junk(number));
    }
    scene.builder.gpg(0, index, &[&b"\x90"[..], &vec![b'l'; 65 << 10]].concat());
    let sigs = scene.folder.path().join("sigs");
    let options = || scene.options(scene.trusting("*")).lookaside(Some(sigs.clone()));
    for _ in 0..2 {
        let report = scene.run(options()).await.expect("unpacked");
        assert!(report.images[0].is_complete(), "{:?}", report.warnings);
        assert_eq!(outcomes(&report).last(), Some(&SignatureOutcome::LeftOut), "too long");
        let path = format!("/extensions/v2/org/app/signatures/{index}");
        assert_eq!(kept.lock().expect("no test panicked")[&path].len(), 8);
        let folder = sigs.join(format!("org/app@sha256={}", index.hex()));
        assert_eq!(std::fs::read_dir(folder).expect("a directory").count(), 8);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_directory_fails_no_push() {
    let scene = signed(Scene::new().await);
    let sigs = scene.folder.path().join("sigs");
    let folder = sigs.join(format!("org/app@sha256={}", scene.index.digest.hex()));
    std::fs::create_dir_all(&folder).expect("a directory");
    for number in 1..128 {
        let file = folder.join(format!("signature-{number}"));
        std::fs::write(file, format!("old {number}")).expect("a file");
    }
    let mut options = scene.options(scene.trusting("*"));
    options.lookaside = Some(sigs.clone());
    let report = scene.run(options).await.expect("unpacked");
    let outcome = |report: &UnpackReport| report.images[0].atomic_signatures[0].lookaside;
    assert_eq!(outcome(&report), Some(LookasideOutcome::LeftOut));
    // Of an authentic bundle they are verified: that they have no place is an incomplete run.
    let archive = crate::archive::Archive::open(&scene.archive()).expect("an archive");
    let mut options = scene.options(TrustInputs {
        expect_bundle: Some(archive.bundle_digest()),
        ..scene.trusting("*")
    });
    options.lookaside = Some(sigs);
    let report = scene.run(options).await.expect("unpacked");
    assert_eq!(outcome(&report), Some(LookasideOutcome::Full));
    assert!(!report.images[0].is_complete());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_registry_keeps_them_a_directory_gets_them() {
    let scene = signed(Scene::new().await);
    let report = scene.run_trusting().await.expect("unpacked");
    assert_eq!(outcomes(&report), [SignatureOutcome::NotPublished; 2]);
    let warning = report.warnings.iter().find(|text| text.contains("GPG")).expect("a warning");
    assert!(warning.starts_with("2 GPG signatures are not published: the registry has no"));
    assert!(warning.contains("--lookaside DIR"), "{warning}");
    let sigs = scene.folder.path().join("new/sigs");
    for outcome in [LookasideOutcome::Written, LookasideOutcome::AlreadyThere] {
        let mut options = scene.options(scene.trusting("*"));
        options.target = format!("{}/mirror", scene.host).parse().expect("a target");
        options.lookaside = Some(sigs.clone());
        let report = scene.run(options).await.expect("unpacked");
        assert!(!report.warnings.iter().any(|w| w.contains("GPG")), "{:?}", report.warnings);
        let beside = report.images[0].atomic_signatures.iter().map(|s| s.lookaside);
        assert_eq!(beside.collect::<Vec<_>>(), [Some(outcome); 2]);
    }
    let file = |digest: &Digest| {
        let name = format!("mirror/org/app@sha256={}/signature-1", digest.hex());
        std::fs::read(sigs.join(name)).expect("a signature")
    };
    assert_eq!(file(&scene.index.digest), SIGNATURE);
    assert_eq!(file(&scene.children[0].digest), OF_CHILD);
}

#[tokio::test(flavor = "multi_thread")]
async fn gpg_signatures_go_to_a_lookaside_beside_a_layout() {
    let scene = signed(Scene::new().await);
    let sigs = scene.folder.path().join("sigs");
    let mut options = scene.options(scene.trusting("*"));
    let layout = scene.folder.path().join("layout");
    options.target = format!("oci:{}", layout.display()).parse().expect("a target");
    options.lookaside = Some(sigs.clone());
    let report = scene.run(options).await.expect("unpacked");
    assert_eq!(outcomes(&report), [SignatureOutcome::NotPublished; 2]);
    let own = sigs.join(format!("org/app@sha256={}/signature-1", scene.index.digest.hex()));
    assert_eq!(std::fs::read(own).expect("a signature"), SIGNATURE);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_never_breaks_a_lookaside() {
    let mut scene = signed(Scene::new().await);
    let index = scene.index.digest;
    scene.builder.gpg(0, index, b"<html>");
    let sigs = scene.folder.path().join("sigs");
    let mut options = scene.options(scene.trusting("*"));
    options.lookaside = Some(sigs.clone());
    let report = scene.run(options).await.expect("unpacked");
    let last = &report.images[0].atomic_signatures[2];
    assert_eq!(last.lookaside, Some(LookasideOutcome::NoMessage));
    assert!(report.warnings.iter().any(|text| text.contains("1 GPG signature is not written")));
    let folder = sigs.join(format!("org/app@sha256={}", index.hex()));
    assert_eq!(std::fs::read_dir(folder).expect("a directory").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn link_in_the_lookaside_stops_the_run_before_publishing() {
    let scene = signed(Scene::new().await);
    let (sigs, outside) = (scene.folder.path().join("sigs"), scene.folder.path().join("outside"));
    for directory in [&sigs, &outside] {
        std::fs::create_dir(directory).expect("a directory");
    }
    std::os::unix::fs::symlink(&outside, sigs.join("org")).expect("a link");
    let options = || scene.options(scene.trusting("*")).lookaside(Some(sigs.clone()));
    let error = scene.run(options()).await.expect_err("a link");
    assert!(matches!(error, UnpackError::Lookaside(_)), "{error:?}");
    assert!(scene.is_untagged().await);
    assert_eq!(std::fs::read_dir(&outside).expect("a directory").count(), 0);
    std::fs::remove_file(sigs.join("org")).expect("removed");
    assert!(scene.run(options()).await.is_ok(), "the twin without it");
}
