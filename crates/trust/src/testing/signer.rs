//! Key pairs made on the spot.

use crate::PublicKey;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self as algorithms, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::LazyLock;

/// RSA keys take long to make, so all tests share one.
static RSA: LazyLock<RsaKeyPair> =
    LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key"));

/// Somebody who signs.
pub enum Signer {
    /// A key on a NIST curve.
    Ecdsa(EcdsaKeyPair),
    /// An Ed25519 key.
    Ed25519(Ed25519KeyPair),
    /// The one RSA key of this process.
    Rsa,
}

impl Signer {
    /// A fresh P-256 key.
    pub fn p256() -> Self {
        let key = EcdsaKeyPair::generate(&algorithms::ECDSA_P256_SHA256_ASN1_SIGNING);
        Self::Ecdsa(key.expect("a P-256 key"))
    }

    /// A fresh P-521 key.
    pub fn p521() -> Self {
        let key = EcdsaKeyPair::generate(&algorithms::ECDSA_P521_SHA256_ASN1_SIGNING);
        Self::Ecdsa(key.expect("a P-521 key"))
    }

    /// A fresh Ed25519 key.
    pub fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().expect("an Ed25519 key"))
    }

    /// The same key in a security module: ECDSA signatures are r and s of fixed length.
    pub fn in_module(&self, algorithm: &'static algorithms::EcdsaSigningAlgorithm) -> Self {
        Self::Ecdsa(EcdsaKeyPair::from_pkcs8(algorithm, &self.pkcs8()).expect("the same key"))
    }

    /// The public key, DER SubjectPublicKeyInfo.
    pub fn spki(&self) -> Vec<u8> {
        let der = match self {
            Self::Ecdsa(key) => key.public_key().as_der(),
            Self::Ed25519(key) => key.public_key().as_der(),
            Self::Rsa => RSA.public_key().as_der(),
        };
        der.expect("a public key").as_ref().to_vec()
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey::from_spki(self.spki()).expect("a usable key")
    }

    /// The private key in PKCS#8 DER.
    pub fn pkcs8(&self) -> Vec<u8> {
        match self {
            Self::Ecdsa(key) => key.to_pkcs8v1().expect("PKCS#8").as_ref().to_vec(),
            Self::Ed25519(key) => key.to_pkcs8v1().expect("PKCS#8").as_ref().to_vec(),
            Self::Rsa => RSA.as_der().expect("PKCS#8").as_ref().to_vec(),
        }
    }

    /// A signature over the message.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ecdsa(key) => {
                key.sign(&SystemRandom::new(), message).expect("a signature").as_ref().to_vec()
            }
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::Rsa => Self::sign_rsa(&algorithms::RSA_PKCS1_SHA256, message),
        }
    }

    /// Signs with the shared RSA key in an encoding of choice.
    pub fn sign_rsa(
        encoding: &'static algorithms::RsaSignatureEncoding,
        message: &[u8],
    ) -> Vec<u8> {
        let mut signature = vec![0; RSA.public_modulus_len()];
        RSA.sign(encoding, &SystemRandom::new(), message, &mut signature).expect("a signature");
        signature
    }

    /// A signature over the message, base64.
    pub fn sign_base64(&self, message: &[u8]) -> String {
        STANDARD.encode(self.sign(message))
    }
}
