//! What a signed statement is worth: an image signature, an attestation, or nothing.
//!
//! A statement comes in a Sigstore bundle, or bare in an envelope (cosign's `.att` tags). Only the former can be an image
//! signature; what a bare envelope says is an attestation at best.

use crate::formats::dsse::{Envelope, EnvelopeError, IN_TOTO};
use crate::formats::statement::{COSIGN_SIGNATURE, Statement};
use crate::keys::message::Message;
use crate::outcome::SignatureCode;
use crate::outcome::judgement::{Judgement, Voucher};
use crate::reading::fields::{ShapeError, document};
use crate::reading::text::bounded;
use bundle_oci::Digest;
use std::borrow::Cow;
use std::cell::OnceCell;

/// Largest bare envelope read. SBOMs of large images reach some MiB; larger ones are carried unread.
pub(crate) const MAX_ENVELOPE: u64 = 16 << 20;

/// In what a statement came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapping {
    /// In a Sigstore bundle.
    Bundle,
    /// Bare, as in cosign's `.att`.
    Bare,
}

/// Reads the layer of an `.att` manifest.
pub(crate) fn read_envelope(bytes: &[u8]) -> Result<Envelope, Judgement> {
    let malformed = |error: &dyn std::error::Error| {
        Judgement::refused(SignatureCode::PayloadMalformed, bounded(&error.to_string()))
    };
    let value = document("the envelope", bytes).map_err(|error| malformed(&error))?;
    let envelope = Envelope::read(&value).map_err(|error| match error {
        EnvelopeError::Shape(shape) => malformed(&shape),
        EnvelopeError::SignatureCount(count) => {
            let detail = format!("{count} signatures");
            Judgement::refused(SignatureCode::SignatureCount, detail)
        }
    })?;
    check_type(&envelope)?;
    Ok(envelope)
}

/// Only in-toto statements are understood.
pub(crate) fn check_type(envelope: &Envelope) -> Result<(), Judgement> {
    if envelope.payload_type == IN_TOTO {
        return Ok(());
    }
    let detail = bounded(&envelope.payload_type);
    Err(Judgement::refused(SignatureCode::PayloadTypeUnsupported, detail))
}

/// An envelope whose signed bytes and statement are made once, however many may have signed it.
pub(crate) struct Opened<'a> {
    envelope: Cow<'a, Envelope>,
    message: OnceCell<Message<'static>>,
    statement: OnceCell<Result<Statement, ShapeError>>,
}

impl<'a> Opened<'a> {
    pub(crate) fn new(envelope: Cow<'a, Envelope>) -> Self {
        Self { envelope, message: OnceCell::new(), statement: OnceCell::new() }
    }

    pub(crate) fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What its signature is over.
    pub(crate) fn message(&self) -> &Message<'static> {
        self.message.get_or_init(|| Message::new(self.envelope.signed_bytes()))
    }

    fn statement(&self) -> Result<&Statement, &ShapeError> {
        self.statement.get_or_init(|| Statement::parse(&self.envelope.payload)).as_ref()
    }

    /// Judges the statement when a trusted signer signed the envelope.
    pub(crate) fn judge_statement(
        &self,
        voucher: Voucher,
        wrapping: Wrapping,
        subject: &Digest,
    ) -> Judgement {
        let statement = match self.statement() {
            Ok(statement) => statement,
            Err(error) => {
                let detail = Some(bounded(&error.to_string()));
                return Judgement::by(voucher, SignatureCode::PayloadMalformed, detail);
            }
        };
        let code = if !statement.names(subject) {
            SignatureCode::DigestMismatch
        } else if statement.predicate_type == COSIGN_SIGNATURE && wrapping == Wrapping::Bundle {
            SignatureCode::Verified
        } else {
            SignatureCode::AttestationVerified
        };
        Judgement::by(voucher, code, None).with_predicate(&statement.predicate_type)
    }

    /// Names what could not be verified: the unverified predicate type serves the report, and can only make less of it.
    pub(crate) fn unverified(&self, wrapping: Wrapping, failure: Judgement) -> Judgement {
        match self.statement() {
            Ok(statement)
                if statement.predicate_type != COSIGN_SIGNATURE || wrapping == Wrapping::Bare =>
            {
                let why = failure.detail.as_deref().unwrap_or_else(|| failure.code.meaning());
                let detail = bounded(&format!("{}: {why}", failure.code));
                Judgement::refused(SignatureCode::Attestation, detail)
                    .with_predicate(&statement.predicate_type)
            }
            _ => failure,
        }
    }
}
