//! What a host takes unsigned, although signatures of it were verified.

use super::strictness::{self, Extreme};
use super::{in_force, is_at_or_below, is_below};
use bundle_oci::Repository;
use bundle_trust::PreparedPolicy;
use bundle_trust::policy::{Policy, RequirementList};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A `policy.json` that hosts go by.
#[derive(Debug)]
pub struct HostPolicy(Option<Policy>);

/// How images of a repository are taken unsigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// What applies to the repository admits anything.
    Whole,
    /// A scope for a part of the repository admits anything.
    Narrower {
        /// That scope: `transports.docker["quay.io/org/app:1"]`.
        place: String,
    },
    /// Another user can exchange a key that a rule for the repository names.
    Key {
        /// The key's file, as the policy names it.
        file: String,
        /// Why it does not count.
        why: String,
    },
    /// Root has a policy of its own, which is in force wherever root pulls.
    OfRoot {
        /// Its file, as the host sees it.
        file: String,
        /// What is wrong with it, as a predicate.
        why: String,
    },
}

impl HostPolicy {
    /// Reads the content of the file. A host without one pulls nothing, but nobody knows what the file will say that it
    /// gets.
    pub fn new(content: Option<&[u8]>) -> Self {
        Self(content.and_then(|content| Policy::parse(content).ok()))
    }

    /// True when there is a policy that can be read.
    pub fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// True when hosts take whatever comes under the name of the repository.
    pub fn accepts(&self, repository: &Repository) -> bool {
        let Some(policy) = &self.0 else { return true };
        in_force(policy, repository).is_none_or(accepts_all)
    }

    /// The files of keys by which the repository is judged.
    pub fn key_files(&self, repository: &Repository) -> Vec<PathBuf> {
        let mut files = Vec::new();
        if let (Some(policy), Ok(probe)) = (&self.0, repository.tagged(&"p".repeat(128))) {
            PreparedPolicy::new(policy, [&probe], &mut |path| {
                files.push(path.to_owned());
                Err(io::ErrorKind::NotFound.into())
            });
        }
        files
    }

    /// The first scope for a tag or a digest of the repository, or for something below it, that admits anything. The entry
    /// that has a repository served by a mirror is about everything below it too, except for `apart`: those have entries
    /// of their own.
    pub fn narrower(&self, repository: &Repository, apart: &[Repository]) -> Option<Opening> {
        let whole = repository.to_string();
        let is_apart = |scope: &str| {
            let name = scope.split('@').next().unwrap_or_default();
            let name_end = name.rfind('/').map_or(0, |slash| slash + 1);
            let tag = name[name_end..].find(':').map_or(name.len(), |colon| name_end + colon);
            let name = &name[..tag];
            let mut others = apart.iter().map(ToString::to_string);
            others.any(|other| is_below(&other, &whole) && is_at_or_below(name, &other))
        };
        let mut scopes = self.0.iter().flat_map(Policy::registry_scopes);
        let found = scopes.find(|(scope, list)| {
            scope.strip_prefix(&whole).is_some_and(|rest| rest.starts_with([':', '@', '/']))
                && accepts_all(list)
                && !is_apart(scope)
        });
        found.map(|(_, list)| Opening::Narrower { place: list.place().to_owned() })
    }
}

fn accepts_all(list: &RequirementList) -> bool {
    strictness::extreme(list) == Extreme::AcceptsAll
}

impl Opening {
    /// A stable name for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Whole => "unenforced",
            Self::Narrower { .. } => "narrower-scope",
            Self::Key { .. } => "key-not-protected",
            Self::OfRoot { .. } => "hidden-from-root",
        }
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("no rule is for it"),
            Self::Narrower { place } => write!(f, "{place} admits images without a signature"),
            Self::Key { file, why } => {
                write!(f, "its rule names the key {file}, which others could exchange: {why}")
            }
            Self::OfRoot { file, why } => {
                write!(f, "{file} decides in place of policy.json wherever root pulls, and {why}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrower(scope: &str, list: &str, apart: &[&str]) -> bool {
        let policy = format!(
            r#"{{"default": [{{"type": "reject"}}], "transports": {{"docker": {{"{scope}": {list}}}, "atomic": {{"quay.io/a/app": [{{"type": "insecureAcceptAnything"}}]}}}}}}"#
        );
        let policy = HostPolicy::new(Some(policy.as_bytes()));
        assert!(policy.is_known(), "{scope}");
        let apart: Vec<_> = apart.iter().map(|name| name.parse().expect("a name")).collect();
        policy.narrower(&"quay.io/a/app".parse().expect("a name"), &apart).is_some()
    }

    #[test]
    fn scopes_of_parts_that_admit_anything_are_found() {
        let accept = r#"[{"type": "insecureAcceptAnything"}]"#;
        for (scope, expected) in [
            ("quay.io/a/app:1", true),
            ("quay.io/a/app@sha256:0", true),
            ("quay.io/a/app/tool", true),
            ("quay.io/a/app/tool/x:1", true),
            ("quay.io/a/app/tool/x@sha256:0", true),
            ("quay.io/a/app", false),
            ("quay.io/a/apple:1", false),
            ("quay.io/a", false),
            ("QUAY.io/a/app:1", false),
            ("quay.io:443/a/app:1", false),
        ] {
            assert_eq!(narrower(scope, accept, &[]), expected, "{scope}");
        }
        for list in [
            r#"[{"type": "reject"}]"#,
            r#"[{"type": "insecureAcceptAnything"}, {"type": "reject"}]"#,
            r#"[{"type": "sigstoreSigned", "keyPath": "/k"}]"#,
        ] {
            assert!(!narrower("quay.io/a/app:1", list, &[]), "{list}");
        }
    }

    #[test]
    fn scopes_below_another_entry_are_its_own_business() {
        let accept = r#"[{"type": "insecureAcceptAnything"}]"#;
        for (scope, apart, expected) in [
            ("quay.io/a/app/tool:1", "quay.io/a/app/tool", false),
            ("quay.io/a/app/tool@sha256:0", "quay.io/a/app/tool", false),
            ("quay.io/a/app/tool/x", "quay.io/a/app/tool", false),
            ("quay.io/a/app/tools", "quay.io/a/app/tool", true),
            ("quay.io/a/app/tool", "quay.io/a/app/tool/x", true),
            ("quay.io/a/app:1", "quay.io/a/app", true),
            ("quay.io/a/app/tool", "quay.io/a", true),
        ] {
            assert_eq!(narrower(scope, accept, &[apart]), expected, "{scope} {apart}");
        }
    }
}
