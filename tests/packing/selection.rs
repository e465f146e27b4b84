//! Sources, names and platforms.

use crate::harness::command::{Program, run};
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::images::{self, Content};
use crate::harness::registry::Registry;
use crate::harness::scene::{Connected, Enclave, HOST, inspect};
use crate::harness::servers::BundleServe;
use crate::harness::signer::Signer;
use reqwest::Method;
use serde_json::json;

#[test]
fn tags_are_resolved_once_and_everything_after_goes_by_digest() {
    let mut side = Connected::start();
    side.signed("app", &Signer::p256());
    let proxy = FaultProxy::start(side.address());
    side.through(proxy.address());
    side.pack(&["app:1"], &[]).expect_code(0);
    let tag = |path: &str| path.ends_with("/manifests/1");
    let asked = proxy.count(&Method::GET, tag) + proxy.count(&Method::HEAD, tag);
    assert_eq!(asked, 1, "{:?}", proxy.seen());
    let blobs: Vec<_> = proxy
        .seen()
        .into_iter()
        .filter(|seen| seen.method == Method::GET && seen.path.contains("/blobs/"))
        .map(|seen| seen.path)
        .collect();
    let mut distinct = blobs.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), blobs.len(), "each blob is fetched once: {blobs:?}");
}

#[test]
fn a_digest_is_a_source_and_stays_its_name() {
    let side = Connected::start();
    let image = side.unsigned("app");
    let reference = format!("app@{}", image.digest());
    side.pack(&[&reference], &[]).expect_code(0);
    let entry = &side.inspect()["images"][0];
    assert_eq!(entry["source"], format!("{HOST}/{reference}"));
    assert_eq!(entry["digest"], image.digest().to_string());

    let absent = format!("app@{}", images::image("no", "linux/amd64", &[1]).digest());
    std::fs::remove_file(side.file()).expect("archive");
    side.pack(&[&absent], &[]).expect_code(5).expect_error(&[&absent, "does not exist"]);
    assert_eq!(side.left(), [""; 0]);
}

#[test]
fn a_platform_filter_keeps_what_was_asked_for() {
    let side = Connected::start();
    let image = side.signed("app", &Signer::p256());
    side.pack(&["app:1"], &["--platform", "linux/arm64"]).expect_code(0);
    let entry = &side.inspect()["images"][0];
    assert_eq!(
        entry["platforms"],
        json!([{"architecture": "arm64", "os": "linux", "variant": "v8"}])
    );
    assert_eq!(entry["omitted"], json!([image.children[0].digest()]));
    assert_eq!(entry["digest"], image.digest().to_string(), "the index stays what it is");
    let subjects: Vec<_> = entry["attachments"]
        .as_array()
        .expect("attachments")
        .iter()
        .map(|attachment| attachment["subject"].as_str().expect("subject").to_owned())
        .collect();
    let kept = [image.digest().to_string(), image.children[1].digest().to_string()];
    assert_eq!(subjects, kept, "nothing that is attached to what was left out");

    std::fs::remove_file(side.file()).expect("archive");
    let ran = side.pack(&["app:1"], &["--platform", "linux/s390x"]);
    assert_ne!(ran.code, Some(0), "{ran}");
    ran.expect_error(&[&format!("{HOST}/app:1"), "linux/s390x"]);
    assert_eq!(side.left(), [""; 0]);
}

#[test]
fn attestations_inside_an_index_stay_with_their_platform() {
    let side = Connected::start();
    let (amd, arm) = ("linux/amd64", "linux/arm64");
    let children = [amd, arm].map(|platform| images::image(platform, platform, &[900]));
    let attestations =
        [0, 1].map(|n: usize| images::image(&format!("att{n}"), "unknown/unknown", &[90]));
    let mut index: serde_json::Value = serde_json::from_slice(
        &images::index(&[(amd, children[0].clone()), (arm, children[1].clone())]).manifest.bytes,
    )
    .expect("index");
    for (attestation, child) in attestations.iter().zip(&children) {
        let mut entry = attestation.manifest.descriptor();
        entry["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        entry["annotations"] = json!({
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": child.digest(),
        });
        index["manifests"].as_array_mut().expect("manifests").push(entry);
    }
    for part in children.iter().chain(&attestations) {
        part.push(&side.registry, "app", None);
    }
    let index = Content::new(bundle::oci::media_type::OCI_INDEX, index.to_string());
    side.registry.push_manifest("app", "1", &index);

    side.pack(&["app:1"], &["--platform", amd]).expect_code(0);
    let report = side.inspect();
    assert_eq!(
        report["images"][0]["omitted"],
        json!([children[1].digest(), attestations[1].digest()])
    );
}

