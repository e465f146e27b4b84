//! A primary key with what it says about itself, each statement verified once, when the keyring is read.

use super::errors::KeyringError;
use super::fingerprint::OpenPgpFingerprint;
use super::gather::{Gathered, GatheredSubkey};
use super::report::KeyDescription;
use super::statement::{About, Statement, names, seconds};
use super::strength;
use crate::reading::text::bounded;
use pgp::packet::{PublicKey, PublicSubkey, Signature, SignatureType, UserId};
use pgp::types::{KeyDetails as _, Tag};

/// Most user ids in a description; more are only counted by nobody.
const MAX_LISTED_USERS: usize = 16;

/// A primary key and everything that is known to be its own.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub(super) key: PublicKey,
    pub(super) fingerprint: OpenPgpFingerprint,
    /// What it says about itself directly (type 0x1f).
    pub(super) direct: Claims,
    /// What it says about itself under a name (types 0x10 to 0x13).
    pub(super) users: Vec<User>,
    pub(super) subkeys: Vec<Subkey>,
    pub(super) revocations: Revocations,
}

/// A name of a key's owner.
#[derive(Debug, Clone)]
pub(super) struct User {
    id: Vec<u8>,
    pub(super) claims: Claims,
}

/// A subkey, which may belong to the primary key or not: its bindings tell.
#[derive(Debug, Clone)]
pub(super) struct Subkey {
    pub(super) key: PublicSubkey,
    pub(super) fingerprint: OpenPgpFingerprint,
    pub(super) bindings: Vec<Binding>,
    pub(super) revocations: Revocations,
}

/// The primary key says that a subkey is its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Binding {
    pub(super) statement: Statement,
    /// The subkey says so too.
    pub(super) signed_back: bool,
}

/// Verified statements of one kind, and when the last of them was withdrawn.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims {
    pub(super) made: Vec<Statement>,
    pub(super) withdrawn: Option<i64>,
}

/// Revocations are taken at their word, even where they do not verify: a forged one can only take trust away, and
/// whoever can put one into the file can take the key out of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Revocations {
    /// One that claims to be by the primary key itself.
    own: bool,
    /// One by another key.
    foreign: bool,
}

impl Revocations {
    fn note(&mut self, signature: &Signature, key: &PublicKey) {
        *(if names(signature, key) { &mut self.own } else { &mut self.foreign }) = true;
    }

    fn absorb(&mut self, other: Self) {
        self.own |= other.own;
        self.foreign |= other.foreign;
    }

    /// Those of another key count as soon as the key names any that may revoke it.
    pub(super) fn count(self, names_revoker: bool) -> bool {
        self.own || (self.foreign && names_revoker)
    }
}

impl Claims {
    fn withdraw(&mut self, signature: &Signature) {
        let at = signature.created().map_or(i64::MAX, seconds);
        self.withdrawn = self.withdrawn.max(Some(at));
    }

    fn absorb(&mut self, other: Self) {
        self.made.extend(other.made);
        self.withdrawn = self.withdrawn.max(other.withdrawn);
    }
}

impl Certificate {
    /// Verifies what a key says about itself; what does not verify says nothing.
    pub(super) fn prove(gathered: Gathered) -> Self {
        let Gathered { key, fingerprint, signatures, users, subkeys } = gathered;
        let (mut direct, mut revocations) = (Claims::default(), Revocations::default());
        for signature in &signatures {
            match signature.typ() {
                Some(SignatureType::KeyRevocation) => revocations.note(signature, &key),
                Some(SignatureType::CertRevocation) if names(signature, &key) => {
                    direct.withdraw(signature);
                }
                Some(SignatureType::Key) if certifies_itself(signature, &key) => {
                    direct.made.extend(statement(signature, &key));
                }
                _ => {}
            }
        }
        let mut certificate =
            Self { key, fingerprint, direct, users: Vec::new(), subkeys: Vec::new(), revocations };
        for (id, signatures) in users {
            let user = prove_user(&certificate.key, &id, &signatures);
            certificate.add_user(user);
        }
        for subkey in subkeys {
            let subkey = prove_subkey(&certificate.key, subkey);
            certificate.add_subkey(subkey);
        }
        certificate
    }

    /// Adds what another copy of the same key says.
    pub(super) fn absorb(&mut self, other: Self) {
        self.direct.absorb(other.direct);
        self.revocations.absorb(other.revocations);
        other.users.into_iter().for_each(|user| self.add_user(user));
        other.subkeys.into_iter().for_each(|subkey| self.add_subkey(subkey));
    }

    /// Adds a name, to the same name where there is one: what is withdrawn in one place is not left standing in another.
    fn add_user(&mut self, user: User) {
        match self.users.iter_mut().find(|known| known.id == user.id) {
            Some(known) => known.claims.absorb(user.claims),
            None => self.users.push(user),
        }
    }

