//! Bundles that other projects keep.

use super::Verdict;
use crate::PublicKey;
use crate::sigstore_bundle::{Bundle, BundleError, Cause, Claim, KeylessPolicy, Subject};
use crate::testing::vectors::{Row, read};
use crate::tests::sigstore::{GITHUB, policy, stated_subject};
use crate::trusted_root::TrustedRoot;
use bundle_oci::Digest;
use std::path::Path;

/// Judges one row. What is accepted is an attestation each time, with the predicate type that it has.
pub(super) fn judge(folder: &Path, row: &Row) -> Verdict {
    let go = folder.join("sigstore-go/pkg/testing/data");
    let read_bundle = || Bundle::parse(&read(&row.path));
    match row.id.as_str() {
        "go-dsse-2sigs" => {
            assert_eq!(read_bundle(), Err(BundleError::SignatureCount(2)));
            Verdict::Refused
        }
        "go-dsse" => {
            let root = go.join("trusted-roots").join(&row.trusted);
            let digest = stated_subject(&row.path, "sha512").try_into().expect("SHA-512");
            let policy = policy(&root, "brian@dehamer.com", GITHUB);
            let subject = Subject::Sha512(&digest);
            attested(&read_bundle(), &policy, subject, "https://slsa.dev/provenance/v0.2")
        }
        "cosign-oci-att" => {
            let root = row.path.with_file_name("trusted_root_pgi.json");
            let digest: [u8; 32] = stated_subject(&row.path, "sha256").try_into().expect("SHA-256");
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let subject = Subject::Sha256(format!("sha256:{hex}").parse().expect("a digest"));
            let policy = policy(&root, "cody@soyland.com", GITHUB);
            attested(&read_bundle(), &policy, subject, "https://cosign.sigstore.dev/attestation/v1")
        }
        "go-pubkey-validity" => {
            let key = go.join("public-keys/public-key-validity.pem");
            let root = go.join("trusted-roots/public-key-validity.json");
            assert_unlogged(&read_bundle(), &key, &root);
            Verdict::NotRead
        }
        other => panic!("a row without an expectation: {other}"),
    }
}

/// Accepted as an attestation, which is no signature of an image.
fn attested(
    bundle: &Result<Bundle, BundleError>,
    policy: &KeylessPolicy,
    subject: Subject<'_>,
    predicate: &str,
) -> Verdict {
    let evidence = bundle.as_ref().expect("well formed").verify_keyless(policy, subject);
    assert_eq!(evidence.expect("valid").claim, Claim::Attestation(predicate.into()));
    Verdict::Accepted
}

/// sigstore-go has keys with a validity of their own, which a timestamp must fall into. No file says such a validity
/// (the trusted root of the case only has the timestamp authority), so there is nothing to read it from. As a bundle
/// with a key it is refused, because it has no entry of a log.
fn assert_unlogged(bundle: &Result<Bundle, BundleError>, key: &Path, root: &Path) {
    let key = PublicKey::from_pem(&read(key)).expect("a key");
    let root = TrustedRoot::parse(&read(root)).expect("a usable root");
    let subject = Subject::Sha256(Digest::of(b""));
    let outcome = bundle.as_ref().expect("well formed").verify_logged(&key, &root, subject);
    assert_eq!(outcome.expect_err("no log entry").cause, Cause::LogEntryMissing);
}
