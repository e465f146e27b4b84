//! From a list of sources to one archive: select → resolve → discover → judge → plan → transfer.
//!
//! - [`select`]: what was asked for, parsed ([`Request`])
//! - [`origin`]: one place images are read from, a repository or a layout directory
//! - [`resolve`]: tags become digests, once; indexes become their manifests ([`resolve::Resolved`])
//! - `held`: how much of that is in memory
//! - `walk`: from a root through indexes to every manifest that is wanted
//! - [`discover`]: everything attached to them, in both schemes, recursively
//! - [`judge`]: the verifier of the enclave, run before the trip
//! - `carried`: keys that travel along
//! - [`plan`], `gather`: inventory, order and places, decided before the first byte ([`plan::Plan`])
//! - `fingerprint`, [`resume`]: what an interrupted run was doing, so that the next one goes on
//! - `remainder`: a plan without images that could not be had
//! - [`transfer`], `fetch`: each blob once, to its place ([`transfer::Packed`])
//! - [`stream`]: the same bytes into a pipe
//! - [`series`]: sequence, expiry, the next seal key; [`seal`](mod@seal): the seal at the end

mod carried;
pub mod discover;
mod entry_kind;
pub mod error;
mod fetch;
mod fingerprint;
mod gather;
mod held;
pub mod judge;
mod layout;
pub mod origin;
pub mod plan;
mod remainder;
pub mod resolve;
pub mod resume;
pub mod seal;
pub mod select;
pub mod series;
pub mod stream;
pub mod transfer;
mod walk;

pub use carried::CarriedKey;
pub use error::PackError;
pub use select::{AttachmentErrors, FailedImages, Location, Request, SignatureRule, Source};
pub use series::{Expires, Handover, SeriesPlace};

use crate::progress::Progress;
use crate::registry::Client;
use crate::trust::IdleScope;
use std::sync::Arc;

/// Everything up to the first byte of the archive: what would be packed, from where, in which order.
///
/// # Errors
/// Any [`PackError`]: a source that cannot be resolved or looked up, an image that the keys do not admit.
pub async fn prepare(
    request: &Request,
    client: &Client,
    progress: &Arc<dyn Progress>,
) -> Result<plan::Plan, PackError> {
    request.place.check(plan::created(request)?)?;
    let resolved = resolve::resolve(request, client, progress).await?;
    none_idle(resolved.idle_scopes(request))?;
    let judged = judge::judge(request, resolved)?;
    plan::plan(request, judged)
}

/// Refuses scopes that cover no image.
fn none_idle(idle: Vec<IdleScope>) -> Result<(), PackError> {
    if idle.is_empty() { Ok(()) } else { Err(PackError::IdleScopes(idle)) }
}
