//! Bundles judged by keys alone. No log is demanded here, so log entries and timestamps are no evidence and are not
//! looked at.

use super::attestation::{self, Opened, Wrapping};
use crate::keys::Hashing;
use crate::keys::keyring::Keyring;
use crate::keys::message::Message;
use crate::outcome::SignatureCode;
use crate::outcome::judgement::Judgement;
use crate::sigstore_bundle::{Bundle, BundleError, Content, Material};
use bundle_oci::Manifest;
use std::borrow::Cow;

/// A bundle held against one manifest. What was signed is hashed and read once, however many may have signed it.
pub(crate) struct Held<'a> {
    bundle: &'a Bundle,
    subject: &'a Manifest,
    opened: Option<Opened<'a>>,
    message: Message<'a>,
}

impl<'a> Held<'a> {
    pub(crate) fn new(bundle: &'a Bundle, subject: &'a Manifest) -> Self {
        let opened = match &bundle.content {
            Content::Envelope(envelope) => Some(Opened::new(Cow::Borrowed(envelope))),
            Content::Message { .. } => None,
        };
        Self { bundle, subject, opened, message: Message::new(&subject.bytes()[..]) }
    }

    pub(crate) fn bundle(&self) -> &Bundle {
        self.bundle
    }

    pub(crate) fn subject(&self) -> &Manifest {
        self.subject
    }

    /// Its envelope, where it has one.
    pub(crate) fn opened(&self) -> Option<&Opened<'a>> {
        self.opened.as_ref()
    }

    /// Judges the bundle as a signature or attestation of the manifest. `Verified` says that the digest was signed as an
    /// image, not yet under which name.
    pub(crate) fn judge(&self, keyring: &Keyring<'_>) -> Judgement {
        if self.bundle.material() == Material::Certificate {
            let reason = BundleError::Certificate.to_string();
            return Judgement::refused(SignatureCode::CertificateUnsupported, reason);
        }
        let judgement = match &self.opened {
            Some(opened) => self.judge_envelope(opened, keyring),
            None => self.judge_message(keyring),
        };
        self.with_log_note(judgement)
    }

    fn with_log_note(&self, mut judgement: Judgement) -> Judgement {
        let entries = self.bundle.log_entries();
        if entries > 0 && judgement.code == SignatureCode::Verified {
            let note = format!("{entries} log entries were not needed and not checked");
            judgement.detail.get_or_insert(note.into());
        }
        judgement
    }

    fn judge_envelope(&self, opened: &Opened<'_>, keyring: &Keyring<'_>) -> Judgement {
        let envelope = opened.envelope();
        if let Err(judgement) = attestation::check_type(envelope) {
            return judgement;
        }
        match keyring.signer(Hashing::Sha256OrMatched, opened.message(), &envelope.signature) {
            Ok(key) => {
                let voucher = key.fingerprint().into();
                opened.judge_statement(voucher, Wrapping::Bundle, &self.subject.digest())
            }
            Err(failure) => opened.unverified(Wrapping::Bundle, failure.into()),
        }
    }

    fn judge_message(&self, keyring: &Keyring<'_>) -> Judgement {
        let Content::Message { digest: hint, signature } = &self.bundle.content else {
            return Judgement::bare(SignatureCode::BundleMalformed);
        };
        let key = match keyring.signer(Hashing::Sha256OrMatched, &self.message, signature) {
            Ok(key) => key.fingerprint(),
            Err(failure) => return failure.into(),
        };
        let own = self.subject.digest();
        if hint.as_ref().is_some_and(|hint| hint != own.as_bytes()) {
            return Judgement::by(key, SignatureCode::DigestMismatch, None);
        }
        Judgement::by(key, SignatureCode::Verified, None)
    }
}
