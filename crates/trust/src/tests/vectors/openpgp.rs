//! GPG atomic signatures out of the test data of containers/image.

use super::Verdict;
use crate::IdentityRule;
use crate::identity::IdentityError;
use crate::openpgp::{
    AtomicClaim, AtomicError, FormFault, KeyFault, Keyring, OpenPgpError, judge_atomic,
};
use crate::testing::vectors::{Row, read};
use bundle_oci::{Digest, Reference};
use std::fs;
use std::path::{Path, PathBuf};

/// Some day in 2026, after everything in the vectors was made.
const NOW: i64 = 1_780_000_000;

/// The key files of a row; a `*` in the name stands for anything.
fn keyring(pattern: &Path) -> Keyring {
    let name = pattern.file_name().and_then(|name| name.to_str()).expect("a name");
    let (start, end) = name.split_once('*').unwrap_or((name, ""));
    let entries = fs::read_dir(pattern.parent().expect("a folder")).expect("a folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(start) && name.ends_with(end)
    });
    files.sort();
    let keys = |file: &PathBuf| Keyring::read(&read(file)).expect("keys");
    Keyring::merged(files.iter().map(keys)).expect("a keyring")
}

/// True when `error` is the reason that the row states.
fn is_stated_reason(id: &str, error: &AtomicError) -> bool {
    use AtomicError as E;
    use OpenPgpError as S;
    let name = id.trim_end_matches("-v3");
    match name {
        "ci-gpg-corrupt.signature" => matches!(error, E::Signature(S::BadSignature(_))),
        "ci-gpg-expired.signature" => matches!(error, E::Signature(S::SignatureExpired { .. })),
        "ci-gpg-invalid-blob.signature" => matches!(error, E::Payload(_)),
        "ci-gpg-invalid-cleartext.signature" => {
            *error == E::Signature(S::Form(FormFault::Cleartext))
        }
        "ci-gpg-invalid-reference.signature" => {
            matches!(error, E::Identity(IdentityError::Unreadable { .. }))
        }
        "ci-gpg-subkey-revoked.signature" => {
            matches!(error, E::Signature(S::Key { fault: KeyFault::Revoked, .. }))
        }
        "ci-gpg-unknown-key.signature" => matches!(error, E::Signature(S::UnknownKey(_))),
        "ci-gpg-unsigned-encrypted.signature" => {
            *error == E::Signature(S::Form(FormFault::Encrypted))
        }
        "ci-gpg-unsigned-literal.signature" => *error == E::Signature(S::Form(FormFault::Unsigned)),
        "ci-gpg-modified" => matches!(error, E::OtherManifest(_)),
        other => panic!("a row without an expectation: {other}"),
    }
}

/// Judges one row. The signer of an accepted one is who it must be.
pub(super) fn judge(folder: &Path, row: &Row) -> Verdict {
    let source: Reference = "testing/manifest:latest".parse().expect("a reference");
    let (message, manifest) = if row.path.is_dir() {
        (row.path.join("signature-1"), row.path.join("manifest.json"))
    } else {
        (row.path.clone(), row.path.with_file_name("image.manifest.json"))
    };
    let subject = Digest::of(&read(&manifest));
    let claim = AtomicClaim { subject, source: &source, rule: &IdentityRule::MatchRepository };
    let keyring = keyring(&folder.join(&row.trusted));
    let finding = judge_atomic(&read(&message), &keyring, &claim, NOW);
    match finding.result {
        Ok(()) => {
            let signer = finding.signer.expect("accepted, so by somebody").primary.hex();
            let start = if row.id.contains("subkey") { "b9f4cdb9" } else { "08cd26e4" };
            assert!(signer.starts_with(start), "{} is by {signer}", row.id);
            Verdict::Accepted
        }
        Err(error) => {
            assert!(is_stated_reason(&row.id, &error), "{}: {error:?}", row.id);
            Verdict::Refused
        }
    }
}
