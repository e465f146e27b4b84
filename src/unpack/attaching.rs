//! Pushing what is attached: manifests under their tags, referrers into the lists that clients keep.

use super::error::UnpackError;
use super::merging;
use super::push::Push;
use crate::archive::catalogue::CatalogueAttachment;
use crate::inventory::Found;
use crate::oci::{Digest, Manifest};
use crate::registry::{ListEntry, ListRoom, RemoteRepository};
use crate::report::unpack::AttachmentOutcome;
use std::collections::BTreeMap;

impl Push<'_> {
    /// Everything attached to image `number`. Gives the numbers of the attachments that no list has room for.
    pub(super) async fn attachments(&self, number: usize) -> Result<Vec<usize>, UnpackError> {
        let image = &self.verified.catalogue().images()[number];
        let repository = self.planned.plan.images()[number].repository;
        let standings = &self.planned.standings[number].attachments;
        let outcomes = &self.survey.attachments[number];
        let mut lists: BTreeMap<Digest, Vec<(usize, ListEntry)>> = BTreeMap::new();
        for (place, attachment) in image.attachments().iter().enumerate() {
            if !outcomes[place].is_sent() {
                continue;
            }
            let Some(manifest) = self.attachment(repository, attachment, outcomes[place]).await?
            else {
                continue;
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
            let full = remote.add_referrers_to_fallback_tag(&subject, &entries).await?;
            let left = places.iter().zip(&entries).filter(|(_, e)| full.contains(&e.digest()));
            unlisted.extend(left.map(|(place, _)| *place));
        }
        Ok(unlisted)
    }

    /// One attachment. Gives its manifest where it has to be listed by whoever pushes it.
    async fn attachment(
        &self,
        repository: usize,
        attachment: &CatalogueAttachment,
        outcome: AttachmentOutcome,
    ) -> Result<Option<Manifest>, UnpackError> {
        let mut records = self.verified.catalogue().attached(attachment);
        let Some(own) = records.next_back() else { return Ok(None) };
        for child in records {
            self.manifest(repository, child).await?;
        }
        let manifest = self.read(own)?;
        let remote = &self.repositories[repository];
        match &attachment.found {
            Found::Tag(tag) => {
                if matches!(outcome, AttachmentOutcome::Merged { .. }) {
                    merge(remote, tag, &manifest).await?;
                } else {
                    remote.push_manifest(Some(tag), &manifest).await?;
                }
                Ok(None)
            }
            Found::Referrer => {
                let pushed = remote.push_manifest(None, &manifest).await?;
                Ok((!pushed.subject_understood).then_some(manifest))
            }
        }
    }
}

/// Adds what is carried to what the tag names by now.
async fn merge(
    remote: &RemoteRepository,
    tag: &str,
    carried: &Manifest,
) -> Result<(), UnpackError> {
    let merged = match remote.manifest_by_tag(tag).await? {
        Some(there) if merging::holds_all(&there, carried) => return Ok(()),
        Some(there) => merging::merged(tag, &there, carried),
        None => None,
    };
    remote.push_manifest(Some(tag), merged.as_ref().unwrap_or(carried)).await?;
    Ok(())
}
