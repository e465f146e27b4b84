//! Cosign's simple signing, as in `.sig` manifests: one layer for each signature, the signature in an annotation
//! (VERIFY §1). The order of the steps matters: nothing is parsed before its signature verified.

use super::candidate::Candidate;
use super::identity::IdentityRule;
use super::judgement::{self, Judgement, Voucher};
use super::outcome::SignatureCode;
use super::payload::Payload;
use super::requirement::Forms;
use super::text::bounded;
use super::vouched::Signed;
use crate::oci::{Descriptor, Digest, Reference};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Annotation that holds the base64 of the signature over the layer's bytes.
pub const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";
/// Largest payload read. Real ones have a few hundred bytes.
pub const MAX_PAYLOAD: u64 = 4 << 20;
/// Most layers of a signature manifest: each costs a public-key operation for each key.
pub const MAX_LAYERS: usize = 1000;

/// What a simple signature is checked against.
pub(super) struct Claim<'a> {
    /// Digest of the raw bytes of the manifest that will be pushed.
    pub(super) subject: Digest,
    /// Where the image comes from.
    pub(super) source: &'a Reference,
    /// How the signed name must relate to it.
    pub(super) rule: &'a IdentityRule,
    /// Whose reading of the layer counts.
    pub(super) forms: Forms,
}

/// Judges one layer of simple-signing type under every candidate in turn, until one verifies; `payload` are its bytes,
/// size and digest checked already. A candidate that is a key looks at no certificate (VERIFY §1.12).
pub(super) fn judge_layer(
    layer: &Descriptor,
    payload: &[u8],
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
    let signed = Signed { annotations: &annotations, payload, signature: &signature };
    judgement::first_verified(candidates, |candidate| {
        let voucher = candidate.vouch_simple(&signed)?;
        Ok(judge_payload(payload, voucher, claim))
    })
}

/// What a payload is worth that a trusted signer signed.
fn judge_payload(payload: &[u8], voucher: Voucher, claim: &Claim<'_>) -> Judgement {
    let payload = match Payload::parse(payload) {
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
            Judgement::by(voucher, SignatureCode::IdentityMismatch, Some(error.to_string()))
        }
    }
}

/// Strict base64, but for the line breaks that some signers put in.
fn decode(annotation: &str) -> Option<Vec<u8>> {
    let joined: String = annotation.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    STANDARD.decode(joined).ok().filter(|bytes| !bytes.is_empty())
}
