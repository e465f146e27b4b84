//! The one door to the cryptographic library.
//!
//! The algorithm always comes from the key and the hash from the form of the signature; what was signed has no say in
//! either. Ed25519 signs the message itself; the prehashed variant, with which cosign 3 signs images but which it does
//! not verify either, is not supported.
//!
//! ECDSA signatures come in DER or, from security modules, as r and s of fixed length one after the other (IEEE P1363).
//! Both are accepted where images are signed, as by cosign and container runtimes (sigstore `ECDSAVerifier`): what is
//! DER is read as DER and nothing else.

use super::message::{Hashing, Message};
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA256_ASN1,
    ECDSA_P521_SHA512_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    VerificationAlgorithm,
};
use spki::der::asn1::{AnyRef, UintRef};
use spki::der::{Decode as _, Encode as _, Reader as _, SliceReader, Tag};
use std::fmt;

/// Bytes of a scalar of P-256.
const P256_SCALAR: usize = 32;
/// Bytes of a scalar of P-384.
const P384_SCALAR: usize = 48;
/// Bytes of a scalar of P-521.
const P521_SCALAR: usize = 66;

/// What a key is, and thereby how its signatures are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// ECDSA on P-521.
    EcdsaP521,
    /// RSA with PKCS#1 v1.5 padding.
    Rsa {
        /// Length of the modulus, 2048 to 8192.
        bits: u32,
    },
    /// Ed25519 over the raw message.
    Ed25519,
}

impl Algorithm {
    fn with_sha256(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::EcdsaP256 => &ECDSA_P256_SHA256_ASN1,
            Self::EcdsaP384 => &ECDSA_P384_SHA256_ASN1,
            Self::EcdsaP521 => &ECDSA_P521_SHA256_ASN1,
            Self::Rsa { .. } => &RSA_PKCS1_2048_8192_SHA256,
            Self::Ed25519 => &ED25519,
        }
    }

    /// Bytes of r, and of s, where a signature has them in fixed length.
    fn scalar(self) -> Option<usize> {
        match self {
            Self::EcdsaP256 => Some(P256_SCALAR),
            Self::EcdsaP384 => Some(P384_SCALAR),
            Self::EcdsaP521 => Some(P521_SCALAR),
            Self::Rsa { .. } | Self::Ed25519 => None,
        }
    }

    /// With the hash of the curve's own strength, where that is not SHA-256.
    fn with_matched(self) -> Option<&'static dyn VerificationAlgorithm> {
        match self {
            Self::EcdsaP384 => Some(&ECDSA_P384_SHA384_ASN1),
            Self::EcdsaP521 => Some(&ECDSA_P521_SHA512_ASN1),
            Self::EcdsaP256 | Self::Rsa { .. } | Self::Ed25519 => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcdsaP256 => f.write_str("ECDSA P-256"),
            Self::EcdsaP384 => f.write_str("ECDSA P-384"),
            Self::EcdsaP521 => f.write_str("ECDSA P-521"),
            Self::Rsa { bits } => write!(f, "RSA-{bits}"),
            Self::Ed25519 => f.write_str("Ed25519"),
        }
    }
}

/// A key whose numbers the library has accepted: a point on its curve, a usable modulus.
#[derive(Clone)]
pub(crate) struct VerifyingKey {
    algorithm: Algorithm,
    with_sha256: ParsedPublicKey,
    with_matched: Option<ParsedPublicKey>,
}

impl VerifyingKey {
    /// Loads the content of a `subjectPublicKey`: the uncompressed point, the `RSAPublicKey` or the 32 bytes.
    ///
    /// # Errors
    /// When the library refuses the numbers.
    pub(crate) fn load(algorithm: Algorithm, subject_key: &[u8]) -> Result<Self, KeyRejected> {
        let parse = |verification| ParsedPublicKey::new(verification, subject_key);
        Ok(Self {
            algorithm,
            with_sha256: parse(algorithm.with_sha256())?,
            with_matched: algorithm.with_matched().map(parse).transpose()?,
        })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// True when `signature` is this key's over `message`. High-S signatures are accepted, as everywhere in the field.
    pub(crate) fn verifies(
        &self,
        hashing: Hashing,
        message: &Message<'_>,
        signature: &[u8],
    ) -> bool {
        let scalar = self.algorithm.scalar().filter(|_| !is_ecdsa_der(signature));
        match scalar.map(|scalar| der_of_fixed(signature, scalar)) {
            Some(None) => false,
            Some(Some(der)) => self.verifies_der(hashing, message, &der),
            None => self.verifies_der(hashing, message, signature),
        }
    }

    /// The same, but an ECDSA signature must be in DER: that of a transparency log, which runtimes read in no other form.
    pub(crate) fn verifies_der(
        &self,
        hashing: Hashing,
        message: &Message<'_>,
        signature: &[u8],
    ) -> bool {
        let by_digest = |key: &ParsedPublicKey, digest| key.verify_digest_sig(digest, signature);
        let with_sha256 = match self.algorithm {
            Algorithm::Ed25519 => self.with_sha256.verify_sig(message.bytes(), signature),
            _ => by_digest(&self.with_sha256, message.sha256()),
        };
        let matched = self.with_matched.as_ref().filter(|_| hashing == Hashing::Sha256OrMatched);
        let with_matched = || match (matched, self.algorithm) {
            (Some(key), Algorithm::EcdsaP384) => by_digest(key, message.sha384()).is_ok(),
            (Some(key), Algorithm::EcdsaP521) => by_digest(key, message.sha512()).is_ok(),
            _ => false,
        };
        with_sha256.is_ok() || with_matched()
    }
}

/// True when `signature` has the form that some supported algorithm gives its signatures. Only serves to tell a
/// damaged signature from one by another key; never decides trust.
pub(crate) fn has_signature_form(signature: &[u8]) -> bool {
    let rsa = (256..=1024).contains(&signature.len()) && signature.len().is_multiple_of(64);
    let fixed = [P256_SCALAR, P384_SCALAR, P521_SCALAR].map(|scalar| 2 * scalar);
    fixed.contains(&signature.len()) || rsa || is_ecdsa_der(signature)
}

/// r and s of fixed length as DER has them; nothing when the length is another one. Their values are for the library.
fn der_of_fixed(signature: &[u8], scalar: usize) -> Option<Vec<u8>> {
    if signature.len() != 2 * scalar {
        return None;
    }
    let mut content = Vec::with_capacity(signature.len() + 8);
    for number in signature.chunks_exact(scalar) {
        UintRef::new(number).ok()?.encode_to_vec(&mut content).ok()?;
    }
    AnyRef::new(Tag::Sequence, &content).ok()?.to_der().ok()
}

/// `ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 §2.2.3), nothing after it.
fn is_ecdsa_der(signature: &[u8]) -> bool {
    let parse = || -> spki::der::Result<()> {
        let mut reader = SliceReader::new(signature)?;
        reader.sequence(|inner| {
            UintRef::decode(inner)?;
            UintRef::decode(inner).map(drop)
        })?;
        reader.finish()
    };
    parse().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_signature_is_recognised() {
        let der = [0x30, 6, 2, 1, 1, 2, 1, 1];
        assert!(has_signature_form(&der));
        assert!(has_signature_form(&[7; 64]) && has_signature_form(&[7; 512]));
        let doubled = [der, der].concat();
        for damaged in [&b""[..], &doubled, &der[..7], &[7; 63], &[7; 300], &[7; 1088]] {
            assert!(!has_signature_form(damaged), "{damaged:?}");
        }
    }
}
