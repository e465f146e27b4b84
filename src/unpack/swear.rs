//! Sealing a bundle that another run packed. Whoever had it meanwhile could have written every word of its inventory, so
//! a seal swears only to what was verified here, or to what an expected digest or an earlier seal covers.
//!
//! ```text
//! open → check → confirm (verdicts, keys, rotation) → integrity → tell → sign → write
//! ```
//!
//! All of it reads the archive that the seal is put into, through one open file.

use super::confirm::confirm;
use super::not_sworn::NotSworn;
use super::open::Opened;
use super::request::SealRequest;
use crate::archive::integrity::{self};
use crate::archive::sealing::{Sealed, SealingError, seal_opened};
use crate::progress::Progress;
use crate::report::seal::Sworn;
use crate::seal::make;

/// Verifies an archive and seals it where it lies. `tell` is called with the statements that the seal will swear to, before
/// anything is written. Blocks until the seal is durable.
///
/// # Errors
/// [`NotSworn`], after which the archive is as before unless it says that writing failed.
pub fn seal_verified(
    request: SealRequest<'_>,
    progress: &dyn Progress,
    tell: impl FnOnce(&Sworn),
) -> Result<(Sealed, Sworn), NotSworn> {
    let SealRequest { paths, key, trust, depth, accept_rotation, series } = request;
    let mut told = None;
    let sealed = seal_opened(paths, |archive, inventory| {
        progress.note("verifying");
        let checked = Opened::of(archive.clone()).check()?;
        let sworn = confirm(checked, trust, &series, accept_rotation)?;
        let damaged = integrity::check(archive, depth, progress).damaged;
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
