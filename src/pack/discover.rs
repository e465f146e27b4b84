//! Everything that is attached to an image: cosign's tags and OCI 1.1 referrers, at the root, at every child, and at
//! attachments themselves; and GPG signatures, which lie beside manifests ([`atomic`]). A lookup that fails is an error,
//! never "none".

pub(super) mod atomic;
mod found;

pub(super) use found::{Attachment, Attachments, FoundSignature};

use super::held::Share;
use super::origin::{Origin, OriginError};
use super::{AttachmentErrors, PackError, SignatureRule};
use crate::inventory::{AttachmentKind, Found, Lookup};
use crate::oci::source::{Trouble, read_blob};
use crate::oci::{Descriptor, Digest, Manifest, Meaning, Reference, media_type};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::HashSet;

/// Lookups of one image in flight.
const IN_FLIGHT: usize = 8;
/// Attachments of attachments, and indexes in attached ones: a signature of an SBOM is two levels; a chain longer than
/// this is no honest one.
const MAX_DEPTH: usize = 8;
/// More attachments than any real image has.
const MAX_ATTACHMENTS: usize = 10_000;
/// Layers up to this size are kept in memory for verification; signatures have a few hundred bytes to a few KiB.
const KEPT_LAYER: u64 = 256 << 10;

/// Where to look, and for whom.
pub(super) struct Search<'a> {
    /// The image, for messages.
    pub(super) image: &'a Reference,
    /// Where.
    pub(super) origin: &'a Origin,
    /// Its name in a layout directory.
    pub(super) layout_name: Option<&'a str>,
    /// What is held for it.
    pub(super) held: &'a Share<'a>,
}

/// What one manifest has attached to it, as far as it can be told.
struct Looked {
    errors: AttachmentErrors,
    found: Vec<Attachment>,
    failures: Vec<PackError>,
}

impl Looked {
    /// Adds the outcome of one lookup. One that failed ends the search, or is remembered: what the others find is
    /// carried all the same.
    fn add(&mut self, lookup: Result<Option<Attachment>, PackError>) -> Result<(), PackError> {
        match lookup {
            Ok(Some(attachment)) => self.found.push(attachment),
            Ok(None) => {}
            Err(error) if self.errors == AttachmentErrors::Warn => self.failures.push(error),
            Err(error) => return Err(PackError::Attachment(error.into())),
        }
        Ok(())
    }

    fn has(&self, digest: Digest) -> bool {
        self.found.iter().any(|attachment| attachment.manifest().digest() == digest)
    }
}

