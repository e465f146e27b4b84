//! The harness keeps its promises: what it signs the real tools accept, what it breaks is broken, and nothing else is.

mod proxy;

use crate::harness::command::{Program, run};
use crate::harness::images::{self, TestImage};
use crate::harness::registry::Registry;
use crate::harness::servers::{Access, DockerRegistry, PASSWORD, USER};
use crate::harness::signatures::{
    SigstoreBundle, SimpleSigning, cosign_tag, sig_manifest, sign_bundle, sign_simple,
};
use crate::harness::signer::{KINDS, Signer, no_signature};
use bundle_testing::peers;
use reqwest::Method;
use std::path::Path;

fn pushed(registry: &Registry, repository: &str) -> TestImage {
    let image = images::multi_platform("one");
    image.push(registry, repository, Some("1"));
    image
}

fn cosign2_verifies(program: &Path, key: &Signer, reference: &str) -> bool {
    let key = key.public_file();
    let ran = Program::new(program)
        .args(&["verify", "--insecure-ignore-tlog", "--allow-http-registry", "--key"])
        .arg(key.path())
        .arg(reference)
        .run();
    println!("{ran}");
    ran.code == Some(0)
}

#[test]
fn cosign_2_accepts_our_signatures_and_refuses_broken_ones() {
    let test = "cosign_2_accepts_our_signatures_and_refuses_broken_ones";
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

    for (kind, generate) in KINDS {
        let (signer, stranger) = (generate(), generate());
        sign_simple(&registry, "team/app", &digest, &signer);
        assert!(cosign2_verifies(&cosign, &signer, &reference), "{kind}");
        assert!(!cosign2_verifies(&cosign, &stranger, &reference), "{kind}, another key");
    }
    let signer = Signer::p256();
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
    let (signer, stranger) = (Signer::p256(), Signer::p256());
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
        bundle.referrer(&image.manifest).push_referrer(&registry, repository);
        assert!(!verifies(&signer, repository, &image), "{repository}");
    }
}

#[test]
fn images_are_valid_to_skopeo_and_the_same_every_time() {
    let test = "images_are_valid_to_skopeo_and_the_same_every_time";
    assert_eq!(images::multi_platform("a").digest(), images::multi_platform("a").digest());
    assert_ne!(images::multi_platform("a").digest(), images::multi_platform("b").digest());
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
        .args(&["--insecure-policy", "--override-os", "linux", "--override-arch", "arm64"])
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
    assert_eq!(stranger.send(stranger.request(Method::GET, "")).status(), 401);
    let user = Registry::at(server.address()).with_credentials(USER, PASSWORD);
    pushed(&user, "app");
    assert_eq!(user.tags("app"), ["1"]);
}

#[test]
fn the_product_runs_without_the_callers_environment() {
    let ran = run(&[]);
    assert!(ran.code.is_some(), "{ran}");
    let sees = |name: &str| {
        let ran = Program::new(Path::new("/usr/bin/env")).run().expect_code(0);
        ran.stdout.lines().any(|line| line.starts_with(&format!("{name}=")))
    };
    assert!(sees("HOME"));
    assert!(!sees("CARGO_MANIFEST_DIR"));
}
