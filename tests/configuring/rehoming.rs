//! Signatures that verified and lie where container runtimes do not look, and what lies at the target already.

use super::merging::one;
use super::{ACCEPT, MIRRORS, POLICY, Scene, left};
use crate::harness::command::Program;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::images::{self, Content, TestImage};
use crate::harness::signatures::{SimpleSigning, cosign_tag, sig_manifest};
use crate::harness::signer::Signer;
use bundle::oci::Digest;
use reqwest::Method;
use serde_json::{Value, json};

const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// How a courier hides a genuine signature from container runtimes.
#[derive(Debug, Clone, Copy)]
enum Hidden {
    Referrer,
    BesideJunk,
    InDockerManifest,
    WithUrls,
}

const ALL: [Hidden; 4] =
    [Hidden::Referrer, Hidden::BesideJunk, Hidden::InDockerManifest, Hidden::WithUrls];

/// A manifest of the same signature that runtimes do not read.
fn hidden(how: Hidden, signature: &SimpleSigning, subject: &Content) -> TestImage {
    let plain = sig_manifest(std::slice::from_ref(signature));
    let document: Value = serde_json::from_slice(&plain.manifest.bytes).expect("JSON");
    let descriptors = document["layers"].as_array().expect("layers").clone();
    let (config, layers) = (plain.blobs[0].clone(), plain.blobs[1..].to_vec());
    match how {
        Hidden::Referrer => {
            let more = json!({ "subject": subject.descriptor() });
            images::manifest_with(config, layers, descriptors, more)
        }
        Hidden::BesideJunk => {
            let junk = Content::new("application/octet-stream", vec![0; 5 << 20]);
            let descriptors = [descriptors, vec![junk.descriptor()]].concat();
            images::manifest_with(config, [layers, vec![junk]].concat(), descriptors, json!({}))
        }
        Hidden::InDockerManifest => {
            let more = json!({ "mediaType": DOCKER });
            let mut image = images::manifest_with(config, layers, descriptors, more);
            image.manifest.media_type = DOCKER.to_owned();
            image
        }
        Hidden::WithUrls => {
            let mut descriptors = descriptors;
            descriptors[0]["urls"] = json!(["https://elsewhere.example/x"]);
            images::manifest_with(config, layers, descriptors, json!({}))
        }
    }
}

/// Publishes a signature so in `team/NAME`.
fn publish(scene: &Scene, repository: &str, image: &TestImage, how: Hidden, signer: &Signer) {
    let side = &scene.carried.side;
    let name = format!("registry.example/{repository}");
    for part in std::iter::once(image).chain(&image.children) {
        let signature = SimpleSigning::new(signer, &name, &part.digest());
        let manifest = hidden(how, &signature, &part.manifest);
        match how {
            Hidden::Referrer => manifest.push_referrer(&side.registry, repository),
            _ => {
                let tag = cosign_tag(&part.digest(), "sig");
                manifest.push(&side.registry, repository, Some(&tag));
            }
        }
    }
}

/// A scene whose image has its signatures only so.
fn with_hidden(how: Hidden) -> (Scene, TestImage) {
    let scene = Scene::new();
    let image = scene.carried.side.unsigned("team/hidden");
    publish(&scene, "team/hidden", &image, how, &scene.carried.signer);
    scene.pack(&["team/hidden:1"]);
    (scene, image)
}

const HIDDEN: &str = "registry.example/team/hidden";

/// What the target has under the tag of signatures.
fn signatures(scene: &Scene, repository: &str, digest: &Digest) -> Value {
    let there = scene.enclave.registry.manifest(repository, &cosign_tag(digest, "sig"));
    let there = there.expect("signatures");
    assert_eq!(there.media_type, "application/vnd.oci.image.manifest.v1+json");
    serde_json::from_slice(&there.bytes).expect("JSON")
}

