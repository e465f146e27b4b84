//! Messages as real gpg writes them: the one form that is accepted, and every other.

use super::gpg::{Gpg, SIGNED};
use crate::openpgp::{FormFault, Keyring, MAX_MESSAGE, OpenPgpError, OpenPgpFingerprint};

const PAYLOAD: &[u8] = b"{\"a\": \"payload\"}";

fn keyring(gpg: &Gpg, name: &str) -> Keyring {
    Keyring::read(&gpg.export(name)).expect("a keyring")
}

fn fingerprint(hex: &str) -> OpenPgpFingerprint {
    format!("openpgp:{}", hex.to_lowercase()).parse().expect("a fingerprint")
}

#[test]
fn what_gpg_signs_verifies_under_its_key_and_no_other() {
    let Some(gpg) = Gpg::find("what gpg signs") else { return };
    let other = gpg.key("other@example", "ed25519", "sign", "never");
    let other = keyring(&gpg, &other);
    for (algorithm, name) in [
        ("rsa3072", "RSA-3072"),
        ("rsa2048", "RSA-2048"),
        ("ed25519", "Ed25519"),
        ("nistp256", "ECDSA NIST P-256"),
        ("nistp384", "ECDSA NIST P-384"),
        ("nistp521", "ECDSA NIST P-521"),
    ] {
        let user = format!("{algorithm}@example");
        let key = gpg.key(&user, algorithm, "sign", "never");
        let keyring = keyring(&gpg, &key);
        let described = &keyring.keys()[0];
        assert_eq!(described.fingerprint, fingerprint(&key));
        assert_eq!(described.user_ids, [user.as_str()]);
        assert_eq!((described.algorithm.as_str(), &described.weakness), (name, &None));
        for options in [&[][..], &["--compress-algo", "none"], &["--compress-algo", "zlib"]] {
            let message =
                gpg.sign_with(&[options, &["--local-user", &key, "--sign"]].concat(), PAYLOAD);
            let signed = keyring.verify(&message, SIGNED).expect(algorithm);
            assert_eq!(signed.payload, PAYLOAD);
            assert_eq!(signed.signer.primary, fingerprint(&key));
            assert_eq!(signed.signer.signing_key, fingerprint(&key));
            assert_eq!(signed.signer.created, SIGNED);
            let error = other.verify(&message, SIGNED).expect_err(algorithm);
            assert!(matches!(error, OpenPgpError::UnknownKey(_)), "{error:?}");
        }
    }
}

#[test]
fn a_message_of_many_parts_is_put_together() {
    let Some(gpg) = Gpg::find("a message of many parts") else { return };
    let key = gpg.key("a@example", "ed25519", "sign", "never");
    let payload: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(n) / 7) as u8).collect();
    for compression in ["none", "zip"] {
        let arguments = ["--compress-algo", compression, "--local-user", &key, "--sign"];
        let message = gpg.sign_with(&arguments, &payload);
        let signed = keyring(&gpg, &key).verify(&message, SIGNED).expect(compression);
        assert!(signed.payload == payload, "{compression}");
    }
}

