//! Pushing into a registry, straight from the archive: blobs, then manifests and attachments, then, when everything of
//! all images is there, the tags; and then what registries keep beside tagged images, GPG signatures.
//!
//! Every byte is hashed again as it is sent. Whatever fails before the tags leaves all tags as they were.

pub(super) mod pushed;
pub(super) mod under_way;

use self::pushed::Pushed;
use self::under_way::Push;
use super::attaching::{self, AttachedThere};
use super::destination::{Destination, Transfer};
use super::error::UnpackError;
use super::merging::OnExistingAttachment;
use super::plan::Planned;
use super::refused_attachment::RefusedAttachment;
use super::rehoming::Rehomed;
use super::survey::Survey;
use crate::inventory::ImageEntry;
use crate::oci::Digest;
use crate::oci::source::Held;
use crate::registry::{Client, Presence, RegistryError};
use crate::report::unpack::RehomedOutcome;
use crate::trust::{ChildStatus, ImageVerdict};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use std::sync::Mutex;

/// Images whose manifests are pushed at the same time, for each job.
const IMAGES_PER_JOB: usize = 2;

/// One image without its tag.
struct PushedImage {
    tagged_child: Option<Digest>,
    attached: AttachedThere,
}

impl Destination for Client {
    fn survey<'a>(
        &'a self,
        planned: &'a Planned,
        on_existing: OnExistingAttachment,
    ) -> BoxFuture<'a, Result<Survey, UnpackError>> {
        planned.survey(self, on_existing).boxed()
    }

    fn fill<'a>(&'a self, transfer: Transfer<'a>) -> BoxFuture<'a, Result<Pushed, UnpackError>> {
        push(self, transfer).boxed()
    }
}

/// Pushes what was planned.
async fn push(client: &Client, transfer: Transfer<'_>) -> Result<Pushed, UnpackError> {
    let Transfer { planned, survey, stream, attachments_refused, jobs, progress, turn } = transfer;
    let images_at_once = jobs.large() * IMAGES_PER_JOB;
    let names = planned.plan.repositories().iter();
    let push = Push {
        verified: &planned.verified,
        planned,
        survey,
        repositories: names.map(|name| client.repository(name)).collect(),
        attachments_refused,
        jobs,
        progress,
        there: Mutex::default(),
    };
    let blobs = match stream {
        Some(stream) => push.passing_blobs(stream).await?,
        None => push.placed_blobs().await?,
    };
    turn.take().await?;
    progress.note("manifests and signatures");
    let images = 0..planned.plan.images().len();
    let images_pushed: Vec<PushedImage> = stream::iter(images.clone())
        .map(|number| push.image(number))
        .buffered(images_at_once)
        .try_collect()
        .await?;
    let (mut tagged_children, mut refused, mut unlisted) = (Vec::new(), Vec::new(), Vec::new());
    for (number, image) in images_pushed.into_iter().enumerate() {
        tagged_children.push(image.tagged_child);
        refused.push(image.attached.refused);
        unlisted.extend(image.attached.unlisted.into_iter().map(|place| (number, place)));
    }
    let rehomings = planned.rehomed.iter().as_slice();
    let rehomed: Vec<Option<RefusedAttachment>> = stream::iter(0..rehomings.len())
        .map(|place| push.rehome(place, &rehomings[place], survey.rehomed[place]))
        .buffered(images_at_once)
        .try_collect()
        .await?;
    let rehomed_refused = rehomed.into_iter().flatten().collect();
    progress.note("tags");
    let (push, children) = (&push, &tagged_children);
    push.tags(children, images_at_once).await?;
    // Registries take them for what is tagged only.
    stream::iter(images)
        .map(|number| push.signatures(number, children[number]))
        .buffered(images_at_once)
        .try_collect::<()>()
        .await?;
    Ok(Pushed { blobs, tagged_children, refused, rehomed_refused, unlisted })
}

