//! Which keys are installed after a push, and under which names; and the same without a push.

use super::error::UnpackError;
use super::open::Opened;
use super::proven::proven;
use super::request::InstallRequest;
use super::verify::Verified;
use crate::host::{
    Change, HostRoot, InstallError, InstallPlan, Installed, InstalledKey, KeyFingerprint, KeyName,
    KeyToInstall, Naming, PlannedKey, Replacement, plan_install,
};
use crate::report::keys::InstallReport;
use crate::report::unpack::{HolderReport, KeyChange, KeyReport};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How keys are installed.
#[derive(Debug)]
pub struct InstallOptions {
    /// Below which root.
    pub root: HostRoot,
    /// Names given on the command line, by fingerprint.
    pub names: BTreeMap<KeyFingerprint, KeyName>,
    /// Installed keys that others take the place of.
    pub replacements: Vec<Replacement>,
}

/// Verifies a bundle as unpacking does, and installs the keys that verified something: what has to be done as root, where
/// images are pushed by somebody else. Blocks.
///
/// # Errors
/// As [`super::unpack`], but for the target's.
pub fn install_keys(request: InstallRequest) -> Result<InstallReport, UnpackError> {
    let InstallRequest { input, trust, options, dry_run } = request;
    if !options.root.may_install() {
        return Err(InstallError::NotRoot.into());
    }
    let earlier = earlier_names(&trust.installed);
    let (archive, _) = input.open()?;
    let verified = Opened::of(Arc::new(archive)).check()?.verify(trust)?;
    let plan = plan(options, &verified, &earlier)?;
    let keys = if dry_run {
        report(plan.keys())
    } else {
        let done = crate::host::install(plan, time::OffsetDateTime::now_utc())?;
        report(&done.keys)
    };
    Ok(InstallReport {
        report_version: "1.0",
        file: verified.archive().path().display().to_string(),
        bundle_digest: verified.archive().bundle_digest(),
        names_bound: verified.names_bound(),
        dry_run,
        verdicts: verified.verdicts().to_vec(),
        keys,
        seal: verified.seal_report(),
        warnings: verified.warnings(),
    })
}

/// Decides what is installed; refuses what can be refused. Nothing is changed.
pub(super) fn plan(
    options: InstallOptions,
    verified: &Verified,
    earlier: &BTreeMap<KeyFingerprint, KeyName>,
) -> Result<InstallPlan, UnpackError> {
    let keys = proven(verified);
    let InstallOptions { root, mut names, replacements } = options;
    let replacing: BTreeSet<_> = replacements.iter().map(|replacement| replacement.new).collect();
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
    if verified.names_bound() {
        let unnamed = keys.iter().filter(|key| {
            !names.contains_key(&key.fingerprint) && !replacing.contains(&key.fingerprint)
        });
        names.extend(authentic_names(unnamed));
    }
    let bundle = verified.archive().bundle_digest();
    Ok(plan_install(root, &keys, &Naming { names, replacements }, bundle)?)
}

/// Names that an authentic inventory has for its keys, where they are names that may be installed and each is one key's.
fn authentic_names<'a>(
    keys: impl Iterator<Item = &'a KeyToInstall>,
) -> BTreeMap<KeyFingerprint, KeyName> {
    let mut named: BTreeMap<KeyName, Vec<KeyFingerprint>> = BTreeMap::new();
    for key in keys {
        let name = key.file.strip_prefix(crate::archive::head::KEYS);
        if let Some(Ok(name)) = name.map(str::parse::<KeyName>) {
            named.entry(name).or_default().push(key.fingerprint);
        }
    }
    let single = |(name, keys): (KeyName, Vec<KeyFingerprint>)| match keys[..] {
        [key] => Some((key, name)),
        _ => None,
    };
    named.into_iter().filter_map(single).collect()
}

/// Names of the keys that were installed before.
pub(super) fn earlier_names(installed: &[InstalledKey]) -> BTreeMap<KeyFingerprint, KeyName> {
    let named = |key: &InstalledKey| (key.record.fingerprint, key.record.name.clone());
    installed.iter().map(named).collect()
}

pub(super) fn report(keys: &[PlannedKey]) -> Vec<KeyReport> {
    let holders = |key: &PlannedKey| {
        let report = |(holder, scopes): (&crate::host::Holder, &BTreeSet<String>)| HolderReport {
            identity: holder.identity.clone(),
            issuer: holder.issuer.clone(),
            scopes: scopes.iter().cloned().collect(),
        };
        key.grant.holders.iter().map(report).collect()
    };
    keys.iter()
        .map(|key| KeyReport {
            name: key.name.to_string(),
            usage: key.usage,
            fingerprint: key.fingerprint,
            path: key.path.clone(),
            scopes: key.grant.all_scopes().into_iter().collect(),
            holders: holders(key),
            change: match key.change {
                Change::Create => KeyChange::Created,
                Change::Record => KeyChange::Recorded,
                Change::Widen => KeyChange::Widened,
                Change::Renew => KeyChange::Renewed,
                Change::Replace(_) => KeyChange::Replaced,
                Change::Nothing => KeyChange::Unchanged,
            },
            replaces: match key.change {
                Change::Replace(old) => Some(old),
                _ => None,
            },
            dropped_scopes: key.dropped.iter().cloned().collect(),
        })
        .collect()
}

/// Installs what was planned.
pub(super) fn install(plan: InstallPlan) -> Result<Installed, UnpackError> {
    crate::host::install(plan, time::OffsetDateTime::now_utc()).map_err(UnpackError::NotInstalled)
}
