//! What arrives at the target, byte for byte, and what is not sent twice.

use super::Carried;
use crate::harness::command::Program;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::images;
use crate::harness::scene::{Connected, Enclave, HOST};
use crate::harness::signatures::{SigstoreBundle, cosign_tag, sign_bundle};
use crate::harness::signer::Signer;
use reqwest::Method;
use serde_json::{Value, json};

/// Adds one attachment of each way to be attached.
pub(super) fn with_referrers(carried: &Carried) {
    let Carried { side, signer, image, key } = carried;
    sign_bundle(&side.registry, "team/app", image, signer);
    let sbom = images::artifact("application/spdx+json", &image.children[0], "sbom");
    sbom.push_referrer(&side.registry, "team/app");
    sign_bundle(&side.registry, "team/app", &sbom, signer);
    std::fs::remove_file(side.file()).expect("archive");
    side.pack(&["team/app:1"], &["--key", key]).expect_code(0);
}

#[test]
fn everything_arrives_in_docker_registry() {
    let test = "everything_arrives_in_docker_registry";
    let (Some(side), Some(enclave)) = (Connected::docker(test), Enclave::docker(test)) else {
        return;
    };
    let carried = Carried::from(side);
    with_referrers(&carried);
    let ran = enclave.unpack(&carried.side.file(), &["--key", &carried.key]).expect_code(0);
    enclave.expect_all_of(&carried.side, "team/app", "team/app");
    let tags = enclave.registry.tags("team/app");
    assert_eq!(tags, carried.side.registry.tags("team/app"), "no tag less, no tag more");
    assert!(ran.stdout.contains("signed by release.pub"), "{ran}");
    assert_eq!(enclave.installed(), [""; 0], "nobody asked for keys");

    // Lists under fallback tags say what the manifests say, for tools that filter by them.
    let tag = format!("sha256-{}", carried.image.digest().hex());
    let list = enclave.registry.manifest("team/app", &tag).expect("list of referrers");
    let list: Value = serde_json::from_slice(&list.bytes).expect("index");
    assert_eq!(list["manifests"].as_array().map(Vec::len), Some(1));
    let entry = &list["manifests"][0];
    assert_eq!(entry["artifactType"], crate::harness::signatures::BUNDLE);
    assert_eq!(entry["annotations"]["dev.sigstore.bundle.content"], "dsse-envelope");
}

#[test]
fn everything_arrives_where_the_registry_lists_referrers() {
    let carried = Carried::new();
    with_referrers(&carried);
    let enclave = Enclave::start();
    enclave.unpack(&carried.side.file(), &["--key", &carried.key]).expect_code(0);
    enclave.expect_all_of(&carried.side, "team/app", "team/app");
    let referrers = |registry: &crate::harness::registry::Registry| {
        let path = format!("team/app/referrers/{}", carried.image.children[0].digest());
        let answer = registry.send(registry.request(Method::GET, &path));
        let bytes = crate::harness::RUNTIME.block_on(answer.bytes()).expect("list");
        let list: Value = serde_json::from_slice(&bytes).expect("index");
        list["manifests"].clone()
    };
    assert_eq!(referrers(&enclave.registry), referrers(&carried.side.registry));
    let no_lists = |tag: &String| tag == "1" || tag.contains('.');
    assert!(enclave.registry.tags("team/app").iter().all(no_lists), "no list beside the API");
}

#[test]
fn a_list_of_referrers_that_is_there_is_added_to() {
    let test = "a_list_of_referrers_that_is_there_is_added_to";
    let Some(enclave) = Enclave::docker(test) else {
        return;
    };
    let carried = Carried::new();
    with_referrers(&carried);
    // Somebody in the enclave attached something to the same image before.
    carried.image.push(&enclave.registry, "team/app", Some("before"));
    let own = images::artifact("application/vnd.example.scan", &carried.image, "scan");
    own.push_referrer(&enclave.registry, "team/app");
    for _ in 0..2 {
        enclave.unpack(&carried.side.file(), &["--key", &carried.key]).expect_code(0);
        let tag = format!("sha256-{}", carried.image.digest().hex());
        let list = enclave.registry.manifest("team/app", &tag).expect("list of referrers");
        let list: Value = serde_json::from_slice(&list.bytes).expect("index");
        let types: Vec<_> = list["manifests"]
            .as_array()
            .expect("manifests")
            .iter()
            .map(|entry| entry["artifactType"].as_str().expect("type"))
            .collect();
        assert_eq!(types, ["application/vnd.example.scan", crate::harness::signatures::BUNDLE]);
    }
}

