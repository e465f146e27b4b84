//! Keys of the tests, and signatures as cosign makes them: always SHA-256, Ed25519 over the message itself.

use super::layers::noise;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle::oci::Digest;

/// A key pair.
pub(crate) struct Signer {
    pair: Pair,
    spki: Vec<u8>,
}

/// Kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    P256,
    Rsa2048,
    Ed25519,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// A new ECDSA P-256 key, what `cosign generate-key-pair` makes.
    pub(crate) fn generate() -> Self {
        Self::of_kind(Kind::P256)
    }

    /// A new key.
    pub(crate) fn of_kind(kind: Kind) -> Self {
        let pair = match kind {
            Kind::P256 => Pair::Ecdsa(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("P-256 key"),
            ),
            Kind::Rsa2048 => {
                Pair::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).expect("RSA key")))
            }
            Kind::Ed25519 => Pair::Ed25519(Ed25519KeyPair::generate().expect("Ed25519 key")),
        };
        let spki: PublicKeyX509Der<'_> = match &pair {
            Pair::Ecdsa(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
        }
        .expect("public key");
        let spki = spki.as_ref().to_vec();
        Self { pair, spki }
    }

    /// The signature over `message`, as it stands in annotations before base64.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&random, message).expect("signature").as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("signature");
                signature
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// The public key, one PEM block.
    pub(crate) fn public_pem(&self) -> String {
        let encoded = STANDARD.encode(&self.spki);
        let lines: Vec<_> = encoded
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).expect("base64"))
            .collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// The key's DER SubjectPublicKeyInfo.
    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of the key's DER SubjectPublicKeyInfo.
    pub(crate) fn fingerprint(&self) -> Digest {
        Digest::of(&self.spki)
    }

    /// Writes the public key to a file that lives as long as what is returned.
    pub(crate) fn public_file(&self) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new().suffix(".pub").tempfile().expect("key file");
        std::fs::write(file.path(), self.public_pem()).expect("key file");
        file
    }
}

/// Bytes that have a signature's length and are none.
pub(crate) fn no_signature(seed: &str) -> Vec<u8> {
    noise(seed, 71)
}
