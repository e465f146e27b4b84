//! Opening: head, inventory, lengths.

use super::check::Checked;
use super::error::UnpackError;
use crate::archive::{Archive, Catalogue};
use std::path::PathBuf;
use std::sync::Arc;

/// An archive whose structure is right. Nothing in it was looked at yet.
#[derive(Debug)]
pub struct Opened {
    archive: Arc<Archive>,
}

impl Opened {
    /// Opens the archive at `path`, or the one whose volumes or their folders are named. Blocks.
    ///
    /// # Errors
    /// [`UnpackError::Archive`].
    pub fn open(paths: &[PathBuf]) -> Result<Self, UnpackError> {
        Ok(Self { archive: Arc::new(Archive::open_all(paths)?) })
    }

    /// An archive that is open already: whoever read it before goes on with the very same file.
    pub fn of(archive: Arc<Archive>) -> Self {
        Self { archive }
    }

    /// The archive.
    pub fn archive(&self) -> &Arc<Archive> {
        &self.archive
    }

    /// Reads every manifest and key and compares them with the inventory. Blocks.
    ///
    /// # Errors
    /// [`UnpackError::Catalogue`], [`UnpackError::CarriedKey`], [`UnpackError::Fingerprint`].
    pub fn check(self) -> Result<Checked, UnpackError> {
        self.archive.check_holes()?;
        let catalogue = Catalogue::read(&self.archive)?;
        Checked::new(self.archive, Arc::new(catalogue))
    }
}
