//! Everything that is attached to an image: cosign's tags and OCI 1.1 referrers, at the root, at every child, and at
//! attachments themselves. A lookup that fails is an error, never "none".

use super::origin::{Origin, OriginError};
use super::{AttachmentErrors, PackError, SignatureRule};
use crate::inventory::{AttachmentKind, Found, Lookup};
use crate::oci::source::read_blob;
use crate::oci::{Descriptor, Digest, Manifest, Meaning, Reference, media_type};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::{HashMap, HashSet};

/// Lookups of one image in flight.
const IN_FLIGHT: usize = 8;
/// Attachments of attachments: a signature of an SBOM is two levels; a chain longer than this is no honest one.
const MAX_DEPTH: usize = 8;
/// More attachments than any real image has.
const MAX_ATTACHMENTS: usize = 10_000;
/// Layers up to this size are kept in memory for verification; signatures have a few hundred bytes to a few KiB.
const KEPT_LAYER: u64 = 256 << 10;

/// Everything attached to one image.
pub struct Attachments {
    /// Subjects before what is attached to them.
    pub found: Vec<Attachment>,
    /// How the search ended.
    pub lookup: Lookup,
}

/// One attachment.
pub struct Attachment {
    /// For summaries.
    pub kind: AttachmentKind,
    /// How it was found.
    pub how: Found,
    /// What it is attached to.
    pub subject: Digest,
    /// Its manifests, children before their index; the attachment itself is last.
    pub manifests: Vec<Manifest>,
    /// Small layers of signatures, by digest.
    pub layers: HashMap<Digest, Bytes>,
}

impl Attachment {
    /// The attachment's own manifest.
    ///
    /// # Panics
    /// Never: an attachment is not made without one.
    pub fn manifest(&self) -> &Manifest {
        let [.., own] = self.manifests.as_slice() else {
            unreachable!("an attachment has a manifest")
        };
        own
    }
}

/// Where to look, and for whom.
pub struct Search<'a> {
    /// The image, for messages.
    pub image: &'a Reference,
    /// Where.
    pub origin: &'a Origin,
    /// Its name in a layout directory.
    pub layout_name: Option<&'a str>,
}

/// Why a lookup failed.
enum Failed {
    Lookup(Digest, OriginError),
    Other(PackError),
}

