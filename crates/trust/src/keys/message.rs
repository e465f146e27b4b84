//! What signatures are over, hashed once however many keys are tried.

use aws_lc_rs::digest::{self, Algorithm, Digest};
use std::borrow::Cow;
use std::cell::OnceCell;

/// Which hashes a form of signature permits. Real cosign differs by form and version (all observed).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hashing {
    /// SHA-256 with every key, P-384 and P-521 included: simple signing.
    Sha256,
    /// SHA-256, or the hash of the curve's own strength, SHA-384 for P-384 and SHA-512 for P-521: Sigstore bundles,
    /// where cosign 2 takes the former and cosign 3 the latter.
    Sha256OrMatched,
}

/// The bytes that signatures are over, with those of their hashes that were asked for.
pub(crate) struct Message<'a> {
    bytes: Cow<'a, [u8]>,
    sha256: OnceCell<Digest>,
    sha384: OnceCell<Digest>,
    sha512: OnceCell<Digest>,
}

impl<'a> Message<'a> {
    pub(crate) fn new(bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        let (sha256, sha384, sha512) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { bytes: bytes.into(), sha256, sha384, sha512 }
    }

    /// The bytes themselves: Ed25519 signs them unhashed.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn sha256(&self) -> &Digest {
        self.hash(&self.sha256, &digest::SHA256)
    }

    pub(crate) fn sha384(&self) -> &Digest {
        self.hash(&self.sha384, &digest::SHA384)
    }

    pub(crate) fn sha512(&self) -> &Digest {
        self.hash(&self.sha512, &digest::SHA512)
    }

    fn hash<'c>(&self, cell: &'c OnceCell<Digest>, algorithm: &'static Algorithm) -> &'c Digest {
        cell.get_or_init(|| digest::digest(algorithm, &self.bytes))
    }

    /// What tells one check of a signature over this from every other by the same key.
    pub(crate) fn check(&self, hashing: Hashing, signature: &[u8]) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&[hashing as u8]);
        context.update(self.sha256().as_ref());
        context.update(signature);
        let mut check = [0; 32];
        check.copy_from_slice(context.finish().as_ref());
        check
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_differ_in_content_signature_and_hashes() {
        let (one, other) = (Message::new(&b"one"[..]), Message::new(b"other".to_vec()));
        let check = one.check(Hashing::Sha256, b"signature");
        assert_eq!(check, Message::new(&b"one"[..]).check(Hashing::Sha256, b"signature"));
        assert_ne!(check, other.check(Hashing::Sha256, b"signature"));
        assert_ne!(check, one.check(Hashing::Sha256, b"signatura"));
        assert_ne!(check, one.check(Hashing::Sha256OrMatched, b"signature"));
    }
}
