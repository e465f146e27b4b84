//! What is a public key, and what is not.

use crate::reading::pem::PemError;
use crate::testing::HasPublicKey as _;
use crate::testing::Signer;
use crate::{Algorithm, Fingerprint, KeyError, PublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/trust/", $name))
    };
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn refused(file: &[u8]) -> KeyError {
    PublicKey::from_pem(file).expect_err("must be refused")
}

#[test]
fn every_supported_kind_of_key_is_read() {
    for (file, algorithm) in [
        (&file!("cosign/p256.pub")[..], Algorithm::EcdsaP256),
        (file!("cosign/p384.pub"), Algorithm::EcdsaP384),
        (file!("cosign/p521.pub"), Algorithm::EcdsaP521),
        (file!("cosign/ed25519.pub"), Algorithm::Ed25519),
        (file!("keys/rsa-2048.pem"), Algorithm::Rsa { bits: 2048 }),
        (file!("keys/rsa-4096.pem"), Algorithm::Rsa { bits: 4096 }),
    ] {
        let key = PublicKey::from_pem(file).expect("a key");
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(key.to_pem().as_bytes(), file, "{algorithm}: canonical as it is");
    }
}

#[test]
fn the_fingerprint_is_the_digest_of_the_key_alone() {
    let signer = Signer::p256();
    let key = signer.public();
    let expected = bundle_oci::Digest::of(&signer.spki()).to_string();
    assert_eq!(key.fingerprint().to_string(), expected);
    assert_eq!(expected.parse::<Fingerprint>(), Ok(key.fingerprint()));
    assert!(expected.to_uppercase().parse::<Fingerprint>().is_err());
    let plain = key.to_pem();
    for dressed in [
        format!("Release key 3, in use since 2024\n\n{plain}"),
        plain.replace('\n', "\r\n"),
        plain.replace("-----\n", "-----  \n"),
        plain.replace("-----\n", "-----\t \r\n"),
        format!("{plain}\n\n"),
        pem("PUBLIC KEY", &signer.spki()),
    ] {
        let read = PublicKey::from_pem(dressed.as_bytes()).expect(&dressed);
        assert_eq!((read.fingerprint(), read.to_pem()), (key.fingerprint(), plain.clone()));
    }
}

#[test]
fn weak_and_unsupported_keys_are_refused_by_name() {
    let algorithm = |oid: &str| KeyError::Algorithm(oid.into());
    for (name, file, error) in [
        ("RSA-1024", &file!("keys/rsa-1024.pem")[..], KeyError::RsaSize(1024)),
        ("RSA-2040", file!("keys/rsa-2040.pem"), KeyError::RsaSize(2040)),
        ("exponent 3", file!("keys/rsa-exponent-3.pem"), KeyError::RsaExponent),
        ("RSA-PSS", file!("keys/rsa-pss.pem"), algorithm("1.2.840.113549.1.1.10")),
        ("P-224", file!("keys/p224.pem"), algorithm("1.3.132.0.33")),
        ("secp256k1", file!("keys/secp256k1.pem"), algorithm("1.3.132.0.10")),
        ("X25519", file!("keys/x25519.pem"), algorithm("1.3.101.110")),
        ("Ed448", file!("keys/ed448.pem"), algorithm("1.3.101.113")),
        ("compressed point", file!("keys/p256-compressed.pem"), KeyError::Point),
    ] {
        assert_eq!(refused(file), error, "{name}");
    }
    let explicit = refused(file!("keys/explicit-curve.pem"));
    assert!(matches!(explicit, KeyError::Structure(_)), "{explicit:?}");
}

#[test]
fn what_is_not_one_public_key_is_refused_by_its_own_error() {
    let signer = Signer::p256();
    let key = pem("PUBLIC KEY", &signer.spki());
    let private = pem("PRIVATE KEY", &signer.pkcs8());
    let certificate = String::from_utf8_lossy(file!("keys/certificate.pem"));
    let other = |label: &str| PemError::OtherBlock(label.into());
    for (name, file, error) in [
        ("nothing", String::new(), PemError::NoBlock),
        ("prose only", "a key".into(), PemError::NoBlock),
        ("private key", private.clone(), PemError::PrivateKey),
        ("private key after the public one", key.clone() + &private, PemError::PrivateKey),
        ("cosign key pair", pem("ENCRYPTED SIGSTORE PRIVATE KEY", b"x"), PemError::PrivateKey),
        ("certificate", certificate.clone().into(), PemError::Certificate),
        ("certificate after the key", key.clone() + &certificate, PemError::Certificate),
        ("two keys", key.repeat(2), PemError::SeveralKeys(2)),
        (
            "PKCS#1 key",
            String::from_utf8_lossy(file!("keys/rsa-pkcs1.pem")).into(),
            other("RSA PUBLIC KEY"),
        ),
        (
            "OpenPGP key",
            key.clone() + &pem("PGP PUBLIC KEY BLOCK", b"x"),
            other("PGP PUBLIC KEY BLOCK"),
        ),
        ("text after the key", format!("{key}more"), PemError::Trailing),
        ("large file", " ".repeat(1 << 20), PemError::TooLarge(1 << 20)),
    ] {
        assert_eq!(refused(file.as_bytes()), KeyError::Pem(error), "{name}");
    }
    for (name, file) in [
        ("no end", key.replace("-----END PUBLIC KEY-----", "")),
        ("bad base64", key.replacen("MF", "M*", 1)),
        ("prose on the line of the block", format!("key: {key}")),
        ("prose behind the first line", key.replacen("-----\n", "----- key\n", 1)),
        ("white space before the dashes", key.replace("KEY-----\n", "KEY -----\n")),
        ("no line break behind the first line", key.replacen("-----\n", "----- ", 1)),
        ("another end", key.replace("END PUBLIC", "END PRIVATE")),
    ] {
        let error = refused(file.as_bytes());
        assert!(matches!(error, KeyError::Pem(PemError::Damaged(_))), "{name}: {error:?}");
    }
    let long = refused(format!("-----BEGIN {}-----", "X".repeat(60_000)).as_bytes());
    assert!(long.to_string().len() < 400);
}

#[test]
fn der_that_is_not_exactly_a_key_is_refused() {
    let spki = Signer::p256().spki();
    let edit = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = spki.clone();
        edit(&mut changed);
        PublicKey::from_spki(changed)
    };
    assert!(edit(&|_| {}).is_ok());
    let last = spki.len() - 1;
    assert!(matches!(edit(&|der| der.push(0)), Err(KeyError::Structure(_))), "trailing byte");
    assert!(matches!(edit(&|der| der.truncate(last)), Err(KeyError::Structure(_))), "cut short");
    assert!(matches!(edit(&|der| der[last] ^= 1), Err(KeyError::Numbers(_))), "off the curve");
    assert!(PublicKey::from_spki(Vec::new()).is_err());
    assert!(PublicKey::from_spki(b"not DER".to_vec()).is_err());
}
