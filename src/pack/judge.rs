//! The verifier of the enclave, run before the trip: what would be refused there is known here.

use super::error::with_causes;
use super::resolve::{Resolved, ResolvedImage};
use super::select::Selection;
use super::{PackError, SignatureRule};
use crate::inventory::{self, AttachmentKind, PackVerdict, StatedVerdict};
use crate::oci::source::read_blob;
use crate::oci::{Descriptor, Digest, Manifest, media_type};
use crate::report::pack::LeftOut;
use crate::trust::{
    self, Admission, Anchors, AtomicSignature, Attached, Evidence, EvidenceError, Found,
    ImageUnderTest, ImageVerdict, Signer, StatedAtPack, UnknownPlaces,
};
use bytes::Bytes;
use std::collections::{BTreeSet, HashMap};

/// Images with what verification found.
pub(super) struct Judged {
    /// The images.
    pub images: Vec<(ResolvedImage, PackVerdict)>,
    /// Verdicts of the images that a key covers.
    pub verdicts: Vec<ImageVerdict>,
    /// What people should know before the trip.
    pub warnings: Vec<String>,
    /// Images that could not be had.
    pub left_out: Vec<LeftOut>,
}

/// Judges every image that a key covers; counts signatures where they are required.
///
/// # Errors
/// [`PackError::Refused`] with every image that is not admitted, [`PackError::Unsigned`].
pub(super) fn judge(request: &Selection, resolved: Resolved) -> Result<Judged, PackError> {
    let sources = resolved.images.iter().map(|image| &image.source);
    let policy = request.policy.as_ref().map(|policy| policy.prepare(sources));
    let allow_unsigned = request.accept_unsigned.clone();
    let anchors = &Anchors { policy, allow_unsigned, ..request.anchors.clone() };
    let mut images = Vec::with_capacity(resolved.images.len());
    let (mut verdicts, mut refused, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for image in resolved.images {
        let rule = request.signature_rule(&image.source);
        warnings.extend(image.attachments.failures.iter().map(|error| with_causes(error)));
        if is_signed_in_bundle_form_only(&image) {
            warnings.push(format!(
                "{}: signed in bundle form only, which podman, CRI-O and skopeo cannot check under a policy",
                image.source
            ));
        }
        let signed = image.attachments.has_signature();
        // A key with a narrower scope outweighs the pattern that accepts the image, whatever is looked up.
        let accepted = anchors.may_come_unsigned(&image.source.with_digest(image.root().digest()));
        let mut found = match accepted {
            true => PackVerdict::without_signers(StatedVerdict::UnsignedAccepted),
            false => PackVerdict::unverified(),
        };
        if request.is_covered(&image.source) && rule != SignatureRule::None {
            // What this run resolved is what it vouches for: the name is bound by whoever runs it.
            let verdict = judge_image(&image, anchors, NameBinding::Bound);
            match verdict.admission() {
                // The operator accepts it, and that is what the inventory states.
                Admission::UnsignedAllowed { .. } => {}
                Admission::Refused(_) => {
                    found = PackVerdict::unverified();
                    if rule == SignatureRule::Required {
                        refused.push(verdict.clone());
                    }
                }
                _ => {
                    found = recorded(&verdict);
                    let unbound = judge_image(&image, anchors, NameBinding::Unbound);
                    if !is_by_signers(unbound.admission()) {
                        warnings.push(format!(
                            "{}: its signatures name no repository; unpack needs --expect-bundle, or \
                             --accept-unbound-names for it",
                            image.source
                        ));
                    }
                }
            }
            verdicts.push(verdict);
        } else if rule == SignatureRule::Required && !signed && !accepted {
            return Err(PackError::Unsigned(Box::new(image.source)));
        }
        images.push((image, found));
    }
    warnings.extend(trust::verdict::accepted_anything(&verdicts));
    if refused.is_empty() {
        Ok(Judged { images, verdicts, warnings, left_out: resolved.left_out })
    } else {
        Err(PackError::Refused(refused))
    }
}

/// True for grounds other than that an image may come unsigned.
fn is_by_signers(admission: &Admission) -> bool {
    !matches!(admission, Admission::Refused(_) | Admission::UnsignedAllowed { .. })
}

/// A verdict as the inventory keeps it.
fn recorded(verdict: &ImageVerdict) -> PackVerdict {
    let (mut keys, mut identities) = (Vec::new(), Vec::new());
    for signer in verdict.signers() {
        match signer {
            Signer::Certificate(_) => identities.push(signer.to_string()),
            Signer::Key(_) | Signer::OpenPgp(_) => keys.push(signer.to_string()),
        }
    }
    PackVerdict { code: verdict.admission().as_str().into(), keys, identities }
}

/// True when the container runtimes of today find nothing that they could check: no simple-signing layer under a tag,
/// where alone they look, but Sigstore bundles that are signatures.
fn is_signed_in_bundle_form_only(image: &ResolvedImage) -> bool {
    let signatures = image.attachments.found.iter().filter(|a| a.kind == AttachmentKind::Signature);
    let (mut bundle, mut simple) = (false, false);
    for signature in signatures {
        let is_tag = matches!(signature.how, inventory::Found::Tag(_));
        for layer in signature.manifest().blobs() {
            bundle |= layer.media_type.starts_with(media_type::SIGSTORE_BUNDLE_PREFIX);
            simple |= is_tag && layer.media_type == media_type::SIMPLE_SIGNING;
        }
    }
    bundle && !simple && image.attachments.signatures.is_empty()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum NameBinding {
    Bound,
    Unbound,
}

fn judge_image(image: &ResolvedImage, anchors: &Anchors, binding: NameBinding) -> ImageVerdict {
    let attached: Vec<Attached> = image
        .attachments
        .found
        .iter()
        .map(|attachment| Attached {
            subject: attachment.subject,
            manifest: attachment.manifest().descriptor(),
            found: match &attachment.how {
                inventory::Found::Tag(tag) => Found::Tag(tag.clone()),
                inventory::Found::Referrer => Found::Referrer,
            },
        })
        .collect();
    let signatures = image.attachments.signatures.iter();
    let atomic: Vec<AtomicSignature> = signatures
        .map(|signature| AtomicSignature {
            subject: signature.subject(),
            name: signature.name.to_string(),
            blob: signature.blob(),
        })
        .collect();
    let omitted: BTreeSet<Digest> = image.omitted.iter().copied().collect();
    let under_test = ImageUnderTest {
        source: &image.source,
        root: image.root().descriptor(),
        attached: &attached,
        atomic: &atomic,
        omitted: &omitted,
        name_bound: binding == NameBinding::Bound,
        stated: StatedAtPack::Nothing,
        places: &UnknownPlaces,
    };
    trust::judge(&under_test, anchors, &Fetched::new(image))
}

/// What was fetched while resolving, as evidence; configs are fetched when the verifier asks.
struct Fetched<'a> {
    image: &'a ResolvedImage,
    manifests: HashMap<Digest, &'a Manifest>,
    layers: HashMap<Digest, &'a Bytes>,
}

impl<'a> Fetched<'a> {
    fn new(image: &'a ResolvedImage) -> Self {
        let attached = image.attachments.found.iter();
        let manifests = image.manifests.iter().chain(attached.clone().flat_map(|a| &a.manifests));
        let layers = attached.flat_map(|a| &a.layers);
        let signatures = image.attachments.signatures.iter();
        Self {
            image,
            manifests: manifests.map(|m| (m.digest(), m)).collect(),
            layers: layers
                .map(|(digest, content)| (*digest, content))
                .chain(signatures.map(|one| (one.blob().digest, &one.content)))
                .collect(),
        }
    }
}

impl Evidence for Fetched<'_> {
    fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, EvidenceError> {
        Ok(self.manifests.get(digest).map(|manifest| (*manifest).clone()))
    }

    fn blob(&self, blob: &Descriptor) -> Result<Bytes, EvidenceError> {
        if let Some(content) = self.layers.get(&blob.digest) {
            return Ok((*content).clone());
        }
        let origin = self.image.origin.clone();
        let fetch =
            async move { read_blob(&origin, blob, crate::archive::limits::MAX_TRUST_BLOB).await };
        let fetched =
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(fetch));
        fetched.map_err(|error| {
            EvidenceError::caused(format!("blob {} cannot be fetched", blob.digest), error)
        })
    }
}
