//! Who may have signed one image, each with what is demanded of the proof.

use super::certificate::{Fulcio, Pki};
use super::crypto::Hashing;
use super::dsse::Envelope;
use super::judgement::{Judgement, Voucher};
use super::keyring::Keyring;
use super::keys::PublicKey;
use super::outcome::SignatureCode;
use super::rekor::LogKey;
use super::signer::{Proof, Signer};
use super::sigstore_bundle::Bundle;
use super::vouched::Signed;
use crate::oci::{Descriptor, Manifest};

/// One anchor, seen from one image.
pub(super) struct Candidate<'a> {
    /// Its name in reports: the file of an option, the place in a policy.
    pub(super) name: &'a str,
    pub(super) means: Means<'a>,
}

/// By what a candidate proves that it signed.
pub(super) enum Means<'a> {
    /// By this key, no log demanded.
    Key(&'a PublicKey),
    /// By this key, with an entry of one of these logs.
    LoggedKey { key: &'a PublicKey, logs: Logs<'a> },
    /// By a certificate of Fulcio, with an entry of one of these logs.
    Fulcio { fulcio: &'a Fulcio, logs: Logs<'a> },
    /// By a certificate of an organisation, valid at this time (seconds since 1970).
    Pki { pki: &'a Pki, now: u64 },
}

/// The logs whose entries count for one image.
#[derive(Clone, Default)]
pub(super) struct Logs<'a> {
    /// Keys of logs that sign the time of an entry.
    pub(super) keys: std::borrow::Cow<'a, [LogKey]>,
}

impl Candidate<'_> {
    /// Vouches for the raw payload of a simple signature, or says why not. Nothing in the payload is looked at.
    pub(super) fn vouch_simple(&self, signed: &Signed<'_>) -> Result<Voucher, Judgement> {
        match &self.means {
            Means::Key(key) => {
                key.verify(Hashing::Sha256, signed.payload, signed.signature)?;
                Ok(Signer::Key(key.fingerprint()).into())
            }
            Means::LoggedKey { key, logs } => {
                let (key, logged) = signed.by_logged_key([*key], &logs.keys)?;
                let proof = Proof { logs: vec![(&logged).into()], ..Proof::default() };
                Ok(Voucher { signer: Signer::Key(key.fingerprint()), proof })
            }
            Means::Fulcio { fulcio, logs } => {
                let found = signed.by_fulcio(fulcio, &logs.keys)?;
                let note = Some("as the policy says, the proof that the certificate was logged (SCT) was not checked".into());
                let proof = Proof { logs: vec![(&found.logged).into()], note, ..Proof::default() };
                Ok(Voucher { signer: Signer::Certificate(fulcio.holder()), proof })
            }
            Means::Pki { pki, now } => {
                signed.by_pki(pki, *now)?;
                let note =
                    Some("the certificate is valid now; nothing proves when it signed".into());
                let proof = Proof { note, ..Proof::default() };
                Ok(Voucher { signer: Signer::Certificate(pki.holder()), proof })
            }
        }
    }

    /// Vouches for a bare envelope in `layer`, or says why not. Nothing in its payload is looked at.
    pub(super) fn vouch_envelope(
        &self,
        _layer: &Descriptor,
        envelope: &Envelope,
    ) -> Result<Voucher, Judgement> {
        match self.means {
            Means::Key(key) => {
                key.verify(
                    Hashing::Sha256OrMatched,
                    &envelope.signed_bytes(),
                    &envelope.signature,
                )?;
                Ok(Signer::Key(key.fingerprint()).into())
            }
            Means::LoggedKey { .. } => Err(Judgement::bare(SignatureCode::LogEntryMissing)),
            Means::Fulcio { .. } | Means::Pki { .. } => {
                Err(Judgement::bare(SignatureCode::CertificateUnsupported))
            }
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
            Means::LoggedKey { .. } => Judgement::bare(SignatureCode::LogEntryMissing),
            Means::Fulcio { .. } | Means::Pki { .. } => {
                Judgement::bare(SignatureCode::CertificateUnsupported)
            }
        })
    }
}
