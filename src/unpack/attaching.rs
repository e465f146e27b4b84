//! Pushing what is attached: manifests under their tags, referrers into the lists that clients keep.

use super::error::UnpackError;
use super::merging::{self, is_list};
use super::push::under_way::Push;
use super::refused_attachment::RefusedAttachment;
use crate::archive::catalogue::CatalogueAttachment;
use crate::inventory::Found;
use crate::oci::{Digest, Manifest};
use crate::registry::{ListEntry, ListRoom, RemoteRepository};
use crate::report::unpack::AttachmentOutcome;
use std::collections::BTreeMap;

/// What became of the attachments of one image that are not all where they should be.
#[derive(Debug, Default)]
pub(super) struct AttachedThere {
    /// The registry does not take them.
    pub(super) refused: Vec<RefusedAttachment>,
    /// Numbers of those that no list has room for.
    pub(super) unlisted: Vec<usize>,
}

impl Push<'_> {
    /// Everything attached to image `number`.
    pub(super) async fn attachments(&self, number: usize) -> Result<AttachedThere, UnpackError> {
        let image = &self.verified.catalogue().images()[number];
        let repository = self.planned.plan.images()[number].repository;
        let standings = &self.planned.standings[number].attachments;
        let outcomes = &self.survey.attachments[number];
        let mut lists: BTreeMap<Digest, Vec<(usize, ListEntry)>> = BTreeMap::new();
        let mut refused = Vec::new();
        for (place, attachment) in image.attachments().iter().enumerate() {
            if !outcomes[place].is_sent() && outcomes[place] != AttachmentOutcome::Rehomed {
                continue;
            }
            let manifest = match self.attachment(number, place, attachment).await {
                Ok(Some(manifest)) => manifest,
                Ok(None) => continue,
                Err(error) => {
                    refused.push(self.refused(repository, (place, attachment), error)?);
                    continue;
                }
            };
            let room = match standings[place].verification.is_verified() {
                true => ListRoom::Verified,
                false => ListRoom::Unverified,
            };
            let list = lists.entry(attachment.subject).or_default();
            list.push((place, ListEntry::of(&manifest, room)));
        }
        let mut unlisted = Vec::new();
        for (subject, entries) in lists {
            let (places, entries): (Vec<usize>, Vec<ListEntry>) = entries.into_iter().unzip();
            let remote = &self.repositories[repository];
            let full = match remote.add_referrers_to_fallback_tag(&subject, &entries).await {
                Ok(full) => full,
                Err(error) => {
                    let numbered = |place: &usize| (*place, &image.attachments()[*place]);
                    let listed: Vec<_> = places.iter().map(numbered).collect();
                    refused.extend(self.list_refused(repository, &listed, error.into())?);
                    continue;
                }
            };
            let left = places.iter().zip(&entries).filter(|(_, e)| full.contains(&e.digest()));
            unlisted.extend(left.map(|(place, _)| *place));
        }
        Ok(AttachedThere { refused, unlisted })
    }

    /// One attachment. Gives its manifest where it has to be listed by whoever pushes it.
    async fn attachment(
        &self,
        number: usize,
        place: usize,
        attachment: &CatalogueAttachment,
    ) -> Result<Option<Manifest>, UnpackError> {
        let repository = self.planned.plan.images()[number].repository;
        let standing = self.planned.standings[number].attachments[place];
        let outcome = self.survey.attachments[number][place];
        let mut records = self.verified.catalogue().attached(attachment);
        let Some(own) = records.next_back() else { return Ok(None) };
        for child in records {
            self.manifest(repository, child, false).await?;
        }
        let carried = self.verified.carried(number, own, standing)?;
        let remote = &self.repositories[repository];
        match &attachment.found {
            Found::Tag(tag) => {
                match outcome {
                    AttachmentOutcome::Merged { .. } => {
                        merge(remote, tag, carried.added(), carried.published()).await?
                    }
                    // Somebody may have signed since the target was asked.
                    AttachmentOutcome::Published | AttachmentOutcome::Trimmed
                        if standing.verification.is_verified() && is_list(tag) =>
                    {
                        merge(remote, tag, carried.added(), carried.published()).await?
                    }
                    // Its tag names something else.
                    AttachmentOutcome::Rehomed => {
                        remote.push_manifest(None, &carried.whole).await.map(drop)?
                    }
                    _ => remote.push_manifest(Some(tag), carried.published()).await.map(drop)?,
                }
                Ok(None)
            }
            Found::Referrer => {
                let pushed = remote.push_manifest(None, &carried.whole).await?;
                Ok((!pushed.subject_understood).then_some(carried.whole))
            }
        }
    }
}

/// Adds `added` to what the tag names by now, see [`merging::to_be_named`].
pub(super) async fn merge(
    remote: &RemoteRepository,
    tag: &str,
    added: &Manifest,
    alone: &Manifest,
) -> Result<(), UnpackError> {
    let there = remote.manifest_by_tag(tag).await?;
    if let Some(manifest) = merging::to_be_named(tag, there.as_ref(), added, alone) {
        remote.push_manifest(Some(tag), &manifest).await?;
    }
    Ok(())
}
