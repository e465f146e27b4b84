//! Bundles judged by keys alone. No log is demanded here, so log entries and timestamps are no evidence and are not
//! looked at.

use super::{Bundle, BundleError, Content, Material};
use crate::oci::{Digest, Manifest};
use crate::trust::crypto::Hashing;
use crate::trust::dsse::{Envelope, IN_TOTO};
use crate::trust::judgement::Judgement;
use crate::trust::keyring::{Keyring, Unverified};
use crate::trust::statement::{COSIGN_SIGNATURE, Statement};
use crate::trust::text::bounded;
use crate::trust::verdict::SignatureCode;

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
            judgement.detail.get_or_insert(note);
        }
        judgement
    }
}

fn judge_envelope(envelope: &Envelope, keyring: &Keyring<'_>, subject: Digest) -> Judgement {
    if envelope.payload_type != IN_TOTO {
        let detail = bounded(&envelope.payload_type);
        return Judgement::refused(SignatureCode::PayloadTypeUnsupported, detail);
    }
    let key = match keyring.signer(
        Hashing::Sha256OrMatched,
        &envelope.signed_bytes(),
        &envelope.signature,
    ) {
        Ok(key) => key.fingerprint(),
        Err(failure) => return unverified(envelope, failure),
    };
    let statement = match Statement::parse(&envelope.payload) {
        Ok(statement) => statement,
        Err(error) => {
            return Judgement::by(
                key,
                SignatureCode::PayloadMalformed,
                Some(bounded(&error.to_string())),
            );
        }
    };
    if !statement.names(&subject) {
        return Judgement::by(key, SignatureCode::DigestMismatch, None);
    }
    if statement.predicate_type != COSIGN_SIGNATURE {
        return Judgement::by(
            key,
            SignatureCode::Attestation,
            Some(bounded(&statement.predicate_type)),
        );
    }
    Judgement::by(key, SignatureCode::Verified, None)
}

/// Names what could not be verified: the unverified predicate type serves the report, and can only make less of it.
fn unverified(envelope: &Envelope, failure: Unverified) -> Judgement {
    match Statement::parse(&envelope.payload) {
        Ok(statement) if statement.predicate_type != COSIGN_SIGNATURE => Judgement::refused(
            SignatureCode::Attestation,
            format!("{}, not verified by any trusted key", bounded(&statement.predicate_type)),
        ),
        _ => failure.into(),
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
