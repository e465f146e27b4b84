//! Private keys, and the signatures that the product makes itself: those of the seal.
//!
//! Only kinds of keys whose signatures cosign verifies again: ECDSA on P-256, which it makes by default, and RSA. With
//! P-384 and P-521 cosign 3 signs a hash that it does not expect when it verifies; with Ed25519 it signs a form that it
//! does not verify at all (both observed).

use super::crypto::Algorithm;
use super::{KeyError, PublicKey};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use spki::der::{Decode as _, Reader as _, SliceReader, asn1::AnyRef};
use spki::{AlgorithmIdentifierRef, ObjectIdentifier};
use std::fmt;
use zeroize::Zeroizing;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A private key with its public half. What is printed of it is the public half.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    P256(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// Why there is no key to sign with, or no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// Not a private key as PKCS #8 has it (RFC 5208).
    #[error("the private key is not valid")]
    Malformed,
    /// A kind of key that is not signed with.
    #[error("keys of algorithm {0} do not sign here; ECDSA P-256 and RSA do")]
    Algorithm(String),
    /// Its public half is one that this product does not accept, such as RSA with too few bits.
    #[error("the private key cannot be used")]
    Public(#[from] KeyError),
    /// The library refused.
    #[error("the cryptographic library made no {0}")]
    Library(&'static str),
}

impl SigningKey {
    /// A new key on P-256.
    ///
    /// # Errors
    /// [`SigningError::Library`] when the system gives no randomness.
    pub fn generate() -> Result<Self, SigningError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
        Self::new(Pair::P256(pair.map_err(|_| SigningError::Library("key"))?))
    }

    /// Reads a private key in PKCS #8.
    ///
    /// # Errors
    /// [`SigningError`]: not such a key, or of a kind that is not supported.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SigningError> {
        let algorithm = algorithm_of(der).map_err(|_| SigningError::Malformed)?;
        let pair = match algorithm.oid {
            EC_PUBLIC_KEY if algorithm.parameters_oid() == Ok(P256) => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der);
                Pair::P256(pair.map_err(|_| SigningError::Malformed)?)
            }
            RSA_ENCRYPTION => {
                let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| SigningError::Malformed)?;
                Pair::Rsa(Box::new(pair))
            }
            EC_PUBLIC_KEY => {
                let curve = algorithm.parameters_oid().map_err(|_| SigningError::Malformed)?;
                return Err(SigningError::Algorithm(curve.to_string()));
            }
            other => return Err(SigningError::Algorithm(other.to_string())),
        };
        Self::new(pair)
    }

    fn new(pair: Pair) -> Result<Self, SigningError> {
        let spki: Result<PublicKeyX509Der<'_>, _> = match &pair {
            Pair::P256(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => pair.public_key().as_der(),
        };
        let spki = spki.map_err(|_| SigningError::Library("public key"))?;
        let public = PublicKey::from_spki(spki.as_ref().to_vec())?;
        Ok(Self { pair, public })
    }

    /// The private key in PKCS #8, wiped when it is dropped.
    ///
    /// # Errors
    /// [`SigningError::Algorithm`] for keys that were not made here: those are in their files.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, SigningError> {
        match &self.pair {
            Pair::P256(pair) => {
                let document =
                    pair.to_pkcs8v1().map_err(|_| SigningError::Library("private key"))?;
                Ok(Zeroizing::new(document.as_ref().to_vec()))
            }
            Pair::Rsa(_) => Err(SigningError::Algorithm(self.algorithm().to_string())),
        }
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// What kind of key it is.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// A signature over `message`, hashed with SHA-256: ECDSA in DER, or RSA with PKCS #1 v1.5.
    ///
    /// # Errors
    /// [`SigningError::Library`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let failed = |_| SigningError::Library("signature");
        let random = SystemRandom::new();
        match &self.pair {
            Pair::P256(pair) => Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "private key of {:?}", self.public)
    }
}

/// `PrivateKeyInfo ::= SEQUENCE { version INTEGER, algorithm AlgorithmIdentifier, … }`: what stands first.
fn algorithm_of(der: &[u8]) -> spki::der::Result<AlgorithmIdentifierRef<'_>> {
    let mut reader = SliceReader::new(der)?;
    let mut inside = SliceReader::new(AnyRef::decode(&mut reader)?.value())?;
    reader.finish()?;
    AnyRef::decode(&mut inside)?;
    AlgorithmIdentifierRef::decode(&mut inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hashing;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1_SIGNING, Ed25519KeyPair};

    #[test]
    fn what_a_key_signs_its_public_half_verifies() {
        let made = SigningKey::generate().expect("a key");
        let again = SigningKey::from_pkcs8(&made.to_pkcs8().expect("PKCS #8")).expect("the key");
        assert_eq!(made.public_key(), again.public_key());
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = rsa.as_der().expect("PKCS #8");
        let rsa = SigningKey::from_pkcs8(der.as_ref()).expect("the key");
        for key in [&made, &again, &rsa] {
            let signature = key.sign(b"message").expect("a signature");
            let public = key.public_key();
            assert_eq!(public.verify(Hashing::Sha256, b"message", &signature), Ok(()));
            assert!(public.verify(Hashing::Sha256, b"massage", &signature).is_err());
        }
        assert!(matches!(rsa.to_pkcs8(), Err(SigningError::Algorithm(name)) if name == "RSA-2048"));
    }

    #[test]
    fn other_kinds_of_keys_are_refused_by_their_kind() {
        let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).expect("a key");
        let ed25519 = Ed25519KeyPair::generate().expect("a key");
        let kinds = [
            (p384.to_pkcs8v1().expect("PKCS #8").as_ref().to_vec(), "1.3.132.0.34"),
            (ed25519.to_pkcs8v1().expect("PKCS #8").as_ref().to_vec(), "1.3.101.112"),
        ];
        for (der, oid) in kinds {
            let refused = SigningKey::from_pkcs8(&der).err();
            assert_eq!(refused, Some(SigningError::Algorithm(oid.into())));
        }
        let good = SigningKey::generate().expect("a key").to_pkcs8().expect("PKCS #8");
        for length in 0..good.len() {
            assert!(SigningKey::from_pkcs8(&good[..length]).is_err(), "{length}");
        }
        let trailing = [&good[..], b"\0"].concat();
        assert_eq!(SigningKey::from_pkcs8(&trailing).err(), Some(SigningError::Malformed));
    }

    #[test]
    fn the_private_half_is_never_printed() {
        let key = SigningKey::generate().expect("a key");
        let fingerprint = key.public_key().fingerprint();
        assert_eq!(format!("{key:?}"), format!("private key of ECDSA P-256 {fingerprint}"));
    }
}
