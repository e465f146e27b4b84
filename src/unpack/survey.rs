//! Surveying: what the target has already, before anything is sent.

use super::error::UnpackError;
use super::kept_signatures::KeptSignatures;
use super::layout::there::read_there;
use super::merging::{self, OnExistingAttachment};
use super::plan::{Plan, Planned, PlannedBlob};
use super::rehoming::Rehomed;
use super::signatures::SurveyedSignature;
use crate::inventory::Found;
use crate::oci::layout::LayoutDirectory;
use crate::oci::{Descriptor, Digest, Manifest};
use crate::registry::{Client, Presence, RemoteRepository};
use crate::report::unpack::{AttachmentOutcome, RehomedOutcome, TagChange};
use crate::trust::signature_tag;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// Questions asked at the same time.
const IN_FLIGHT: usize = 16;
/// Blobs that are asked for in repositories without tags, to tell a push that was interrupted from a first one. Pushing
/// keeps to the plan's order with a few blobs in flight, so what it left has some of the first among it. Asking for
/// every blob of a fresh target costs 5 % of the whole push (measured).
const SAMPLE: usize = 8;
/// What blobs are called where only digest and size count.
pub(super) const OCTETS: &str = "application/octet-stream";

/// What the target has already.
#[derive(Debug)]
pub struct Survey {
    pub(super) tags: Vec<TagChange>,
    pub(super) attachments: Vec<Vec<AttachmentOutcome>>,
    pub(super) presence: Vec<Presence>,
    /// GPG signatures, by image.
    pub(super) signatures: Vec<Vec<SurveyedSignature>>,
    /// Signatures that are moved where runtimes look, in the plan's order.
    pub(super) rehomed: Vec<RehomedOutcome>,
    /// Signatures at the target that stay.
    pub(super) kept: Vec<KeptSignatures>,
}

impl Survey {
    /// Notes what is published and not listed: numbers of images and of their attachments.
    pub(super) fn mark_unlisted(&mut self, unlisted: &[(usize, usize)]) {
        for (image, attachment) in unlisted {
            self.attachments[*image][*attachment] = AttachmentOutcome::NotListed;
        }
    }
}

impl Planned {
    /// Asks a registry what is there: tags, attachments, a few blobs of each repository. Changes nothing.
    ///
    /// # Errors
    /// The registry's.
    pub async fn survey(
        &self,
        client: &Client,
        on_existing: OnExistingAttachment,
    ) -> Result<Survey, UnpackError> {
        let plan = &self.plan;
        let repositories: Vec<RemoteRepository> =
            plan.repositories().iter().map(|name| client.repository(name)).collect();
        let (repositories, plan) = (&repositories, plan);
        let tags = stream::iter(0..plan.images().len())
            .map(|number| async move {
                let image = &plan.images()[number];
                let Some(tag) = image.source.tag() else { return Ok(TagChange::ByDigest) };
                let now = repositories[image.repository].manifest_digest(tag).await?;
                Ok::<_, UnpackError>(tag_change(now, image.digest))
            })
            .buffered(IN_FLIGHT)
            .try_collect();
        let kept = Mutex::default();
        let note = &kept;
        let attachments = stream::iter(0..plan.images().len())
            .map(|number| async move {
                let repository = &repositories[plan.images()[number].repository];
                let ask = |tag: String| async move {
                    Ok::<_, UnpackError>(repository.manifest_by_tag(&tag).await?)
                };
                self.attachments(number, on_existing, ask, note).await
            })
            .buffered(IN_FLIGHT)
            .try_collect::<Vec<_>>();
        let rehomings = self.rehomed.iter().as_slice();
        let rehomed = stream::iter(0..rehomings.len())
            .map(|number| async move {
                let rehomed = &rehomings[number];
                let repository = &repositories[rehomed.repository];
                let there = repository.manifest_by_tag(&rehomed.tag).await?;
                Ok::<_, UnpackError>(self.rehomed_outcome(rehomed, there, on_existing, note))
            })
            .buffered(IN_FLIGHT)
            .try_collect::<Vec<_>>();
        let signatures = stream::iter(0..plan.images().len())
            .map(|number| {
                self.survey_signatures(number, &repositories[plan.images()[number].repository])
            })
            .buffered(IN_FLIGHT)
            .try_collect();
        let presence = presence(plan, repositories);
        let (tags, mut attachments, rehomed, signatures, presence) =
            tokio::try_join!(tags, attachments, rehomed, signatures, presence)?;
        let mut kept = kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        for one in &mut kept {
            one.is_whole = one.look_into(&repositories[one.repository]).await;
        }
        let filled = (0..plan.images().len())
            .filter(|number| presence[plan.images()[*number].repository] == Presence::CheckFirst);
        let listed: Vec<(usize, Vec<bool>)> = stream::iter(filled)
            .map(|number| async move {
                let repository = &repositories[plan.images()[number].repository];
                Ok::<_, UnpackError>((number, self.referrers_there(number, repository).await?))
            })
            .buffered(IN_FLIGHT)
            .try_collect()
            .await?;
        for (number, there) in listed {
            for (outcome, there) in attachments[number].iter_mut().zip(there) {
                if there {
                    *outcome = AttachmentOutcome::AlreadyThere;
                }
            }
        }
        Ok(Survey { tags, attachments, presence, signatures, rehomed, kept })
    }

