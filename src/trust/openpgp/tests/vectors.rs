//! Third-party vectors, which are not part of this repository: `$BUNDLE_VECTORS`, else `../shared/vectors`.

use crate::oci::{Digest, Reference};
use crate::trust::IdentityRule;
use crate::trust::identity::IdentityError;
use crate::trust::openpgp::{
    AtomicClaim, AtomicError, FormFault, KeyFault, Keyring, OpenPgpError, judge_atomic,
};
use std::fs;
use std::path::{Path, PathBuf};

/// Some day in 2026, after everything in the vectors was made.
const NOW: i64 = 1_780_000_000;

fn folder() -> Option<PathBuf> {
    let given = std::env::var_os("BUNDLE_VECTORS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let folder = given.unwrap_or(beside);
    folder.join("EXPECTATIONS.tsv").is_file().then_some(folder)
}

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
    let read = |file: &PathBuf| Keyring::read(&fs::read(file).expect("a file")).expect("keys");
    Keyring::merged(files.iter().map(read)).expect("a keyring")
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

#[test]
fn gpg_vectors_are_judged_as_expected() {
    let Some(folder) = folder() else {
        println!("left out: there are no third-party vectors; BUNDLE_VECTORS names their folder");
        return;
    };
    let source: Reference = "testing/manifest:latest".parse().expect("a reference");
    let table = fs::read_to_string(folder.join("EXPECTATIONS.tsv")).expect("the table");
    let (mut accepted, mut refused) = (0, 0);
    for row in table.lines().map(|line| line.split('\t').collect::<Vec<_>>()) {
        let [id, "GPG simple signing", path, keys, expected, ..] = row[..] else { continue };
        let path = folder.join(path);
        let (message, manifest) = if path.is_dir() {
            (path.join("signature-1"), path.join("manifest.json"))
        } else {
            (path.clone(), path.with_file_name("image.manifest.json"))
        };
        let subject = Digest::of(&fs::read(manifest).expect("a manifest"));
        let claim = AtomicClaim { subject, source: &source, rule: &IdentityRule::MatchRepository };
        let message = fs::read(message).expect("a signature");
        let finding = judge_atomic(&message, &keyring(&folder.join(keys)), &claim, NOW);
        match (expected, finding.result) {
            ("ACCEPT", Ok(())) => {
                let signer = finding.signer.expect("accepted, so by somebody").primary.hex();
                let start = if id.contains("subkey") { "b9f4cdb9" } else { "08cd26e4" };
                assert!(signer.starts_with(start), "{id} is by {signer}");
                accepted += 1;
            }
            ("REFUSE", Err(error)) => {
                assert!(is_stated_reason(id, &error), "{id}: {error:?}");
                refused += 1;
            }
            (expected, result) => panic!("{id}: expected {expected}, {result:?}"),
        }
    }
    println!("GPG vectors: {accepted} accepted, {refused} refused");
    assert_eq!((accepted, refused), (4, 14));
}