#[test]
fn docker_manifests_keep_their_types_and_bytes() {
    let side = Connected::start();
    let config = Content::new(
        "application/vnd.docker.container.image.v1+json",
        "{\"os\":\"linux\",\"architecture\":\"amd64\"}",
    );
    let layer = Content::new(
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        crate::harness::layers::layer("docker", 2_000).bytes,
    );
    let manifest_type = "application/vnd.docker.distribution.manifest.v2+json";
    let list_type = "application/vnd.docker.distribution.manifest.list.v2+json";
    // Spaces that nobody would write again show that the bytes are the registry's.
    let manifest = format!(
        "{{ \"schemaVersion\": 2,\n  \"mediaType\": \"{manifest_type}\", \"config\": {}, \"layers\": [{}] }}",
        config.descriptor(),
        layer.descriptor()
    );
    let manifest = Content::new(manifest_type, manifest);
    let mut entry = manifest.descriptor();
    entry["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let list = json!({"schemaVersion": 2, "mediaType": list_type, "manifests": [entry]});
    let list = Content::new(list_type, list.to_string());
    for blob in [&config, &layer] {
        side.registry.push_blob("app", &blob.bytes);
    }
    side.registry.push_manifest("app", &manifest.digest().to_string(), &manifest);
    side.registry.push_manifest("app", "1", &list);

    side.pack(&["app:1"], &[]).expect_code(0);
    let report = side.inspect();
    assert_eq!(report["images"][0]["mediaType"], list_type);
    assert_eq!(report["images"][0]["digest"], list.digest().to_string());
    let entry = format!("blobs/sha256/{}", manifest.digest().hex());
    let ran = Program::new("tar".as_ref())
        .args(&["--zstd", "-xOf"])
        .arg(side.file())
        .arg(entry)
        .run()
        .expect_code(0);
    assert_eq!(ran.stdout.as_bytes(), manifest.bytes);
}

#[test]
fn layers_with_own_addresses_are_left_out_and_never_asked() {
    let side = Connected::start();
    let elsewhere = FaultProxy::start(side.address());
    let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    let layers = [
        Content::new(images::LAYER, crate::harness::layers::layer("own", 500).bytes),
        Content::new(foreign, crate::harness::layers::layer("foreign", 700).bytes),
    ];
    let mut descriptors: Vec<_> = layers.iter().map(Content::descriptor).collect();
    descriptors[1]["urls"] = json!([format!("http://{}/layer", elsewhere.address())]);
    let config = Content::new(images::CONFIG, "{\"os\":\"windows\",\"architecture\":\"amd64\"}");
    let image = images::manifest_with(config, layers.to_vec(), descriptors, json!({}));
    image.push(&side.registry, "app", Some("1"));

    let ran = side.pack(&["app:1"], &[]).expect_code(0);
    assert!(ran.stdout.contains("left out: 1 non-distributable layer"), "{ran}");
    assert_eq!(side.inspect()["images"][0]["foreign"], json!([layers[1].digest()]));
    let without = side.inspect()["totals"]["blobs"].as_u64().expect("number");

    let enclave = Enclave::start();
    let layer = layers[1].digest().to_string();
    let allowed = ["--allow-unsigned", HOST];
    let told = [&allowed[..], &["-v"]].concat();
    let ran = enclave.unpack(&side.file(), &told).expect_code(0);
    let words = format!("left out: non-distributable layer {layer}");
    assert!(ran.stdout.contains(&words) && ran.stdout.contains(&format!("{HOST}/app:1")), "{ran}");
    let target = format!("oci:{}", side.output("layout").display());
    let json = [&allowed[..], &["--json"]].concat();
    let report = enclave.unpack_to(&side.file(), &target, &json).expect_code(0).json();
    assert_eq!(report["images"][0]["foreign"], json!([layer]));
    std::fs::remove_dir_all(side.output("layout")).expect("layout");
    let other = Enclave::start();
    let strict = FaultProxy::start(other.address());
    let is_manifest = |path: &str| path.contains("/manifests/");
    strict.add(Rule::new(Method::PUT, is_manifest, Fault::status(400)));
    let hint = "validation.manifests.urls";
    let again = |file: &std::path::Path| other.unpack_to(file, strict.address(), &allowed);
    again(&side.file()).expect_code(5).expect_error(&["non-distributable", hint]);
    side.unsigned("plain");
    std::fs::remove_file(side.file()).expect("archive");
    side.pack(&["plain:1"], &[]).expect_code(0);
    let ran = again(&side.file()).expect_code(5);
    assert!(!ran.stderr.contains(hint), "{ran}");

    std::fs::remove_file(side.file()).expect("archive");
    side.pack(&["app:1"], &["--include-foreign-layers"]).expect_code(0);
    let report = side.inspect();
    assert!(report["images"][0].get("foreign").is_none(), "{report}");
    assert_eq!(report["totals"]["blobs"], without + 1);
    assert_eq!(elsewhere.seen(), []);
}

#[test]
fn a_layout_directory_is_a_source() {
    let store = tempfile::tempdir().expect("store");
    let (image, other) = (images::multi_platform("a"), images::multi_platform("b"));
    {
        let server = BundleServe::start(store.path());
        let registry = Registry::at(server.address());
        image.push(&registry, "team/app", Some("1"));
        other.push(&registry, "team/other", Some("1"));
        let signer = Signer::p256();
        let identity = format!("{HOST}/team/app");
        crate::harness::signatures::sign_simple_as(
            &registry,
            "team/app",
            &image.digest(),
            &signer,
            &identity,
        );
    }
    let output = tempfile::tempdir().expect("directory");
    let file = output.path().join("x.tar.zst");
    let file = file.to_str().expect("path");
    let layout = format!("oci:{}", store.path().display());
    let named = format!("{layout}:team/app:1={HOST}/team/app:1");
    run(&["pack", &named, "-o", file]).expect_code(0);
    let report = inspect(file.as_ref());
    let entry = &report["images"][0];
    assert_eq!(entry["source"], format!("{HOST}/team/app:1"));
    assert_eq!(entry["fetchedFrom"], layout);
    assert_eq!(entry["digest"], image.digest().to_string());
    assert_eq!(entry["attachments"].as_array().map(Vec::len), Some(1));
    std::fs::remove_file(file).expect("archive");

    // Which of the two, under which name, and whether it is there at all: nothing is guessed.
    for (source, words) in [
        (layout.clone(), &["several images", "team/app:1"][..]),
        (format!("{layout}:team/app:1"), &["no full name", "oci:DIR[:REF]=REGISTRY/REPO:TAG"]),
        (format!("{layout}:team/none:1={HOST}/x:1"), &["team/none:1", "team/other:1"]),
        ("oci:/nowhere:x=a.example/x:1".to_owned(), &["/nowhere"]),
    ] {
        run(&["pack", &source, "-o", file]).expect_code(2).expect_error(words);
    }
    assert_eq!(crate::harness::scene::names(output.path()), [""; 0]);
}

#[test]
fn calls_that_make_no_sense_are_refused() {
    let side = Connected::start();
    side.unsigned("app");
    side.unsigned("other");
    let file = side.file();
    let file = file.to_str().expect("path");
    let directory = side.output("");
    let directory = directory.to_str().expect("path");
    let (app, other) = (side.source("app:1"), format!("{}/other:1={HOST}/app:1", side.address()));
    let reserved = format!("{}/app:1={HOST}/app:sha256-{}.sig", side.address(), "0".repeat(64));
    for (arguments, words) in [
        (&["pack", "-o", file][..], "SOURCE"),
        (&["pack", &app], "--output"),
        (&["pack", "quay.io/a/b", "-o", file], "quay.io/a/b"),
        (&["pack", "docker-archive:x.tar", "-o", file], "docker-archive:"),
        (&["pack", &app, "-o", directory], "is a directory"),
        (&["pack", &app, &other, "-o", file], "registry.example/app:1 was asked for twice"),
        (&["pack", &app, "-o", file, "--platform", "linux"], "linux"),
        (&["pack", &app, "-o", file, "--jobs", "0"], "--jobs"),
        (&["pack", &app, "-o", file, "--name", "a\nb"], "--name"),
        (&["pack", &reserved, "-o", file], "reserved"),
    ] {
        run(arguments).expect_code(2).expect_error(&[words]);
        assert_eq!(side.left(), [""; 0], "{arguments:?}");
    }
    // The same image twice is one image.
    run(&["pack", &app, &app, "-o", file, "--name", "team.app_1-x"]).expect_code(0);
    assert_eq!(side.inspect()["totals"]["images"], 1);
}
