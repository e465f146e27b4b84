//! Which images an anchor is for.
//!
//! A scope is written as in containers-policy.json(5): nothing or `*` (everything), `*.domain`, `host[:port]`,
//! `host/namespace` or `host/repository` (with everything below), `host/repository:*` (that one alone, with any tag),
//! `host/repository:tag`, `host/repository@digest`. It is matched at the boundaries of path components, after the normalisation that references get. Where a text could
//! mean two things it is refused rather than guessed.

use crate::reading::text::{bounded, explain};
use bundle_oci::host_name::{is_same_registry, registry};
use bundle_oci::{Reference, Repository, reference::is_host};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A set of source references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every image.
    Everything,
    /// Every host below a domain, with the port if the domain has one: `*.example.com`.
    Domain(String),
    /// Every repository of one `host[:port]`.
    Host(String),
    /// A repository and everything below it.
    Repository(Repository),
    /// A repository and nothing below it.
    Exactly(Repository),
    /// One tag or one digest of a repository.
    Image(Reference),
}

/// How narrow a scope is; a larger value is narrower. Only scopes that cover the same image are worth comparing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Specificity(u8, usize);

/// Why a text is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Nothing of the grammar fits.
    #[error("{text:?} is not a scope: {why}")]
    Malformed {
        /// The text, bounded.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// Two readings are possible.
    #[error("{text:?} could mean two things: write {first:?} or {second:?}")]
    Ambiguous {
        /// The text, bounded.
        text: String,
        /// One spelling that is clear.
        first: String,
        /// The other one.
        second: String,
    },
    /// A value with an equals sign whose left side is no scope.
    #[error("{text:?} is neither a scope nor a path: write ./ before a path with an equals sign")]
    NeitherScopeNorPath {
        /// The part before the equals sign, bounded.
        text: String,
    },
    /// Nothing stands after `SCOPE=`, or at all.
    #[error("the value is missing in {text:?}")]
    NoValue {
        /// The whole option, bounded.
        text: String,
    },
    /// The value cannot be read.
    #[error("{text:?} is not a valid value: {why}")]
    Value {
        /// The value, bounded.
        text: String,
        /// What its own parser says.
        why: String,
    },
}

impl Scope {
    /// True when `reference` lies within this scope. Hosts are compared as the registries that they name, so that another
    /// case, a default port or another name of docker.io cannot move an image out of a scope.
    pub fn covers(&self, reference: &Reference) -> bool {
        match self {
            Self::Image(scope) => {
                scope.repository().is_same_as(reference.repository())
                    && scope.tag().is_none_or(|tag| reference.tag() == Some(tag))
                    && scope.digest().is_none_or(|digest| reference.digest() == Some(digest))
            }
            _ => self.covers_all_of(reference.repository()),
        }
    }

    /// True when every tag and digest of `repository` lies within this scope.
    pub(crate) fn covers_all_of(&self, repository: &Repository) -> bool {
        match self {
            Self::Everything => true,
            Self::Domain(domain) => registry(repository.host())
                .strip_suffix(&domain.to_ascii_lowercase())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            Self::Host(scope) => is_same_registry(scope, repository.host()),
            Self::Repository(scope) => {
                is_same_registry(scope.host(), repository.host())
                    && is_at_or_below(repository.path(), scope.path())
            }
            Self::Exactly(scope) => scope.is_same_as(repository),
            Self::Image(_) => false,
        }
    }

    /// True when it covers `repository` and names that very path, so that nothing else is meant.
    pub fn names(&self, repository: &Repository) -> bool {
        match self {
            Self::Everything | Self::Domain(_) | Self::Host(_) => false,
            Self::Repository(scope) | Self::Exactly(scope) => scope.is_same_as(repository),
            Self::Image(scope) => scope.repository().is_same_as(repository),
        }
    }

    /// How narrow it is.
    pub fn specificity(&self) -> Specificity {
        match self {
            Self::Everything => Specificity(0, 0),
            Self::Domain(domain) => Specificity(1, domain.split('.').count()),
            Self::Host(_) => Specificity(2, 0),
            // Alike, so that a permission for a repository stands against a key for exactly that one.
            Self::Repository(repository) | Self::Exactly(repository) => {
                Specificity(3, repository.path().split('/').count())
            }
            Self::Image(reference) => {
                let pins = usize::from(reference.tag().is_some());
                Specificity(4, pins + 2 * usize::from(reference.digest().is_some()))
            }
        }
    }
}

impl Scope {
    /// The scope that was recorded for an installed key. Where an option would mean a repository and everything below
    /// it, the record of what a key verified means that repository alone.
    ///
    /// # Errors
    /// As for every scope.
    pub fn recorded(text: &str) -> Result<Self, ScopeError> {
        Ok(match text.parse()? {
            Self::Repository(repository) => Self::Exactly(repository),
            other => other,
        })
    }
}

