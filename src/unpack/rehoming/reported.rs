//! The report on rehomed signatures.

use super::Rehomed;
use crate::report::unpack::{RehomedOutcome, RehomedReport};
use crate::unpack::plan::Planned;

/// What became of those of one image.
fn of_image<'a>(
    planned: &'a Planned,
    number: usize,
    outcomes: &'a [RehomedOutcome],
) -> impl Iterator<Item = (&'a Rehomed, RehomedOutcome)> {
    let verdict = &planned.verified.verdicts()[number];
    let repository = planned.plan.images()[number].repository;
    let children = verdict.children().iter().map(|child| child.digest);
    let own = std::iter::once(verdict.digest()).chain(children);
    own.filter_map(move |subject| {
        let number = *planned.rehomed.numbers.get(&(repository, subject))?;
        Some((&planned.rehomed.all[number], outcomes[number]))
    })
}

/// The reports of one image.
pub(in crate::unpack) fn reports(
    planned: &Planned,
    number: usize,
    outcomes: &[RehomedOutcome],
) -> Vec<RehomedReport> {
    let report = |(one, outcome): (&Rehomed, RehomedOutcome)| RehomedReport {
        subject: one.subject,
        tag: one.tag.clone(),
        digest: one.manifest.digest(),
        from: one.from.clone(),
        outcome,
    };
    of_image(planned, number, outcomes).map(report).collect()
}

/// What the operator has to know of them: what could not be moved.
pub(in crate::unpack) fn warnings(
    planned: &Planned,
    number: usize,
    outcomes: &[RehomedOutcome],
    name: &str,
) -> Vec<String> {
    let kept = of_image(planned, number, outcomes).filter_map(|(one, outcome)| match outcome {
        RehomedOutcome::NotRehomed { existing } => Some(format!(
            "{name}: {} at the target is {existing} and lacks signatures that verified; to put them there: --on-existing-attachment replace",
            one.tag
        )),
        _ => None,
    });
    kept.collect()
}
