//! Keys that are to be installed, each with its name settled.

use super::grant::Grant;
use super::holder::Holder;
use super::install_error::InstallError;
use super::key_name::KeyName;
use super::public_key;
use super::record::shown_file;
use bundle_trust::{KeyFingerprint, KeyUse};
use std::collections::{BTreeMap, BTreeSet};

/// A key that verified something and shall be trusted by later runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyToInstall {
    /// What it verifies.
    pub usage: KeyUse,
    /// Its file, in the one form in which keys of this use are installed.
    pub content: Vec<u8>,
    /// Its name by its content.
    pub fingerprint: KeyFingerprint,
    /// The scopes that it verified. Nothing wider may be given here. Of a trusted root, those where entries of its logs
    /// were demanded.
    pub scopes: Vec<String>,
    /// Of a trusted root: whom its certificates named, and for which scopes.
    pub holders: BTreeMap<Holder, BTreeSet<String>>,
    /// Its file in the bundle, for the record.
    pub file: String,
}

/// An installed key that another takes the place of: `NAME=OLD:NEW`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The name of both.
    pub name: KeyName,
    /// What is installed.
    pub old: KeyFingerprint,
    /// What takes its place. It must be among the keys that are to be installed.
    pub new: KeyFingerprint,
}

/// How keys are named.
#[derive(Debug, Clone, Default)]
pub struct Naming {
    /// Names that were given. A key without one is named after its fingerprint.
    pub names: BTreeMap<KeyFingerprint, KeyName>,
    /// Installed keys that others take the place of.
    pub replacements: Vec<Replacement>,
}

/// A key whose name is settled.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) name: KeyName,
    pub(super) usage: KeyUse,
    pub(super) content: Vec<u8>,
    pub(super) fingerprint: KeyFingerprint,
    pub(super) grant: Grant,
    pub(super) file: String,
    /// The installed key that it takes the place of.
    pub(super) replaces: Option<KeyFingerprint>,
}

/// Checks the keys themselves and settles their names; the same key twice counts once, with the scopes of both.
pub(super) fn settle(keys: &[KeyToInstall], naming: &Naming) -> Result<Vec<Wanted>, InstallError> {
    let names = names(keys, naming)?;
    let mut wanted: BTreeMap<KeyName, Wanted> = BTreeMap::new();
    // While publishers change keys they sign with both. One that makes way is not wanted, unless under another name.
    let makes_way = |key: &&KeyToInstall| {
        let is_old = |one: &Replacement| one.old == key.fingerprint;
        naming.replacements.iter().any(is_old) && !names.contains_key(&key.fingerprint)
    };
    for key in keys.iter().filter(|key| !makes_way(key)) {
        let fingerprint = key.fingerprint;
        let found = public_key::check(key.usage, &key.content)
            .map_err(|source| InstallError::Key { fingerprint, source })?;
        if found != fingerprint {
            return Err(InstallError::Fingerprint { stated: fingerprint, found });
        }
        let name = match names.get(&fingerprint) {
            Some(name) => name.clone(),
            None => KeyName::of_fingerprint(&fingerprint),
        };
        let unrecordable =
            |source| InstallError::Scopes { name: name.clone(), source: Box::new(source) };
        let scopes = key.scopes.iter().cloned().collect();
        let grant = Grant { scopes, holders: key.holders.clone() };
        grant.check(key.usage).map_err(unrecordable)?;
        match wanted.get_mut(&name) {
            None => {
                let first = Wanted {
                    name: name.clone(),
                    usage: key.usage,
                    content: key.content.clone(),
                    fingerprint,
                    grant,
                    file: shown_file(&key.file),
                    replaces: naming
                        .replacements
                        .iter()
                        .find(|replacement| replacement.new == fingerprint)
                        .map(|replacement| replacement.old),
                };
                wanted.insert(name, first);
            }
            Some(first) if (first.usage, first.fingerprint) == (key.usage, fingerprint) => {
                first.grant.add(&grant);
                first.grant.check(key.usage).map_err(unrecordable)?;
            }
            Some(first) => {
                let first = first.fingerprint;
                return Err(InstallError::SameName { name, first, second: fingerprint });
            }
        }
    }
    for (fingerprint, name) in &names {
        if wanted.get(name).is_none_or(|key| key.fingerprint != *fingerprint) {
            let (name, fingerprint) = (name.clone(), *fingerprint);
            return Err(InstallError::NameWithoutKey { name, fingerprint });
        }
    }
    Ok(wanted.into_values().collect())
}

/// Names given on the command line, those of replacements among them; each key has one.
fn names(
    keys: &[KeyToInstall],
    naming: &Naming,
) -> Result<BTreeMap<KeyFingerprint, KeyName>, InstallError> {
    let mut names = naming.names.clone();
    for Replacement { name, old, new } in &naming.replacements {
        if old == new {
            return Err(InstallError::ReplacesItself { name: name.clone(), fingerprint: *old });
        }
        if !keys.iter().any(|key| key.fingerprint == *new) {
            return Err(InstallError::ReplacementNotTrusted { name: name.clone(), new: *new });
        }
        if names.get(old) == Some(name) {
            names.remove(old);
        }
        match names.insert(*new, name.clone()) {
            Some(other) if other != *name => {
                let (first, second) = (other, name.clone());
                return Err(InstallError::TwoNames { fingerprint: *new, first, second });
            }
            _ => {}
        }
    }
    Ok(names)
}
