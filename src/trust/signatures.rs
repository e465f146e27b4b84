//! Looks at everything attached to an image and makes a finding of each.

use super::cosign::{self, Claim};
use super::evidence::{Attached, Evidence, Found, ImageUnderTest};
use super::identity::IdentityRule;
use super::judgement::Judgement;
use super::keyring::Keyring;
use super::sigstore_bundle::{Bundle, BundleError, MAX_BUNDLE};
use super::text::{bounded, explain};
use super::verdict::{Form, SignatureCode, SignatureFinding};
use crate::oci::manifest::Image;
use crate::oci::{Descriptor, Digest, Manifest, Meaning, media_type};
use bytes::Bytes;

/// Judges the attachments of one image.
pub(super) struct Examination<'a> {
    pub(super) image: &'a ImageUnderTest<'a>,
    pub(super) keyring: &'a Keyring<'a>,
    pub(super) evidence: &'a dyn Evidence,
    /// Signatures that name no repository count for this image.
    pub(super) name_bound: bool,
}

impl Examination<'_> {
    /// Findings in the order of the attachments and their layers.
    pub(super) fn findings(&self) -> Vec<SignatureFinding> {
        self.image.attached.iter().flat_map(|attached| self.attachment(attached)).collect()
    }

    fn attachment(&self, attached: &Attached) -> Vec<SignatureFinding> {
        let blank = SignatureFinding {
            subject: attached.subject,
            manifest: attached.manifest.digest,
            layer: None,
            form: Form::Other,
            found: bounded_found(&attached.found),
            key: None,
            code: SignatureCode::NotASignature,
            detail: None,
        };
        let holder = match self.manifest(attached.manifest.digest, "the attachment") {
            Ok(holder) => holder,
            Err(judgement) => return vec![blank.set(judgement)],
        };
        let subject = match self.manifest(attached.subject, "what it is attached to") {
            Ok(subject) => subject,
            Err(judgement) => return vec![blank.set(judgement)],
        };
        match holder.meaning() {
            Meaning::Index(_) if is_signature_tag(&attached.found) => {
                vec![blank.set(Judgement::refused(
                    SignatureCode::ManifestMalformed,
                    "an index holds no signatures",
                ))]
            }
            Meaning::Index(_) => vec![blank],
            Meaning::Image(image) => self.layers(image, &subject, &blank),
        }
    }

    /// A manifest whose digest is really the one asked for.
    fn manifest(&self, digest: Digest, what: &str) -> Result<Manifest, Judgement> {
        match self.evidence.manifest(&digest) {
            Ok(Some(manifest)) if manifest.digest() == digest => Ok(manifest),
            Ok(Some(_)) => Err(Judgement::refused(SignatureCode::ContentMismatch, what)),
            Ok(None) => Err(Judgement::refused(SignatureCode::Missing, what)),
            Err(error) => Err(Judgement::refused(SignatureCode::Unreadable, explain(&error))),
        }
    }

    /// One finding for each layer that holds something known; one for the whole where none does.
    fn layers(
        &self,
        image: &Image,
        subject: &Manifest,
        blank: &SignatureFinding,
    ) -> Vec<SignatureFinding> {
        if image.layers.iter().all(|layer| form_of(layer) == Form::Other) {
            return vec![blank.clone()];
        }
        if image.layers.len() > cosign::MAX_LAYERS {
            return vec![blank.clone().set(Judgement::bare(SignatureCode::TooManyLayers))];
        }
        let judge = |layer: &Descriptor| {
            let form = form_of(layer);
            let judgement = match form {
                Form::SimpleSigning => self.simple(layer, subject),
                Form::Bundle if image.layers.len() != 1 => Judgement::refused(
                    SignatureCode::ManifestMalformed,
                    "a manifest with a Sigstore bundle has no other layers",
                ),
                Form::Bundle => self.bundle(layer, subject),
                Form::Envelope => Judgement::bare(SignatureCode::Attestation),
                Form::Other => Judgement::bare(SignatureCode::NotASignature),
            };
            SignatureFinding { layer: Some(layer.digest), form, ..blank.clone() }.set(judgement)
        };
        image.layers.iter().map(judge).collect()
    }

    fn simple(&self, layer: &Descriptor, subject: &Manifest) -> Judgement {
        let payload = match read(self.evidence, layer, cosign::MAX_PAYLOAD) {
            Ok(payload) => payload,
            Err(judgement) => return judgement,
        };
        let claim = Claim {
            subject: subject.digest(),
            source: self.image.source,
            rule: IdentityRule::MatchRepository,
        };
        cosign::judge_layer(layer, &payload, self.keyring, &claim)
    }

    fn bundle(&self, layer: &Descriptor, subject: &Manifest) -> Judgement {
        let bytes = match read(self.evidence, layer, MAX_BUNDLE) {
            Ok(bytes) => bytes,
            Err(judgement) => return judgement,
        };
        let mut judgement = match Bundle::parse(&bytes) {
            Ok(bundle) => bundle.judge(self.keyring, subject),
            Err(error) => return refused_bundle(&error),
        };
        if judgement.code == SignatureCode::Verified && !self.name_bound {
            judgement.code = SignatureCode::NameUnbound;
        }
        judgement
    }
}

fn refused_bundle(error: &BundleError) -> Judgement {
    let code = match error {
        BundleError::Shape(_) => SignatureCode::BundleMalformed,
        BundleError::SignatureCount(_) => SignatureCode::SignatureCount,
        BundleError::Version(_) => SignatureCode::BundleUnsupported,
        BundleError::Certificate => SignatureCode::CertificateUnsupported,
    };
    Judgement::refused(code, bounded(&error.to_string()))
}

/// Reads a blob that is no larger than `limit`, and believes nobody that it is the right one.
pub(super) fn read(
    evidence: &dyn Evidence,
    blob: &Descriptor,
    limit: u64,
) -> Result<Bytes, Judgement> {
    if blob.size > limit {
        let detail = format!("{} bytes, {limit} are read", blob.size);
        return Err(Judgement::refused(SignatureCode::TooLarge, detail));
    }
    let bytes = evidence
        .blob(blob)
        .map_err(|error| Judgement::refused(SignatureCode::Unreadable, explain(&error)))?;
    if bytes.len() as u64 != blob.size || Digest::of(&bytes) != blob.digest {
        let detail = format!("blob {}", blob.digest);
        return Err(Judgement::refused(SignatureCode::ContentMismatch, detail));
    }
    Ok(bytes)
}

fn form_of(layer: &Descriptor) -> Form {
    match layer.media_type.as_str() {
        media_type::SIMPLE_SIGNING => Form::SimpleSigning,
        media_type::DSSE => Form::Envelope,
        other if other.starts_with(media_type::SIGSTORE_BUNDLE_PREFIX) => Form::Bundle,
        _ => Form::Other,
    }
}

fn is_signature_tag(found: &Found) -> bool {
    matches!(found, Found::Tag(tag) if tag.ends_with(".sig"))
}

fn bounded_found(found: &Found) -> Found {
    match found {
        Found::Tag(tag) => Found::Tag(bounded(tag)),
        Found::Referrer => Found::Referrer,
    }
}
