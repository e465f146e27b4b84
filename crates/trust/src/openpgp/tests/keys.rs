//! Keys through their life, as real gpg leads it: expired, extended, revoked, with subkeys; and files of keys.

use super::gpg::{DAY, Gpg, MADE, SIGNED};
use crate::openpgp::{
    KeyFault, Keyring, KeyringError, MAX_KEYRING, OpenPgpError, OpenPgpFingerprint,
};

const PAYLOAD: &[u8] = b"{}";

fn fingerprint(hex: &str) -> OpenPgpFingerprint {
    format!("openpgp:{}", hex.to_lowercase()).parse().expect("a fingerprint")
}

fn read(file: &[u8]) -> Keyring {
    Keyring::read(file).expect("a keyring")
}

fn fault(keyring: &Keyring, message: &[u8], now: i64) -> (OpenPgpFingerprint, KeyFault) {
    match keyring.verify(message, now) {
        Err(OpenPgpError::Key { key, fault }) => (key, fault),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_holds_until_it_expires_and_again_once_it_is_extended() {
    let Some(gpg) = Gpg::find("an expiring key") else { return };
    let key = gpg.key("a@example", "ed25519", "sign", "seconds=5184000");
    let message = gpg.sign(&key, PAYLOAD);
    let end = MADE + 60 * DAY;
    let before = read(&gpg.export(&key));
    assert!(before.verify(&message, end - 1).is_ok());
    for now in [end, end + 365 * DAY] {
        let expired = (fingerprint(&key), KeyFault::Expired { at: end });
        assert_eq!(fault(&before, &message, now), expired);
    }
    gpg.run(SIGNED, &["--quick-set-expire", &key, "0"], b"");
    let extended = read(&gpg.export(&key));
    assert!(extended.verify(&message, end + 365 * DAY).is_ok());
    let both = Keyring::merged([extended, before]).expect("keys");
    assert!(both.verify(&message, end + 365 * DAY).is_ok(), "the latest statement counts");
    assert_eq!(both.keys().len(), 1);
    gpg.run(SIGNED + DAY, &["--quick-set-expire", &key, "seconds=86400"], b"");
    let shortened = read(&gpg.export(&key));
    let expired = (fingerprint(&key), KeyFault::Expired { at: SIGNED + 2 * DAY });
    assert_eq!(fault(&shortened, &message, SIGNED + 2 * DAY), expired);
}

#[test]
fn revoked_key_vouches_for_nothing_even_if_signed_before() {
    let Some(gpg) = Gpg::find("a revoked key") else { return };
    let key = gpg.key("a@example", "ed25519", "sign", "never");
    let message = gpg.sign(&key, PAYLOAD);
    let before = gpg.export(&key);
    assert!(read(&before).verify(&message, SIGNED).is_ok());
    gpg.revoke(&key);
    let revoked = gpg.export(&key);
    let expected = (fingerprint(&key), KeyFault::Revoked);
    assert_eq!(fault(&read(&revoked), &message, SIGNED), expected);
    // An older copy beside it does not hide the revocation, in one file or in two.
    for file in [[&before[..], &revoked].concat(), [&revoked[..], &before].concat()] {
        assert_eq!(fault(&read(&file), &message, SIGNED), expected);
    }
    let merged = Keyring::merged([read(&before), read(&revoked)]).expect("keys");
    assert_eq!(fault(&merged, &message, SIGNED), expected);
}

#[test]
fn a_subkey_signs_for_its_primary_key() {
    let Some(gpg) = Gpg::find("a subkey") else { return };
    let key = gpg.key("a@example", "ed25519", "cert", "never");
    let expiring = gpg.subkey(&key, "ed25519", "seconds=5184000");
    let lasting = gpg.subkey(&key, "ed25519", "never");
    let other = gpg.key("b@example", "ed25519", "sign", "never");
    let keyring = read(&gpg.export(&key));
    let described = &keyring.keys()[0];
    assert_eq!(described.subkeys, [fingerprint(&expiring), fingerprint(&lasting)]);
    assert!(keyring.contains(&fingerprint(&key)) && !keyring.contains(&fingerprint(&lasting)));

    let messages = [&expiring, &lasting].map(|subkey| gpg.sign(&format!("{subkey}!"), PAYLOAD));
    for (message, subkey) in messages.iter().zip([&expiring, &lasting]) {
        let signed = keyring.verify(message, SIGNED).expect("signed");
        assert_eq!(signed.signer.primary, fingerprint(&key));
        assert_eq!(signed.signer.signing_key, fingerprint(subkey));
        let elsewhere = read(&gpg.export(&other)).verify(message, SIGNED);
        assert!(matches!(elsewhere, Err(OpenPgpError::UnknownKey(_))), "{elsewhere:?}");
    }
    let end = MADE + 60 * DAY;
    let expired = (fingerprint(&expiring), KeyFault::Expired { at: end });
    assert_eq!(fault(&keyring, &messages[0], end), expired);
    assert!(keyring.verify(&messages[1], end).is_ok());

    let commands = b"key 2\nrevkey\ny\n0\n\ny\nsave\n";
    gpg.run(SIGNED, &["--no-batch", "--command-fd", "0", "--edit-key", &key], commands);
    let revoked = read(&gpg.export(&key));
    assert_eq!(fault(&revoked, &messages[1], SIGNED), (fingerprint(&lasting), KeyFault::Revoked));
    assert!(revoked.verify(&messages[0], SIGNED).is_ok());
    gpg.revoke(&key);
    let revoked = read(&gpg.export(&key));
    assert_eq!(fault(&revoked, &messages[0], SIGNED), (fingerprint(&key), KeyFault::Revoked));
}

#[test]
fn a_signature_holds_from_when_it_was_made_until_it_expires() {
    let Some(gpg) = Gpg::find("an expiring signature") else { return };
    let key = gpg.key("a@example", "ed25519", "sign", "never");
    let keyring = read(&gpg.export(&key));
    let arguments = ["--default-sig-expire", "seconds=86400", "--local-user", &key, "--sign"];
    let message = gpg.sign_with(&arguments, PAYLOAD);
    let at = SIGNED + DAY;
    let early = OpenPgpError::SignatureInFuture { created: SIGNED };
    assert_eq!(keyring.verify(&message, SIGNED - 1), Err(early));
    assert!(keyring.verify(&message, SIGNED).is_ok());
    assert!(keyring.verify(&message, at - 1).is_ok());
    for now in [at, at + DAY] {
        assert_eq!(keyring.verify(&message, now), Err(OpenPgpError::SignatureExpired { at }));
    }
    assert_eq!(fault(&keyring, &message, MADE - 1), (fingerprint(&key), KeyFault::InFuture));
}

#[test]
fn weak_keys_are_listed_and_verify_nothing() {
    let Some(gpg) = Gpg::find("weak keys") else { return };
    let good = gpg.export(&gpg.key("good@example", "ed25519", "sign", "never"));
    for (algorithm, name) in [("rsa1024", "RSA-1024"), ("dsa2048", "DSA")] {
        let key = gpg.key(&format!("{algorithm}@example"), algorithm, "sign", "never");
        let arguments = ["--digest-algo", "SHA256", "--local-user", &key, "--sign"];
        let message = gpg.sign_with(&arguments, PAYLOAD);
        let weak = gpg.export(&key);
        let none = KeyringError::NoneUsable { key: fingerprint(&key), weakness: name.into() };
        assert_eq!(Keyring::read(&weak).err(), Some(none));
        let both = read(&[&weak[..], &good].concat());
        assert_eq!(both.keys()[0].weakness.as_deref(), Some(name));
        let expected = (fingerprint(&key), KeyFault::Weak(name.into()));
        assert_eq!(fault(&both, &message, SIGNED), expected);
    }
}

#[test]
fn self_signatures_of_old_vendor_keys_are_read() {
    let Some(gpg) = Gpg::find("an old vendor key") else { return };
    let options = ["--cert-digest-algo", "SHA1"];
    let key = gpg.key_with("a@example", &options, "rsa2048", "sign", "seconds=5184000");
    let keyring = read(&gpg.export(&key));
    let message = gpg.sign(&key, PAYLOAD);
    assert!(keyring.verify(&message, SIGNED).is_ok());
    let end = MADE + 60 * DAY;
    assert_eq!(fault(&keyring, &message, end), (fingerprint(&key), KeyFault::Expired { at: end }));
}

#[test]
fn a_file_may_hold_several_keys_in_either_form() {
    let Some(gpg) = Gpg::find("a file of several keys") else { return };
    let names = ["a@example", "b@example"];
    let keys = names.map(|name| gpg.key(name, "ed25519", "sign", "never"));
    let exports: Vec<Vec<u8>> = keys.iter().map(|key| gpg.export(key)).collect();
    let armor = |key: &String| gpg.run(SIGNED, &["--armor", "--export", key], b"");
    let armored = keys.iter().map(armor).collect::<Vec<_>>();
    let together = gpg.run(SIGNED, &["--armor", "--export"], b"");
    for file in [
        exports.concat(),
        armored.concat(),
        together,
        [&armored[0][..], b"prose\n\n", &armored[1]].concat(),
    ] {
        let keyring = read(&file);
        let listed: Vec<_> = keyring.keys().iter().map(|key| key.fingerprint).collect();
        assert_eq!(listed, keys.each_ref().map(|key| fingerprint(key)));
        for key in &keys {
            assert!(keyring.verify(&gpg.sign(key, PAYLOAD), SIGNED).is_ok());
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_whole_is_refused() {
    let Some(gpg) = Gpg::find("damaged key files") else { return };
    let key = gpg.key("a@example", "ed25519", "sign", "never");
    let good = gpg.export(&key);
    read(&good);
    let secret = gpg.secret(&key);
    let armored = gpg.run(SIGNED, &["--armor", "--export-secret-keys", &key], b"");
    for file in [&secret, &armored, &[&good[..], &secret].concat()] {
        assert_eq!(Keyring::read(file).err(), Some(KeyringError::SecretKey));
    }
    for file in [&b""[..], b"prose", b"-----BEGIN PUBLIC KEY-----\n"] {
        assert_eq!(Keyring::read(file).err(), Some(KeyringError::NoKey));
    }
    let long = vec![0x99; MAX_KEYRING + 1];
    assert_eq!(Keyring::read(&long).err(), Some(KeyringError::TooLarge(MAX_KEYRING + 1)));
    // Version 3 in the second key of the file: the first byte of its body, after tag and one byte of length.
    let mut old = [&good[..], &good].concat();
    old[good.len() + 2] = 3;
    assert!(matches!(Keyring::read(&old), Err(KeyringError::Version { version: 3, .. })));
    let name = format!("openpgp:{}", key.to_lowercase());
    for (case, file) in [
        ("cut off", good[..good.len() - 1].to_vec()),
        ("bytes after it", [&good[..], b"x"].concat()),
        ("a message", gpg.sign(&key, PAYLOAD)),
    ] {
        let error = Keyring::read(&file).expect_err(case);
        assert!(matches!(error, KeyringError::Damaged { .. }), "{case}: {error:?}");
    }
    let arguments = ["--compress-algo", "none", "--local-user", &key, "--sign"];
    let message = gpg.sign_with(&arguments, PAYLOAD);
    let error = Keyring::read(&[&good[..], &message].concat()).expect_err("a message after it");
    assert!(error.to_string().starts_with(&format!("{name} is damaged")), "{error}");
}