    /// For each attachment of image `number`, whether it is a referrer that the repository has and lists.
    async fn referrers_there(
        &self,
        number: usize,
        repository: &RemoteRepository,
    ) -> Result<Vec<bool>, UnpackError> {
        let catalogue = self.verified.catalogue();
        let mut lists: HashMap<Digest, HashSet<Digest>> = HashMap::new();
        let mut there = Vec::new();
        for attachment in catalogue.images()[number].attachments() {
            let own = catalogue.attached(attachment).next_back();
            let (Found::Referrer, Some(own)) = (&attachment.found, own) else {
                there.push(false);
                continue;
            };
            let listed = match lists.entry(attachment.subject) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    // Where that cannot be told, they are pushed: which shows what is wrong.
                    let listed = repository.referrers(&attachment.subject).await;
                    let listed = listed.map(|listed| listed.descriptors).unwrap_or_default();
                    new.insert(listed.iter().map(|entry| entry.digest).collect())
                }
            };
            // A list may outlive what it names.
            there.push(
                listed.contains(&own.digest)
                    && repository.manifest_digest(&own.digest.to_string()).await?
                        == Some(own.digest),
            );
        }
        Ok(there)
    }

    /// The same for a layout directory; one that is not there yet has nothing.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn survey_layout(
        &self,
        layout: Option<&LayoutDirectory>,
        on_existing: OnExistingAttachment,
    ) -> Result<Survey, UnpackError> {
        let tagged = |name: &str| layout.and_then(|layout| layout.tagged(name));
        let images = self.plan.images();
        let now = |image: &super::PlannedImage| {
            let now = tagged(&image.target).map(|entry| entry.digest);
            tag_change(now, image.digest)
        };
        let tags = images.iter().map(now).collect();
        let kept = Mutex::default();
        let mut attachments = Vec::with_capacity(images.len());
        for (number, image) in images.iter().enumerate() {
            let repository = image.source.repository();
            let ask = |tag: String| async move {
                let name = format!("{repository}:{tag}");
                let Some((layout, entry)) = layout.zip(tagged(&name)) else { return Ok(None) };
                read_there(layout, &entry).await
            };
            attachments.push(self.attachments(number, on_existing, ask, &kept).await?);
        }
        let mut rehomed = Vec::with_capacity(self.rehomed.iter().len());
        for one in self.rehomed.iter() {
            let repository = &self.plan.sources()[one.repository];
            let there = match layout.zip(tagged(&format!("{repository}:{}", one.tag))) {
                Some((layout, entry)) => read_there(layout, &entry).await?,
                None => None,
            };
            rehomed.push(self.rehomed_outcome(one, there, on_existing, &kept));
        }
        let presence = vec![Presence::Unknown; self.plan.repositories().len()];
        let signatures = self.unpublished_signatures();
        let kept = kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Survey { tags, attachments, presence, signatures, rehomed, kept })
    }

    /// What becomes of the attachments of image `number`. Only tags can be in the way.
    async fn attachments<F>(
        &self,
        number: usize,
        on_existing: OnExistingAttachment,
        existing: impl Fn(String) -> F,
        kept: &Mutex<Vec<KeptSignatures>>,
    ) -> Result<Vec<AttachmentOutcome>, UnpackError>
    where
        F: Future<Output = Result<Option<Manifest>, UnpackError>>,
    {
        let catalogue = self.verified.catalogue();
        let mut outcomes = Vec::new();
        let attached = catalogue.images()[number].attachments().iter();
        for (attachment, standing) in attached.zip(&self.standings[number].attachments) {
            if let Some(decided) = merging::decided(*standing) {
                outcomes.push(decided);
                continue;
            }
            let own = catalogue.attached(attachment).next_back();
            let (Found::Tag(tag), Some(own)) = (&attachment.found, own) else {
                outcomes.push(AttachmentOutcome::Published);
                continue;
            };
            let place = self.plan.images()[number].repository;
            if self.rehomed.takes(place, attachment.subject, tag) {
                outcomes.push(AttachmentOutcome::Rehomed);
                continue;
            }
            let there = existing(tag.clone()).await?;
            let is_whole = |there: &Manifest| there.digest() == own.digest;
            if !standing.only_vouched && there.as_ref().is_some_and(is_whole) {
                outcomes.push(AttachmentOutcome::AlreadyThere);
                continue;
            }
            let carried = self.verified.carried(number, own, *standing)?;
            let outcome = merging::outcome(*standing, on_existing, tag, there.as_ref(), &carried);
            if let (Some(there), true) = (there, *tag == signature_tag(&attachment.subject)) {
                let joined = match outcome {
                    AttachmentOutcome::Merged { .. } => {
                        merging::merged(tag, &there, carried.added())
                    }
                    _ => None,
                };
                let stays = joined.is_some()
                    || matches!(
                        outcome,
                        AttachmentOutcome::Kept { .. }
                            | AttachmentOutcome::NotPublished { existing: Some(_), .. }
                    );
                if stays {
                    note(kept, KeptSignatures::new(place, attachment.subject, there, joined));
                }
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// What becomes of signatures that are moved where runtimes look, given what is under their tag.
    fn rehomed_outcome(
        &self,
        rehomed: &Rehomed,
        there: Option<Manifest>,
        on_existing: OnExistingAttachment,
        kept: &Mutex<Vec<KeptSignatures>>,
    ) -> RehomedOutcome {
        let Some(there) = there else { return RehomedOutcome::Published };
        let existing = there.digest();
        if existing == rehomed.manifest.digest() {
            return RehomedOutcome::AlreadyThere;
        }
        // What the bundle carries itself holds nobody else's.
        if on_existing == OnExistingAttachment::Replace || rehomed.displaced == Some(existing) {
            return RehomedOutcome::Replaced { existing };
        }
        let joined = merging::merged(&rehomed.tag, &there, &rehomed.manifest);
        let outcome = match (merging::holds_all(&there, &rehomed.manifest), &joined) {
            (true, _) => RehomedOutcome::Kept { existing },
            (false, Some(_)) => RehomedOutcome::Merged { existing },
            (false, None) => RehomedOutcome::NotRehomed { existing },
        };
        let joined = joined.filter(|_| matches!(outcome, RehomedOutcome::Merged { .. }));
        note(kept, KeptSignatures::new(rehomed.repository, rehomed.subject, there, joined));
        outcome
    }
}

fn note(kept: &Mutex<Vec<KeptSignatures>>, one: KeptSignatures) {
    kept.lock().unwrap_or_else(PoisonError::into_inner).push(one);
}

fn tag_change(now: Option<Digest>, wanted: Digest) -> TagChange {
    match now {
        None => TagChange::Created,
        Some(now) if now == wanted => TagChange::Unchanged,
        Some(from) => TagChange::Moved { from },
    }
}

/// What each repository may have of the plan's blobs. One that has tags was filled before, and is asked for each blob;
/// the others can only hold what an interrupted push left, and that push was of this plan.
async fn presence(
    plan: &Plan,
    repositories: &[RemoteRepository],
) -> Result<Vec<Presence>, UnpackError> {
    let empty: Vec<bool> = stream::iter(repositories)
        .map(RemoteRepository::is_empty)
        .buffered(IN_FLIGHT)
        .collect()
        .await;
    let in_empty = |blob: &PlannedBlob| {
        let first = blob.repositories.iter().copied().find(|number| empty[*number])?;
        Some((first, Descriptor::new(OCTETS, blob.digest, blob.size)))
    };
    let interrupted = stream::iter(plan.blobs().iter().filter_map(in_empty).take(SAMPLE))
        .map(|(number, blob)| async move { repositories[number].blob_exists(&blob).await })
        .buffered(SAMPLE)
        .try_fold(false, |any, there| async move { Ok(any || there) })
        .await?;
    let presence =
        |empty| if empty && !interrupted { Presence::Unknown } else { Presence::CheckFirst };
    Ok(empty.into_iter().map(presence).collect())
}