impl Search<'_> {
    /// Finds everything attached to `subjects`, recursively.
    ///
    /// # Errors
    /// A lookup that fails, unless `errors` lets it pass; a chain or a number of attachments beyond every real one.
    pub(super) async fn all(
        &self,
        subjects: &[Digest],
        rule: SignatureRule,
        errors: AttachmentErrors,
    ) -> Result<Attachments, PackError> {
        let (lookup, failures) = (Lookup::Complete, Vec::new());
        let mut attachments =
            Attachments { found: Vec::new(), signatures: Vec::new(), lookup, failures };
        if rule == SignatureRule::None {
            attachments.lookup = Lookup::Skipped;
            return Ok(attachments);
        }
        let mut seen: HashSet<(Digest, Digest)> = HashSet::new();
        let mut looked: HashSet<Digest> = HashSet::new();
        let mut level: Vec<Digest> = subjects.to_vec();
        for _ in 0..MAX_DEPTH {
            level.retain(|subject| looked.insert(*subject));
            let looked: Vec<Result<Looked, PackError>> = stream::iter(level)
                .map(|subject| self.attached_to(subject, errors))
                .buffered(IN_FLIGHT)
                .collect()
                .await;
            level = Vec::new();
            for looked in looked {
                let Looked { found, failures, .. } = looked?;
                for attachment in found {
                    let own = attachment.manifest().digest();
                    if seen.insert((attachment.subject, own)) {
                        level.extend(attachment.manifests.iter().rev().map(Manifest::digest));
                        attachments.found.push(attachment);
                    }
                }
                attachments.failures.extend(failures);
            }
            if !attachments.failures.is_empty() {
                attachments.lookup = Lookup::Incomplete;
            }
            if attachments.found.len() > MAX_ATTACHMENTS {
                attachments.found.truncate(MAX_ATTACHMENTS);
                let what = format!("it has more than {MAX_ATTACHMENTS} attachments");
                return self.beyond(attachments, what, errors);
            }
            if level.is_empty() {
                return Ok(attachments);
            }
        }
        let what = format!("its attachments are nested deeper than {MAX_DEPTH}");
        self.beyond(attachments, what, errors)
    }

    /// What comes of a registry that attaches more than is followed: a lookup that failed.
    fn beyond(
        &self,
        mut attachments: Attachments,
        what: String,
        errors: AttachmentErrors,
    ) -> Result<Attachments, PackError> {
        let failure = self.missing(what);
        match errors {
            AttachmentErrors::Fail => Err(PackError::Attachment(failure.into())),
            AttachmentErrors::Warn => {
                attachments.failures.push(failure);
                attachments.lookup = Lookup::Incomplete;
                Ok(attachments)
            }
        }
    }

    /// Attachments of one manifest, tags first, in a fixed order.
    async fn attached_to(
        &self,
        subject: Digest,
        errors: AttachmentErrors,
    ) -> Result<Looked, PackError> {
        let mut looked = Looked { errors, found: Vec::new(), failures: Vec::new() };
        let tagged =
            |suffix: &str| self.tagged(subject, format!("sha256-{}.{suffix}", subject.hex()));
        let (signature, attestation, sbom, referrers) = futures_util::future::join4(
            tagged("sig"),
            tagged("att"),
            tagged("sbom"),
            self.origin.referrers(&subject),
        )
        .await;
        for found in [signature, attestation, sbom] {
            looked.add(found)?;
        }
        let mut referrers = match referrers {
            Ok(referrers) => referrers,
            Err(error) => {
                looked.add(Err(self.unknown(subject, error)))?;
                Vec::new()
            }
        };
        referrers.sort_by_key(|referrer| referrer.digest);
        for referrer in referrers {
            if !looked.has(referrer.digest) {
                looked.add(self.referrer(subject, &referrer).await)?;
            }
        }
        Ok(looked)
    }

    /// What a tag of cosign's scheme points to.
    async fn tagged(&self, subject: Digest, tag: String) -> Result<Option<Attachment>, PackError> {
        let manifest = self.origin.manifest_by_tag(&tag, self.layout_name).await;
        let manifest = manifest.map_err(|error| self.unknown(subject, error))?;
        match manifest {
            // A registry that answers the subject itself for such a tag has no attachment there.
            Some(manifest) if manifest.digest() != subject => {
                self.complete(Found::Tag(tag), subject, manifest).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// What a list says is attached. Lists are hints: what does not name this subject is not attached to it.
    async fn referrer(
        &self,
        subject: Digest,
        listed: &Descriptor,
    ) -> Result<Option<Attachment>, PackError> {
        let manifest = self.origin.manifest(listed).await;
        let manifest = manifest.map_err(|error| self.unknown(subject, error))?;
        let manifest = manifest.ok_or_else(|| {
            self.missing(format!(
                "{}, listed as attached to {subject}, does not exist",
                listed.digest
            ))
        })?;
        if manifest.subject().is_none_or(|named| named.digest != subject) {
            return Ok(None);
        }
        self.complete(Found::Referrer, subject, manifest).await.map(Some)
    }

    /// Fetches what an attachment consists of: manifests below it, small layers of signatures.
    async fn complete(
        &self,
        how: Found,
        subject: Digest,
        manifest: Manifest,
    ) -> Result<Attachment, PackError> {
        self.held.add_manifest(&manifest)?;
        let mut manifests = Vec::new();
        self.below(subject, &manifest, 0, &mut manifests).await?;
        let image = manifests.iter().find(|child| AttachmentKind::of(child).is_none());
        let kind = AttachmentKind::of(&manifest).filter(|_| image.is_none());
        let Some(kind) = kind else {
            return Err(self.runnable(&how, subject, image.unwrap_or(&manifest).digest()));
        };
        let all = manifests.iter().chain([&manifest]).flat_map(signature_layers);
        let wanted: Vec<&Descriptor> = all.filter(|layer| layer.size <= KEPT_LAYER).collect();
        let sizes = wanted.iter().map(|layer| layer.size);
        self.held.add(sizes.fold(0, u64::saturating_add))?;
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
                PackError::Source { image: Box::new(self.image.clone()), what, source }
            })?;
        manifests.push(manifest);
        Ok(Attachment { kind, how, subject, manifests, layers })
    }

    /// Fetches every manifest below an attachment that is an index, children before the index that lists them.
    async fn below(
        &self,
        subject: Digest,
        index: &Manifest,
        depth: usize,
        manifests: &mut Vec<Manifest>,
    ) -> Result<(), PackError> {
        if depth > MAX_DEPTH {
            let what = format!("indexes attached to {subject} are nested deeper than {MAX_DEPTH}");
            return Err(self.missing(what));
        }
        for child in index.children() {
            if manifests.iter().any(|known| known.digest() == child.digest) {
                continue;
            }
            let fetched = self.origin.manifest(child).await;
            let fetched = fetched.map_err(|error| self.unknown(subject, error))?;
            let child = fetched.ok_or_else(|| {
                let child = child.digest;
                self.missing(format!("{child}, part of an attachment, does not exist"))
            })?;
            Box::pin(self.below(subject, &child, depth + 1, manifests)).await?;
            self.held.add_manifest(&child)?;
            manifests.push(child);
            if manifests.len() > MAX_ATTACHMENTS {
                return Err(self.missing(format!(
                    "an index attached to {subject} lists more than {MAX_ATTACHMENTS} manifests"
                )));
            }
        }
        Ok(())
    }

    fn unknown(&self, subject: Digest, error: OriginError) -> PackError {
        error.of(self.image, format!("cannot tell what is attached to {subject}"))
    }

    /// What is there would be published as if it belonged to the image, by whoever can write a tag or a subject.
    fn runnable(&self, how: &Found, subject: Digest, found: Digest) -> PackError {
        let place = match how {
            Found::Tag(tag) => format!("under the tag {tag}"),
            Found::Referrer => format!("as a referrer of {subject}"),
        };
        let image = Box::new(self.image.clone());
        PackError::RunnableAttachment { image, digest: found, place }
    }

    fn missing(&self, what: String) -> PackError {
        let (image, trouble) = (Box::new(self.image.clone()), Trouble::Network);
        PackError::Missing { image, what, trouble }
    }
}

/// Layers that verification reads.
pub(super) fn signature_layers(manifest: &Manifest) -> impl Iterator<Item = &Descriptor> {
    let layers = match manifest.meaning() {
        Meaning::Image(image) => image.layers.as_slice(),
        Meaning::Index(_) => &[],
    };
    layers.iter().filter(|layer| media_type::is_evidence(&layer.media_type))
}
