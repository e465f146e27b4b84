//! Bundles judged by keys alone. No log is demanded here, so log entries and timestamps are no evidence and are not
//! looked at.

use super::{Bundle, BundleError, Content, Material};
use crate::oci::{Digest, Manifest};
use crate::trust::attestation::{self, Wrapping, judge_statement};
use crate::trust::crypto::Hashing;
use crate::trust::dsse::Envelope;
use crate::trust::judgement::Judgement;
use crate::trust::keyring::Keyring;
use crate::trust::outcome::SignatureCode;

impl Bundle {
    /// Judges the bundle as a signature or attestation of `subject`. `Verified` says that the digest was signed as an
    /// image, not yet under which name.
    pub(in crate::trust) fn judge(&self, keyring: &Keyring<'_>, subject: &Manifest) -> Judgement {
        if self.material() == Material::Certificate {
            let reason = BundleError::Certificate.to_string();
            return Judgement::refused(SignatureCode::CertificateUnsupported, reason);
        }
        let judgement = match &self.content {
            Content::Envelope(envelope) => judge_envelope(envelope, keyring, subject.digest()),
            Content::Message { digest, signature } => {
                judge_message(digest.as_deref(), signature, keyring, subject)
            }
        };
        self.with_log_note(judgement)
    }

    fn with_log_note(&self, mut judgement: Judgement) -> Judgement {
        if self.log_entries() > 0 && judgement.code == SignatureCode::Verified {
            let note =
                format!("{} log entries were not needed and not checked", self.log_entries());
            judgement.detail.get_or_insert(note.into());
        }
        judgement
    }
}

fn judge_envelope(envelope: &Envelope, keyring: &Keyring<'_>, subject: Digest) -> Judgement {
    if let Err(judgement) = attestation::check_type(envelope) {
        return judgement;
    }
    let message = envelope.signed_bytes();
    match keyring.signer(Hashing::Sha256OrMatched, &message, &envelope.signature) {
        Ok(key) => {
            let voucher = key.fingerprint().into();
            judge_statement(&envelope.payload, voucher, Wrapping::Bundle, &subject)
        }
        Err(failure) => {
            attestation::unverified(&envelope.payload, Wrapping::Bundle, failure.into())
        }
    }
}

fn judge_message(
    hint: Option<&[u8]>,
    signature: &[u8],
    keyring: &Keyring<'_>,
    subject: &Manifest,
) -> Judgement {
    let key = match keyring.signer(Hashing::Sha256OrMatched, subject.bytes(), signature) {
        Ok(key) => key.fingerprint(),
        Err(failure) => return failure.into(),
    };
    if hint.is_some_and(|hint| hint != subject.digest().as_bytes()) {
        return Judgement::by(key, SignatureCode::DigestMismatch, None);
    }
    Judgement::by(key, SignatureCode::Verified, None)
}