#[test]
fn no_other_form_of_message_is_accepted() {
    let Some(gpg) = Gpg::find("other forms of message") else { return };
    let key = gpg.key("a@example", "rsa2048", "sign,encr", "never");
    let second = gpg.key("b@example", "ed25519", "sign", "never");
    let keyring = Keyring::merged([keyring(&gpg, &key), keyring(&gpg, &second)]).expect("keys");
    let make = |arguments: &[&str]| {
        gpg.sign_with(&[&["--local-user", &key][..], arguments].concat(), PAYLOAD)
    };
    let good = make(&["--sign"]);
    assert!(keyring.verify(&good, SIGNED).is_ok());
    let open = make(&["--compress-algo", "none", "--sign"]);
    assert!(keyring.verify(&open, SIGNED).is_ok());

    let literal = make(&["--compress-algo", "none", "--store"]);
    let cases = [
        ("cleartext", make(&["--clearsign"]), FormFault::Cleartext),
        ("detached", make(&["--detach-sign"]), FormFault::Detached),
        ("armored", make(&["--armor", "--sign"]), FormFault::NotBinary),
        ("not signed", make(&["--store"]), FormFault::Unsigned),
        ("not signed, open", literal.clone(), FormFault::Unsigned),
        ("encrypted", make(&["--recipient", &key, "--encrypt"]), FormFault::Encrypted),
        ("signed, encrypted", make(&["--recipient", &key, "-s", "-e"]), FormFault::Encrypted),
        ("with a password", make(&["--passphrase", "x", "--symmetric"]), FormFault::Encrypted),
        ("two signers", make(&["--local-user", &second, "--sign"]), FormFault::SeveralSignatures),
        ("signed twice", [&open[..], &open].concat(), FormFault::SeveralSignatures),
        ("more content", [&open[..], &literal].concat(), FormFault::Trailing),
        ("bytes after compressed ones", [&good[..], b"x"].concat(), FormFault::Trailing),
        ("bzip2", make(&["--compress-algo", "bzip2", "--sign"]), FormFault::Compression(3)),
        ("JSON", PAYLOAD.to_vec(), FormFault::NotBinary),
        ("nothing", Vec::new(), FormFault::NotBinary),
        ("too long", vec![0xcb; MAX_MESSAGE + 1], FormFault::TooLarge),
    ];
    for (name, message, fault) in cases {
        assert_eq!(keyring.verify(&message, SIGNED), Err(fault.into()), "{name}");
    }
    for (name, message) in [
        ("content first", [&literal[..], &open].concat()),
        ("cut off", open[..open.len() - 1].to_vec()),
        ("cut off, compressed", good[..good.len() - 1].to_vec()),
        ("bytes after it", [&open[..], b"x"].concat()),
        ("a key", gpg.export(&key)),
    ] {
        let error = keyring.verify(&message, SIGNED).expect_err(name);
        assert!(matches!(error, OpenPgpError::Form(FormFault::Malformed(_))), "{name}: {error:?}");
    }
    let text = make(&["--textmode", "--compress-algo", "none", "--sign"]);
    let error = keyring.verify(&text, SIGNED).expect_err("text");
    assert!(matches!(error, OpenPgpError::Form(FormFault::Malformed(_))), "{error:?}");
}

#[test]
fn what_expands_beyond_reason_is_refused() {
    let Some(gpg) = Gpg::find("what expands") else { return };
    let key = gpg.key("a@example", "ed25519", "sign", "never");
    let bomb = gpg.sign(&key, &vec![0; MAX_MESSAGE]);
    assert!(bomb.len() < 64 << 10, "{}", bomb.len());
    assert_eq!(keyring(&gpg, &key).verify(&bomb, SIGNED), Err(FormFault::TooLarge.into()));
    let large = gpg.sign(&key, &vec![0; MAX_MESSAGE - 1024]);
    assert!(keyring(&gpg, &key).verify(&large, SIGNED).is_ok());
}

#[test]
fn weak_hashes_are_refused_for_messages() {
    let Some(gpg) = Gpg::find("weak hashes") else { return };
    let key = gpg.key("a@example", "rsa2048", "sign", "never");
    let keyring = keyring(&gpg, &key);
    for hash in ["SHA1", "RIPEMD160", "SHA224"] {
        let message =
            gpg.sign_with(&["--digest-algo", hash, "--local-user", &key, "--sign"], PAYLOAD);
        let error = keyring.verify(&message, SIGNED).expect_err(hash);
        assert_eq!(error, OpenPgpError::WeakHash(hash.to_owned()), "{hash}");
    }
    for hash in ["SHA256", "SHA384", "SHA512"] {
        let message =
            gpg.sign_with(&["--digest-algo", hash, "--local-user", &key, "--sign"], PAYLOAD);
        assert!(keyring.verify(&message, SIGNED).is_ok(), "{hash}");
    }
}

#[test]
fn no_changed_byte_changes_what_is_accepted() {
    let Some(gpg) = Gpg::find("changed bytes") else { return };
    let key = gpg.key("a@example", "ed25519", "sign", "never");
    let keyring = keyring(&gpg, &key);
    let arguments = ["--compress-algo", "none", "--local-user", &key, "--sign"];
    let good = gpg.sign_with(&arguments, PAYLOAD);
    let expected = keyring.verify(&good, SIGNED).expect("good");
    let mut harmless = 0;
    for place in 0..good.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut message = good.clone();
            message[place] ^= change;
            if let Ok(signed) = keyring.verify(&message, SIGNED) {
                // What nobody signs: the time of the literal data, twice the hint which key it was, some lengths.
                assert_eq!(signed, expected, "byte {place}");
                harmless += 1;
            }
        }
    }
    assert!(harmless <= 72, "{harmless} of {}", 3 * good.len());
}
