//! Attestations of cosign 2, under the tag `.att`, and of cosign 3, as bundles.

use super::{Shelf, codes, outcome, set, signatures};
use crate::harness::cosign::{Cosign, KeyPair, Services};
use serde_json::Value;

const PROVENANCE: &str = r#"{
    "buildDefinition": {"buildType": "https://build.example/type", "externalParameters": {}},
    "runDetails": {"builder": {"id": "https://build.example/builder"}}
}"#;
const SPDX: &str = r#"{"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "app"}"#;
const CUSTOM: &str = r#"{"tested": true}"#;

/// What is attested of `team/app`: the name that cosign has for it, its predicate, and its type.
const ATTESTED: [(&str, &str, &str); 3] = [
    ("slsaprovenance1", PROVENANCE, "https://slsa.dev/provenance/v1"),
    ("spdxjson", SPDX, "https://spdx.dev/Document"),
    ("custom", CUSTOM, "https://cosign.sigstore.dev/attestation/v1"),
];

/// The types of the attestations with this code.
fn types<'v>(verdict: &'v Value, code: &str) -> Vec<&'v str> {
    let with = signatures(verdict).iter().filter(|finding| finding["code"] == code);
    let mut types: Vec<_> = with.map(|f| f["predicateType"].as_str().expect("type")).collect();
    types.sort_unstable();
    types
}

/// The types of [`ATTESTED`].
fn expected() -> Vec<&'static str> {
    let mut types: Vec<_> = ATTESTED.iter().map(|(_, _, uri)| *uri).collect();
    types.sort_unstable();
    types
}

/// Signs and attests `team/app`, then demands one attestation after the other.
fn attest(shelf: &Shelf, cosign: &Cosign, services: Services) {
    let pair = cosign.generate("release");
    let (elsewhere, other) = (cosign.generate("elsewhere"), cosign.generate("other"));
    let reference = shelf.by_digest("team/app", &shelf.image("team/app"));
    cosign.sign_with(services, &pair, &reference).expect_code(0);
    for (name, predicate, _) in ATTESTED {
        cosign.attest(services, &pair, &reference, (name, predicate));
    }
    // By somebody whom nobody trusts here.
    cosign.attest(services, &elsewhere, &reference, ("vuln", VULNERABILITIES));
    demand(shelf, &pair, &other);
}

const VULNERABILITIES: &str = r#"{
    "invocation": {}, "scanner": {"uri": "https://scan.example", "version": "1", "db": {}, "result": {}},
    "metadata": {"scanStartedOn": "2026-01-01T00:00:00Z", "scanFinishedOn": "2026-01-01T00:00:01Z"}
}"#;

fn demand(shelf: &Shelf, pair: &KeyPair, other: &KeyPair) {
    let (key, host) = (pair.public(), shelf.side.address());
    let by_tag = [shelf.by_tag("team/app")];
    let of_vulnerabilities = ["--key", key, "--require-attestation", "vuln"];
    // Known before the trip.
    shelf.pack(&by_tag, &of_vulnerabilities).expect_code(3).expect_error(&["attestation-missing"]);
    shelf.pack(&by_tag, &["--key", key]).expect_code(0);

    let with = |key: &str, more: &[&str]| {
        shelf.verify(&[&["--key", key, "--accept-unbound-names", host], more].concat())
    };
    let verified = with(key, &[]);
    let verdict = verified.only();
    assert_eq!(outcome(verdict), "signed", "{verdict}");
    assert_eq!(types(verdict, "attestation-verified"), expected(), "{verdict}");
    let left = codes(verdict).into_iter().filter(|code| *code != "attestation-verified");
    assert_eq!(left.collect::<Vec<_>>(), ["attestation", "verified"], "{verdict}");

    for (name, _, uri) in ATTESTED {
        for demanded in [name, uri] {
            let verified = with(key, &["--require-attestation", demanded]);
            assert_eq!(outcome(verified.only()), "signed", "{demanded}");
        }
    }
    let all: Vec<_> =
        ATTESTED.iter().flat_map(|(name, _, _)| ["--require-attestation", name]).collect();
    assert_eq!(outcome(with(key, &all).only()), "signed");
    for missing in ["vuln", "https://slsa.dev/provenance/v0.2", "https://spdx.dev/Document/"] {
        let demanded = [&all[..], &["--require-attestation", missing]].concat();
        let verified = with(key, &demanded);
        assert_eq!(outcome(verified.only()), "attestation-missing", "{missing}");
    }
    let verified = with(other.public(), &[]);
    let verdict = verified.only();
    assert_eq!(outcome(verdict), "no-trusted-signature");
    assert_eq!(types(verdict, "attestation-verified"), [""; 0]);
    assert_eq!(codes(verdict), set(["attestation", "signature-wrong-key"]), "{verdict}");
}

#[test]
fn attestations_of_cosign_2_are_reported_and_can_be_demanded() {
    let test = "attestations_of_cosign_2_are_reported_and_can_be_demanded";
    let Some(cosign) = Cosign::two(test) else { return };
    let Some(shelf) = Shelf::start(test) else { return };
    attest(&shelf, &cosign, Services::NotLogged);
}

#[test]
fn attestations_of_cosign_3_are_reported_and_can_be_demanded() {
    let test = "attestations_of_cosign_3_are_reported_and_can_be_demanded";
    let Some(cosign) = Cosign::three(test) else { return };
    let Some(shelf) = Shelf::start(test) else { return };
    attest(&shelf, &cosign, Services::NoneConfigured);
}
