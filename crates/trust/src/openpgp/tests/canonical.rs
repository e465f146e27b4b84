//! One form for each key: the same from every export of one state, and nothing lost when copies are joined.

use crate::openpgp::armor;
use crate::openpgp::{Keyring, KeyringError, SingleKey};

const EXPORT: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/host/openpgp.asc"));
const RENEWED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/host/openpgp-renewed.asc"));

fn one(file: &[u8]) -> SingleKey {
    let mut keys = SingleKey::all_of(file).expect("keys");
    assert_eq!(keys.len(), 1);
    keys.remove(0)
}

#[test]
fn the_canonical_text_is_that_of_every_export_and_of_itself() {
    let key = one(EXPORT);
    let packets = armor::packets_of(EXPORT).expect("packets");
    assert_eq!(one(&packets), key, "binary and armored");
    assert_eq!(one(&[EXPORT, EXPORT].concat()), key, "the same twice");
    assert_eq!(SingleKey::read(key.armored().as_bytes()), Ok(key.clone()));
    assert_eq!(SingleKey::read(EXPORT), Err(KeyringError::NotCanonical), "an export as it came");
    let twice = key.armored().repeat(2);
    assert_eq!(SingleKey::read(twice.as_bytes()), Err(KeyringError::NotCanonical));
    let expected = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/host/openpgp.fingerprint"
    ))
    .trim();
    assert_eq!(key.fingerprint().to_string(), expected);
}

#[test]
fn what_says_nothing_here_is_left_out() {
    let packets = armor::packets_of(EXPORT).expect("packets");
    // A marker, a trust packet, and a photograph with nothing in it.
    let noise = [&[0xca, 3, b'P', b'G', b'P'][..], &[0xcc, 1, 0], &[0xd1, 2, 1, 1]].concat();
    assert_eq!(one(&[packets, noise].concat()), one(EXPORT));
}

#[test]
fn joined_copies_say_what_both_say_and_verify_alike() {
    let (old, new) = (one(EXPORT), one(RENEWED));
    assert_ne!(old, new);
    let joined = one(&[EXPORT, RENEWED].concat());
    for part in [&old, &new] {
        let again = [joined.armored(), part.armored()].concat();
        assert_eq!(one(again.as_bytes()), joined, "nothing is new in a part");
    }
    let keyrings = [EXPORT, RENEWED].map(|file| Keyring::read(file).expect("keys"));
    assert_eq!(SingleKey::joined(&keyrings, &old.fingerprint()), Some(joined.clone()));
    let described = |text: &str| Keyring::read(text.as_bytes()).expect("keys").keys();
    assert_eq!(described(joined.armored()), described(old.armored()));
}
