//! The suite of sigstore-conformance.

use super::Verdict;
use crate::sigstore_bundle::{Bundle, BundleError, Cause, Evidence, KeylessPolicy, Subject};
use crate::testing::vectors::{Row, read};
use crate::trusted_root::{TrustedRoot, TrustedRootError};
use crate::{KeyError, PublicKey};
use bundle_oci::Digest;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// What the conformance suite's harness passes where a case does not say otherwise.
pub(in crate::tests) const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
pub(in crate::tests) const ISSUER: &str = "https://token.actions.githubusercontent.com";
pub(in crate::tests) const PUBLIC_ROOT: &str = "sigstore-root-signing/targets/trusted_root.json";

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

/// Judges one case of the suite, with its artifact and with its artifact's digest alone.
pub(super) fn judge(folder: &Path, row: &Row) -> Verdict {
    let name = row.id.trim_start_matches("conf-");
    let expected = REFUSALS.iter().find(|(refusal, _)| *refusal == name).map(|(_, why)| why);
    for digest_only in [false, true] {
        let outcome = conformance(&row.path, folder, digest_only);
        assert_eq!(outcome.as_ref().err(), expected, "{name}");
    }
    if expected.is_none() { Verdict::Accepted } else { Verdict::Refused }
}
