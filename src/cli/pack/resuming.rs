//! What an interrupted pack has left, and the way on from there.

use super::{Options, failed};
use crate::cli::failure::Failure;
use crate::cli::settings;
use crate::cli::text::size;
use bundle::host::records::begun::BegunPlans;
use bundle::pack::plan::Plan;
use bundle::pack::{Request, resume};
use bundle::progress::Progress;
use bundle::registry::Client;
use std::sync::Arc;

/// The way on from a pack that did not come to its end.
pub(super) const GO_ON: &str = "run the same command again to resume";

/// The memory of what this user has begun to pack; `None` without a state directory.
pub(super) fn begun_plans() -> Option<BegunPlans> {
    BegunPlans::below(&settings::state_directory()?).ok()
}

/// What an interrupted run has left to go on with.
pub(super) async fn begun(
    options: &Options,
    request: &mut Request,
    client: &Client,
    progress: &Arc<dyn Progress>,
) -> Result<Option<Plan>, Failure> {
    if options.restart {
        let discarded = resume::discard(&options.output);
        return discarded.map(|()| None).map_err(|e| Failure::of((&e).into(), &e));
    }
    let found = resume::find(&options.output, request, client).map_err(failed)?;
    let Some(found) = found else { return Ok(None) };
    let is_known = begun_plans()
        .zip(found.begun_plan())
        .is_some_and(|(plans, plan)| plans.has(&options.output, plan));
    if !is_known {
        progress.note(&format!(
            "{} was begun by somebody else or on another machine: every image is verified again",
            options.output.display()
        ));
    }
    let plan = resume::confirm(found, is_known, request, client, progress).await;
    let plan = plan.map_err(|error| options.failed(error))?;
    if let Some(begun) = plan.begun() {
        progress.note(&format!(
            "resuming {}: {} of {} are there",
            options.output.display(),
            size(begun),
            size(plan.inventory.totals.bytes)
        ));
    }
    Ok(Some(plan))
}
