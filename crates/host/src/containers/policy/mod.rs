//! `/etc/containers/policy.json`: one more scope for each repository whose signatures are to be enforced.
//!
//! The file has no drop-ins, so it is edited, as text: scopes are added at the end of `transports.docker` and no other
//! byte changes. What the administrator wrote is never replaced and never joined by a second requirement, and what is
//! written admits no image that was refused before. The latter is checked twice: for each scope before it is added,
//! and over the whole of both files by `proof`, which knows nothing of how they were made.
//!
//! Where there is no file, every pull of the host fails (containers/image, `defaultPolicyPath`). So the new one
//! rejects by default, which admits nothing but what is enforced. An `insecureAcceptAnything` there would open a host
//! that was closed.
//!
//! - [`level`]: which keys of the format the hosts know
//! - [`rule`]: what one repository gets
//! - `earlier`: what an earlier run wrote for review
//! - `opening`: what a host takes unsigned all the same
//! - `document`: editing JSON; `strictness`: comparing lists; `proof`: comparing files

mod document;
mod earlier;
pub mod level;
mod opening;
mod proof;
pub mod rule;
mod strictness;

use super::outcome::{Change, LeftAlone, Outcome};
use bundle_oci::Repository;
use bundle_trust::policy::{Policy, PolicyError, RequirementList};
use document::Tree;
pub use earlier::with_earlier;
pub use level::{PolicyLevel, PolicyLevelError};
pub use opening::{HostPolicy, Opening};
pub use rule::EnforcedRepository;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use strictness::Extreme;

/// Where scopes of registries are.
const SCOPES: [&str; 2] = ["transports", "docker"];
/// The start of a file where there is none.
const CLOSED: &str =
    "{\n    \"default\": [\n        {\n            \"type\": \"reject\"\n        }\n    ]\n}\n";

/// What is asked of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRequest {
    /// Repositories whose signatures are to be enforced.
    pub enforced: Vec<EnforcedRepository>,
    /// Repositories that were carried too, now or earlier, and that no rule is known to accept completely: a scope above
    /// one of them would make its pulls fail.
    pub unenforced: Vec<Repository>,
    /// Repositories whose signatures hosts would not find, and why: a rule would make all their pulls fail.
    pub unserved: BTreeMap<Repository, String>,
    /// Repositories that hosts would take unsigned in spite of a rule. They are not served, so a rule would only make pulls
    /// from elsewhere fail.
    pub open: BTreeMap<Repository, Opening>,
    /// How new the hosts are.
    pub level: PolicyLevel,
    /// What to do where the host rejects everything today.
    pub rejected: Rejected,
}

/// What to do with a repository that the existing file rejects by its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// It stays rejected.
    StaysRejected,
    /// It is admitted when signed. That opens what the administrator had closed, so the administrator must have asked
    /// for it. Only what `default` or the transport's empty scope rejects; a scope that names it stays.
    BecomesSigned,
}

/// Why a repository gets no scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyLeft {
    /// The file demands the same already.
    AlreadyEnforced {
        /// The scope that does: `default`, `transports.docker["quay.io"]`.
        place: String,
    },
    /// The file demands something else there: to replace it would loosen it, to add to it would demand both.
    OtherRule {
        /// The scope that does.
        place: String,
    },
    /// The file rejects it.
    Rejected {
        /// The scope that does.
        place: String,
    },
    /// The rule needs newer hosts.
    NeedsLevel {
        /// The level it needs.
        level: PolicyLevel,
    },
    /// The scope would cover another repository, for which it would be wrong.
    Covers {
        /// That repository.
        other: Repository,
    },
    /// It is listed as not enforceable as well.
    Unenforced,
    /// Hosts would take it unsigned in spite of a rule.
    Open(Opening),
    /// Hosts would not find its signatures.
    SignaturesNotFound {
        /// Why not.
        why: String,
    },
}