#[test]
fn hidden_signatures_are_rehomed_and_enforced() {
    for how in ALL {
        let (scene, image) = with_hidden(how);
        let ran = scene.unpack(&["--install-config", "--json"]).expect_code(0);
        crate::schemas::assert_described("unpack-report.schema.json", &ran.json());
        let report = ran.json();
        let rehomed = report["images"][0]["rehomed"].as_array().expect("rehomed").clone();
        assert_eq!(rehomed.len(), 3, "{how:?}: index and children");
        assert!(rehomed.iter().all(|one| one["outcome"] == "published"), "{how:?}");
        assert_eq!(left(&report["configuration"], POLICY), [], "{how:?}");
        assert!(scene.read(POLICY).contains(HIDDEN) && scene.read(MIRRORS).contains(HIDDEN));
        for part in std::iter::once(&image).chain(&image.children) {
            let document = signatures(&scene, "team/hidden", &part.digest());
            let layers = document["layers"].as_array().expect("layers");
            assert_eq!(layers.len(), 1, "{how:?}: the verified one alone");
            assert!(layers[0].get("urls").is_none());
            assert!(layers[0]["annotations"]["dev.cosignproject.cosign/signature"].is_string());
        }
        // Again: nothing is new.
        let again = scene.unpack(&["--json"]).expect_code(0).json();
        let rehomed = again["images"][0]["rehomed"].as_array().expect("rehomed").clone();
        assert!(rehomed.iter().all(|one| one["outcome"] == "already-there"), "{how:?}: {again}");
    }
}

#[test]
fn signatures_are_rehomed_from_a_stream_and_into_a_layout() {
    for how in ALL {
        let (scene, image) = with_hidden(how);
        let file = scene.carried.side.file();
        let layout = scene.place("layout");
        let registry = scene.enclave.address().to_owned();
        let target = format!("oci:{}", layout.display());
        for to in [registry.as_str(), &target] {
            let archive = std::fs::File::open(&file).expect("the archive");
            let program = Program::bundle().args(&["unpack", "-q", "--json", "-", "--to", to]);
            let program = program.args(&["--key", &scene.carried.key, "--root"]);
            let ran = program.arg(scene.enclave.root()).stdin(archive).run().expect_code(0);
            let rehomed = ran.json()["images"][0]["rehomed"].as_array().expect("rehomed").len();
            assert_eq!(rehomed, 3, "{how:?} to {to}");
        }
        signatures(&scene, "team/hidden", &image.digest());
        let index = std::fs::read(layout.join("index.json")).expect("index");
        let index: Value = serde_json::from_slice(&index).expect("JSON");
        let name = format!("{HIDDEN}:{}", cosign_tag(&image.digest(), "sig"));
        let named = |entry: &&Value| {
            entry["annotations"]["org.opencontainers.image.ref.name"] == name.as_str()
        };
        let entries = index["manifests"].as_array().expect("entries");
        let named: Vec<&Value> = entries.iter().filter(named).collect();
        assert_eq!(named.len(), 1, "{how:?}");
        let digest = named[0]["digest"].as_str().expect("digest").replacen(':', "/", 1);
        assert!(layout.join("blobs").join(digest).is_file(), "{how:?}");
    }
}

#[test]
fn what_lies_where_it_belongs_is_not_rehomed() {
    let scene = Scene::new();
    let report = scene.unpack(&["--json"]).expect_code(0).json();
    assert!(report["images"][0].get("rehomed").is_none(), "{report}");
    // Nor is a signature that did not verify.
    let image = scene.carried.side.unsigned("team/hidden");
    publish(&scene, "team/hidden", &image, Hidden::Referrer, &Signer::p256());
    scene.pack(&["team/hidden:1"]);
    let report = scene.unpack(&["--json", "--allow-unsigned", HIDDEN]).expect_code(0).json();
    assert!(report["images"][0].get("rehomed").is_none(), "{report}");
}

#[test]
fn a_hidden_signature_joins_others_at_the_target() {
    let (scene, image) = with_hidden(Hidden::Referrer);
    let own = SimpleSigning::new(&Signer::p256(), HIDDEN, &image.children[0].digest());
    let tag = cosign_tag(&image.children[0].digest(), "sig");
    let theirs = sig_manifest(&[own]);
    theirs.push(&scene.enclave.registry, "team/hidden", Some(&tag));
    let report = scene.configured(&[]);
    assert!(left(&report, POLICY).is_empty(), "{report}");
    assert!(scene.read(POLICY).contains(HIDDEN));
    let there = scene.enclave.registry.manifest("team/hidden", &tag).expect("there");
    let layers = |bytes: &[u8]| {
        let document: Value = serde_json::from_slice(bytes).expect("JSON");
        document["layers"].as_array().expect("a list").clone()
    };
    let (now, before) = (layers(&there.bytes), layers(&theirs.manifest.bytes));
    assert_eq!((now.len(), &now[..1]), (2, &before[..]));
}

