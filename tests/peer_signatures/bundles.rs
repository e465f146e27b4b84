//! Sigstore bundles of cosign 3, which name no repository.

use super::keys::{fingerprint, of_every_kind};
use super::{Shelf, codes, outcome, set, signatures};
use crate::harness::cosign::{Cosign, Services};
use serde_json::json;

#[test]
fn cosign_3_is_verified_under_the_key_that_signed_and_no_other() {
    let test = "cosign_3_is_verified_under_the_key_that_signed_and_no_other";
    let Some(cosign) = Cosign::three(test) else { return };
    let Some(shelf) = Shelf::start(test) else { return };
    let pairs = of_every_kind(test, &[&cosign]);
    let mut signed = Vec::new();
    for (kind, pair) in &pairs {
        for (services, ending) in
            [(Services::NotLogged, "plain"), (Services::NoneConfigured, "configured")]
        {
            let repository = format!("team/{kind}-{ending}");
            let reference = shelf.by_digest(&repository, &shelf.image(&repository));
            let ran = cosign.sign_with(services, pair, &reference);
            if ran.code != Some(0) {
                // With a trusted root it looks at what it has signed. Ed25519 it signs prehashed, and does not verify so.
                println!("cosign 3 does not sign with {kind}: {}", ran.stderr.trim());
                assert_eq!(*kind, "ed25519", "{ran}");
                continue;
            }
            // What it accepts itself we accept, below; with P-384 and P-521 it signs better than it verifies.
            match cosign.verify(pair, &reference).code {
                Some(0) => assert_ne!(*kind, "ed25519", "cosign 3 verifies what it prehashed"),
                _ => println!("cosign 3 does not verify what it signed: {kind}, {ending}"),
            }
            signed.push((*kind, shelf.by_tag(&repository)));
        }
    }
    let references: Vec<_> = signed.iter().map(|(_, reference)| reference.clone()).collect();
    let ran = shelf.pack(&references, &[]).expect_code(0);
    assert_eq!(ran.stdout.matches("signed in bundle form only").count(), references.len(), "{ran}");

    let host = shelf.side.address();
    for (kind, pair) in &pairs {
        let bound = shelf.verify(&["--key", pair.public(), "--accept-unbound-names", host]);
        let unbound = shelf.verify(&["--key", pair.public()]);
        for (signed_with, reference) in &signed {
            let (bound, unbound) = (bound.of(reference), unbound.of(reference));
            if signed_with != kind || *kind == "ed25519" {
                for verdict in [bound, unbound] {
                    assert_eq!(outcome(verdict), "no-trusted-signature", "{verdict}");
                    assert_eq!(codes(verdict), set(["signature-wrong-key"]), "{verdict}");
                }
                continue;
            }
            assert_eq!((outcome(bound), codes(bound)), ("signed", set(["verified"])), "{bound}");
            let [signature] = signatures(bound) else { panic!("{bound}") };
            assert_eq!(signature["form"], "bundle");
            assert_eq!(signature["key"], json!(fingerprint(pair)));
            assert_eq!(bound["enforceable"], false);
            assert_eq!((outcome(unbound), codes(unbound)), ("name-unbound", set(["name-unbound"])));
        }
    }
    println!("cosign 3: {} kinds of keys, with and without a signing config", pairs.len());
}

#[test]
fn a_policy_that_runtimes_read_takes_no_bundles() {
    let test = "a_policy_that_runtimes_read_takes_no_bundles";
    let Some(cosign) = Cosign::three(test) else { return };
    let Some(shelf) = Shelf::start(test) else { return };
    let pair = cosign.generate("release");
    let reference = shelf.by_digest("team/app", &shelf.image("team/app"));
    cosign.sign_with(Services::NoneConfigured, &pair, &reference).expect_code(0);
    shelf.pack(&[shelf.by_tag("team/app")], &[]).expect_code(0);
    let policy = json!({"default": [{
        "type": "sigstoreSigned",
        "keyPath": pair.public(),
        "signedIdentity": {"type": "matchRepository"},
    }]});
    let policy = shelf.side.text("policy.json", &policy.to_string());
    // Whether or not the name is bound, it is no signature that the policy could mean.
    let digest = shelf.side.inspect()["bundleDigest"].as_str().expect("digest").to_owned();
    for bound in [&[][..], &["--expect-bundle", &digest]] {
        let verified = shelf.verify(&[&["--policy", policy.as_str()], bound].concat());
        assert_eq!(codes(verified.only()), set(["form-not-in-policy"]));
        assert_eq!(outcome(verified.only()), "no-trusted-signature");
    }
}