/// The file cannot be merged. Nothing of it is changed then.
#[derive(Debug, thiserror::Error)]
pub enum PolicyMergeError {
    /// The existing file is one that the container stack refuses, and thereby every image.
    #[error("the existing policy cannot be used")]
    Existing(#[source] PolicyError),
    /// The path of a key is not absolute, or could mean different things.
    #[error(
        "{path:?} cannot stand in a policy as the key of {repository}: expected a plain absolute path"
    )]
    KeyPath {
        /// For which repository.
        repository: String,
        /// The path, bounded.
        path: String,
    },
    /// A rule without keys.
    #[error("no key is given for {0}")]
    NoKey(String),
    /// Some keys are files, others inline; the format has a place for only one kind.
    #[error("the keys of {0} are given partly as files and partly inline")]
    MixedSources(String),
    /// What was made is not what should have been made.
    #[error("the merged policy is refused: {0}")]
    Unproven(String),
    /// The text cannot be edited.
    #[error("the policy cannot be edited")]
    Json(#[from] serde_json::Error),
}

/// Adds scopes to the content of a `policy.json`; `None` when there is no file.
///
/// # Errors
/// [`PolicyMergeError`]. What merely cannot be done is no error, but in [`Outcome::left`].
pub fn merge(
    existing: Option<&[u8]>,
    request: &PolicyRequest,
) -> Result<Outcome<PolicyLeft>, PolicyMergeError> {
    let old_bytes = existing.unwrap_or(CLOSED.as_bytes());
    let old = Policy::parse(old_bytes).map_err(PolicyMergeError::Existing)?;
    let text = String::from_utf8_lossy(old_bytes);
    let rejected = existing.map_or(Rejected::BecomesSigned, |_| request.rejected);
    let scopes = document::keys(&text, &SCOPES)?;
    let mut outcome = Outcome { content: None, changes: Vec::new(), left: Vec::new() };
    let mut added: Vec<&EnforcedRepository> = Vec::new();
    for rule in by_name(&request.enforced) {
        match obstacle(&old, &scopes, rule, request, rejected)? {
            Some(reason) => outcome.left.push(left(rule, reason)),
            None => added.push(rule),
        }
    }
    leave_what_covers_others(&mut added, &mut outcome, request, &scopes);
    if added.is_empty() {
        return Ok(outcome);
    }
    let members = added
        .iter()
        .map(|rule| Ok((rule.repository.to_string(), rule.requirements()?)))
        .collect::<Result<Vec<_>, PolicyMergeError>>()?;
    let content = document::add(&text, &SCOPES, members)?;
    let names: BTreeSet<String> = added.iter().map(|rule| rule.repository.to_string()).collect();
    proof::check(old_bytes, content.as_bytes(), &names, rejected)
        .map_err(PolicyMergeError::Unproven)?;
    if existing.is_none() {
        outcome.changes.push(Change::added("default: reject"));
    }
    outcome.changes.extend(names.into_iter().map(Change::added));
    outcome.content = Some(content);
    Ok(outcome)
}

fn by_name(rules: &[EnforcedRepository]) -> Vec<&EnforcedRepository> {
    let mut rules: Vec<_> = rules.iter().collect();
    rules.sort_by(|a, b| a.repository.cmp(&b.repository));
    rules.dedup_by(|a, b| a == b);
    rules
}

fn left(rule: &EnforcedRepository, reason: PolicyLeft) -> LeftAlone<PolicyLeft> {
    LeftAlone { subject: rule.repository.to_string(), reason }
}

/// Why this rule alone cannot be added.
fn obstacle(
    old: &Policy,
    scopes: &[String],
    rule: &EnforcedRepository,
    request: &PolicyRequest,
    rejected: Rejected,
) -> Result<Option<PolicyLeft>, PolicyMergeError> {
    let twice = request.enforced.iter().filter(|one| one.repository == rule.repository);
    if twice.clone().any(|one| one != rule) || request.unenforced.contains(&rule.repository) {
        return Ok(Some(PolicyLeft::Unenforced));
    }
    if let Some(opening) = request.open.get(&rule.repository) {
        return Ok(Some(PolicyLeft::Open(opening.clone())));
    }
    let (wanted, by_name) = (as_list(rule.requirements()?)?, as_list(rule.by_name()?)?);
    let is_wanted = |current| {
        [&wanted, &by_name]
            .iter()
            .any(|list| strictness::is_same(current, list.default_requirements()))
    };
    let has_own_scope = scopes.contains(&rule.repository.to_string());
    if let Some(current) = in_force(old, &rule.repository) {
        let place = current.place().to_owned();
        if is_wanted(current) {
            return Ok(Some(PolicyLeft::AlreadyEnforced { place }));
        }
        let opens = rejected == Rejected::BecomesSigned && is_general(&place);
        match strictness::extreme(current) {
            _ if has_own_scope => return Ok(Some(PolicyLeft::OtherRule { place })),
            Extreme::RejectsAll if !opens => return Ok(Some(PolicyLeft::Rejected { place })),
            Extreme::Neither => return Ok(Some(PolicyLeft::OtherRule { place })),
            Extreme::RejectsAll | Extreme::AcceptsAll => {}
        }
    }
    if let Some(why) = request.unserved.get(&rule.repository) {
        return Ok(Some(PolicyLeft::SignaturesNotFound { why: why.clone() }));
    }
    Ok((rule.level() > request.level).then(|| PolicyLeft::NeedsLevel { level: rule.level() }))
}

