//! Whether a key may sign at a given time, after all that it says about itself.
//!
//! As in GnuPG, the question is asked for now, not for when a signature was made: whoever holds an expired or stolen
//! key can write any date into a signature. Nothing undoes a revocation.

use super::certificate::{Certificate, Claims, Subkey};
use super::errors::KeyFault;
use super::statement::{Statement, seconds};
use super::strength;
use pgp::types::KeyDetails;

impl Certificate {
    /// Checks that the primary key may sign now.
    pub(super) fn primary_signs(&self, now: i64) -> Result<(), KeyFault> {
        let statements = self.stands(now)?;
        let forbidden = statements.iter().any(|statement| statement.may_sign == Some(false));
        if forbidden { Err(KeyFault::NotForSigning) } else { Ok(()) }
    }

    /// Checks that the primary key may vouch for its subkeys now.
    pub(super) fn primary_stands(&self, now: i64) -> Result<(), KeyFault> {
        self.stands(now).map(drop)
    }

    /// Checks that a subkey may sign now, given that the primary key stands.
    pub(super) fn subkey_signs(&self, subkey: &Subkey, now: i64) -> Result<(), KeyFault> {
        if subkey.revocations.count(self.names_revoker()) {
            return Err(KeyFault::Revoked);
        }
        exists(&subkey.key, now)?;
        let holding = subkey.bindings.iter().filter(|binding| binding.statement.holds(now));
        let binding = holding
            .max_by_key(|binding| (binding.statement.precedence(), !binding.signed_back))
            .ok_or(KeyFault::Unbound)?;
        unexpired(&subkey.key, &binding.statement, now)?;
        match binding.statement.may_sign {
            Some(true) if binding.signed_back => Ok(()),
            Some(true) => Err(KeyFault::NotSignedBack),
            // A subkey that does not say so is not for signing.
            Some(false) | None => Err(KeyFault::NotForSigning),
        }
    }

    /// The statements of the primary key that hold now: the last direct one, and the last under any name that was not
    /// withdrawn. Where both speak of the same thing, both must allow it.
    fn stands(&self, now: i64) -> Result<Vec<&Statement>, KeyFault> {
        if self.revocations.count(self.names_revoker()) {
            return Err(KeyFault::Revoked);
        }
        exists(&self.key, now)?;
        let under_names = self.users.iter().filter_map(|user| user.claims.last(now));
        let under_name = under_names.max_by_key(|statement| statement.precedence());
        let statements: Vec<&Statement> =
            self.direct.last(now).into_iter().chain(under_name).collect();
        if statements.is_empty() {
            return Err(KeyFault::Unproven);
        }
        for statement in &statements {
            unexpired(&self.key, statement, now)?;
        }
        Ok(statements)
    }
}

impl Claims {
    /// The last statement that holds now, unless it was withdrawn at the same time or later.
    fn last(&self, now: i64) -> Option<&Statement> {
        let holding = self.made.iter().filter(|statement| statement.holds(now));
        let last = holding.max_by_key(|statement| statement.precedence())?;
        self.withdrawn.is_none_or(|withdrawn| last.created > withdrawn).then_some(last)
    }
}

/// Checks that a key is strong enough, and made by now.
fn exists(key: &impl KeyDetails, now: i64) -> Result<(), KeyFault> {
    match strength::weakness(key) {
        Some(weakness) => Err(KeyFault::Weak(weakness)),
        None if seconds(key.created_at()) > now => Err(KeyFault::InFuture),
        None => Ok(()),
    }
}

fn unexpired(key: &impl KeyDetails, statement: &Statement, now: i64) -> Result<(), KeyFault> {
    match statement.key_lifetime.map(|lifetime| seconds(key.created_at()) + lifetime) {
        Some(at) if at <= now => Err(KeyFault::Expired { at }),
        _ => Ok(()),
    }
}
