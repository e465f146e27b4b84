//! Checking: the archive is a closed world, and its keys are what the inventory says.

use super::error::{UnpackError, bounded};
use super::refused::CarriedKey;
use crate::archive::{Archive, Catalogue};
use crate::inventory::KeyEntry;
use crate::trust::PublicKey;
use std::sync::Arc;

/// The only use of a key that this version knows.
const COSIGN: &str = "cosign";

/// An archive that is whole and consistent. Nobody has vouched for it yet.
#[derive(Debug)]
pub struct Checked {
    archive: Arc<Archive>,
    catalogue: Arc<Catalogue>,
    carried: Vec<CarriedKey>,
}

impl Checked {
    pub(super) fn new(
        archive: Arc<Archive>,
        catalogue: Arc<Catalogue>,
    ) -> Result<Self, UnpackError> {
        let keys = &archive.inventory().keys;
        let carried = keys
            .iter()
            .filter(|entry| entry.purpose == COSIGN)
            .map(|entry| carried_key(&archive, entry))
            .collect::<Result<_, _>>()?;
        Ok(Self { archive, catalogue, carried })
    }

    /// The archive.
    pub fn archive(&self) -> &Arc<Archive> {
        &self.archive
    }

    /// What is in it.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// The keys that travel in it; each is what the inventory says.
    pub fn carried_keys(&self) -> &[CarriedKey] {
        &self.carried
    }

    pub(super) fn into_parts(self) -> (Arc<Archive>, Arc<Catalogue>, Vec<CarriedKey>) {
        (self.archive, self.catalogue, self.carried)
    }
}

/// Reads a carried key. What counts is its content; the inventory must agree.
fn carried_key(archive: &Archive, entry: &KeyEntry) -> Result<CarriedKey, UnpackError> {
    let file = bounded(&entry.file);
    let key = match PublicKey::from_pem(archive.file(&entry.file).unwrap_or_default()) {
        Ok(key) => key,
        Err(source) => return Err(UnpackError::CarriedKey { file, source }),
    };
    let found = key.fingerprint();
    if found.to_string() != entry.fingerprint {
        let stated = bounded(&entry.fingerprint);
        return Err(UnpackError::Fingerprint { file, stated, found });
    }
    Ok(CarriedKey {
        file: entry.file.clone(),
        fingerprint: found,
        algorithm: key.algorithm().to_string(),
        scopes: entry.scopes.clone(),
        pinned: false,
        key,
    })
}
