//! Looks at everything attached to an image and makes a finding of each.

use super::attestation::{self, Opened, Wrapping};
use super::bundle::Held;
use super::candidate;
use super::evidence::{AtomicSignature, Attached, Evidence, ImageUnderTest};
use super::examination_memory;
use super::requirement::{Examined, Forms, Rule, SignedBy};
use super::runtimes;
use super::simple_signing::{self, Claim, SignedPayload};
use crate::openpgp::{AtomicClaim, MAX_MESSAGE};
use crate::outcome::SignatureCode;
use crate::outcome::finding::Found;
use crate::outcome::finding::{Form, SignatureFinding};
use crate::outcome::judgement::Judgement;
use crate::reading::text::{bounded, explain};
use crate::sigstore_bundle::{Bundle, BundleError, MAX_BUNDLE};
use bundle_oci::manifest::Image;
use bundle_oci::{Descriptor, Digest, Manifest, Meaning, media_type};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Judges the attachments of one image.
pub(crate) struct Examination<'a> {
    pub(crate) image: &'a ImageUnderTest<'a>,
    pub(crate) rule: &'a Rule<'a>,
    pub(crate) evidence: &'a dyn Evidence,
    /// Signatures that name no repository count for this image.
    pub(crate) name_bound: bool,
}

impl Examination<'_> {
    /// Findings in the order of the attachments and their layers.
    pub(crate) fn findings(&self) -> Vec<Examined> {
        let attached = self.image.attached.iter().flat_map(|attached| self.attachment(attached));
        attached.chain(self.image.atomic.iter().map(|signature| self.atomic(signature))).collect()
    }

    /// A GPG signature that is kept outside manifests.
    fn atomic(&self, signature: &AtomicSignature) -> Examined {
        let AtomicSignature { subject, name, blob } = signature;
        let found = Found::Atomic(bounded(name));
        let blank = SignatureFinding::blank(*subject, blob.digest, Form::Atomic, found);
        if let Err(judgement) = self.manifest(*subject, "what it signs") {
            return blank.set(judgement).unmet();
        }
        let message = match read(self.evidence, blob, MAX_MESSAGE as u64) {
            Ok(message) => message,
            Err(judgement) => return blank.set(judgement).unmet(),
        };
        self.by_requirements(blank, |signed_by| {
            let source = signed_by.source.unwrap_or(self.image.source);
            let claim = AtomicClaim { subject: *subject, source, rule: signed_by.identity };
            candidate::first_verified(&signed_by.candidates, |candidate| {
                candidate.judge_atomic(&message, &claim)
            })
        })
    }

    fn attachment(&self, attached: &Attached) -> Vec<Examined> {
        let holder = self.manifest(attached.manifest.digest, "the attachment");
        let for_runtimes = holder.as_ref().is_ok_and(|holder| runtimes::reach(attached, holder));
        let mut examined = self.held(attached, holder, for_runtimes);
        let broken = is_signature_tag(&attached.found) && !for_runtimes;
        examined.iter_mut().for_each(|one| one.broken = broken);
        examined
    }

    /// What the manifest `holder` holds.
    fn held(
        &self,
        attached: &Attached,
        holder: Result<Manifest, Judgement>,
        for_runtimes: bool,
    ) -> Vec<Examined> {
        let found = bounded_found(&attached.found);
        let digest = attached.manifest.digest;
        let blank = SignatureFinding::blank(attached.subject, digest, Form::Other, found);
        let blank = SignatureFinding { for_runtimes, ..blank };
        let holder = match holder {
            Ok(holder) => holder,
            Err(judgement) => return vec![blank.set(judgement).unmet()],
        };
        let subject = match self.manifest(attached.subject, "what it is attached to") {
            Ok(subject) => subject,
            Err(judgement) => return vec![blank.set(judgement).unmet()],
        };
        match holder.meaning() {
            Meaning::Index(_) if is_signature_tag(&attached.found) => {
                let detail = "an index holds no signatures";
                let judgement = Judgement::refused(SignatureCode::ManifestMalformed, detail);
                vec![blank.set(judgement).unmet()]
            }
            Meaning::Index(_) => vec![blank.unmet()],
            Meaning::Image(image) => self.layers(image, &subject, &blank),
        }
    }

    /// Judges a signature by every requirement that signatures can meet. Where one is met the finding tells of that;
    /// else it tells what comes nearest.
    fn by_requirements(
        &self,
        blank: SignatureFinding,
        judge: impl Fn(&SignedBy<'_>) -> Judgement,
    ) -> Examined {
        let mut best: Option<Judgement> = None;
        let mut meets = BTreeSet::new();
        for (number, signed_by) in self.rule.signed_by() {
            let mut judgement = judge(signed_by);
            if judgement.code == SignatureCode::Verified {
                if signed_by.forms.include(&blank, &judgement) {
                    meets.insert(number);
                } else {
                    judgement.code = SignatureCode::FormNotInPolicy;
                }
            }
            best = Some(match best {
                Some(best) => best.or_better(judgement),
                None => judgement,
            });
        }
        let best = best.unwrap_or_else(|| Judgement::bare(SignatureCode::NoKey));
        let certified = best.proof.certified;
        Examined { certified, meets, ..blank.set(best).unmet() }
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
    fn layers(&self, image: &Image, subject: &Manifest, blank: &SignatureFinding) -> Vec<Examined> {
        if image.layers.iter().all(|layer| form_of(layer) == Form::Other) {
            return vec![blank.clone().unmet()];
        }
        if image.layers.len() > simple_signing::MAX_LAYERS {
            let judgement = Judgement::bare(SignatureCode::TooManyLayers);
            return vec![blank.clone().set(judgement).unmet()];
        }
        // What several layers hold is read and hashed once, so one digest follows the other.
        let mut layers: Vec<(usize, &Descriptor)> = image.layers.iter().enumerate().collect();
        layers.sort_by_key(|(_, layer)| (layer.digest, layer.size));
        let alike = |(_, one): &(usize, &Descriptor), (_, other): &(usize, &Descriptor)| {
            (one.digest, one.size, form_of(one)) == (other.digest, other.size, form_of(other))
        };
        let mut examined = Vec::with_capacity(layers.len());
        for same in layers.chunk_by(alike) {
            let (_, layer) = same[0];
            let form = form_of(layer);
            let blanks = || {
                same.iter().map(|(position, layer)| {
                    let (layer_of, position) = (Some(layer.digest), *position);
                    let blank =
                        SignatureFinding { layer: layer_of, position, form, ..blank.clone() };
                    (*layer, blank)
                })
            };
            let _room = examination_memory::take(layer.size.min(attestation::MAX_ENVELOPE));
            let judged: Result<Vec<Examined>, Judgement> = match form {
                Form::SimpleSigning => self.simple(layer, blanks(), subject),
                Form::Bundle if image.layers.len() != 1 => {
                    let detail = "a manifest with a Sigstore bundle has no other layers";
                    Err(Judgement::refused(SignatureCode::ManifestMalformed, detail))
                }
                Form::Bundle => self.bundle(layer, blanks(), subject),
                Form::Envelope => self.envelope(layer, blanks(), subject),
                Form::Atomic | Form::Other => Ok(blanks().map(|(_, one)| one.unmet()).collect()),
            };
            examined.extend(judged.unwrap_or_else(|judgement| {
                blanks().map(|(_, one)| one.set(judgement.clone()).unmet()).collect()
            }));
        }
        examined.sort_by_key(|one| one.finding.position);
        examined
    }

    /// Findings of layers that hold the same payload; an error that holds of all of them.
    fn simple<'l>(
        &self,
        held: &Descriptor,
        blanks: impl Iterator<Item = (&'l Descriptor, SignatureFinding)>,
        subject: &Manifest,
    ) -> Result<Vec<Examined>, Judgement> {
        let payload = read(self.evidence, held, simple_signing::MAX_PAYLOAD)?;
        let payload = SignedPayload::new(&payload);
        let examine = |(layer, blank): (&Descriptor, SignatureFinding)| {
            self.by_requirements(blank, |signed_by| {
                let source = signed_by.source.unwrap_or(self.image.source);
                let (subject, rule) = (subject.digest(), signed_by.identity);
                let claim = Claim { subject, source, rule, forms: signed_by.forms };
                simple_signing::judge_layer(layer, &payload, &signed_by.candidates, &claim)
            })
        };
        Ok(blanks.map(examine).collect())
    }

    fn bundle<'l>(
        &self,
        held: &Descriptor,
        blanks: impl Iterator<Item = (&'l Descriptor, SignatureFinding)>,
        subject: &Manifest,
    ) -> Result<Vec<Examined>, Judgement> {
        let bytes = read(self.evidence, held, MAX_BUNDLE)?;
        let bundle = Bundle::parse(&bytes).map_err(|error| refused_bundle(&error))?;
        let held = Held::new(&bundle, subject);
        let examine = |(_, blank): (&Descriptor, SignatureFinding)| {
            self.by_requirements(blank, |signed_by| {
                let candidates = &signed_by.candidates;
                let mut judgement = candidate::first_verified(candidates, |candidate| {
                    candidate.judge_bundle(&held)
                });
                let named = self.name_bound || signed_by.forms == Forms::RuntimeOnly;
                if judgement.code == SignatureCode::Verified && !named {
                    judgement.code = SignatureCode::NameUnbound;
                }
                judgement
            })
        };
        Ok(blanks.map(examine).collect())
    }

    fn envelope<'l>(
        &self,
        held: &Descriptor,
        blanks: impl Iterator<Item = (&'l Descriptor, SignatureFinding)>,
        subject: &Manifest,
    ) -> Result<Vec<Examined>, Judgement> {
        let bytes = read(self.evidence, held, attestation::MAX_ENVELOPE)?;
        let opened = Opened::new(Cow::Owned(attestation::read_envelope(&bytes)?));
        let examine = |(layer, blank): (&Descriptor, SignatureFinding)| {
            self.by_requirements(blank, |signed_by| {
                let judgement = candidate::first_verified(&signed_by.candidates, |candidate| {
                    let voucher = candidate.vouch_envelope(layer, &opened, subject)?;
                    Ok(opened.judge_statement(voucher, Wrapping::Bare, &subject.digest()))
                });
                match judgement.signer {
                    Some(_) => judgement,
                    None => opened.unverified(Wrapping::Bare, judgement),
                }
            })
        };
        Ok(blanks.map(examine).collect())
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
pub(crate) fn read(
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
        Found::Atomic(name) => Found::Atomic(bounded(name)),
    }
}
