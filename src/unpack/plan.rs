//! Planning: what goes where, decided before anything is sent.

pub(super) mod destinations;

pub use destinations::{Plan, PlannedBlob, PlannedImage};

use super::disguise::{Asked, Disguises};
use super::error::UnpackError;
use super::rehoming::{self, Rehomings};
use super::standing::{AttachmentChoice, ImageStanding, published};
use super::target::{Target, published_as};
use super::verify::{Addressed, Verified};
use crate::oci::reference::is_attachment_tag;
use crate::oci::source::BlobSource;
use crate::oci::text::bounded;
use crate::oci::{Digest, Reference, Repository};
use std::collections::HashMap;
use std::sync::Arc;

/// A verified archive and where it goes.
#[derive(Debug)]
pub struct Planned {
    pub(super) verified: Verified,
    pub(super) plan: Plan,
    pub(super) rehomed: Rehomings,
    /// What is attached to each image, and what may be published of it.
    pub(super) standings: Vec<ImageStanding>,
    pub(super) disguises: Arc<Disguises>,
}

impl Planned {
    /// What will be published where.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where blobs are read to be sent.
    pub(super) fn source(&self) -> Arc<dyn BlobSource> {
        let (source, disguises) = (self.verified.archive().clone(), self.disguises.clone());
        Arc::new(Asked { source, disguises })
    }

    /// What was verified.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }
}

impl Addressed {
    /// Decides where everything goes. Nothing is contacted.
    ///
    /// # Errors
    /// [`UnpackError::Naming`] when a source has no name at the target or two have the same one,
    /// [`UnpackError::Collision`] when a tag would name two images, [`UnpackError::ReservedTag`];
    /// [`UnpackError::Archive`] when a manifest is no longer what it was.
    pub fn plan(self) -> Result<Planned, UnpackError> {
        self.plan_with(AttachmentChoice::All)
    }

    /// The same, with these attachments.
    ///
    /// # Errors
    /// Those of [`Addressed::plan`].
    pub fn plan_with(self, attachments: AttachmentChoice) -> Result<Planned, UnpackError> {
        let Self { verified, target } = self;
        let Named { repositories, sources, images } = name_images(&verified, &target)?;
        let standings = verified.standings(attachments);
        let blobs = place_blobs(&verified, &images, &standings);
        let plan = Plan { target, repositories, sources, images, blobs };
        let rehomed = rehoming::plan(&verified, &plan)?;
        let disguises = Disguises::of(&verified, &standings);
        Ok(Planned { plan, verified, rehomed, standings, disguises })
    }
}

/// Images with their names, and the repositories that they need.
struct Named {
    repositories: Vec<Repository>,
    sources: Vec<Repository>,
    images: Vec<PlannedImage>,
}

/// Gives every image its repository and name.
fn name_images(verified: &Verified, target: &Target) -> Result<Named, UnpackError> {
    let all = verified.images().map(|(entry, ..)| entry.source.repository());
    let names = target.repositories(all)?;
    let mut numbers: HashMap<&Repository, usize> = HashMap::new();
    let (mut repositories, mut sources) = (Vec::new(), Vec::new());
    let mut tags: HashMap<(usize, &str), (Digest, &Reference)> = HashMap::new();
    let mut images = Vec::new();
    for (entry, ..) in verified.images() {
        let repository = &names[entry.source.repository()];
        let number = *numbers.entry(repository).or_insert_with(|| {
            repositories.push(repository.clone());
            sources.push(entry.source.repository().clone());
            repositories.len() - 1
        });
        if let Some(tag) = entry.source.tag() {
            if is_attachment_tag(tag) {
                return Err(UnpackError::ReservedTag(entry.source.clone()));
            }
            let (digest, first) =
                tags.entry((number, tag)).or_insert_with(|| (entry.digest, &entry.source));
            if *digest != entry.digest {
                return Err(UnpackError::Collision {
                    first: bounded(&first.to_string()),
                    second: bounded(&entry.source.to_string()),
                    target: bounded(&format!("{repository}:{tag}")),
                });
            }
        }
        images.push(PlannedImage {
            source: entry.source.clone(),
            digest: entry.digest,
            repository: number,
            target: published_as(repository, &entry.source, target),
        });
    }
    Ok(Named { repositories, sources, images })
}

/// Every blob once, with the repositories that need it.
fn place_blobs(
    verified: &Verified,
    images: &[PlannedImage],
    standings: &[ImageStanding],
) -> Vec<PlannedBlob> {
    let (archive, catalogue) = (verified.archive(), verified.catalogue());
    let attached = catalogue.images().iter().zip(standings);
    let mut by_repository: Vec<_> = images.iter().zip(attached).collect();
    by_repository.sort_by_key(|(planned, _)| planned.repository);
    let mut blobs: HashMap<Digest, PlannedBlob> = HashMap::new();
    for (planned, (image, standing)) in by_repository {
        for manifest in published(verified, image, standing) {
            for blob in catalogue.blobs_of(archive, manifest) {
                let known = blobs.entry(blob.digest).or_insert_with(|| PlannedBlob {
                    digest: blob.digest,
                    size: blob.size,
                    repositories: Vec::new(),
                });
                if known.repositories.last() != Some(&planned.repository) {
                    known.repositories.push(planned.repository);
                }
            }
        }
    }
    let mut blobs: Vec<PlannedBlob> = blobs.into_values().collect();
    blobs.sort_unstable_by(|a, b| b.size.cmp(&a.size).then(a.digest.cmp(&b.digest)));
    blobs
}