/// True when `path` is `scope`, or continues it after a slash.
pub(crate) fn is_at_or_below(path: &str, scope: &str) -> bool {
    path.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let malformed =
            |why: &str| ScopeError::Malformed { text: bounded(text), why: why.to_owned() };
        if text.is_empty() || text == "*" {
            return Ok(Self::Everything);
        }
        if let Some(domain) = text.strip_prefix("*.") {
            let named = is_host(domain) && domain.contains(|c: char| c.is_ascii_alphabetic());
            return if named && !domain.starts_with('[') {
                Ok(Self::Domain(domain.to_ascii_lowercase()))
            } else {
                Err(malformed("a domain must follow *."))
            };
        }
        if let Some(host) = text.strip_suffix('/') {
            return if is_host(host) {
                Ok(Self::Host(canonical_host(host)))
            } else {
                Err(malformed("only a host may end in a slash"))
            };
        }
        if let Some(repository) = text.strip_suffix(":*") {
            return match repository.parse()? {
                Self::Repository(repository) => Ok(Self::Exactly(repository)),
                _ => Err(malformed("a repository must stand before :*")),
            };
        }
        if !text.contains(['/', '@']) {
            return single_word(text);
        }
        refuse_docker_io_namespace(text)?;
        let reference: Reference = text.parse().map_err(|error| malformed(&explain(&error)))?;
        Ok(if reference.tag().is_some() || reference.digest().is_some() {
            Self::Image(reference)
        } else {
            Self::Repository(reference.repository().clone())
        })
    }
}

/// A text without a slash: a host, or the short name of an official image.
fn single_word(text: &str) -> Result<Scope, ScopeError> {
    if is_host(text) && is_plainly_host(text) {
        return Ok(Scope::Host(canonical_host(text)));
    }
    if is_host(text) && text.contains(':') {
        return Err(ScopeError::Ambiguous {
            text: bounded(text),
            first: format!("{}/", bounded(text)),
            second: format!("docker.io/library/{}", bounded(text)),
        });
    }
    let reference: Reference = text
        .parse()
        .map_err(|error| ScopeError::Malformed { text: bounded(text), why: explain(&error) })?;
    Ok(match reference.tag() {
        Some(_) => Scope::Image(reference),
        None => Scope::Repository(reference.repository().clone()),
    })
}

/// True when a text that has the form of a host can be nothing else.
fn is_plainly_host(text: &str) -> bool {
    let name = text.split(':').next().unwrap_or_default();
    name.contains('.') || name == "localhost" || text.starts_with('[')
}

fn canonical_host(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    if host == "index.docker.io" { "docker.io".to_owned() } else { host }
}

/// `docker.io/name` is the official image `name` to every container tool, but reads like a namespace here.
fn refuse_docker_io_namespace(text: &str) -> Result<(), ScopeError> {
    match text.split_once('/') {
        Some((host, name))
            if canonical_host(host) == "docker.io" && !name.contains(['/', ':', '@']) =>
        {
            Err(ScopeError::Ambiguous {
                text: bounded(text),
                first: format!("docker.io/library/{}", bounded(name)),
                second: format!("docker.io/{}/REPOSITORY", bounded(name)),
            })
        }
        _ => Ok(()),
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("*"),
            Self::Domain(domain) => write!(f, "*.{domain}"),
            Self::Host(host) if is_plainly_host(host) => f.write_str(host),
            Self::Host(host) => write!(f, "{host}/"),
            Self::Repository(repository) => repository.fmt(f),
            Self::Exactly(repository) => write!(f, "{repository}:*"),
            Self::Image(reference) => reference.fmt(f),
        }
    }
}

/// Which images may come unsigned: a [`Scope`], or `host/namespace/*` for everything strictly below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    scope: Scope,
    below_only: bool,
}

impl From<Scope> for Pattern {
    fn from(scope: Scope) -> Self {
        Self { scope, below_only: false }
    }
}

impl Pattern {
    /// The scope, which the pattern may reach less far than.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The scope, when the pattern permits all of it.
    pub(crate) fn whole_scope(&self) -> Option<&Scope> {
        (!self.below_only).then_some(&self.scope)
    }

    /// True when the pattern permits `reference`.
    pub fn covers(&self, reference: &Reference) -> bool {
        let at_the_scope_itself = matches!(
            &self.scope,
            Scope::Repository(scope) if scope.path() == reference.repository().path()
        );
        self.scope.covers(reference) && !(self.below_only && at_the_scope_itself)
    }

    /// True when it covers `repository` and names that very path.
    pub fn names(&self, repository: &Repository) -> bool {
        !self.below_only && self.scope.names(repository)
    }

    /// How narrow it is, comparable with a scope's.
    pub fn specificity(&self) -> Specificity {
        self.scope.specificity()
    }
}

impl FromStr for Pattern {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let malformed =
            |why: &str| ScopeError::Malformed { text: bounded(text), why: why.to_owned() };
        if text.is_empty() {
            return Err(malformed("write * for every image"));
        }
        let Some(above) = text.strip_suffix("/*") else {
            return Ok(Self { scope: text.parse()?, below_only: false });
        };
        let scope = if above.contains('/') {
            // What stands before /* is a namespace, so docker.io/name has one meaning here.
            let (host, path) = above.split_once('/').unwrap_or_default();
            Repository::new(&canonical_host(host), path)
                .map(Scope::Repository)
                .map_err(|error| malformed(&explain(&error)))?
        } else if is_host(above) {
            Scope::Host(canonical_host(above))
        } else {
            return Err(malformed("a host or a namespace must stand before /*"));
        };
        Ok(Self { scope, below_only: true })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.scope, self.below_only) {
            (Scope::Host(host), true) => write!(f, "{host}/*"),
            (scope, true) => write!(f, "{scope}/*"),
            (scope, false) => scope.fmt(f),
        }
    }
}

macro_rules! text_form {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
text_form!(Scope, Pattern);

#[cfg(test)]
mod tests;
