//! What an installed key is good for.

use super::holder::{Holder, HolderError};
use bundle_trust::KeyUse;
use std::collections::{BTreeMap, BTreeSet};

/// Most scopes of one key. A catalogue of 1,000 repositories fits twice.
pub const MAX_SCOPES: usize = 2_000;
/// Longest scope: a repository has at most 255 characters (distribution/reference), with room for a pattern around it.
pub const MAX_SCOPE: usize = 300;

/// What a key is good for. Never nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// The repositories it may vouch for, or whose signatures its log must have. Empty only for a trusted root whose
    /// logs are not demanded of keys.
    pub scopes: BTreeSet<String>,
    /// Of a trusted root: whom its certificates may name, and for which repositories.
    pub holders: BTreeMap<Holder, BTreeSet<String>>,
}

impl Grant {
    /// Every scope, whoever it is for.
    pub fn all_scopes(&self) -> BTreeSet<String> {
        self.scopes.iter().chain(self.holders.values().flatten()).cloned().collect()
    }

    /// Adds all that `other` grants.
    pub(super) fn add(&mut self, other: &Self) {
        self.scopes.extend(other.scopes.iter().cloned());
        for (holder, scopes) in &other.holders {
            self.holders.entry(holder.clone()).or_default().extend(scopes.iter().cloned());
        }
    }

    /// Refuses what cannot be recorded of a key of this use.
    pub(super) fn check(&self, usage: KeyUse) -> Result<(), GrantError> {
        if usage != KeyUse::TrustedRoot && !self.holders.is_empty() {
            return Err(GrantError::HoldersOfKey(usage));
        }
        if self.holders.is_empty() || !self.scopes.is_empty() {
            check_scopes(&self.scopes)?;
        }
        for (holder, scopes) in &self.holders {
            holder.check()?;
            check_scopes(scopes)?;
        }
        let number = self.scopes.len() + self.holders.values().map(BTreeSet::len).sum::<usize>();
        if number > MAX_SCOPES {
            return Err(ScopeError::TooMany(number).into());
        }
        Ok(())
    }
}

/// Why what a key is good for cannot be recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// A scope, or the number of them.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// An identity or an issuer.
    #[error(transparent)]
    Holder(#[from] HolderError),
    /// Only certificates name somebody.
    #[error("a key of use {0} cannot have certificate identities")]
    HoldersOfKey(KeyUse),
}

/// Why scopes cannot be recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A key without scopes would vouch for nothing.
    #[error("the key has no scope")]
    None,
    /// More than [`MAX_SCOPES`].
    #[error("the key has {0} scopes, more than {MAX_SCOPES}")]
    TooMany(usize),
    /// Empty, too long, or with characters that no scope has.
    #[error(
        "{0:?} is not a scope: expected 1 to {MAX_SCOPE} printable ASCII characters without blanks"
    )]
    Malformed(String),
}

/// Refuses scopes that cannot be recorded.
fn check_scopes(scopes: &BTreeSet<String>) -> Result<(), ScopeError> {
    if scopes.is_empty() {
        return Err(ScopeError::None);
    }
    if scopes.len() > MAX_SCOPES {
        return Err(ScopeError::TooMany(scopes.len()));
    }
    let fits = |scope: &&String| {
        (1..=MAX_SCOPE).contains(&scope.len()) && scope.bytes().all(|b| b.is_ascii_graphic())
    };
    match scopes.iter().find(|scope| !fits(scope)) {
        Some(scope) => Err(ScopeError::Malformed(scope.chars().take(MAX_SCOPE).collect())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_counted() {
        let many = |n: usize| check_scopes(&(0..n).map(|i| format!("quay.io/{i}")).collect());
        assert!(many(MAX_SCOPES).is_ok());
        assert_eq!(many(MAX_SCOPES + 1), Err(ScopeError::TooMany(MAX_SCOPES + 1)));
    }
}
