//! Opening: head, inventory, lengths.

use super::check::Checked;
use super::error::UnpackError;
use crate::archive::sequential::{self, BlobStream};
use crate::archive::{Archive, Catalogue};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

/// What is unpacked.
pub enum Input {
    /// An archive in files: itself, or its volumes, or folders that hold them.
    Files(Vec<PathBuf>),
    /// An archive that comes in order, and its name in reports.
    Stream(Box<dyn Read + Send>, PathBuf),
}

impl Input {
    /// Opens it. What has to be read in order comes beside it. Blocks.
    ///
    /// # Errors
    /// [`UnpackError::Archive`].
    pub fn open(self) -> Result<(Opened, Option<BlobStream>), UnpackError> {
        let (archive, stream) = match self {
            Self::Files(paths) => sequential::open_any(&paths)?,
            Self::Stream(reader, name) => {
                let (archive, stream) = sequential::open(reader, &name)?;
                (archive, Some(stream))
            }
        };
        Ok((Opened::of(Arc::new(archive)), stream))
    }
}

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
