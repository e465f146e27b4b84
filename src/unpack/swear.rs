//! Sealing a bundle that another run packed. Whoever had it meanwhile could have written every word of its inventory, so
//! a seal swears only to what was verified here, or to what an expected digest or an earlier seal covers.
//!
//! ```text
//! open → check → confirm (verdicts, keys, rotation) → integrity → tell → sign → write
//! ```
//!
//! All of it reads the archive that the seal is put into, through one open file.

use super::confirm::confirm;
use super::error::UnpackError;
use super::open::Opened;
use super::verify::TrustInputs;
use crate::archive::integrity::{self, Damage, Depth};
use crate::archive::sealing::{Sealed, SealingError, seal_opened};
use crate::oci::Digest;
use crate::progress::Progress;
use crate::report::seal::{SealingRefusal, Sworn};
use crate::seal::{MakingError, make};
use crate::trust::SigningKey;
use std::path::PathBuf;

/// How a bundle is verified before it is sealed.
#[derive(Debug, Clone)]
pub struct SwearOptions {
    /// How much is read.
    pub depth: Depth,
    /// The successor in a change of the seal key that the operator means, by its fingerprint.
    pub accept_rotation: Option<Digest>,
    /// Names of the series that are meant; any where none is given.
    pub series: Vec<String>,
}

/// Why a bundle is not sealed.
#[derive(Debug, thiserror::Error)]
pub enum NotSworn {
    /// It cannot be read, or what was given does not fit it.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// It states what nobody here can swear to.
    #[error(
        "{} statements of the bundle cannot be verified, so it is not sealed",
        count(.0.refusals.len())
    )]
    Unconfirmed(Box<SealingRefusal>),
    /// Some of its content is not what the inventory says.
    #[error("the bundle is damaged in {} of its blobs, so it is not sealed", .0.len())]
    Damaged(Vec<Damage>),
    /// The seal cannot be put into it.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// There is no seal to put into it.
    #[error(transparent)]
    Making(#[from] MakingError),
}

fn count(statements: usize) -> String {
    match statements {
        1 => "1 statement".to_owned(),
        more => format!("{more} statements"),
    }
}

/// Verifies the archive that `paths` name and seals it where it lies. `tell` is called with what the seal will swear to,
/// before anything is written. Blocks until the seal is durable.
///
/// # Errors
/// [`NotSworn`], after which the archive is as before unless it says that writing failed.
pub fn seal_verified(
    paths: &[PathBuf],
    key: &SigningKey,
    trust: TrustInputs,
    options: SwearOptions,
    progress: &dyn Progress,
    tell: impl FnOnce(&Sworn),
) -> Result<(Sealed, Sworn), NotSworn> {
    let mut told = None;
    let sealed = seal_opened(paths, |archive, inventory| {
        progress.note("verifying");
        let checked = Opened::of(archive.clone()).check()?;
        let sworn = confirm(checked, trust, &options)?;
        let damaged = integrity::check(archive, options.depth, progress).damaged;
        if !damaged.is_empty() {
            return Err(NotSworn::Damaged(damaged));
        }
        tell(&sworn);
        told = Some(sworn);
        Ok(make(inventory, key)?)
    })?;
    // `seal_opened` gives a result only after the closure has.
    let sworn = told.ok_or_else(|| SealingError::Changed { path: String::new() })?;
    Ok((sealed, sworn))
}
