//! Attachments as they are carried, with the part that somebody vouches for.

use super::standing::Standing;
use super::verify::Verified;
use crate::archive::ArchiveError;
use crate::archive::catalogue::ManifestRecord;
use crate::oci::manifest::MAX_VALUES;
use crate::oci::{Descriptor, Manifest, Meaning, json};
use crate::trust::simple_signing::MAX_LAYERS;
use std::collections::BTreeSet;

/// Most layers of what nobody vouches for: half of what is read, so that others can be added.
const UNVERIFIED_LAYERS: usize = MAX_LAYERS / 2;
/// Most bytes of its manifest: a quarter of what registries take.
const UNVERIFIED_MANIFEST: usize = 1 << 20;

/// An attachment as it is carried, and what of it is vouched for.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) whole: Manifest,
    /// Without the layers that nobody vouches for, where a trusted signer made others.
    vouched: Option<Manifest>,
    /// Only what is vouched for is wanted.
    only_vouched: bool,
}

impl Carried {
    /// `vouched` are the positions of the layers that trusted signers made.
    pub(super) fn new(whole: Manifest, standing: Standing, vouched: &BTreeSet<usize>) -> Self {
        let has_others = standing.unverified_layers > 0;
        let vouched = has_others.then(|| with_layers(&whole, vouched)).flatten();
        Self { whole, vouched, only_vouched: standing.only_vouched }
    }

    /// What is added to what is there: nobody's junk takes the room of others.
    pub(super) fn added(&self) -> &Manifest {
        self.vouched.as_ref().unwrap_or(&self.whole)
    }

    /// What is published where nothing is.
    pub(super) fn published(&self) -> &Manifest {
        match &self.vouched {
            Some(vouched) if self.only_vouched || !leaves_room(&self.whole) => vouched,
            _ => &self.whole,
        }
    }
}

/// A manifest with some of its layers.
fn with_layers(manifest: &Manifest, positions: &BTreeSet<usize>) -> Option<Manifest> {
    let mut document = json::parse_within(manifest.bytes(), MAX_VALUES).ok()?;
    let layers = document.get_mut("layers")?.as_array_mut()?;
    let mut position = 0;
    layers.retain(|_| {
        position += 1;
        positions.contains(&(position - 1))
    });
    Manifest::parse(document.to_string().into(), manifest.media_type()).ok()
}

impl Verified {
    /// A manifest that is attached to image `number`, and what of it is vouched for.
    ///
    /// # Errors
    /// When it is no longer what it was.
    pub(super) fn carried(
        &self,
        number: usize,
        record: &ManifestRecord,
        standing: Standing,
    ) -> Result<Carried, ArchiveError> {
        let whole = self.catalogue().read_manifest(self.archive(), record)?;
        let findings = self.verdicts()[number].signatures().iter();
        let made = findings.filter(|finding| {
            finding.manifest == record.digest && finding.code.is_by_a_trusted_signer()
        });
        let vouched = made.map(|finding| finding.position).collect();
        Ok(Carried::new(whole, standing, &vouched))
    }
}

pub(super) fn layers(manifest: &Manifest) -> Option<&[Descriptor]> {
    match manifest.meaning() {
        Meaning::Image(image) => Some(&image.layers),
        Meaning::Index(_) => None,
    }
}

pub(super) fn leaves_room(carried: &Manifest) -> bool {
    carried.bytes().len() <= UNVERIFIED_MANIFEST
        && layers(carried).is_none_or(|layers| layers.len() <= UNVERIFIED_LAYERS)
}
