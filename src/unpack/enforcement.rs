//! Which source repositories a host could enforce, and by which keys.
//!
//! A rule in a host's policy is about a repository. It is only of use where it accepts every manifest that a runtime
//! could choose, of every carried image of that repository: otherwise it would make their pulls fail. So the very rule
//! is tried, on everything that was carried, before anybody writes it down.

use super::at_target::AtTarget;
use super::error::UnpackError;
use super::verify::Verified;
use crate::oci::Repository;
use crate::trust::{Anchors, Fingerprint, Log, LogAuthority, PublicKey, Scope, ScopedKey};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// By whom one repository can be enforced: any of these keys, for any name in the repository (`matchRepository`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers {
    /// One where one suffices for everything that was carried, otherwise all that are needed; sorted by fingerprint.
    pub keys: Vec<PublicKey>,
    /// Keys of the logs, one of which must have recorded each signature; empty where none was demanded.
    pub logs: Vec<PublicKey>,
}

/// Why a repository cannot be enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotEnforceable {
    /// A policy decided, which says more than a rule about keys would.
    ByPolicy,
    /// No key verified a signature of it that container runtimes look at.
    NoKey,
    /// Keys that verified it are trusted for single tags or digests of it. A rule would admit all that they ever signed.
    SingleImages,
    /// Logs of a trusted root are demanded, for which runtimes have no rule.
    RootOfLogs,
    /// Its images need different logs.
    SeveralLogs,
    /// Something that was carried has no signature that runtimes look at, by these keys.
    Uncovered {
        /// The first such image.
        image: String,
    },
    /// What lies at the target in the place of signatures was kept, and runtimes find none by these keys there, or
    /// cannot read it.
    KeptAtTarget {
        /// Its tag.
        tag: String,
    },
}

/// What can be enforced, by source repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Enforcement(BTreeMap<Repository, Result<Signers, NotEnforceable>>);

impl Enforcement {
    /// Every source repository of the bundle, in order.
    pub fn repositories(
        &self,
    ) -> impl Iterator<Item = (&Repository, &Result<Signers, NotEnforceable>)> {
        self.0.iter()
    }

    /// What is said of one source repository.
    pub fn of(&self, source: &Repository) -> Option<&Result<Signers, NotEnforceable>> {
        self.0.get(source)
    }
}

impl Verified {
    /// Says for each source repository by which keys a host can enforce all that was carried of it; where several keys
    /// would each suffice, a preferred one. Blocks; costs a verification of its images for each key that verified one of
    /// them.
    ///
    /// # Errors
    /// [`UnpackError::Archive`] when something that verification reads is damaged.
    pub(super) fn enforcement(
        &self,
        is_preferred: &dyn Fn(&PublicKey) -> bool,
        at_target: &AtTarget,
    ) -> Result<Enforcement, UnpackError> {
        let mut by_repository: BTreeMap<Repository, Vec<usize>> = BTreeMap::new();
        for (number, (entry, ..)) in self.images().enumerate() {
            by_repository.entry(entry.source.repository().clone()).or_default().push(number);
        }
        let all = by_repository.into_iter().map(|(repository, images)| {
            let said = match self.enforce(&images, is_preferred, at_target)? {
                Err(reason) if reason.is_about_signatures() => {
                    let kept = at_target.unusable(&repository);
                    Err(kept.map_or(reason, |tag| NotEnforceable::KeptAtTarget { tag }))
                }
                said => said,
            };
            Ok::<_, UnpackError>((repository, said))
        });
        Ok(Enforcement(all.collect::<Result<_, _>>()?))
    }

    fn enforce(
        &self,
        images: &[usize],
        is_preferred: &dyn Fn(&PublicKey) -> bool,
        at_target: &AtTarget,
    ) -> Result<Result<Signers, NotEnforceable>, UnpackError> {
        if self.anchors().policy.is_some() {
            return Ok(Err(NotEnforceable::ByPolicy));
        }
        let logs = match self.demanded_logs(images) {
            Ok(logs) => logs,
            Err(reason) => return Ok(Err(reason)),
        };
        let (mut keys, narrow): (Vec<_>, Vec<_>) =
            self.candidates(images).into_iter().partition(|key| self.is_for_all(key, images));
        if keys.is_empty() {
            return Ok(Err(match narrow.is_empty() {
                true => NotEnforceable::NoKey,
                false => NotEnforceable::SingleImages,
            }));
        }
        keys.sort_by_key(|key| !is_preferred(key));
        for key in &keys {
            let keys = vec![key.clone()];
            if self.uncovered(images, &keys, &logs, at_target)?.is_none() {
                return Ok(Ok(signers(keys, &logs)));
            }
        }
        Ok(match self.uncovered(images, &keys, &logs, at_target)? {
            None => Ok(signers(keys, &logs)),
            Some(image) => Err(NotEnforceable::Uncovered { image }),
        })
    }

