//! What the host takes unsigned, although its signatures were verified here.

use super::existing::Existing;
use super::of_root::OfRoot;
use super::planned::PlannedFile;
use super::{HostConfig, Serving, Unenforced, UnenforcedRepository};
use crate::host::config::Outcome;
use crate::host::config::policy::{HostPolicy, Opening};
use crate::host::config::registries_conf::MirrorLeft;
use crate::oci::Repository;
use std::collections::BTreeMap;

/// The repositories whose signatures were verified, each with what is known before there is a rule.
pub(super) struct Open<'r>(Vec<Verified<'r>>);

struct Verified<'r> {
    repository: &'r Repository,
    /// Whether it is served where it is taken unsigned.
    serving: Serving,
    /// What no rule for the repository changes.
    opening: Option<Opening>,
}

impl<'r> Open<'r> {
    /// `earlier` are the sources that earlier runs have served from a mirror.
    pub(super) fn of(
        existing: &Existing,
        of_root: &OfRoot,
        request: &'r HostConfig,
        served: &Outcome<MirrorLeft>,
        earlier: &[Repository],
    ) -> Self {
        let is_served = |name: &Repository| {
            let serves = |left: &MirrorLeft| {
                matches!(left, MirrorLeft::AlreadyMirrored { .. } | MirrorLeft::NotBlocked { .. })
            };
            let text = name.to_string();
            let left = served.left.iter().any(|left| left.subject == text && serves(&left.reason));
            left || earlier.contains(name)
        };
        // Those have entries of their own whatever the policy says.
        let is_apart = |name: &Repository| request.signed.get(name) != Some(&Unenforced::NotServed);
        let carried = request.mirrors.mirrored.iter().map(|one| &one.source);
        let apart: Vec<_> = carried.filter(|name| is_apart(name)).chain(earlier).cloned().collect();
        let policy = HostPolicy::new(existing.policy.as_deref());
        let verified = |(repository, wanted): (&'r Repository, &Unenforced)| Verified {
            repository,
            serving: match wanted {
                Unenforced::Served => Serving::Allowed,
                Unenforced::NotServed if is_served(repository) => Serving::Already,
                Unenforced::NotServed => Serving::Withheld,
            },
            opening: policy
                .narrower(repository, &apart)
                .or_else(|| of_root.opening(repository, &apart)),
        };
        Self(request.signed.iter().map(verified).collect())
    }

    /// Those that would be taken unsigned in spite of a rule, and are not served therefore.
    pub(super) fn withheld(&self) -> BTreeMap<Repository, Opening> {
        let withheld = self.0.iter().filter(|one| one.serving == Serving::Withheld);
        withheld.filter_map(|one| Some((one.repository.clone(), one.opening.clone()?))).collect()
    }

    /// Those that are taken unsigned where the policy is as it was planned.
    pub(super) fn after(&self, policy: &PlannedFile) -> Vec<UnenforcedRepository> {
        let policy = HostPolicy::new(policy.after());
        let unenforced = |one: &Verified<'_>| {
            let whole = || policy.accepts(one.repository).then_some(Opening::Whole);
            Some(UnenforcedRepository {
                repository: one.repository.clone(),
                serving: one.serving,
                opening: one.opening.clone().or_else(whole)?,
            })
        };
        self.0.iter().filter_map(unenforced).collect()
    }
}
