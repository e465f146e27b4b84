//! Cosign's simple signing, as in `.sig` manifests: one layer for each signature, the signature in an annotation
//! (docs/spec/verification.md §4). The order of the steps matters: nothing is parsed before its signature verified.

use super::candidate::{self, Candidate};
use super::requirement::Forms;
use crate::anchors::Anchors;
use crate::formats::payload::Payload;
use crate::identity::IdentityRule;
use crate::keys::message::Message;
use crate::outcome::SignatureCode;
use crate::outcome::judgement::{Judgement, Voucher};
use crate::outcome::signer::Signer;
use crate::reading::fields::ShapeError;
use crate::reading::text::bounded;
use crate::vouched::Signed;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::{Descriptor, Digest, Reference, media_type};
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// Annotation that holds the base64 of the signature over the layer's bytes.
pub const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";
/// Largest payload read. Real ones have a few hundred bytes.
pub const MAX_PAYLOAD: u64 = 4 << 20;
/// Most layers of a signature manifest: each costs a public-key operation for each key.
pub const MAX_LAYERS: usize = 1000;

/// What a simple signature is checked against.
pub(crate) struct Claim<'a> {
    /// Digest of the raw bytes of the manifest that will be pushed.
    pub(crate) subject: Digest,
    /// Where the image comes from.
    pub(crate) source: &'a Reference,
    /// How the signed name must relate to it.
    pub(crate) rule: &'a IdentityRule,
    /// Whose reading of the layer counts.
    pub(crate) forms: Forms,
}

/// The payload of simple signatures, hashed and read once for all layers that hold it and all who may have signed it.
pub(crate) struct SignedPayload<'a> {
    message: Message<'a>,
    read: OnceCell<Result<Payload, ShapeError>>,
}

impl<'a> SignedPayload<'a> {
    /// `payload` are the bytes of a layer, size and digest checked already.
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        Self { message: Message::new(payload), read: OnceCell::new() }
    }

    /// What it states. Only for a payload that a trusted signer signed.
    fn read(&self) -> Result<&Payload, &ShapeError> {
        self.read.get_or_init(|| Payload::parse(self.message.bytes())).as_ref()
    }
}

/// Judges one layer of simple-signing type under every candidate in turn, until one verifies. A candidate that is a key
/// looks at no certificate (docs/spec/verification.md §4.9).
pub(crate) fn judge_layer(
    layer: &Descriptor,
    payload: &SignedPayload<'_>,
    candidates: &[Candidate<'_>],
    claim: &Claim<'_>,
) -> Judgement {
    let Some(annotation) = layer.annotation(SIGNATURE_ANNOTATION) else {
        return Judgement::bare(SignatureCode::SignatureMissing);
    };
    let Some(signature) = decode(annotation) else {
        return Judgement::refused(SignatureCode::SignatureInvalid, "the annotation is not base64");
    };
    let annotations = claim.forms.annotations(layer);
    let message = &payload.message;
    let signed = Signed { annotations, payload: message.bytes(), signature: &signature };
    candidate::first_verified(candidates, |candidate| {
        let voucher = candidate.vouch_simple(&signed, message)?;
        Ok(judge_payload(payload, voucher, claim))
    })
}

/// A simple signature that stands alone, without the manifest that would hold it.
#[derive(Debug, Clone, Copy)]
pub struct Detached<'a> {
    /// What was signed.
    pub payload: &'a [u8],
    /// The annotations that its layer would have: the signature, a log entry, a certificate.
    pub annotations: &'a BTreeMap<String, String>,
}

/// A signature that does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct DetachedError {
    /// The stable code.
    pub code: SignatureCode,
    /// More for people; bounded, but not escaped for a terminal.
    pub detail: Option<String>,
}

impl std::fmt::Display for DetachedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.code.meaning())?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(f, "; {detail}"))
    }
}

/// Judges one signature as the whole verifier would: it must be by somebody whom `anchors` trust for `source`, over the
/// manifest with the digest `subject`, under a name that `identity` accepts for `source`.
///
/// # Errors
/// [`DetachedError`] with the code that a finding would have.
pub fn judge_detached(
    signature: Detached<'_>,
    anchors: &Anchors,
    (subject, source, identity): (Digest, &Reference, &IdentityRule),
) -> Result<Signer, DetachedError> {
    let Detached { payload, annotations } = signature;
    if payload.len() as u64 > MAX_PAYLOAD {
        let detail = Some(format!("{} bytes, {MAX_PAYLOAD} are read", payload.len()));
        return Err(DetachedError { code: SignatureCode::TooLarge, detail });
    }
    let mut layer = Descriptor::of(media_type::SIMPLE_SIGNING, payload);
    layer.annotations.clone_from(annotations);
    let trusted = anchors.alternatives_for(&source.with_digest(subject));
    let claim = Claim { subject, source, rule: identity, forms: Forms::All };
    let judgement = judge_layer(&layer, &SignedPayload::new(payload), &trusted.candidates, &claim);
    match judgement {
        Judgement { code: SignatureCode::Verified, signer: Some(signer), .. } => Ok(signer),
        Judgement { code, detail, .. } => {
            Err(DetachedError { code, detail: detail.map(String::from) })
        }
    }
}

/// What a payload is worth that a trusted signer signed.
fn judge_payload(payload: &SignedPayload<'_>, voucher: Voucher, claim: &Claim<'_>) -> Judgement {
    let payload = match payload.read() {
        Ok(payload) => payload,
        Err(error) => {
            let detail = Some(bounded(&error.to_string()));
            return Judgement::by(voucher, SignatureCode::PayloadMalformed, detail);
        }
    };
    if payload.manifest_digest != claim.subject {
        let detail = format!("it is for {}", payload.manifest_digest);
        return Judgement::by(voucher, SignatureCode::DigestMismatch, Some(detail));
    }
    match claim.rule.check(&payload.docker_reference, claim.source) {
        Ok(()) => Judgement::by(voucher, SignatureCode::Verified, None),
        Err(error) => {
            let detail = Some(error.to_string());
            Judgement::by(voucher, SignatureCode::IdentityMismatch, detail).of_another_name(&error)
        }
    }
}

/// Strict base64, but for the line breaks that some signers put in.
fn decode(annotation: &str) -> Option<Vec<u8>> {
    let joined: String = annotation.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    STANDARD.decode(joined).ok().filter(|bytes| !bytes.is_empty())
}