#[test]
fn a_second_run_pushes_nothing() {
    let test = "a_second_run_pushes_nothing";
    let Some(enclave) = Enclave::docker(test) else {
        return;
    };
    let carried = Carried::new();
    let proxy = FaultProxy::start(enclave.address());
    let unpack = || {
        let ran = enclave.unpack_to(
            &carried.side.file(),
            proxy.address(),
            &["--json", "--key", &carried.key],
        );
        ran.expect_code(0).json()
    };
    let first = unpack();
    let blobs = |report: &Value, what: &str| report["blobs"][what].as_u64().expect("number");
    assert_eq!(first["images"][0]["tag"], json!({"change": "created"}));
    assert!(blobs(&first, "uploaded") > 0);
    let tags_last: Vec<_> = proxy
        .seen()
        .into_iter()
        .filter(|seen| seen.method == Method::PUT)
        .map(|seen| seen.path)
        .collect();
    assert_eq!(tags_last.last().map(String::as_str), Some("/v2/team/app/manifests/1"));

    let before = proxy.seen().len();
    let second = unpack();
    let sent: Vec<_> = proxy.seen()[before..]
        .iter()
        .filter(|seen| !matches!(seen.method, Method::GET | Method::HEAD))
        .map(|seen| format!("{} {}", seen.method, seen.path))
        .collect();
    assert!(!sent.iter().any(|line| line.contains("/blobs/uploads/")), "{sent:?}");
    assert_eq!(blobs(&second, "uploaded"), 0);
    assert_eq!(blobs(&second, "alreadyThere"), blobs(&first, "uploaded"));
    assert_eq!(second["images"][0]["tag"], json!({"change": "unchanged"}));
}

#[test]
fn a_dry_run_verifies_and_changes_nothing() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let proxy = FaultProxy::start(enclave.address());
    let unpack =
        |arguments: &[&str]| enclave.unpack_to(&carried.side.file(), proxy.address(), arguments);
    let ran = unpack(&["--dry-run", "--install-keys", "--key", &carried.key]).expect_code(0);
    for words in ["team/app:1", "new", "signed by release.pub", "dry run"] {
        assert!(ran.stdout.contains(words), "{words}: {ran}");
    }
    let asked = |seen: &crate::harness::fault_proxy::Seen| {
        matches!(seen.method, Method::GET | Method::HEAD)
    };
    assert!(proxy.seen().iter().all(asked), "{:?}", proxy.seen());
    enclave.expect_untouched();
    unpack(&["--dry-run"]).expect_code(3);
}

#[test]
fn a_prefix_and_other_registries_keep_the_path() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let target = format!("{}/mirror/of", enclave.address());
    enclave.unpack_to(&carried.side.file(), &target, &["--key", &carried.key]).expect_code(0);
    assert_eq!(enclave.registry.repositories(), ["mirror/of/team/app"]);
    enclave.expect_all_of(&carried.side, "team/app", "mirror/of/team/app");
}

#[test]
fn a_layout_directory_is_a_target() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let directory = tempfile::tempdir().expect("directory");
    let layout = directory.path().join("layout");
    let target = format!("oci:{}", layout.display());
    let ran = enclave.unpack_to(&carried.side.file(), &target, &[]).expect_code(3);
    ran.expect_error(&[&format!("{HOST}/team/app:1")]);
    assert!(!layout.exists(), "a refused bundle leaves nothing");
    enclave.unpack_to(&carried.side.file(), &target, &["--key", &carried.key]).expect_code(0);

    // What was unpacked can be packed again, signatures and all, and is the same.
    let again = carried.side.output("again.tar.zst");
    let source = format!("{target}:{HOST}/team/app:1");
    Program::bundle()
        .args(&["pack", "-q", &source, "--key", &carried.key, "-o"])
        .arg(&again)
        .run()
        .expect_code(0);
    let (first, second) = (carried.side.inspect(), crate::harness::scene::inspect(&again));
    assert_eq!(second["images"][0]["digest"], first["images"][0]["digest"]);
    assert_eq!(second["images"][0]["attachments"], first["images"][0]["attachments"]);
    assert_eq!(second["images"][0]["verdict"], first["images"][0]["verdict"]);
}

