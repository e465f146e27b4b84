//! The harness keeps its promises: what it signs the real tools accept, what it breaks is broken, and nothing else is.

use crate::harness::command::{Program, run};
use crate::harness::fault_proxy::{Fault, FaultProxy, Rule, Seen};
use crate::harness::images::{self, Content, TestImage};
use crate::harness::peers;
use crate::harness::registry::Registry;
use crate::harness::servers::{Access, DockerRegistry, PASSWORD, USER};
use crate::harness::signatures::{
    SigstoreBundle, SimpleSigning, cosign_tag, sig_manifest, sign_bundle, sign_simple,
};
use crate::harness::signer::{Kind, Signer, no_signature};
use crate::harness::tokens::{Issue, TokenGate};
use reqwest::Method;
use std::path::Path;
use std::time::{Duration, Instant};

fn pushed(registry: &Registry, repository: &str) -> TestImage {
    let image = images::multi_platform("one");
    image.push(registry, repository, Some("1"));
    image
}

fn cosign2_verifies(program: &Path, key: &Signer, reference: &str) -> bool {
    let key = key.public_file();
    let ran = Program::new(program)
        .args(&[
            "verify",
            "--insecure-ignore-tlog",
            "--allow-http-registry",
            "--key",
        ])
        .arg(key.path())
        .arg(reference)
        .run();
    println!("{ran}");
    ran.code == Some(0)
}