impl Push<'_> {
    /// Everything of one image but its tag. Gives the manifest that has to stand for its index, where one has to, and
    /// what became of its attachments.
    async fn image(&self, number: usize) -> Result<PushedImage, UnpackError> {
        let catalogue = self.verified.catalogue();
        let (image, repository) =
            (&catalogue.images()[number], self.planned.plan.images()[number].repository);
        let entry = &self.verified.archive().inventory().images[number];
        let mut tagged_child = None;
        for record in catalogue.manifests_of(image) {
            let is_sparse = record.digest == entry.digest && !entry.omitted.is_empty();
            let refused = match self.manifest(repository, record, is_sparse).await {
                Err(UnpackError::Registry(error)) if is_sparse && wants_children(&error) => error,
                other => {
                    other?;
                    continue;
                }
            };
            let child = only_child(entry, &self.verified.verdicts()[number]);
            let image = entry.source.clone();
            let missing = UnpackError::SparseIndex { image, source: refused.into() };
            tagged_child = Some(child.ok_or(missing)?);
        }
        Ok(PushedImage { tagged_child, attached: self.attachments(number).await? })
    }

    /// Signatures where runtimes look. The blobs that they are layers of are there. Gives what the registry does not take.
    async fn rehome(
        &self,
        place: usize,
        rehomed: &Rehomed,
        outcome: RehomedOutcome,
    ) -> Result<Option<RefusedAttachment>, UnpackError> {
        let is_sent = match outcome {
            RehomedOutcome::Published
            | RehomedOutcome::Replaced { .. }
            | RehomedOutcome::Merged { .. } => true,
            RehomedOutcome::AlreadyThere
            | RehomedOutcome::Kept { .. }
            | RehomedOutcome::NotRehomed { .. }
            | RehomedOutcome::Refused => false,
        };
        if !is_sent {
            return Ok(None);
        }
        match self.send_rehomed(rehomed, outcome).await {
            Ok(()) => Ok(None),
            Err(error) => {
                let repository = self.repositories[rehomed.repository].name();
                let name = format!("{repository}:{}", rehomed.tag);
                self.refused_as(place, name, error).map(Some)
            }
        }
    }

    async fn send_rehomed(
        &self,
        rehomed: &Rehomed,
        outcome: RehomedOutcome,
    ) -> Result<(), UnpackError> {
        let remote = &self.repositories[rehomed.repository];
        let config = rehomed.config_descriptor();
        let content = Held(rehomed.config.clone());
        remote.push_blob(&config, &content, None, Presence::CheckFirst).await?;
        let (tag, manifest) = (rehomed.tag.as_str(), &rehomed.manifest);
        match outcome {
            RehomedOutcome::Replaced { .. } => {
                remote.push_manifest(Some(tag), manifest).await.map(drop)?;
            }
            // Somebody may have signed since the target was asked.
            _ => attaching::merge(remote, tag, manifest, manifest).await?,
        }
        Ok(())
    }
}

/// Answers that a registry gives to an index whose manifests it does not all have (distribution-spec §pushing
/// manifests leaves the status open; distribution answers 400, others 404 or 422).
fn wants_children(error: &RegistryError) -> bool {
    match error {
        RegistryError::NotFound { .. } => true,
        RegistryError::Refused { status, .. } => may_want_children(*status),
        _ => false,
    }
}

/// True for statuses that may be about what a manifest refers to: not for those about who pushes, its size or its type.
fn may_want_children(status: u16) -> bool {
    matches!(status, 400 | 404 | 409 | 412 | 422)
}

/// The one image that is carried of an index, when the verdict that admits the image covers it.
fn only_child(entry: &ImageEntry, verdict: &ImageVerdict) -> Option<Digest> {
    if verdict.digest() != entry.digest || !verdict.is_admitted() {
        return None;
    }
    let mut carried = verdict.children().iter().filter(|child| {
        let runs = child.platform.as_ref().is_some_and(|platform| !platform.is_unknown());
        runs && !matches!(child.status, ChildStatus::Omitted | ChildStatus::Attachment)
    });
    match (carried.next(), carried.next()) {
        (Some(child), None) => Some(child.digest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::may_want_children;

    #[test]
    fn child_replaces_its_index_only_at_statuses_about_children() {
        let wanting: Vec<u16> = (400..600).filter(|status| may_want_children(*status)).collect();
        assert_eq!(wanting, [400, 404, 409, 412, 422]);
    }
}
