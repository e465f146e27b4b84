//! What the target has already: tags are moved and told, attachments are kept, refused or replaced.

use super::Carried;
use crate::harness::images;
use crate::harness::scene::{Connected, Enclave};
use crate::harness::signatures::{SimpleSigning, cosign_tag, sig_manifest};
use crate::harness::signer::Signer;
use serde_json::json;

#[test]
fn a_tag_that_moves_is_reported_with_where_it_was() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let old = images::image("old", "linux/amd64", &[10]);
    old.push(&enclave.registry, "team/app", Some("1"));
    old.push(&enclave.registry, "team/app", Some("0"));
    let unpack = |arguments: &[&str]| {
        let arguments = [&["--key", carried.key.as_str()], arguments].concat();
        enclave.unpack(&carried.side.file(), &arguments).expect_code(0)
    };
    let moved = json!({"change": "moved", "from": old.digest()});
    assert_eq!(unpack(&["--dry-run", "--json"]).json()["images"][0]["tag"], moved);
    let ran = unpack(&["-v"]);
    assert!(ran.stdout.contains(&format!("moved from {}", old.digest())), "{ran}");
    let now = enclave.registry.manifest("team/app", "1").expect("tag");
    assert_eq!(now.bytes, carried.image.manifest.bytes);
    let other = enclave.registry.manifest("team/app", "0").expect("tag");
    assert_eq!(other.bytes, old.manifest.bytes, "other tags stay");
}

/// Puts a `.sig` of these signatures at the enclave.
fn put(enclave: &Enclave, carried: &Carried, signatures: &[SimpleSigning]) -> images::TestImage {
    let manifest = sig_manifest(signatures);
    let tag = cosign_tag(&carried.image.digest(), "sig");
    manifest.push(&enclave.registry, "team/app", Some(&tag));
    manifest
}

/// The signature as the connected side has it.
fn carried_signature(carried: &Carried) -> SimpleSigning {
    let tag = cosign_tag(&carried.image.digest(), "sig");
    let manifest = carried.side.registry.manifest("team/app", &tag).expect("signature");
    let document: serde_json::Value = serde_json::from_slice(&manifest.bytes).expect("manifest");
    let layer = &document["layers"][0];
    let digest = layer["digest"].as_str().expect("digest").parse().expect("digest");
    SimpleSigning {
        payload: carried.side.registry.blob("team/app", &digest).expect("payload"),
        signature: None,
        media_type: layer["mediaType"].as_str().expect("type").to_owned(),
        annotations: layer["annotations"].clone(),
    }
}

#[test]
fn signatures_at_the_target_stay_if_they_hold_all_carried() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let local = SimpleSigning::new(&Signer::p256(), "enclave/team/app", &carried.image.digest());
    let both = put(&enclave, &carried, &[local, carried_signature(&carried)]);
    let arguments = ["--json", "--key", &carried.key];
    let ran = enclave.unpack(&carried.side.file(), &arguments).expect_code(0);
    let outcomes: Vec<_> = ran.json()["images"][0]["attachments"]
        .as_array()
        .expect("attachments")
        .iter()
        .map(|attachment| attachment["outcome"].clone())
        .collect();
    let kept = json!({"outcome": "kept", "existing": both.digest()});
    assert!(outcomes.contains(&kept), "{outcomes:?}");
    let tag = cosign_tag(&carried.image.digest(), "sig");
    let there = enclave.registry.manifest("team/app", &tag).expect("signature");
    assert_eq!(there.bytes, both.manifest.bytes);
}

#[test]
fn other_signatures_at_the_target_stay_unless_replaced() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let local = SimpleSigning::new(&Signer::p256(), "enclave/team/app", &carried.image.digest());
    let mut without_annotation = carried_signature(&carried);
    without_annotation.annotations = json!({});
    let tag = cosign_tag(&carried.image.digest(), "sig");
    for there in [local, without_annotation] {
        let there = put(&enclave, &carried, &[there]);
        let ran = enclave.unpack(&carried.side.file(), &["--key", &carried.key]).expect_code(0);
        assert!(ran.stdout.contains(&format!("attachment {}", there.digest())), "{ran}");
        let now = enclave.registry.manifest("team/app", &tag).expect("signature");
        let layers = |bytes: &[u8]| {
            let document: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
            document["layers"].as_array().expect("layers").clone()
        };
        let (now, before) = (layers(&now.bytes), layers(&there.manifest.bytes));
        assert_eq!(now[..before.len()], before, "what was there stays");
        let carried = carried_signature(&carried);
        assert!(now.iter().any(|layer| layer["annotations"] == carried.annotations), "{now:?}");
    }
    let arguments = ["--key", &carried.key, "--on-existing-attachment", "replace"];
    enclave.unpack(&carried.side.file(), &arguments).expect_code(0);
    enclave.expect_all_of(&carried.side, "team/app", "team/app");
}

#[test]
fn what_may_be_missing_is_said_again_at_the_target() {
    let mut side = Connected::start();
    let signer = Signer::p256();
    side.signed("team/app", &signer);
    let key = side.key("release.pub", &signer);
    let proxy = crate::harness::fault_proxy::FaultProxy::start(side.address());
    let rule = crate::harness::faults::Rule::new(
        reqwest::Method::GET,
        |path| path.contains("/referrers/"),
        crate::harness::faults::Fault::status(403),
    );
    proxy.add(rule);
    side.through(proxy.address());
    side.pack(&["team/app:1"], &["--attachment-errors", "warn"]).expect_code(4);
    let enclave = Enclave::start();
    let ran = enclave.unpack(&side.file(), &["--key", &key]).expect_code(4);
    let said = "not everything attached to it could be looked up";
    assert!(ran.stdout.contains(said), "{ran}");
}
