//! Who may have signed one image, each with what is demanded of the proof.

use super::crypto::Hashing;
use super::dsse::Envelope;
use super::judgement::{Judgement, Voucher};
use super::keyring::Keyring;
use super::keys::PublicKey;
use super::signer::Signer;
use super::sigstore_bundle::Bundle;
use crate::oci::{Descriptor, Manifest};

/// One anchor, seen from one image.
pub(super) struct Candidate<'a> {
    /// Its name in reports: the file of an option, the place in a policy.
    pub(super) name: &'a str,
    pub(super) means: Means<'a>,
}

/// By what a candidate proves that it signed.
pub(super) enum Means<'a> {
    /// By this key.
    Key(&'a PublicKey),
}

/// A layer of simple-signing type, decoded as far as its signature.
pub(super) struct SimpleSignature<'a> {
    pub(super) layer: &'a Descriptor,
    pub(super) payload: &'a [u8],
    pub(super) signature: &'a [u8],
}

impl Candidate<'_> {
    /// Vouches for the raw payload of a simple signature, or says why not. Nothing in the payload is looked at.
    pub(super) fn vouch_simple(&self, signed: &SimpleSignature<'_>) -> Result<Voucher, Judgement> {
        match self.means {
            Means::Key(key) => Keyring::of(std::slice::from_ref(key))
                .signer(Hashing::Sha256, signed.payload, signed.signature)
                .map(|key| Signer::Key(key.fingerprint()).into())
                .map_err(Judgement::from),
        }
    }

    /// Vouches for a bare envelope in `layer`, or says why not. Nothing in its payload is looked at.
    pub(super) fn vouch_envelope(
        &self,
        _layer: &Descriptor,
        envelope: &Envelope,
    ) -> Result<Voucher, Judgement> {
        match self.means {
            Means::Key(key) => Keyring::of(std::slice::from_ref(key))
                .signer(Hashing::Sha256OrMatched, &envelope.signed_bytes(), &envelope.signature)
                .map(|key| Signer::Key(key.fingerprint()).into())
                .map_err(Judgement::from),
        }
    }

    /// Judges a bundle as a signature or attestation of `subject`. `Verified` says that the digest was signed as an
    /// image, not yet under which name.
    pub(super) fn judge_bundle(
        &self,
        bundle: &Bundle,
        subject: &Manifest,
    ) -> Result<Judgement, Judgement> {
        Ok(match self.means {
            Means::Key(key) => bundle.judge(&Keyring::of(std::slice::from_ref(key)), subject),
        })
    }
}
