//! Simple signatures of cosign 2, which container runtimes check.

use super::keys::{fingerprint, of_every_kind};
use super::{Shelf, codes, outcome, set, signatures};
use crate::harness::cosign::Cosign;
use crate::harness::images;
use bundle_testing::peers;
use serde_json::json;

#[test]
fn cosign_2_is_verified_under_the_key_that_signed_and_no_other() {
    let test = "cosign_2_is_verified_under_the_key_that_signed_and_no_other";
    let Some(cosign) = Cosign::two(test) else { return };
    let Some(shelf) = Shelf::start(test) else { return };
    // cosign 2 signs with kinds of keys that only cosign 3 imports.
    let other = Cosign::three(test);
    let importers: Vec<_> = std::iter::once(&cosign).chain(&other).collect();
    let pairs = of_every_kind(test, &importers);
    let name = |kind: &str| format!("team/{kind}");
    for (kind, pair) in &pairs {
        let image = shelf.image(&name(kind));
        let reference = shelf.by_digest(&name(kind), &image);
        cosign.sign(pair, &reference, &["-a", "build=7", "-a", "by=tests"]);
    }
    let references: Vec<_> = pairs.iter().map(|(kind, _)| shelf.by_tag(&name(kind))).collect();
    let scoped: Vec<_> = pairs
        .iter()
        .flat_map(|(kind, pair)| {
            let scope = format!("{}/{}", shelf.side.address(), name(kind));
            ["--key".to_owned(), format!("{scope}={}", pair.public())]
        })
        .collect();
    let scoped: Vec<&str> = scoped.iter().map(String::as_str).collect();
    // What is to be refused is known before the trip.
    let mut wrong = scoped.clone();
    let last = wrong.len() - 1;
    let swapped = format!("{}/team/p256={}", shelf.side.address(), pairs[last / 2].1.public());
    wrong[1] = &swapped;
    shelf.pack(&references, &wrong).expect_code(3).expect_error(&["signature-wrong-key"]);
    shelf.pack(&references, &scoped).expect_code(0);

    for (kind, pair) in &pairs {
        let verified = shelf.verify(&["--key", pair.public()]);
        for (reference, (signed_with, _)) in references.iter().zip(&pairs) {
            let verdict = verified.of(reference);
            if signed_with != kind {
                assert_eq!(outcome(verdict), "no-trusted-signature", "{reference} under {kind}");
                assert_eq!(codes(verdict), set(["signature-wrong-key"]), "{reference}");
                continue;
            }
            assert_eq!(outcome(verdict), "signed", "{kind}: {verdict}");
            assert_eq!(verdict["enforceable"], true, "{kind}");
            let [signature] = signatures(verdict) else { panic!("{verdict}") };
            assert_eq!(signature["code"], "verified");
            assert_eq!(signature["form"], "simple-signing");
            assert_eq!(signature["key"], json!(fingerprint(pair)), "{kind}");
        }
    }
    println!("cosign 2: {} kinds of keys", pairs.len());
}

#[test]
fn cosign_2_signs_the_name_in_the_registry_and_no_other() {
    let test = "cosign_2_signs_the_name_in_the_registry_and_no_other";
    let Some(cosign) = Cosign::two(test) else { return };
    let Some(shelf) = Shelf::start(test) else { return };
    let pair = cosign.generate("release");
    let image = shelf.image("team/app");
    cosign.sign(&pair, &shelf.by_digest("team/app", &image), &[]);
    let named = format!("{}=registry.example/team/app:1", shelf.by_tag("team/app"));
    shelf.pack(&[named], &[]).expect_code(0);
    let verified = shelf.verify(&["--key", pair.public()]);
    assert_eq!(codes(verified.only()), set(["identity-mismatch"]));
    assert_eq!(outcome(verified.only()), "no-trusted-signature");

    let told = ["--sign-container-identity", "registry.example/team/app"];
    cosign.sign(&pair, &shelf.by_digest("team/app", &image), &told);
    let named = format!("{}=registry.example/team/app:1", shelf.by_tag("team/app"));
    shelf.pack(&[named], &["--key", pair.public()]).expect_code(0);
    let verified = shelf.verify(&["--key", pair.public()]);
    assert_eq!(codes(verified.only()), set(["identity-mismatch", "verified"]));
    assert_eq!(outcome(verified.only()), "signed");
}

