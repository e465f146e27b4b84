//! Key pairs made on the spot.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self as algorithms, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::Digest;
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
    /// An RSA key of its own.
    FreshRsa(Box<RsaKeyPair>),
}

/// Makes a signer.
type Make = fn() -> Signer;

/// The kinds of keys that cosign takes: a name, and how one is made.
pub const KINDS: [(&str, Make); 3] =
    [("p256", Signer::p256), ("rsa", Signer::fresh_rsa), ("ed25519", Signer::ed25519)];

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

    /// A fresh RSA key; [`Signer::Rsa`] is there at once.
    pub fn fresh_rsa() -> Self {
        Self::FreshRsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key")))
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
            Self::FreshRsa(key) => key.public_key().as_der(),
        };
        der.expect("a public key").as_ref().to_vec()
    }

    /// The public key, one PEM block.
    pub fn public_pem(&self) -> String {
        let encoded = STANDARD.encode(self.spki());
        let lines = encoded.as_bytes().chunks(64);
        let lines: Vec<_> = lines.map(|l| std::str::from_utf8(l).expect("base64")).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// SHA-256 of the public key's DER SubjectPublicKeyInfo.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.spki())
    }

    /// Writes the public key to a file that lives as long as what is returned.
    pub fn public_file(&self) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new().suffix(".pub").tempfile().expect("a key file");
        std::fs::write(file.path(), self.public_pem()).expect("written");
        file
    }

    /// The private key in PKCS#8 DER.
    pub fn pkcs8(&self) -> Vec<u8> {
        match self {
            Self::Ecdsa(key) => key.to_pkcs8v1().expect("PKCS#8").as_ref().to_vec(),
            Self::Ed25519(key) => key.to_pkcs8v1().expect("PKCS#8").as_ref().to_vec(),
            Self::Rsa => RSA.as_der().expect("PKCS#8").as_ref().to_vec(),
            Self::FreshRsa(key) => key.as_der().expect("PKCS#8").as_ref().to_vec(),
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
            Self::FreshRsa(key) => sign_with(key, &algorithms::RSA_PKCS1_SHA256, message),
        }
    }

    /// Signs with the shared RSA key in an encoding of choice.
    pub fn sign_rsa(
        encoding: &'static algorithms::RsaSignatureEncoding,
        message: &[u8],
    ) -> Vec<u8> {
        sign_with(&RSA, encoding, message)
    }

    /// A signature over the message, base64.
    pub fn sign_base64(&self, message: &[u8]) -> String {
        STANDARD.encode(self.sign(message))
    }
}

fn sign_with(
    key: &RsaKeyPair,
    encoding: &'static algorithms::RsaSignatureEncoding,
    message: &[u8],
) -> Vec<u8> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(encoding, &SystemRandom::new(), message, &mut signature).expect("a signature");
    signature
}
