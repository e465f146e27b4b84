//! Checking: the archive is a closed world, and its keys are what the inventory says.

use super::error::UnpackError;
use super::refused::{CarriedAuthority, CarriedKey};
use crate::archive::{Archive, Catalogue};
use crate::inventory::KeyEntry;
use crate::oci::Reference;
use crate::oci::text::bounded;
use crate::trust::openpgp::KeyringError;
use crate::trust::{KeyMaterial, KeyMaterialError, KeyUse};
use std::sync::Arc;

/// An archive that is whole and consistent. Nobody has vouched for it yet.
#[derive(Debug)]
pub struct Checked {
    archive: Arc<Archive>,
    catalogue: Arc<Catalogue>,
    carried: Vec<CarriedKey>,
    authorities: Vec<CarriedAuthority>,
    /// Every image of the bundle, with its digest.
    names: Vec<Reference>,
    /// Images that are left out.
    not_selected: Vec<Reference>,
}

/// What a checked bundle is made of.
pub(super) struct Parts {
    pub(super) archive: Arc<Archive>,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) carried: Vec<CarriedKey>,
    pub(super) authorities: Vec<CarriedAuthority>,
    pub(super) names: Vec<Reference>,
    pub(super) not_selected: Vec<Reference>,
}

impl Checked {
    pub(super) fn new(
        archive: Arc<Archive>,
        catalogue: Arc<Catalogue>,
    ) -> Result<Self, UnpackError> {
        let (mut carried, mut authorities) = (Vec::new(), Vec::new());
        for entry in &archive.inventory().keys {
            // A use that this version does not know makes it cargo like any other.
            let Ok(usage) = entry.purpose.parse::<KeyUse>() else { continue };
            let Some(material) = material(&archive, entry, usage)? else { continue };
            let (file, scopes) = (entry.file.clone(), entry.scopes.clone());
            match material {
                KeyMaterial::Cosign(key) => carried.push(CarriedKey {
                    file,
                    fingerprint: key.fingerprint(),
                    algorithm: key.algorithm().to_string(),
                    scopes,
                    pinned: false,
                    key,
                }),
                material => authorities.push(CarriedAuthority {
                    file,
                    usage,
                    fingerprint: material.fingerprint(),
                    scopes,
                    pinned: false,
                    material,
                }),
            }
        }
        let images = archive.inventory().images.iter();
        let names = images.map(|image| image.source.with_digest(image.digest)).collect();
        Ok(Self { archive, catalogue, carried, authorities, names, not_selected: Vec::new() })
    }

    /// The archive.
    pub fn archive(&self) -> &Arc<Archive> {
        &self.archive
    }

    /// What is in it.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// The keys of use `cosign` that travel in it; each is what the inventory says.
    pub fn carried_keys(&self) -> &[CarriedKey] {
        &self.carried
    }

    /// OpenPGP keys, keys of logs and trusted roots that travel in it; each is what the inventory says.
    pub fn carried_authorities(&self) -> &[CarriedAuthority] {
        &self.authorities
    }

    /// Every image of the bundle, with its digest.
    pub(super) fn names(&self) -> &[Reference] {
        &self.names
    }

    /// The same with some of the images alone; `wanted` says of each whether it stays.
    pub(super) fn with_images(self, wanted: &[bool]) -> Self {
        let is_kept = |number: usize| wanted.get(number).is_some_and(|wanted| *wanted);
        let left = self.names.iter().zip(wanted).filter(|(_, wanted)| !**wanted);
        Self {
            not_selected: left.map(|(name, _)| name.clone()).collect(),
            archive: Arc::new(self.archive.with_images(&is_kept)),
            catalogue: Arc::new(self.catalogue.with_images(&is_kept)),
            ..self
        }
    }

    pub(super) fn into_parts(self) -> Parts {
        let Self { archive, catalogue, carried, authorities, names, not_selected } = self;
        Parts { archive, catalogue, carried, authorities, names, not_selected }
    }
}

/// Reads a carried key. What counts is its content; the inventory must agree. `None` for what a program without OpenPGP
/// cannot read: there it is cargo.
fn material(
    archive: &Archive,
    entry: &KeyEntry,
    usage: KeyUse,
) -> Result<Option<KeyMaterial>, UnpackError> {
    let file = bounded(&entry.file);
    let material = match KeyMaterial::read(usage, archive.file(&entry.file).unwrap_or_default()) {
        Ok(material) => material,
        Err(KeyMaterialError::OpenPgp(KeyringError::NotBuilt)) => return Ok(None),
        Err(source) => return Err(UnpackError::CarriedKey { file, source: Box::new(source) }),
    };
    let found = material.fingerprint();
    if found.to_string() != entry.fingerprint {
        let stated = bounded(&entry.fingerprint);
        return Err(UnpackError::Fingerprint { file, stated, found });
    }
    Ok(Some(material))
}