#[test]
fn a_full_list_at_the_target_stays_and_no_rule_is_written() {
    let (scene, image) = with_hidden(Hidden::Referrer);
    let own = SimpleSigning::new(&Signer::p256(), HIDDEN, &image.children[0].digest());
    let tag = cosign_tag(&image.children[0].digest(), "sig");
    let theirs = sig_manifest(&vec![own; 1000]);
    theirs.push(&scene.enclave.registry, "team/hidden", Some(&tag));
    let report = scene.configured_partly(&[]);
    assert_eq!(left(&report, POLICY), one(HIDDEN, "kept-at-target"));
    let command = report["unenforced"][0]["enforce"].as_str().expect("a command");
    assert!(command.contains("--on-existing-attachment replace"), "{command}");
    let there = scene.enclave.registry.manifest("team/hidden", &tag).expect("there");
    assert_eq!(there.bytes, theirs.manifest.bytes);
    assert!(!scene.place(MIRRORS).exists() && scene.read(POLICY) == ACCEPT);
    // The part that needs root alone asks the target, too.
    let alone = scene.config_install(&["--json"]).expect_code(4).json();
    assert_eq!(left(&alone["configuration"], POLICY), one(HIDDEN, "kept-at-target"));
    assert!(!scene.place(MIRRORS).exists() && scene.read(POLICY) == ACCEPT);
    scene.configured(&["--on-existing-attachment", "replace"]);
    assert!(scene.read(POLICY).contains(HIDDEN));
}

#[test]
fn refused_rehomed_signatures_are_left_out_where_allowed() {
    let (scene, image) = with_hidden(Hidden::Referrer);
    let proxy = FaultProxy::start(scene.enclave.address());
    let tag = cosign_tag(&image.digest(), "sig");
    let refused = tag.clone();
    proxy.add(Rule::new(Method::PUT, move |path| path.ends_with(&refused), Fault::status(400)));
    let target = ["--to", proxy.address()];
    let ran = scene.unpack(&target).expect_code(5);
    ran.expect_error(&["attachment-refused", &tag, "--attachments-refused warn"]);
    assert!(!scene.enclave.tags().contains(&"team/hidden:1".to_owned()));

    let allowed = [&target[..], &["--attachments-refused", "warn"]].concat();
    let configuring = [&allowed[..], &["--install-config", "--json"]].concat();
    let report = scene.unpack(&configuring).expect_code(4).json();
    crate::schemas::assert_described("unpack-report.schema.json", &report);
    let rehomed = report["images"][0]["rehomed"].as_array().expect("rehomed");
    let outcome = |one: &Value| (one["tag"] == tag.as_str(), one["outcome"] == "refused");
    assert!(rehomed.iter().map(outcome).all(|(is_it, is_refused)| is_it == is_refused), "{report}");
    assert!(report["warnings"].to_string().contains("attachment-refused: "), "{report}");
    assert_eq!(report.get("configuration"), None, "nothing demands what is missing");
    assert!(scene.enclave.tags().contains(&"team/hidden:1".to_owned()));

    proxy.heal();
    scene.unpack(&allowed).expect_code(0);
    signatures(&scene, "team/hidden", &image.digest());
}

/// What a registry can have under the tag of signatures that holds all that is carried, and that runtimes cannot read.
#[test]
fn a_rule_is_decided_by_what_lies_at_the_target() {
    for how in [Hidden::BesideJunk, Hidden::InDockerManifest, Hidden::WithUrls] {
        let scene = Scene::new();
        let image = &scene.carried.image;
        let child = image.children[0].digest();
        let tag = cosign_tag(&child, "sig");
        let there = scene.carried.side.registry.manifest("team/app", &tag).expect("there");
        let document: Value = serde_json::from_slice(&there.bytes).expect("JSON");
        let layer = &document["layers"][0];
        let digest = layer["digest"].as_str().expect("digest").parse().expect("digest");
        let signature = SimpleSigning {
            payload: scene.carried.side.registry.blob("team/app", &digest).expect("payload"),
            signature: None,
            media_type: layer["mediaType"].as_str().expect("type").to_owned(),
            annotations: layer["annotations"].clone(),
        };
        let kept = hidden(how, &signature, &image.children[0].manifest);
        kept.push(&scene.enclave.registry, "team/app", Some(&tag));
        // Runtimes could not read what is there, so what is verified takes its place, and the rule holds.
        for arguments in [&["--dry-run"][..], &[]] {
            let report = scene.configured(arguments);
            let unenforced = (left(&report, POLICY), &report["unenforced"]);
            assert_eq!(unenforced, (Vec::new(), &json!([])), "{how:?}");
        }
        let now = scene.enclave.registry.manifest("team/app", &tag).expect("there");
        assert!(now.bytes == there.bytes, "{how:?}: what is carried");
    }
}