impl Search<'_> {
    /// Finds everything attached to `subjects`, recursively.
    ///
    /// # Errors
    /// A lookup that fails, unless `errors` lets it pass; a chain or a number of attachments beyond every real one.
    pub async fn all(
        &self,
        subjects: &[Digest],
        rule: SignatureRule,
        errors: AttachmentErrors,
    ) -> Result<Attachments, PackError> {
        let mut attachments = Attachments { found: Vec::new(), lookup: Lookup::Complete };
        if rule == SignatureRule::None {
            attachments.lookup = Lookup::Skipped;
            return Ok(attachments);
        }
        let mut seen: HashSet<(Digest, Digest)> = HashSet::new();
        let mut looked: HashSet<Digest> = HashSet::new();
        let mut level: Vec<Digest> = subjects.to_vec();
        for _ in 0..MAX_DEPTH {
            level.retain(|subject| looked.insert(*subject));
            let found: Vec<Result<Vec<Attachment>, Failed>> = stream::iter(level)
                .map(|subject| self.attached_to(subject))
                .buffered(IN_FLIGHT)
                .collect()
                .await;
            level = Vec::new();
            for result in found {
                match result {
                    Ok(list) => {
                        for attachment in list {
                            let own = attachment.manifest().digest();
                            if seen.insert((attachment.subject, own)) {
                                level.push(own);
                                attachments.found.push(attachment);
                            }
                        }
                    }
                    Err(Failed::Lookup(..)) if errors == AttachmentErrors::Warn => {
                        attachments.lookup = Lookup::Incomplete;
                    }
                    Err(Failed::Lookup(subject, error)) => {
                        let what = format!("cannot tell what is attached to {subject}");
                        return Err(error.of(self.image, what));
                    }
                    Err(Failed::Other(error)) => return Err(error),
                }
            }
            if attachments.found.len() > MAX_ATTACHMENTS {
                return Err(PackError::Usage(format!(
                    "{} has more than {MAX_ATTACHMENTS} attachments",
                    self.image
                )));
            }
            if level.is_empty() {
                return Ok(attachments);
            }
        }
        Err(PackError::Usage(format!(
            "attachments of {} are nested deeper than {MAX_DEPTH}",
            self.image
        )))
    }

    /// Attachments of one manifest, tags first, in a fixed order.
    async fn attached_to(&self, subject: Digest) -> Result<Vec<Attachment>, Failed> {
        let failed = |error| Failed::Lookup(subject, error);
        let tag = |suffix: &str| format!("sha256-{}.{suffix}", subject.hex());
        let tags = [tag("sig"), tag("att"), tag("sbom")];
        let at = |tag| self.origin.manifest_by_tag(tag, self.layout_name);
        let (signature, attestation, sbom, referrers) = futures_util::future::join4(
            at(&tags[0]),
            at(&tags[1]),
            at(&tags[2]),
            self.origin.referrers(&subject),
        )
        .await;
        let kinds = [AttachmentKind::Signature, AttachmentKind::Attestation, AttachmentKind::Sbom];
        let mut found = Vec::new();
        for ((tag, kind), manifest) in
            tags.into_iter().zip(kinds).zip([signature, attestation, sbom])
        {
            // A registry that answers the subject itself for such a tag has no attachment there.
            if let Some(manifest) = manifest.map_err(failed)?.filter(|m| m.digest() != subject) {
                found.push(self.complete(kind, Found::Tag(tag), subject, manifest).await?);
            }
        }
        let mut referrers = referrers.map_err(failed)?;
        referrers.sort_by_key(|referrer| referrer.digest);
        for referrer in referrers {
            let manifest = self.origin.manifest(&referrer).await.map_err(failed)?;
            let manifest = manifest.ok_or_else(|| {
                Failed::Other(PackError::Missing {
                    image: Box::new(self.image.clone()),
                    what: format!(
                        "{}, listed as attached to {subject}, does not exist",
                        referrer.digest
                    ),
                    trouble: crate::oci::source::Trouble::Network,
                })
            })?;
            // Lists are hints: what does not name this subject is not attached to it.
            if manifest.subject().is_none_or(|named| named.digest != subject) {
                continue;
            }
            let already = |a: &Attachment| a.manifest().digest() == manifest.digest();
            if !found.iter().any(already) {
                let kind = kind_of(&manifest);
                found.push(self.complete(kind, Found::Referrer, subject, manifest).await?);
            }
        }
        Ok(found)
    }

    /// Fetches what an attachment consists of: manifests below it, small layers of signatures.
    async fn complete(
        &self,
        kind: AttachmentKind,
        how: Found,
        subject: Digest,
        manifest: Manifest,
    ) -> Result<Attachment, Failed> {
        let failed = |error| Failed::Lookup(subject, error);
        let mut manifests = Vec::new();
        for child in manifest.children() {
            let fetched = self.origin.manifest(child).await.map_err(failed)?;
            let child = fetched.filter(|m| m.children().is_empty()).ok_or_else(|| {
                Failed::Other(PackError::Missing {
                    image: Box::new(self.image.clone()),
                    what: format!(
                        "{}, part of an attachment, does not exist or is an index",
                        child.digest
                    ),
                    trouble: crate::oci::source::Trouble::Network,
                })
            })?;
            manifests.push(child);
        }
        let wanted: Vec<&Descriptor> =
            signature_layers(&manifest).filter(|layer| layer.size <= KEPT_LAYER).collect();
        let layers = stream::iter(wanted)
            .map(|layer| async move {
                let content = read_blob(self.origin, layer, KEPT_LAYER).await;
                content.map(|content| (layer.digest, content))
            })
            .buffered(IN_FLIGHT)
            .try_collect()
            .await
            .map_err(|source| {
                let what = format!("cannot read a signature attached to {subject}");
                Failed::Other(PackError::Source {
                    image: Box::new(self.image.clone()),
                    what,
                    source,
                })
            })?;
        manifests.push(manifest);
        Ok(Attachment { kind, how, subject, manifests, layers })
    }
}

/// Layers that verification reads.
pub fn signature_layers(manifest: &Manifest) -> impl Iterator<Item = &Descriptor> {
    let layers = match manifest.meaning() {
        Meaning::Image(image) => image.layers.as_slice(),
        Meaning::Index(_) => &[],
    };
    layers.iter().filter(|layer| {
        layer.media_type == media_type::SIMPLE_SIGNING
            || layer.media_type == media_type::DSSE
            || layer.media_type.starts_with(media_type::SIGSTORE_BUNDLE_PREFIX)
    })
}

/// What a referrer is, by its own words. For summaries only.
fn kind_of(manifest: &Manifest) -> AttachmentKind {
    const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
    let artifact_type = manifest.effective_artifact_type().unwrap_or_default();
    let annotation = |key: &str| manifest.annotations().get(key).map(String::as_str);
    if artifact_type.starts_with(media_type::SIGSTORE_BUNDLE_PREFIX) {
        let message = annotation("dev.sigstore.bundle.content") == Some("message-signature");
        return match annotation("dev.sigstore.bundle.predicateType") {
            Some(predicate) if predicate != COSIGN_SIGN && !message => AttachmentKind::Attestation,
            _ => AttachmentKind::Signature,
        };
    }
    let has = |words: &[&str]| words.iter().any(|word| artifact_type.contains(word));
    if matches!(artifact_type, media_type::COSIGN_SIG_CONFIG | media_type::NOTATION) {
        AttachmentKind::Signature
    } else if has(&["spdx", "cyclonedx", "syft"]) {
        AttachmentKind::Sbom
    } else if has(&["in-toto", "dsse", "attestation"]) {
        AttachmentKind::Attestation
    } else {
        AttachmentKind::Artifact
    }
}