/// True for the places that name no registry.
fn is_general(place: &str) -> bool {
    place == "default" || place == "transports.docker[\"\"]"
}

/// A list as a policy of its own, to compare with.
fn as_list(requirements: Tree) -> Result<Policy, PolicyMergeError> {
    let member = ("default".to_owned(), requirements);
    let text = document::add("{}", &[], vec![member])?;
    Policy::parse(text.as_bytes()).map_err(|error| PolicyMergeError::Unproven(error.to_string()))
}

/// The list that applies to a repository as a whole, whatever narrower scopes say of some of its tags. The tag cannot
/// be one of theirs: it is longer than tags are written.
fn in_force<'p>(policy: &'p Policy, repository: &Repository) -> Option<&'p RequirementList> {
    let probe = repository.tagged(&"p".repeat(128)).ok()?;
    Some(policy.list_for(&probe))
}

/// A scope covers everything below its repository. Where that holds carried images for which it is not meant, it is
/// not added; what is then left may be below yet another scope.
fn leave_what_covers_others(
    added: &mut Vec<&EnforcedRepository>,
    outcome: &mut Outcome<PolicyLeft>,
    request: &PolicyRequest,
    scopes: &[String],
) {
    loop {
        let own: BTreeSet<&Repository> = added.iter().map(|rule| &rule.repository).collect();
        let carried = request.enforced.iter().map(|rule| &rule.repository);
        let others: Vec<&Repository> =
            carried.chain(&request.unenforced).filter(|one| !own.contains(one)).collect();
        let conflict = added.iter().enumerate().find_map(|(number, rule)| {
            let above = rule.repository.to_string();
            let taken = |name: &str| {
                let between = |scope: &str| is_below(scope, &above) && is_at_or_below(name, scope);
                scopes.iter().any(|scope| between(scope))
                    || own.iter().any(|one| between(&one.to_string()))
            };
            let covered = |other: &&&Repository| {
                let name = other.to_string();
                is_below(&name, &above) && !taken(&name)
            };
            others.iter().find(covered).map(|other| (number, (*other).clone()))
        });
        let Some((number, other)) = conflict else { return };
        outcome.left.push(left(added.remove(number), PolicyLeft::Covers { other }));
    }
}

fn is_below(name: &str, above: &str) -> bool {
    name.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

fn is_at_or_below(name: &str, above: &str) -> bool {
    name == above || is_below(name, above)
}

impl PolicyLeft {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlreadyEnforced { .. } => "already-enforced",
            Self::OtherRule { .. } => "other-rule",
            Self::Rejected { .. } => "rejected",
            Self::NeedsLevel { .. } => "needs-policy-level",
            Self::Covers { .. } => "covers-another",
            Self::Unenforced => "not-enforceable",
            Self::Open(opening) => opening.code(),
            Self::SignaturesNotFound { .. } => "signatures-not-found",
        }
    }
}

impl fmt::Display for PolicyLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyEnforced { place } => write!(f, "{place} demands the same already"),
            Self::OtherRule { place } => write!(f, "{place} demands something else"),
            Self::Rejected { place } => write!(f, "{place} rejects it"),
            Self::NeedsLevel { level } => {
                write!(f, "its rule needs hosts with containers/image {level} or later")
            }
            Self::Covers { other } => {
                write!(f, "a rule for it would also cover {other}, and might refuse its images")
            }
            Self::Unenforced => {
                f.write_str("no one rule accepts everything that was carried of it")
            }
            Self::Open(opening) => opening.fmt(f),
            Self::SignaturesNotFound { why } => {
                write!(f, "a rule would refuse every pull, because {why}")
            }
        }
    }
}

#[cfg(test)]
mod tests;
