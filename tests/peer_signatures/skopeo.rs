//! Signatures of skopeo, which names the tag as well.

use super::{Shelf, codes, outcome, set};
use crate::harness::command::Program;
use crate::harness::cosign::{Cosign, PASSWORD};
use bundle_testing::peers;
use serde_json::json;
use std::fs;

#[test]
fn what_skopeo_signs_is_verified_by_repository_and_by_tag() {
    let test = "what_skopeo_signs_is_verified_by_repository_and_by_tag";
    let Some(skopeo) = peers::require(test, "skopeo-new") else { return };
    let Some(cosign) = Cosign::two(test) else { return };
    let Some(shelf) = Shelf::start(test) else { return };
    let (pair, other) = (cosign.generate("release"), cosign.generate("other"));
    shelf.image("team/plain");
    let folder = tempfile::tempdir().expect("folder");
    let host = shelf.side.address();
    let lookup = json!({"docker": {host: {"use-sigstore-attachments": true}}});
    fs::write(folder.path().join("tests.yaml"), lookup.to_string()).expect("configuration");
    let passphrase = shelf.side.text("passphrase", PASSWORD);
    let from = format!("docker://{}", shelf.by_tag("team/plain"));
    let signed = shelf.by_tag("team/signed");
    Program::new(&skopeo)
        .args(&["--insecure-policy", "--registries.d"])
        .arg(folder.path())
        .args(&["copy", "--src-tls-verify=false", "--dest-tls-verify=false"])
        .arg("--sign-by-sigstore-private-key")
        .arg(&pair.private)
        .args(&["--sign-passphrase-file", &passphrase, &from, &format!("docker://{signed}")])
        .run()
        .expect_code(0);
    // The same digest under another tag, for which skopeo signed nothing.
    let manifest = shelf.side.registry.manifest("team/signed", "1").expect("manifest");
    shelf.side.registry.push_manifest("team/signed", "2", &manifest);
    let moved = format!("{host}/team/signed:2");
    shelf.pack(&[signed.clone(), moved.clone()], &["--key", pair.public()]).expect_code(0);

    let verified = shelf.verify(&["--key", pair.public()]);
    for reference in [&signed, &moved] {
        let verdict = verified.of(reference);
        assert_eq!((outcome(verdict), codes(verdict)), ("signed", set(["verified"])));
    }
    let policy = json!({"default": [{"type": "sigstoreSigned", "keyPath": pair.public()}]});
    let policy = shelf.side.text("policy.json", &policy.to_string());
    let verified = shelf.verify(&["--policy", &policy]);
    assert_eq!(outcome(verified.of(&signed)), "signed");
    assert_eq!(outcome(verified.of(&moved)), "no-trusted-signature");
    assert_eq!(codes(verified.of(&moved)), set(["identity-mismatch"]));
    let verified = shelf.verify(&["--key", other.public()]);
    for reference in [&signed, &moved] {
        assert_eq!(codes(verified.of(reference)), set(["signature-wrong-key"]), "{reference}");
    }
}