    /// Adds a subkey, to the same subkey where there is one, for the same reason.
    fn add_subkey(&mut self, subkey: Subkey) {
        match self.subkeys.iter_mut().find(|known| known.fingerprint == subkey.fingerprint) {
            Some(known) => {
                known.bindings.extend(subkey.bindings);
                known.revocations.absorb(subkey.revocations);
            }
            None => self.subkeys.push(subkey),
        }
    }

    /// What reports say of it.
    pub(super) fn description(&self) -> KeyDescription {
        let certified = self.users.iter().filter(|user| !user.claims.made.is_empty());
        let name = |user: &User| bounded(&String::from_utf8_lossy(&user.id));
        KeyDescription {
            fingerprint: self.fingerprint,
            algorithm: strength::name(&self.key),
            weakness: strength::weakness(&self.key),
            user_ids: certified.take(MAX_LISTED_USERS).map(name).collect(),
            subkeys: self.subkeys.iter().map(|subkey| subkey.fingerprint).collect(),
        }
    }

    /// True when any of its statements names another key that may revoke it.
    pub(super) fn names_revoker(&self) -> bool {
        let under_names = self.users.iter().flat_map(|user| &user.claims.made);
        self.direct.made.iter().chain(under_names).any(|statement| statement.names_revoker)
    }
}

/// Joins certificates of the same primary key.
///
/// # Errors
/// When there is none, or none that is strong enough to verify anything.
pub(super) fn join(
    certificates: impl IntoIterator<Item = Certificate>,
) -> Result<Vec<Certificate>, KeyringError> {
    let mut joined: Vec<Certificate> = Vec::new();
    for certificate in certificates {
        match joined.iter_mut().find(|known| known.fingerprint == certificate.fingerprint) {
            Some(known) => known.absorb(certificate),
            None => joined.push(certificate),
        }
    }
    let first = joined.first().ok_or(KeyringError::NoKey)?;
    if joined.iter().all(|certificate| strength::weakness(&certificate.key).is_some()) {
        let weakness = strength::name(&first.key);
        return Err(KeyringError::NoneUsable { key: first.fingerprint, weakness });
    }
    Ok(joined)
}

fn prove_user(key: &PublicKey, id: &UserId, signatures: &[Signature]) -> User {
    let mut claims = Claims::default();
    for signature in signatures.iter().filter(|signature| names(signature, key)) {
        match signature.typ() {
            Some(SignatureType::CertRevocation) => claims.withdraw(signature),
            Some(
                SignatureType::CertGeneric
                | SignatureType::CertPersona
                | SignatureType::CertCasual
                | SignatureType::CertPositive,
            ) if names_itself(signature, key, id) => {
                claims.made.extend(statement(signature, key));
            }
            _ => {}
        }
    }
    User { id: id.id().to_vec(), claims }
}

fn prove_subkey(primary: &PublicKey, gathered: GatheredSubkey) -> Subkey {
    let GatheredSubkey { key, fingerprint, signatures } = gathered;
    let (mut bindings, mut revocations) = (Vec::new(), Revocations::default());
    for signature in &signatures {
        match signature.typ() {
            Some(SignatureType::SubkeyRevocation) => revocations.note(signature, primary),
            Some(SignatureType::SubkeyBinding) if binds(signature, primary, &key) => {
                let signed_back = signed_back(signature, primary, &key);
                let statement = statement(signature, primary);
                bindings.extend(statement.map(|statement| Binding { statement, signed_back }));
            }
            _ => {}
        }
    }
    Subkey { key, fingerprint, bindings, revocations }
}

fn binds(signature: &Signature, primary: &PublicKey, key: &PublicSubkey) -> bool {
    signature.hash_alg().is_some_and(strength::resists_collisions)
        && names(signature, primary)
        && signature.verify_subkey_binding(primary, key).is_ok()
}

/// The subkey's own signature (type 0x19) inside the binding. It may stand in the part that is not signed, because it
/// is a signature itself.
fn signed_back(binding: &Signature, primary: &PublicKey, key: &PublicSubkey) -> bool {
    binding.embedded_signature().is_some_and(|signature| {
        signature.typ() == Some(SignatureType::KeyBinding)
            && signature.hash_alg().is_some_and(strength::resists_collisions)
            && Statement::read(signature, About::Key).is_ok()
            && signature.verify_primary_key_binding(key, primary).is_ok()
    })
}

fn certifies_itself(signature: &Signature, key: &PublicKey) -> bool {
    may_certify_itself(signature, key) && signature.verify_key(key).is_ok()
}

fn names_itself(signature: &Signature, key: &PublicKey, id: &UserId) -> bool {
    may_certify_itself(signature, key)
        && signature.verify_certification(key, Tag::UserId, id).is_ok()
}

fn may_certify_itself(signature: &Signature, key: &PublicKey) -> bool {
    names(signature, key) && signature.hash_alg().is_some_and(strength::suffices_for_itself)
}

/// What a verified signature of the primary key says, unless that is unclear or older than the key.
fn statement(signature: &Signature, primary: &PublicKey) -> Option<Statement> {
    let statement = Statement::read(signature, About::Key).ok()?;
    (statement.created >= seconds(primary.created_at())).then_some(statement)
}
