//! Sealing a bundle that another run packed. Whoever had it meanwhile could have written every word of its inventory, so
//! a seal swears only to what was verified here, or to what an expected digest or an earlier seal covers.
//!
//! ```text
//! open → check → confirm (verdicts, keys, rotation) → integrity → tell → sign → write
//! ```
//!
//! All of it reads the archive that the seal is put into, through one open file.

use super::confirm::{SwearOptions, confirm};
use super::not_sworn::NotSworn;
use super::open::Opened;
use super::verify::TrustInputs;
use crate::archive::integrity::{self};
use crate::archive::sealing::{Sealed, SealingError, seal_opened};
use crate::progress::Progress;
use crate::report::seal::Sworn;
use crate::seal::make;
use crate::trust::SigningKey;
use std::path::PathBuf;

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