#[test]
fn blobs_that_several_repositories_need_are_sent_once() {
    let test = "blobs_that_several_repositories_need_are_sent_once";
    let Some(enclave) = Enclave::docker(test) else {
        return;
    };
    let side = Connected::start();
    let image = images::image("shared", "linux/amd64", &[400_000, 20]);
    for repository in ["a/one", "b/two", "c/three"] {
        image.push(&side.registry, repository, Some("1"));
    }
    side.pack(&["a/one:1", "b/two:1", "c/three:1"], &[]).expect_code(0);
    let ran = enclave.unpack(&side.file(), &["--json", "--allow-unsigned", HOST]).expect_code(0);
    let blobs = &ran.json()["blobs"];
    assert_eq!(blobs["uploaded"], 3, "{blobs}");
    assert_eq!(blobs["mounted"], 6, "{blobs}");
    for repository in ["a/one", "b/two", "c/three"] {
        enclave.expect_all_of(&side, repository, repository);
    }
}

#[test]
fn an_image_by_digest_arrives_without_a_tag() {
    let side = Connected::start();
    let signer = Signer::p256();
    let image = side.signed("team/app", &signer);
    let key = side.key("release.pub", &signer);
    side.pack(&[&format!("team/app@{}", image.digest())], &["--key", &key]).expect_code(0);
    let enclave = Enclave::start();
    enclave.unpack(&side.file(), &["--key", &key]).expect_code(0);
    let there = enclave.registry.manifest("team/app", &image.digest().to_string());
    assert!(there.is_some_and(|there| there.bytes == image.manifest.bytes));
    let mut signatures: Vec<_> = std::iter::once(&image)
        .chain(&image.children)
        .map(|of| cosign_tag(&of.digest(), "sig"))
        .collect();
    signatures.sort();
    assert_eq!(enclave.registry.tags("team/app"), signatures);
}

#[test]
fn one_platform_of_an_index_arrives() {
    let test = "one_platform_of_an_index_arrives";
    let Some(enclave) = Enclave::docker(test) else {
        return;
    };
    let carried = Carried::new();
    let Carried { side, key, image, .. } = &carried;
    std::fs::remove_file(side.file()).expect("archive");
    let arguments = ["--key", key.as_str(), "--platform", "linux/amd64"];
    side.pack(&["team/app:1"], &arguments).expect_code(0);
    // docker-registry takes no index without its children: the tag names the one that came.
    let ran = enclave.unpack(&side.file(), &["--json", "--key", key]).expect_code(0);
    let report = ran.json();
    assert_eq!(report["images"][0]["taggedChild"], image.children[0].digest().to_string());
    let there = enclave.registry.manifest("team/app", "1").expect("tag");
    assert_eq!(there.bytes, image.children[0].manifest.bytes);
}

#[test]
fn images_with_many_blobs_and_large_ones_arrive() {
    let side = Connected::start();
    let many = images::image("many", "linux/amd64", &[1_500; 60]);
    let large = images::image("large", "linux/amd64", &[5_000_000, 2_000_000, 900]);
    let no_layers = images::image("none", "linux/amd64", &[]);
    many.push(&side.registry, "many", Some("1"));
    large.push(&side.registry, "large", Some("1"));
    no_layers.push(&side.registry, "none", Some("1"));
    side.pack(&["many:1", "large:1", "none:1"], &[]).expect_code(0);
    for jobs in ["1", "16"] {
        let enclave = Enclave::start();
        let arguments = ["--jobs", jobs, "--allow-unsigned", HOST];
        enclave.unpack(&side.file(), &arguments).expect_code(0);
        for repository in ["many", "large", "none"] {
            enclave.expect_all_of(&side, repository, repository);
        }
    }
}

#[test]
fn what_was_attached_by_bundles_survives_the_trip_to_cosign() {
    let test = "what_was_attached_by_bundles_survives_the_trip_to_cosign";
    let Some([cosign2, cosign3]) = bundle_testing::peers::require_all(test, ["cosign2", "cosign3"])
    else {
        return;
    };
    let Some(enclave) = Enclave::docker(test) else {
        return;
    };
    let carried = Carried::new();
    let bundle = SigstoreBundle::sign(&carried.signer, &carried.image.digest());
    bundle.referrer(&carried.image.manifest).push_referrer(&carried.side.registry, "team/app");
    std::fs::remove_file(carried.side.file()).expect("archive");
    carried.side.pack(&["team/app:1"], &["--key", &carried.key]).expect_code(0);
    enclave.unpack(&carried.side.file(), &["--key", &carried.key]).expect_code(0);
    let reference = format!("{}/team/app@{}", enclave.address(), carried.image.digest());
    for cosign in [cosign2, cosign3] {
        Program::new(&cosign)
            .args(&["verify", "--insecure-ignore-tlog", "--allow-http-registry", "--key"])
            .arg(&carried.key)
            .arg(&reference)
            .run()
            .expect_code(0);
    }
}