    /// Keys of this run that made a signature which runtimes look at, or will at the target.
    fn candidates(&self, images: &[usize]) -> Vec<PublicKey> {
        let verdicts = images.iter().map(|number| &self.verdicts()[*number]);
        let found = verdicts.flat_map(|verdict| verdict.signatures());
        let keys: BTreeSet<Fingerprint> = found
            .filter(|one| one.is_for_runtimes() || one.is_misplaced())
            .filter_map(|one| one.key)
            .collect();
        keys.iter().filter_map(|key| self.trusted_key(key).cloned()).collect()
    }

    /// True when the key is trusted for the whole repository of these images.
    fn is_for_all(&self, key: &PublicKey, images: &[usize]) -> bool {
        let verdicts = images.iter().map(|number| &self.verdicts()[*number]);
        verdicts
            .flat_map(|verdict| self.anchors_of(key.fingerprint(), verdict))
            .any(|anchor| !matches!(anchor.scope, Scope::Image(_)))
    }

    /// The logs that were demanded of these images.
    fn demanded_logs(&self, images: &[usize]) -> Result<Vec<LogAuthority>, NotEnforceable> {
        let mut all: Option<Vec<&LogAuthority>> = None;
        for number in images {
            let verdict = &self.verdicts()[*number];
            let source = verdict.source().with_digest(verdict.digest());
            let covering = self.anchors().logs.iter().filter(|log| log.scope.covers(&source));
            let covering: Vec<&LogAuthority> = covering.collect();
            let same = |known: &Vec<&LogAuthority>| {
                known.len() == covering.len()
                    && known.iter().zip(&covering).all(|(a, b)| std::ptr::eq(*a, *b))
            };
            match &all {
                Some(known) if !same(known) => return Err(NotEnforceable::SeveralLogs),
                Some(_) => {}
                None => all = Some(covering),
            }
        }
        let logs = all.unwrap_or_default();
        match logs.iter().any(|log| matches!(log.log, Log::Root(_))) {
            true => Err(NotEnforceable::RootOfLogs),
            false => Ok(logs.into_iter().cloned().collect()),
        }
    }

    /// The first of these images of which a runtime could choose something that the rule does not accept.
    fn uncovered(
        &self,
        images: &[usize],
        keys: &[PublicKey],
        logs: &[LogAuthority],
        at_target: &AtTarget,
    ) -> Result<Option<String>, UnpackError> {
        let anchored = |key: &PublicKey| ScopedKey {
            scope: Scope::Everything,
            key: key.clone(),
            name: "policy".into(),
        };
        let everywhere =
            |log: &LogAuthority| LogAuthority { scope: Scope::Everything, ..log.clone() };
        let rule = Anchors {
            keys: keys.iter().map(anchored).collect(),
            logs: logs.iter().map(everywhere).collect(),
            now: self.anchors().now,
            ..Anchors::default()
        };
        let verdicts = self.judge_again(images, &rule, at_target)?;
        let uncovered = verdicts.into_iter().find(|verdict| !verdict.enforceable());
        Ok(uncovered.map(|verdict| verdict.source().to_string()))
    }
}

fn signers(keys: Vec<PublicKey>, logs: &[LogAuthority]) -> Signers {
    let mut known = BTreeSet::new();
    let logs = logs.iter().filter_map(|log| match &log.log {
        Log::Key(key, _) => known.insert(key.id()).then(|| key.key().clone()),
        Log::Root(_) => None,
    });
    Signers { keys, logs: logs.collect() }
}

impl NotEnforceable {
    /// True where other signatures in their place would make a difference.
    fn is_about_signatures(&self) -> bool {
        matches!(self, Self::NoKey | Self::Uncovered { .. })
    }

    /// A stable name for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ByPolicy => "by-policy",
            Self::NoKey => "no-key",
            Self::SingleImages => "single-images",
            Self::RootOfLogs => "root-of-logs",
            Self::SeveralLogs => "several-logs",
            Self::Uncovered { .. } => "uncovered",
            Self::KeptAtTarget { .. } => "kept-at-target",
        }
    }
}

impl fmt::Display for NotEnforceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByPolicy => f.write_str("a policy decided about it, not a key"),
            Self::NoKey => {
                f.write_str("no key verified a signature of it that container runtimes look at")
            }
            Self::SingleImages => f.write_str(
                "the keys that verified it are trusted for single images, and a rule is about all of them",
            ),
            Self::RootOfLogs => f.write_str(
                "logs of a trusted root are demanded, and container runtimes cannot demand them",
            ),
            Self::SeveralLogs => f.write_str("its images need entries of different logs"),
            Self::Uncovered { image } => write!(
                f,
                "{image} has a manifest without a signature by these keys where container runtimes look"
            ),
            Self::KeptAtTarget { tag } => write!(
                f,
                "{tag} at the target was kept, and it lacks the verified signatures that container runtimes check"
            ),
        }
    }
}