#[test]
fn what_cosign_2_signs_recursively_is_signed_all_through() {
    let test = "what_cosign_2_signs_recursively_is_signed_all_through";
    let Some(cosign) = Cosign::two(test) else { return };
    let Some(shelf) = Shelf::start(test) else { return };
    let (pair, other) = (cosign.generate("release"), cosign.generate("other"));
    let index = images::multi_platform("recursive");
    for (repository, more) in [("team/all", &["--recursive"][..]), ("team/top", &[])] {
        index.push(&shelf.side.registry, repository, Some("1"));
        cosign.sign(&pair, &shelf.by_digest(repository, &index), more);
    }
    let (all, top) = (shelf.by_tag("team/all"), shelf.by_tag("team/top"));
    shelf.pack(&[all.clone(), top.clone()], &["--key", pair.public()]).expect_code(0);
    let verified = shelf.verify(&["--key", pair.public()]);
    for (reference, status, enforceable) in
        [(&all, "signed", true), (&top, "covered-by-index", false)]
    {
        let verdict = verified.of(reference);
        assert_eq!(outcome(verdict), "signed", "{verdict}");
        assert_eq!(verdict["enforceable"], enforceable, "{reference}");
        let children = verdict["children"].as_array().expect("children");
        assert_eq!(children.len(), 2);
        for child in children {
            assert_eq!(child["status"], status, "{reference}");
            assert_eq!(child["enforceable"], enforceable, "{reference}");
        }
    }
    let verified = shelf.verify(&["--key", other.public()]);
    for reference in [&all, &top] {
        assert_eq!(codes(verified.of(reference)), set(["signature-wrong-key"]), "{reference}");
    }
}

/// A container runtime looks for simple signatures under the tag only.
#[test]
fn simple_signature_as_referrer_counts_here_alone() {
    let test = "simple_signature_as_referrer_counts_here_alone";
    let Some(cosign) = Cosign::two(test) else { return };
    let Some(shelf) = Shelf::start(test) else { return };
    let (pair, other) = (cosign.generate("release"), cosign.generate("other"));
    let image = shelf.image("team/app");
    let reference = shelf.by_digest("team/app", &image);
    let sign = ["sign", "-y", "--allow-http-registry", "--tlog-upload=false", "--key"];
    cosign
        .command(&sign)
        .arg(&pair.private)
        .args(&["--registry-referrers-mode=oci-1-1", &reference])
        .env("COSIGN_EXPERIMENTAL", "1")
        .run()
        .expect_code(0);
    assert!(!shelf.side.registry.tags("team/app").iter().any(|tag| tag.ends_with(".sig")));
    shelf.pack(&[shelf.by_tag("team/app")], &["--key", pair.public()]).expect_code(0);

    let verified = shelf.verify(&["--key", pair.public()]);
    let verdict = verified.only();
    assert_eq!((outcome(verdict), codes(verdict)), ("signed", set(["verified"])));
    assert_eq!(verdict["signatures"][0]["found"], "referrer");
    assert_eq!(verdict["enforceable"], false, "{verdict}");
    let policy = json!({"default": [{
        "type": "sigstoreSigned",
        "keyPath": pair.public(),
        "signedIdentity": {"type": "matchRepository"},
    }]});
    let policy = shelf.side.text("policy.json", &policy.to_string());
    let verified = shelf.verify(&["--policy", &policy]);
    assert_eq!(outcome(verified.only()), "no-trusted-signature");
    assert_eq!(codes(verified.only()), set(["form-not-in-policy"]));
    let verified = shelf.verify(&["--key", other.public()]);
    assert_eq!(codes(verified.only()), set(["signature-wrong-key"]));
}

#[test]
fn keys_that_no_cosign_takes_are_named() {
    let test = "keys_that_no_cosign_takes_are_named";
    let Some(openssl) = peers::require(test, "openssl") else { return };
    let folder = tempfile::tempdir().expect("folder");
    let pem = folder.path().join("ed448.pem");
    crate::harness::cosign::private_key(&openssl, &pem, &["-algorithm", "ED448"]);
    let public = shelf_public(&openssl, &pem);
    for cosign in [Cosign::two(test), Cosign::three(test)].into_iter().flatten() {
        let refused = cosign.import("ed448", &pem).expect_err("cosign takes Ed448");
        println!("ed448: {}", refused.stderr.trim());
    }
    // Neither do we, and say so rather than verify with nothing.
    let ran = crate::harness::command::run(&["verify", "none.tar.zst", "--key", &public]);
    ran.expect_code(2).expect_error(&["ed448"]);
}

fn shelf_public(openssl: &std::path::Path, private: &std::path::Path) -> String {
    let public = private.with_extension("pub");
    crate::harness::command::Program::new(openssl)
        .args(&["pkey", "-pubout", "-in"])
        .arg(private)
        .arg("-out")
        .arg(&public)
        .run()
        .expect_code(0);
    public.to_str().expect("path").to_owned()
}
