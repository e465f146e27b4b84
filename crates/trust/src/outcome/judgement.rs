//! What the check of one signature comes to, in every form.

use super::SignatureCode;
use super::signer::{Proof, Signer};
use crate::identity::IdentityError;
use crate::keys::Fingerprint;
use crate::keys::keyring::Unverified;

/// The outcome of one check: a code, who signed if anybody trusted did, and what people may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) code: SignatureCode,
    pub(crate) signer: Option<Signer>,
    pub(crate) proof: Box<Proof>,
    /// Type of the statement's predicate, where there is a statement.
    pub(crate) predicate_type: Option<Box<str>>,
    /// Name of the anchor that it was checked under.
    pub(crate) anchor: Option<Box<str>>,
    pub(crate) detail: Option<Box<str>>,
}

/// A trusted signer, and what proves it. Says nothing yet of what was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Voucher {
    pub(crate) signer: Signer,
    pub(crate) proof: Proof,
}

impl From<Signer> for Voucher {
    fn from(signer: Signer) -> Self {
        Self { signer, proof: Proof::default() }
    }
}

impl From<Fingerprint> for Voucher {
    fn from(key: Fingerprint) -> Self {
        Signer::Key(key).into()
    }
}

impl Judgement {
    /// An outcome without a trusted signer; `detail` must be bounded.
    pub(crate) fn refused(code: SignatureCode, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into().into_boxed_str()), ..Self::bare(code) }
    }

    /// An outcome that its code alone explains.
    pub(crate) fn bare(code: SignatureCode) -> Self {
        Self {
            code,
            signer: None,
            proof: Box::default(),
            predicate_type: None,
            anchor: None,
            detail: None,
        }
    }

    /// An outcome of content that a trusted signer did sign.
    pub(crate) fn by(
        voucher: impl Into<Voucher>,
        code: SignatureCode,
        detail: Option<String>,
    ) -> Self {
        let Voucher { signer, mut proof } = voucher.into();
        let note = proof.note.take();
        let (signer, detail) = (Some(signer), detail.or(note).map(String::into_boxed_str));
        Self { signer, proof: Box::new(proof), detail, ..Self::bare(code) }
    }

    pub(crate) fn with_predicate(mut self, predicate_type: &str) -> Self {
        self.predicate_type = Some(crate::reading::text::bounded(predicate_type).into());
        self
    }

    /// The outcome of content that a trusted signer signed under another name.
    pub(crate) fn of_another_name(mut self, error: &IdentityError) -> Self {
        self.proof.signed_name = error.signed_name().map(String::into_boxed_str);
        self
    }

    /// The one of two outcomes, under two anchors, that says more of the signature.
    pub(crate) fn or_better(self, other: Self) -> Self {
        if other.code.telling() > self.code.telling() { other } else { self }
    }
}

impl From<Unverified> for Judgement {
    fn from(failure: Unverified) -> Self {
        Self::bare(match failure {
            Unverified::NoKey => SignatureCode::NoKey,
            Unverified::Malformed => SignatureCode::SignatureInvalid,
            Unverified::OtherKey => SignatureCode::SignatureWrongKey,
        })
    }
}
