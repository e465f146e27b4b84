//! What real gpg made once (testdata/trust/openpgp, made by scripts/make-trust-testdata): no gpg is needed here.

use crate::openpgp::{Keyring, OpenPgpError};

const KEY: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/trust/openpgp/key.gpg"));
const OPEN: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/trust/openpgp/open.gpg"));
const ZIP: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/trust/openpgp/zip.gpg"));
/// Later than key and messages.
const NOW: i64 = 1_800_000_000;

#[test]
fn a_recorded_key_verifies_its_messages_by_its_subkey() {
    let keyring = Keyring::read(KEY).expect("a keyring");
    let described = &keyring.keys()[0];
    for message in [OPEN, ZIP] {
        let signed = keyring.verify(message, NOW).expect("signed");
        assert_eq!(signed.payload, b"payload");
        assert_eq!(signed.signer.primary, described.fingerprint);
        assert_eq!(signed.signer.signing_key, described.subkeys[0]);
    }
}

#[test]
fn no_changed_byte_of_a_keyring_lets_another_key_sign() {
    let genuine = Keyring::read(KEY).expect("a keyring").verify(OPEN, NOW).expect("signed").signer;
    let (mut refused, mut unread, mut harmless) = (0, 0, 0);
    for place in 0..KEY.len() {
        for change in [0x01, 0x20, 0xff] {
            let mut file = KEY.to_vec();
            file[place] ^= change;
            match Keyring::read(&file).map(|keyring| keyring.verify(OPEN, NOW)) {
                Err(_) => unread += 1,
                Ok(Err(OpenPgpError::Key { .. } | OpenPgpError::UnknownKey(_))) => refused += 1,
                Ok(Ok(signed)) if signed.signer == genuine => harmless += 1,
                Ok(other) => panic!("byte {place}: {other:?}"),
            }
        }
    }
    // Harmless is what the primary key did not sign: hints, and the name when a direct statement stands in for it.
    assert!(
        refused > 0 && unread > 0 && harmless < 3 * KEY.len() / 10,
        "{refused} {unread} {harmless}"
    );
}

#[test]
fn no_cut_off_file_is_taken_for_a_whole_one() {
    for length in 0..KEY.len() {
        let cut = Keyring::read(&KEY[..length]);
        // Between two packets a file ends well, with less in it.
        let verified = cut.is_ok_and(|keyring| keyring.verify(OPEN, NOW).is_ok());
        assert!(!verified, "{length} bytes");
    }
    let keyring = Keyring::read(KEY).expect("a keyring");
    for message in [OPEN, ZIP] {
        for length in 0..message.len() {
            assert!(keyring.verify(&message[..length], NOW).is_err(), "{length} bytes");
        }
    }
}
