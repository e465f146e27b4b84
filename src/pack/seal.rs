//! The seal of an archive, put into it when it is whole.

use crate::archive::sealing::{self, Sealed, SealingError};
use crate::seal::{MakingError, make};
use crate::trust::SigningKey;
use std::path::PathBuf;

/// Why an archive is not sealed.
#[derive(Debug, thiserror::Error)]
pub enum NotSealed {
    /// It cannot be read or written.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// There is no seal to put into it.
    #[error(transparent)]
    Making(#[from] MakingError),
}

/// Seals the archive that `paths` name, where it lies. Blocks until that is durable.
///
/// # Errors
/// [`NotSealed`], after which the archive is as before unless it says that writing failed.
pub fn seal(paths: &[PathBuf], key: &SigningKey) -> Result<Sealed, NotSealed> {
    sealing::seal(paths, |inventory| Ok(make(inventory, key)?))
}
