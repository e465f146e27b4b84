//! Third-party bundles under their trusted roots: `$BUNDLE_VECTORS`, else `../shared/vectors`.

use crate::oci::Digest;
use crate::trust::sigstore_bundle::{
    Bundle, BundleError, Cause, Claim, Evidence, KeylessPolicy, Subject,
};
use crate::trust::trusted_root::{TrustedRoot, TrustedRootError};
use crate::trust::{KeyError, PublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the conformance suite's harness passes where a case does not say otherwise.
pub(super) const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
pub(super) const ISSUER: &str = "https://token.actions.githubusercontent.com";
pub(super) const PUBLIC_ROOT: &str = "sigstore-root-signing/targets/trusted_root.json";

pub(super) fn folder() -> Option<PathBuf> {
    let given = std::env::var_os("BUNDLE_VECTORS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let folder = given.unwrap_or(beside);
    let found = folder.join("EXPECTATIONS.tsv").is_file();
    if !found {
        println!("left out: there are no third-party vectors; BUNDLE_VECTORS names their folder");
    }
    found.then_some(folder)
}

/// At which step a case was refused, and why.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Root(&'static str),
    Key,
    Shape(&'static str),
    Verify(Cause),
}

fn root_refused(error: &TrustedRootError) -> Refused {
    Refused::Root(match error {
        TrustedRootError::NoStart(_) => "no start",
        TrustedRootError::Unusable(_) => "unusable",
        _ => "other",
    })
}

fn shape_refused(error: &BundleError) -> Refused {
    Refused::Shape(match error {
        BundleError::Shape(_) => "shape",
        BundleError::SignatureCount(_) => "signature count",
        BundleError::Version(_) => "version",
        BundleError::Certificate => "certificate",
    })
}

pub(super) fn read(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn text(file: &Path, otherwise: &str) -> String {
    fs::read_to_string(file).map_or(otherwise.to_owned(), |text| text.trim().to_owned())
}

/// Runs one case as the suite's harness does: key, root, identity and artifact are the files beside the bundle.
fn conformance(case: &Path, vectors: &Path, digest_only: bool) -> Result<Evidence, Refused> {
    let own_root = case.join("trusted_root.json");
    let root = if own_root.is_file() { own_root } else { vectors.join(PUBLIC_ROOT) };
    let root = TrustedRoot::parse(&read(&root)).map_err(|error| root_refused(&error))?;
    let own_artifact = case.join("artifact");
    let artifact = if own_artifact.is_file() { own_artifact } else { case.join("../a.txt") };
    let artifact = read(&artifact);
    let subject = match digest_only {
        true => Subject::Sha256(Digest::of(&artifact)),
        false => Subject::Artifact(&artifact),
    };
    let bundle = Bundle::parse(&read(&case.join("bundle.sigstore.json")))
        .map_err(|error| shape_refused(&error))?;
    let key = case.join("key.pub");
    if key.is_file() {
        let key = PublicKey::from_pem(&read(&key)).map_err(|_: KeyError| Refused::Key)?;
        return bundle
            .verify_logged(&key, &root, subject)
            .map_err(|failure| Refused::Verify(failure.cause));
    }
    let policy = KeylessPolicy {
        root: Arc::new(root),
        identity: text(&case.join("identity"), IDENTITY),
        issuer: text(&case.join("issuer"), ISSUER),
    };
    bundle.verify_keyless(&policy, subject).map_err(|failure| Refused::Verify(failure.cause))
}

/// Why each case of the suite that must be refused is refused.
const REFUSALS: &[(&str, Refused)] = &[
    ("bundle-empty-certificate-chain_fail", Refused::Shape("shape")),
    ("bundle-from-wrong-instance_fail", Refused::Verify(Cause::LogEntryInvalid)),
    ("bundle-invalid-base64-signature_fail", Refused::Shape("shape")),
    ("bundle-malformed-json_fail", Refused::Shape("shape")),
    ("bundle-negative-log-index_fail", Refused::Shape("shape")),
    ("bundle-unknown-version_fail", Refused::Shape("version")),
    ("bundle-with-root-cert_fail", Refused::Verify(Cause::Malformed)),
    ("checkpoint-bad-keyhint_fail", Refused::Verify(Cause::LogEntryInvalid)),
    ("checkpoint-wrong-roothash_fail", Refused::Verify(Cause::LogEntryInvalid)),
    ("dsse-invalid-sig_fail", Refused::Verify(Cause::WrongSignature)),
    ("dsse-mismatch-envelope_fail", Refused::Verify(Cause::LogEntryNotBound)),
    ("dsse-mismatch-sig_fail", Refused::Verify(Cause::LogEntryNotBound)),
    ("inclusion-proof-corrupted-hash_fail", Refused::Verify(Cause::LogEntryInvalid)),
    ("incorrect-public-key_fail", Refused::Verify(Cause::LogEntryInvalid)),
    ("integrated-time-in-future_fail", Refused::Verify(Cause::CertificateExpired)),
    ("intoto-expired-certificate_fail", Refused::Verify(Cause::CertificateExpired)),
    ("intoto-log-entry-mismatch_fail", Refused::Verify(Cause::LogEntryNotBound)),
    ("intoto-missing-inclusion-proof_fail", Refused::Verify(Cause::LogEntryMissing)),
    ("intoto-set-outside-signing-cert-validity_fail", Refused::Verify(Cause::CertificateExpired)),
    ("intoto-tsa-timestamp-outside-cert-validity_fail", Refused::Verify(Cause::CertificateExpired)),
    ("invalid-checkpoint-signature_fail", Refused::Verify(Cause::LogEntryInvalid)),
    ("invalid-ct-key_fail", Refused::Verify(Cause::SctInvalid)),
    ("invalid-inclusion-proof_fail", Refused::Verify(Cause::LogEntryInvalid)),
    ("managed-key-no-key_fail", Refused::Verify(Cause::OtherMaterial)),
    ("managed-key-wrong-key_fail", Refused::Key),
    ("message-digest-mismatch_fail", Refused::Verify(Cause::SubjectMismatch)),
    ("rekor2-checkpoint-missing-log-signature_fail", Refused::Verify(Cause::LogEntryInvalid)),
    ("rekor2-checkpoint-missing-origin_fail", Refused::Verify(Cause::LogEntryInvalid)),
    ("rekor2-checkpoint-missing-root-hash_fail", Refused::Verify(Cause::LogEntryInvalid)),
    ("rekor2-checkpoint-missing-size_fail", Refused::Verify(Cause::LogEntryInvalid)),
    ("rekor2-checkpoint-no-matching-signature_fail", Refused::Verify(Cause::LogEntryInvalid)),
    ("rekor2-dsse-invalid-sig_fail", Refused::Verify(Cause::WrongSignature)),
    ("rekor2-dsse-mismatch-envelope_fail", Refused::Verify(Cause::LogEntryNotBound)),
    ("rekor2-dsse-mismatch-sig_fail", Refused::Verify(Cause::LogEntryNotBound)),
    ("rekor2-no-inclusion-proof_fail", Refused::Verify(Cause::LogEntryMissing)),
    ("rekor2-no-timestamp_fail", Refused::Verify(Cause::TimestampMissing)),
    (
        "rekor2-timestamp-outside-trust-root-tsa-validity_fail",
        Refused::Verify(Cause::TimestampInvalid),
    ),
    ("rekor2-timestamp-outside-tsa-cert-validity_fail", Refused::Verify(Cause::TimestampInvalid)),
    ("rekor2-timestamp-payload-mismatch_fail", Refused::Verify(Cause::TimestampInvalid)),
    (
        "rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail",
        Refused::Verify(Cause::TimestampInvalid),
    ),
    (
        "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail",
        Refused::Verify(Cause::TimestampInvalid),
    ),
    ("rekor2-timestamp-with-incorrect-time_fail", Refused::Verify(Cause::CertificateExpired)),
    ("set-invalid-signature_fail", Refused::Verify(Cause::LogEntryInvalid)),
    ("signature-mismatch_fail", Refused::Verify(Cause::WrongSignature)),
    ("trust-root-tlog-missing-validity-start_fail", Refused::Root("no start")),
    ("wrong-hashedrekord-artifact_fail", Refused::Verify(Cause::LogEntryNotBound)),
    ("wrong-hashedrekord-cert-and-sig_fail", Refused::Verify(Cause::LogEntryNotBound)),
    ("wrong-hashedrekord-entry_fail", Refused::Verify(Cause::LogEntryNotBound)),
    ("wrong-material_fail", Refused::Verify(Cause::SubjectMismatch)),
];

#[test]
fn every_case_of_the_conformance_suite_is_judged_as_expected_and_for_the_stated_reason() {
    let Some(vectors) = folder() else { return };
    let cases = vectors.join("sigstore-conformance/test/assets/bundle-verify");
    let table = fs::read_to_string(vectors.join("EXPECTATIONS.tsv")).expect("the table");
    let (mut accepted, mut refused) = (0, 0);
    for row in table.lines().filter(|line| line.starts_with("conf-")) {
        let row: Vec<&str> = row.split('\t').collect();
        let name = row[0].trim_start_matches("conf-");
        let expected = REFUSALS.iter().find(|(refusal, _)| *refusal == name).map(|(_, why)| why);
        assert_eq!(expected.is_none(), row[4] == "ACCEPT", "{name}");
        for digest_only in [false, true] {
            let outcome = conformance(&cases.join(name), &vectors, digest_only);
            assert_eq!(outcome.as_ref().err(), expected, "{name}");
        }
        *(if expected.is_none() { &mut accepted } else { &mut refused }) += 1;
    }
    println!("conformance suite: {accepted} accepted, {refused} refused");
    assert_eq!((accepted, refused), (21, 49));
}

pub(super) fn policy(root: &Path, identity: &str, issuer: &str) -> KeylessPolicy {
    KeylessPolicy {
        root: Arc::new(TrustedRoot::parse(&read(root)).expect("a usable root")),
        identity: identity.into(),
        issuer: issuer.into(),
    }
}

/// The first subject of the statement that a file's bundle holds: its digest by `algorithm`, decoded.
fn stated_subject(file: &Path, algorithm: &str) -> Vec<u8> {
    let bundle: Value = serde_json::from_slice(&read(file)).expect("JSON");
    let payload = bundle["dsseEnvelope"]["payload"].as_str().expect("a payload");
    let statement: Value =
        serde_json::from_slice(&STANDARD.decode(payload).expect("base64")).expect("a statement");
    let hex = statement["subject"][0]["digest"][algorithm].as_str().expect("a digest");
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn bundles_of_other_projects_are_judged_as_expected() {
    let Some(vectors) = folder() else { return };
    let go = vectors.join("sigstore-go/pkg/testing/data");
    let public = go.join("trusted-roots/public-good.json");
    let actions = "https://token.actions.githubusercontent.com";
    let github = "https://github.com/login/oauth";
    let release =
        "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main";

    let two = Bundle::parse(&read(&go.join("bundles/dsse-2sigs.sigstore.json")));
    assert_eq!(two, Err(BundleError::SignatureCount(2)), "go-dsse-2sigs");

    for (name, identity, issuer, predicate) in [
        ("dsse", "brian@dehamer.com", github, "https://slsa.dev/provenance/v0.2"),
        ("sigstore.js@2.0.0-provenance", release, actions, "https://slsa.dev/provenance/v1"),
    ] {
        let file = go.join(format!("bundles/{name}.sigstore.json"));
        let bundle = Bundle::parse(&read(&file)).expect(name);
        let digest: [u8; 64] = stated_subject(&file, "sha512").try_into().expect("SHA-512");
        let policy = policy(&public, identity, issuer);
        let evidence = bundle.verify_keyless(&policy, Subject::Sha512(&digest)).expect(name);
        assert_eq!(evidence.claim, Claim::Attestation(predicate.into()), "{name}");
        // A subject that is named by SHA-512 only is nobody's SHA-256.
        let other = bundle.verify_keyless(&policy, Subject::Sha256(Digest::of(&digest)));
        assert_eq!(other.expect_err(name).cause, Cause::SubjectMismatch, "{name}");
    }

    let file = go.join("bundles/othername.sigstore.json");
    let bundle = Bundle::parse(&read(&file)).expect("well formed");
    let wire: Value = serde_json::from_slice(&read(&file)).expect("JSON");
    let hint = wire["messageSignature"]["messageDigest"]["digest"].as_str().expect("a digest");
    let digest: String =
        STANDARD.decode(hint).expect("base64").iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = format!("sha256:{digest}").parse().expect("a digest");
    let scaffolding = go.join("trusted-roots/scaffolding.json");
    for (identity, expected) in
        [("foo!oidc.local", None), ("foo@oidc.local", Some(Cause::IdentityMismatch))]
    {
        let policy = policy(&scaffolding, identity, "http://oidc.local:8080");
        let outcome = bundle.verify_keyless(&policy, Subject::Sha256(digest));
        assert_eq!(outcome.err().map(|failure| failure.cause), expected, "{identity}");
    }

    let file = vectors.join("cosign/pkg/cosign/testdata/oci-attestation.sigstore.json");
    let root = vectors.join("cosign/pkg/cosign/testdata/trusted_root_pgi.json");
    let bundle = Bundle::parse(&read(&file)).expect("well formed");
    let digest: [u8; 32] = stated_subject(&file, "sha256").try_into().expect("SHA-256");
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = format!("sha256:{hex}").parse().expect("a digest");
    let evidence = bundle
        .verify_keyless(&policy(&root, "cody@soyland.com", github), Subject::Sha256(digest))
        .expect("cosign-oci-att");
    let predicate = "https://cosign.sigstore.dev/attestation/v1";
    assert_eq!(evidence.claim, Claim::Attestation(predicate.into()), "no signature of an image");
    println!("bundles of sigstore-go and cosign: 4 accepted, 1 refused");
}

/// sigstore-go has keys with a validity of their own, which a timestamp must fall into. No file says such a validity
/// (the trusted root of the case only has the timestamp authority), so there is nothing to read it from.
#[test]
fn a_key_with_a_validity_period_is_a_form_that_is_not_read() {
    let Some(vectors) = folder() else { return };
    let go = vectors.join("sigstore-go/pkg/testing/data");
    let bundle = Bundle::parse(&read(&go.join("bundles/public-key-validity.sigstore.json")));
    let root = TrustedRoot::parse(&read(&go.join("trusted-roots/public-key-validity.json")));
    let key = PublicKey::from_pem(&read(&go.join("public-keys/public-key-validity.pem")));
    let outcome = bundle.expect("well formed").verify_logged(
        &key.expect("a key"),
        &root.expect("a usable root"),
        Subject::Sha256(Digest::of(b"")),
    );
    assert_eq!(outcome.expect_err("no log entry").cause, Cause::LogEntryMissing);
    println!("not read: go-pubkey-validity (validity periods of keys)");
}
