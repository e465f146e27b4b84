//! What the host takes unsigned, although its signatures were verified here.

use super::existing::Existing;
use super::of_root::OfRoot;
use super::{HostConfig, Serving, Unenforced, UnenforcedRepository};
use crate::containers::Outcome;
use crate::containers::policy::{HostPolicy, Opening};
use crate::containers::registries_conf::MirrorLeft;
use bundle_oci::Repository;
use bundle_ownership::check_for_root;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The repositories whose signatures were verified, each with what is known before there is a rule.
pub(super) struct Open<'r> {
    verified: Vec<Verified<'r>>,
    /// Below which the files of keys lie; nothing where the policy is for other hosts.
    keys_below: Option<&'r Path>,
}

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
        keys_below: Option<&'r Path>,
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
        Self { verified: request.signed.iter().map(verified).collect(), keys_below }
    }

    /// Those that would be taken unsigned in spite of a rule, and are not served therefore.
    pub(super) fn withheld(&self) -> BTreeMap<Repository, Opening> {
        let withheld = self.verified.iter().filter(|one| one.serving == Serving::Withheld);
        withheld.filter_map(|one| Some((one.repository.clone(), one.opening.clone()?))).collect()
    }

    /// Those that are taken unsigned where the policy is as it was planned.
    pub(super) fn after(&self, policy: Option<&[u8]>) -> Vec<UnenforcedRepository> {
        let policy = HostPolicy::new(policy);
        let unenforced = |one: &Verified<'_>| {
            let whole = || policy.accepts(one.repository).then_some(Opening::Whole);
            let key = || self.exposed_key(&policy.key_files(one.repository));
            Some(UnenforcedRepository {
                repository: one.repository.clone(),
                serving: one.serving,
                opening: one.opening.clone().or_else(whole).or_else(key)?,
            })
        };
        self.verified.iter().filter_map(unenforced).collect()
    }

    /// The first key that somebody else could put another one in the place of. Runtimes ask nobody whose it is.
    fn exposed_key(&self, files: &[PathBuf]) -> Option<Opening> {
        let root = self.keys_below?;
        files.iter().find_map(|file| {
            let below = root.join(file.strip_prefix("/").ok()?);
            let distrust = check_for_root(&below).err()?;
            Some(Opening::Key { file: file.display().to_string(), why: distrust.to_string() })
        })
    }
}
