//! Where target repositories were filled from: another source than the remembered one needs a decision.
//!
//! Names at a registry have no host, unless it is kept. So a bundle could fill `TARGET/org/app`, which holds
//! `quay.io/org/app`, from `evil.example/org/app`: correctly signed, by whom that name is entrusted to. What filled a
//! repository first is remembered on the host that unpacks, and only a rule of the mapping changes it.

use super::error::UnpackError;
use super::plan::Plan;
use crate::host::naming::Mapping;
use crate::host::records::sources::{Decision, Memory};
use crate::host::{Filled, HostRoot, check_sources, record_sources};
use crate::report::unpack::{RepositoryReport, SourceMemory};

/// Refuses what was filled from elsewhere; nothing is contacted and nothing is changed. A layout directory keeps full
/// names, so nothing is remembered of it.
///
/// # Errors
/// [`UnpackError::Sources`].
pub(super) fn check(plan: &Plan, root: Option<&HostRoot>) -> Result<Vec<Memory>, UnpackError> {
    match (root, plan.target().mapping()) {
        (Some(root), Some(mapping)) => Ok(check_sources(root, &filled(plan, mapping))?),
        _ => Ok(Vec::new()),
    }
}

/// Remembers what was filled, after the push. A user who may not write there gets a warning.
///
/// # Errors
/// [`UnpackError::NotRemembered`].
pub(super) fn record(plan: &Plan, root: Option<&HostRoot>) -> Result<Option<String>, UnpackError> {
    let (Some(root), Some(mapping)) = (root, plan.target().mapping()) else { return Ok(None) };
    match record_sources(root, &filled(plan, mapping)) {
        Ok(_) => Ok(None),
        Err(error) if error.is_permission() => Ok(Some(format!(
            "where these repositories were filled from is not remembered, so another source could fill them later: this user may not write below {}",
            root.path().join("var/lib/bundle").display()
        ))),
        Err(error) => Err(UnpackError::NotRemembered(error)),
    }
}

/// The repositories at the target for the report.
pub(super) fn report(plan: &Plan, memory: &[Memory]) -> Vec<RepositoryReport> {
    if plan.target().mapping().is_none() {
        return Vec::new();
    }
    let pairs = plan.sources().iter().zip(plan.repositories()).enumerate();
    pairs
        .map(|(number, (source, target))| RepositoryReport {
            source: source.to_string(),
            target: target.to_string(),
            memory: memory.get(number).map(|memory| match memory {
                Memory::New => SourceMemory::New,
                Memory::Same => SourceMemory::Same,
                Memory::Replaced { was } => SourceMemory::Replaced { was: was.to_string() },
            }),
        })
        .collect()
}

fn filled<'p>(plan: &'p Plan, mapping: &Mapping) -> Vec<Filled<'p>> {
    let pairs = plan.sources().iter().zip(plan.repositories());
    pairs
        .map(|(source, target)| Filled {
            target,
            source,
            decision: match mapping.is_explicit(source) {
                true => Decision::Explicit,
                false => Decision::Implied,
            },
        })
        .collect()
}
