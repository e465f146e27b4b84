//! Preparing a pack: resolve → discover → judge → plan, without a byte of the archive.

use super::plan::{self, Plan};
use super::select::Selection;
use super::{PackError, judge, resolve};
use crate::progress::Progress;
use crate::registry::Client;
use crate::trust::IdleScope;
use std::sync::Arc;

/// Everything up to the first byte of the archive: what would be packed, from where, in which order.
///
/// # Errors
/// Any [`PackError`]: a source that cannot be resolved or looked up, an image that the keys do not admit.
pub(super) async fn prepare(
    request: &Selection,
    client: &Client,
    progress: &Arc<dyn Progress>,
) -> Result<Plan, PackError> {
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
