//! `signedBy`: by whom with GPG, and as what.

use super::super::openpgp::{OpenPgpKey, OpenPgpKeys};
use super::{Add, Keys, anything, by, everywhere, reject, repository};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const BY_ED: &[&str] = &["gpg-ed", "gpg-both", "gpg-and-key"];
const BY_RSA: &[&str] = &["gpg-rsa", "gpg-both"];
/// Signed by the Ed25519 key under their own tag, or asked for by digest and signed with either.
const EXACTLY: &[&str] = &["gpg-hub", "gpg-pinned-for-digest", "gpg-tagged", "gpg-pinned"];
/// Under their own repository, whatever the tag.
const BY_REPOSITORY: &[&str] = &["gpg-next-tag", "gpg-no-tag", "gpg-for-digest"];

/// `signedBy` the keys that `member` has, whatever the tag.
fn signed_by(member: &str, keys: Value) -> Value {
    json!({"type": "signedBy", "keyType": "GPGKeys", member: keys, "signedIdentity": repository()})
}

fn in_file(file: &Path) -> Value {
    signed_by("keyPath", json!(file))
}

fn read(key: &OpenPgpKey) -> Vec<u8> {
    fs::read(&key.file).expect("key")
}

pub(super) fn by_key(add: Add<'_>, keys: &OpenPgpKeys) {
    let OpenPgpKeys { gpg, rsa, ed, stranger, .. } = keys;
    let mut one = |name, requirement, accepts| add(name, everywhere(&[requirement]), accepts);
    let data = |content: &[u8]| signed_by("keyData", json!(STANDARD.encode(content)));
    let armored = |key: &OpenPgpKey| {
        gpg.gpg(&["--armor", "--export", &key.fingerprint]).expect_code(0).stdout
    };
    let either: &[&[&str]] = &[BY_RSA, BY_ED];
    one("gpg-rsa", in_file(&rsa.file), &[BY_RSA]);
    one("gpg-ed", in_file(&ed.file), &[BY_ED]);
    one("gpg-stranger", in_file(&stranger.file), &[]);
    one("gpg-paths", signed_by("keyPaths", json!([stranger.file, rsa.file, ed.file])), either);
    one("gpg-data", data(&read(rsa)), &[BY_RSA]);
    one("gpg-two-in-data", data(&[read(rsa), read(ed)].concat()), either);
    one("gpg-armored", data(armored(ed).as_bytes()), &[BY_ED]);
    one("gpg-two-armored", data([armored(rsa), armored(ed)].concat().as_bytes()), either);
    // One unusable file is enough.
    let missing = rsa.file.with_file_name("not-there");
    one("gpg-missing", signed_by("keyPaths", json!([ed.file, missing])), &[]);

    let beside = signed_by("keyPaths", json!([keys.revoked(), ed.file]));
    one("gpg-ed-or-revoked", beside, &[BY_ED]);

    let both = everywhere(&[in_file(&rsa.file), in_file(&ed.file)]);
    add("gpg-both-keys", both, &[&["gpg-both"]]);
    add("gpg-or-reject", everywhere(&[in_file(&ed.file), reject()]), &[]);
    add("gpg-and-anything", everywhere(&[anything(), in_file(&rsa.file)]), &[BY_RSA]);
}

/// Keys that could sign once.
pub(super) fn by_age_of_key(add: Add<'_>, keys: &OpenPgpKeys) {
    let (old, revoked) = (&keys.old.file, keys.revoked());
    let mut one = |name, requirement, accepts| add(name, everywhere(&[requirement]), accepts);
    one("gpg-old", in_file(old), &[&["gpg-old"]]);
    one("gpg-subkey", in_file(&keys.by_subkey.file), &[&["gpg-subkey"]]);
    one("gpg-expired", in_file(&keys.expired()), &[]);
    one("gpg-subkey-expired", in_file(&keys.subkey_expired()), &[]);
    one("gpg-revoked", in_file(&revoked), &[]);
    // Who has the key twice knows what either copy says.
    one("gpg-revoked-or-not", signed_by("keyPaths", json!([revoked, old])), &[]);
    one("gpg-old-or-revoked", signed_by("keyPaths", json!([old, revoked])), &[]);
    one("gpg-old-or-expired", signed_by("keyPaths", json!([old, keys.expired()])), &[]);
}

/// Together with keys of the other kind, which do not stand in for each other.
pub(super) fn beside_sigstore(add: Add<'_>, pem: &Keys, keys: &OpenPgpKeys) {
    let (gpg, key) = (|| in_file(&keys.ed.file), || by(&pem.a, &repository()));
    add("gpg-and-key", everywhere(&[gpg(), key()]), &[&["gpg-and-key"]]);
    add("key-and-gpg", everywhere(&[key(), gpg()]), &[&["gpg-and-key"]]);
    add("key-beside-gpg", everywhere(&[key()]), &[&["gpg-and-key", "key-without-gpg"]]);
}

pub(super) fn by_form(add: Add<'_>, keys: &OpenPgpKeys) {
    let by_ed = everywhere(&[in_file(&keys.ed.file)]);
    add("gpg-forms", by_ed, &[&["gpg-index", "gpg-sha1", "gpg-text"]]);
    add("gpg-short", everywhere(&[in_file(&keys.short.file)]), &[&["gpg-short"]]);
}

pub(super) fn by_identity(add: Add<'_>, keys: &OpenPgpKeys) {
    let requirement = || json!({"type": "signedBy", "keyType": "GPGKeys", "keyPath": keys.ed.file});
    add("gpg-identity-unsaid", everywhere(&[requirement()]), &[EXACTLY]);
    let mut with = |name, identity: Value, accepts| {
        let mut requirement = requirement();
        requirement["signedIdentity"] = identity;
        add(name, everywhere(&[requirement]), accepts);
    };
    with("gpg-identity-digest-or-exact", json!({"type": "matchRepoDigestOrExact"}), &[EXACTLY]);
    const AS_ASKED: &[&str] = &["gpg-hub", "gpg-pinned-for-digest", "gpg-tagged"];
    with("gpg-identity-exact", json!({"type": "matchExact"}), &[AS_ASKED]);
    with("gpg-identity-repository", repository(), &[EXACTLY, BY_REPOSITORY]);
    let exact =
        json!({"type": "exactReference", "dockerReference": "registry.example/team/gpg-tagged:1"});
    with("gpg-identity-exact-reference", exact, &[&["gpg-tagged", "gpg-pinned", "gpg-elsewhere"]]);
    let exact = json!({"type": "exactRepository", "dockerRepository": "registry.example/team/gpg-next-tag"});
    with("gpg-identity-exact-repository", exact, &[&["gpg-next-tag"]]);
    let remap = |prefix: &str, signed: &str| json!({"type": "remapIdentity", "prefix": prefix, "signedPrefix": signed});
    let to_host = remap("other.example", "registry.example");
    with("gpg-identity-remapped", to_host, &[EXACTLY, &["gpg-moved"]]);
    let away = remap("registry.example/team", "other.example/team");
    with("gpg-identity-remapped-away", away, &[&["gpg-hub"]]);
}