#[test]
fn cosign_2_accepts_our_simple_signatures_and_not_those_we_break() {
    let test = "cosign_2_accepts_our_simple_signatures_and_not_those_we_break";
    let Some(cosign) = peers::require(test, "cosign2") else {
        return;
    };
    let Some(server) = DockerRegistry::start(test) else {
        return;
    };
    let registry = Registry::at(server.address());
    let image = pushed(&registry, "team/app");
    let digest = image.digest();
    let reference = format!("{}/team/app@{digest}", registry.address());
    let tag = cosign_tag(&digest, "sig");

    for kind in [Kind::P256, Kind::Rsa2048, Kind::Ed25519] {
        let (signer, stranger) = (Signer::of_kind(kind), Signer::of_kind(kind));
        sign_simple(&registry, "team/app", &digest, &signer);
        assert!(cosign2_verifies(&cosign, &signer, &reference), "{kind:?}");
        assert!(
            !cosign2_verifies(&cosign, &stranger, &reference),
            "{kind:?}, another key"
        );
    }
    let signer = Signer::generate();
    let identity = format!("{}/team/app", registry.address());
    let of_other_digest = SimpleSigning::new(&signer, &identity, &image.children[0].digest());
    let mut payload_changed = SimpleSigning::new(&signer, &identity, &digest);
    payload_changed.payload.push(b' ');
    let mut no_such = SimpleSigning::new(&signer, &identity, &digest);
    no_such.signature = Some(base64(&no_signature("x")));
    for (what, signature) in [
        ("another digest", of_other_digest),
        ("payload changed", payload_changed),
        ("no signature", no_such),
    ] {
        sig_manifest(&[signature]).push(&registry, "team/app", Some(&tag));
        assert!(!cosign2_verifies(&cosign, &signer, &reference), "{what}");
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn cosign_3_accepts_our_bundles_and_not_those_we_break() {
    let test = "cosign_3_accepts_our_bundles_and_not_those_we_break";
    let Some(cosign) = peers::require(test, "cosign3") else {
        return;
    };
    let Some(server) = DockerRegistry::start(test) else {
        return;
    };
    let registry = Registry::at(server.address());
    let verifies = |key: &Signer, repository: &str, image: &TestImage| {
        let reference = format!("{}/{repository}@{}", registry.address(), image.digest());
        cosign2_verifies(&cosign, key, &reference)
    };
    let (signer, stranger) = (Signer::generate(), Signer::generate());
    let image = pushed(&registry, "good");
    sign_bundle(&registry, "good", &image, &signer);
    assert!(verifies(&signer, "good", &image));
    assert!(!verifies(&stranger, "good", &image), "another key");

    let other = images::image("other", "linux/amd64", &[10]);
    let of_other = SigstoreBundle::sign(&signer, &other.digest());
    let mut changed = SigstoreBundle::sign(&signer, &image.digest());
    changed.document["dsseEnvelope"]["signatures"][0]["sig"] = base64(&no_signature("x")).into();
    for (repository, bundle) in [("other-subject", of_other), ("no-signature", changed)] {
        let image = pushed(&registry, repository);
        bundle
            .referrer(&image.manifest)
            .push_referrer(&registry, repository);
        assert!(!verifies(&signer, repository, &image), "{repository}");
    }
}

#[test]
fn images_are_valid_to_skopeo_and_the_same_every_time() {
    let test = "images_are_valid_to_skopeo_and_the_same_every_time";
    assert_eq!(
        images::multi_platform("a").digest(),
        images::multi_platform("a").digest()
    );
    assert_ne!(
        images::multi_platform("a").digest(),
        images::multi_platform("b").digest()
    );
    let Some(skopeo) = peers::require(test, "skopeo-new") else {
        return;
    };
    let Some(server) = DockerRegistry::start(test) else {
        return;
    };
    let registry = Registry::at(server.address());
    pushed(&registry, "app");
    let target = tempfile::tempdir().expect("directory");
    // Decompressing makes skopeo compare every diff_id.
    Program::new(&skopeo)
        .args(&[
            "--insecure-policy",
            "--override-os",
            "linux",
            "--override-arch",
            "arm64",
        ])
        .args(&["copy", "--src-tls-verify=false", "--dest-decompress"])
        .arg(format!("docker://{}/app:1", registry.address()))
        .arg(format!("dir:{}", target.path().display()))
        .run()
        .expect_code(0);
    assert!(target.path().join("manifest.json").is_file());
}

#[test]
fn a_registry_with_passwords_admits_its_user_only() {
    let test = "a_registry_with_passwords_admits_its_user_only";
    let Some(server) = DockerRegistry::start_with(test, Access::Basic) else {
        return;
    };
    let stranger = Registry::at(server.address());
    assert_eq!(
        stranger.send(stranger.request(Method::GET, "")).status(),
        401
    );
    let user = Registry::at(server.address()).with_credentials(USER, PASSWORD);
    pushed(&user, "app");
    assert_eq!(user.tags("app"), ["1"]);
}

#[test]
fn tokens_are_good_for_their_scope_only() {
    let test = "tokens_are_good_for_their_scope_only";
    let Some(server) = DockerRegistry::start(test) else {
        return;
    };
    pushed(&Registry::at(server.address()), "app");
    let gate = TokenGate::new(Issue::AnonymousPull);
    let proxy = FaultProxy::start_with_tokens(server.address(), gate);
    let registry = Registry::at(proxy.address());

    let refused = registry.send(registry.request(Method::GET, "app/tags/list"));
    assert_eq!(refused.status(), 401);
    let challenge = refused.headers()["www-authenticate"]
        .to_str()
        .expect("challenge");
    assert!(
        challenge.ends_with("scope=\"repository:app:pull\""),
        "{challenge}"
    );
    assert_eq!(
        registry.send(registry.request(Method::GET, "")).status(),
        401
    );

    let token = |query: &str, user: bool| {
        let request = crate::harness::http_client().get(format!(
            "http://{}/token?service=tests&scope={query}",
            proxy.address()
        ));
        let request = if user {
            request.basic_auth(USER, Some(PASSWORD))
        } else {
            request
        };
        let answer = registry.send(request);
        let answer = crate::harness::RUNTIME
            .block_on(answer.bytes())
            .expect("token");
        let answer: serde_json::Value = serde_json::from_slice(&answer).expect("token");
        answer["token"].as_str().expect("token").to_owned()
    };
    let status = |method: Method, path: &str, token: &str| {
        registry
            .send(registry.request(method, path).bearer_auth(token))
            .status()
            .as_u16()
    };
    let pull = token("repository:app:pull,push", false);
    assert_eq!(status(Method::GET, "app/tags/list", &pull), 200);
    assert_eq!(
        status(Method::POST, "app/blobs/uploads/", &pull),
        401,
        "strangers only pull"
    );
    assert_eq!(
        status(Method::GET, "other/tags/list", &pull),
        401,
        "another repository"
    );
    let push = token("repository%3Aapp%3Apull%2Cpush", true);
    assert_eq!(status(Method::POST, "app/blobs/uploads/", &push), 202);
}

#[test]
fn the_proxy_passes_everything_on_until_it_is_told_otherwise() {
    let test = "the_proxy_passes_everything_on_until_it_is_told_otherwise";
    let Some(server) = DockerRegistry::start(test) else {
        return;
    };
    let proxy = FaultProxy::start(server.address());
    let registry = Registry::at(proxy.address());
    let image = images::image("one", "linux/amd64", &[200_000]);
    image.push(&registry, "app", Some("1"));
    let there = Registry::at(server.address());
    assert_eq!(
        there.manifest("app", "1").expect("manifest").bytes,
        image.manifest.bytes
    );
    let uploads = proxy.count(&Method::POST, |path| path.contains("/uploads/"));
    assert_eq!(uploads, image.blobs.len());
    let puts: Vec<Seen> = proxy
        .seen()
        .into_iter()
        .filter(|seen| seen.method == Method::PUT)
        .collect();
    assert!(puts.iter().all(|seen| seen.status == 201), "{puts:?}");

    let manifests = |path: &str| path.contains("/manifests/");
    let get = |path: &str| registry.send(registry.request(Method::GET, path));
    proxy.add(Rule::new(Method::GET, manifests, Fault::too_many(7)).nth(2));
    let statuses: Vec<_> = (0..3)
        .map(|_| get("app/manifests/1").status().as_u16())
        .collect();
    assert_eq!(statuses, [200, 429, 200]);
    proxy.heal();
    proxy.add(Rule::new(Method::GET, manifests, Fault::status(500)).first(1));
    let statuses: Vec<_> = (0..2)
        .map(|_| get("app/manifests/1").status().as_u16())
        .collect();
    assert_eq!(statuses, [500, 200]);
    proxy.heal();
    let lie = Fault::SetHeader("docker-content-digest", "sha256:lie".into());
    proxy.add(Rule::new(Method::GET, manifests, lie));
    assert_eq!(
        get("app/manifests/1").headers()["docker-content-digest"],
        "sha256:lie"
    );
    proxy.heal();
    proxy.add(Rule::new(
        Method::GET,
        manifests,
        Fault::DropHeader("docker-content-digest"),
    ));
    assert!(
        !get("app/manifests/1")
            .headers()
            .contains_key("docker-content-digest")
    );
    proxy.heal();
    proxy.add(Rule::new(
        Method::GET,
        manifests,
        Fault::Delay(Duration::from_millis(50)),
    ));
    let start = Instant::now();
    assert_eq!(get("app/manifests/1").status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[test]
fn the_proxy_breaks_bodies_where_it_is_told_to() {
    let test = "the_proxy_breaks_bodies_where_it_is_told_to";
    let Some(server) = DockerRegistry::start(test) else {
        return;
    };
    let proxy = FaultProxy::start(server.address());
    let (registry, there) = (
        Registry::at(proxy.address()),
        Registry::at(server.address()),
    );
    let image = images::image("one", "linux/amd64", &[200_000]);
    image.push(&there, "app", Some("1"));
    let layer: &Content = &image.blobs[1];
    let digest = layer.digest();
    let blobs = |path: &str| path.contains("/blobs/sha256:");

    proxy.add(Rule::new(Method::GET, blobs, Fault::FlipBit(100_000)).first(1));
    let mut got = registry.blob("app", &digest).expect("blob");
    assert_eq!(got[100_000], layer.bytes[100_000] ^ 1);
    got[100_000] ^= 1;
    assert_eq!(got, layer.bytes, "only that one");
    assert_eq!(
        registry.blob("app", &digest).as_ref(),
        Some(&layer.bytes),
        "once"
    );

    proxy.heal();
    proxy.add(Rule::new(Method::GET, blobs, Fault::CloseAfter(70_000)));
    let path = format!("app/blobs/{digest}");
    let mut answer = registry.send(registry.request(Method::GET, &path));
    assert_eq!(answer.content_length(), Some(layer.bytes.len() as u64));
    let got = crate::harness::RUNTIME.block_on(async {
        let mut got = Vec::new();
        while let Ok(Some(piece)) = answer.chunk().await {
            got.extend_from_slice(&piece);
        }
        got
    });
    assert!(
        got.len() <= 70_000 && layer.bytes.starts_with(&got),
        "{}",
        got.len()
    );

    proxy.heal();
    let uploads = |path: &str| path.contains("/uploads/");
    proxy.add(Rule::new(
        Method::PUT,
        uploads,
        Fault::CloseUploadAfter(50_000),
    ));
    let start = registry.send(registry.request(Method::POST, "other/blobs/uploads/"));
    let location = start.headers()["location"]
        .to_str()
        .expect("location")
        .to_owned();
    assert!(location.contains(proxy.address()), "{location}");
    let upload = crate::harness::http_client()
        .put(format!("{location}&digest={digest}"))
        .body(layer.bytes.clone());
    let answer = crate::harness::RUNTIME.block_on(upload.send());
    assert!(!answer.is_ok_and(|answer| answer.status().is_success()));
    assert!(there.blob("other", &digest).is_none());
}

#[test]
fn the_product_runs_without_the_callers_environment() {
    let ran = run(&[]);
    assert!(ran.code.is_some(), "{ran}");
    let sees = |name: &str| {
        let ran = Program::new(Path::new("/usr/bin/env")).run().expect_code(0);
        ran.stdout
            .lines()
            .any(|line| line.starts_with(&format!("{name}=")))
    };
    assert!(sees("HOME"));
    assert!(!sees("CARGO_MANIFEST_DIR"));
}
