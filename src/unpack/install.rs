//! Which keys are installed after a push: those that verified something in it, for what they verified.

use super::error::UnpackError;
use super::verify::Verified;
use crate::host::{
    Change, HostRoot, InstallError, InstallPlan, Installed, InstalledKey, KeyName, KeyToInstall,
    PlannedKey, plan_install,
};
use crate::oci::Digest;
use crate::report::unpack::{KeyChange, KeyReport};
use crate::trust::{Admission, Fingerprint, ImageVerdict, Scope, ScopedKey};
use std::collections::{BTreeMap, BTreeSet};

/// How keys are installed.
#[derive(Debug)]
pub struct InstallOptions {
    /// Below which root.
    pub root: HostRoot,
    /// Names given on the command line, by fingerprint.
    pub names: BTreeMap<Digest, KeyName>,
}

/// Decides what is installed; refuses what can be refused. Nothing is changed.
pub(super) fn plan(
    options: InstallOptions,
    verified: &Verified,
    earlier: &BTreeMap<Digest, KeyName>,
) -> Result<InstallPlan, UnpackError> {
    let keys = keys_to_install(verified);
    let mut names = options.names;
    for key in &keys {
        // A key that was installed before keeps its name.
        let Some(installed) = earlier.get(&key.fingerprint) else { continue };
        let name = names.entry(key.fingerprint).or_insert_with(|| installed.clone());
        if name != installed {
            let (fingerprint, installed) = (key.fingerprint, installed.clone());
            let name = name.clone();
            return Err(InstallError::OtherName { fingerprint, installed, name }.into());
        }
    }
    let bundle = verified.archive().bundle_digest();
    Ok(plan_install(options.root, &keys, &names, bundle)?)
}

/// Names of the keys that were installed before.
pub(super) fn earlier_names(installed: &[InstalledKey]) -> BTreeMap<Digest, KeyName> {
    let named = |key: &InstalledKey| (key.record.fingerprint, key.record.name.clone());
    installed.iter().map(named).collect()
}

/// Keys that verified an image which is admitted by its signatures, each for exactly the repositories of those images,
/// or for less where it was trusted for one tag or digest only.
fn keys_to_install(verified: &Verified) -> Vec<KeyToInstall> {
    let mut scopes: BTreeMap<Fingerprint, BTreeSet<String>> = BTreeMap::new();
    for verdict in verified.verdicts() {
        if matches!(verdict.admission(), Admission::Signed | Admission::IndexUnsigned) {
            for key in verdict.verifying_keys() {
                scopes.entry(key).or_default().extend(verified_scopes(verified, key, verdict));
            }
        }
    }
    let carried = verified.carried_keys();
    scopes
        .into_iter()
        .filter_map(|(fingerprint, scopes)| {
            let key = verified.trusted_key(&fingerprint)?;
            let file = carried.iter().find(|carried| carried.fingerprint == fingerprint);
            Some(KeyToInstall {
                pem: key.to_pem(),
                fingerprint: fingerprint.to_string().parse().ok()?,
                scopes: scopes.into_iter().collect(),
                file: file.map_or_else(String::new, |carried| carried.file.clone()),
            })
        })
        .collect()
}

/// What a key may vouch for from now on, by what it verified here.
fn verified_scopes(
    verified: &Verified,
    key: Fingerprint,
    verdict: &ImageVerdict,
) -> BTreeSet<String> {
    let repository = verdict.source().repository();
    let scope = |anchor: &ScopedKey| match &anchor.scope {
        Scope::Image(_) => anchor.scope.to_string(),
        _ => repository.to_string(),
    };
    let scopes: BTreeSet<String> = verified.anchors_of(key, verdict).map(scope).collect();
    match scopes.contains(&repository.to_string()) {
        true => BTreeSet::from([repository.to_string()]),
        false => scopes,
    }
}

pub(super) fn report(keys: &[PlannedKey]) -> Vec<KeyReport> {
    keys.iter()
        .map(|key| KeyReport {
            name: key.name.to_string(),
            fingerprint: key.fingerprint,
            path: key.path.clone(),
            scopes: key.scopes.iter().cloned().collect(),
            change: match key.change {
                Change::Create => KeyChange::Created,
                Change::Record => KeyChange::Recorded,
                Change::Widen => KeyChange::Widened,
                Change::Nothing => KeyChange::Unchanged,
            },
        })
        .collect()
}

/// Installs what was planned.
pub(super) fn install(plan: InstallPlan) -> Result<Installed, UnpackError> {
    crate::host::install(plan, time::OffsetDateTime::now_utc()).map_err(UnpackError::NotInstalled)
}
