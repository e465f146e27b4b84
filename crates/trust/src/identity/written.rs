//! Rules as command lines and reports write them: `match-repository`, `exact-reference=REFERENCE`,
//! `remap-identity=PREFIX=SIGNED_PREFIX`. Neither prefix can hold an equals sign.

use super::named::{Named, NamedError};
use super::remap::{Remap, RemapError};
use super::{IdentityRule, Pinned};
use crate::reading::text::bounded;
use std::fmt;
use std::str::FromStr;

/// A text is no identity rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// No rule has this name.
    #[error(
        "{0:?} is not an identity rule; expected match-exact, match-repo-digest-or-exact, match-repository, \
         exact-reference=REFERENCE, exact-repository=REPOSITORY or remap-identity=PREFIX=SIGNED_PREFIX"
    )]
    Unknown(String),
    /// The name in it cannot be used.
    #[error("{text:?} cannot be an identity: {why}")]
    Named {
        /// The text, bounded.
        text: String,
        /// Why not.
        why: NamedError,
    },
    /// The prefixes in it cannot be used.
    #[error(transparent)]
    Remap(#[from] RemapError),
}

impl IdentityRule {
    /// [`IdentityRule::ExactReference`] from a text.
    ///
    /// # Errors
    /// When it is no name, or has neither a tag nor a digest.
    pub fn exact_reference(text: &str) -> Result<Self, RuleError> {
        let pinned = text.parse::<Named>().and_then(Pinned::try_from);
        pinned.map(Self::ExactReference).map_err(|why| cannot(text, why))
    }

    /// [`IdentityRule::ExactRepository`] from a text. As in containers/image, a tag or digest in it does not matter.
    ///
    /// # Errors
    /// When it is no name.
    pub fn exact_repository(text: &str) -> Result<Self, RuleError> {
        text.parse().map(Self::ExactRepository).map_err(|why| cannot(text, why))
    }
}

fn cannot(text: &str, why: NamedError) -> RuleError {
    RuleError::Named { text: bounded(text), why }
}

impl FromStr for IdentityRule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let unknown = || RuleError::Unknown(bounded(text));
        match text.split_once('=') {
            None => match text {
                "match-exact" => Ok(Self::MatchExact),
                "match-repo-digest-or-exact" => Ok(Self::MatchRepoDigestOrExact),
                "match-repository" => Ok(Self::MatchRepository),
                _ => Err(unknown()),
            },
            Some(("exact-reference", reference)) => Self::exact_reference(reference),
            Some(("exact-repository", repository)) => Self::exact_repository(repository),
            Some(("remap-identity", prefixes)) => {
                let (prefix, signed_prefix) = prefixes.split_once('=').ok_or_else(unknown)?;
                Ok(Self::RemapIdentity(Remap::new(prefix, signed_prefix)?))
            }
            Some(_) => Err(unknown()),
        }
    }
}

impl fmt::Display for IdentityRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MatchExact => f.write_str("match-exact"),
            Self::MatchRepoDigestOrExact => f.write_str("match-repo-digest-or-exact"),
            Self::MatchRepository => f.write_str("match-repository"),
            Self::ExactReference(pinned) => write!(f, "exact-reference={}", pinned.named()),
            Self::ExactRepository(named) => write!(f, "exact-repository={named}"),
            Self::RemapIdentity(remap) => write!(f, "remap-identity={remap}"),
        }
    }
}
