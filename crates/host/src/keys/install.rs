//! Installing trusted keys: decided before the push, done after it.

use super::grant::Grant;
use super::install_error::InstallError;
use super::key_name::KeyName;
use super::record::{KeyOrigin, KeyRecord};
use super::store::{Present, Store};
use super::wanted::{KeyToInstall, Naming, Wanted, settle};
use super::{RECORDS, place};
use crate::files::{Directory, HostRoot, PathError, Staged};
use bundle_oci::Digest;
use bundle_trust::openpgp::SingleKey;
use bundle_trust::{KeyFingerprint, KeyUse};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use time::OffsetDateTime;

/// What will be installed. Nothing has been changed yet.
#[derive(Debug)]
pub struct InstallPlan {
    root: HostRoot,
    bundle: Digest,
    wanted: Vec<Wanted>,
    keys: Vec<PlannedKey>,
}

/// One key of a plan, or of what was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedKey {
    /// Its name.
    pub name: KeyName,
    /// What it verifies.
    pub usage: KeyUse,
    /// Its name by its content.
    pub fingerprint: KeyFingerprint,
    /// Where the key file lies.
    pub path: PathBuf,
    /// Everything that it is good for afterwards.
    pub grant: Grant,
    /// What that takes.
    pub change: Change,
    /// Scopes of the key in whose place it stands now, which it did not verify and so does not have.
    pub dropped: BTreeSet<String>,
}

/// What installing a key changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Key and record are new.
    Create,
    /// The key file was there, without a record; it becomes an anchor.
    Record,
    /// The key was installed before; the record gets more scopes.
    Widen,
    /// The OpenPGP key was installed before, and there is news of it: another expiry, a subkey, a revocation.
    Renew,
    /// It takes the place of this key.
    Replace(KeyFingerprint),
    /// The key was installed before, with these scopes.
    Nothing,
}

/// What was installed; all of it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The keys, sorted by name.
    pub keys: Vec<PlannedKey>,
}

/// Decides what installing `keys` below `root` takes. `bundle` is the bundle digest, for the records.
///
/// # Errors
/// Whatever can be refused is refused here: not being root, forms, names, scopes, other keys under the same names,
/// replacements of something else, links and other things in the way, directories that cannot be written to. Nothing is
/// changed.
pub fn plan_install(
    root: HostRoot,
    keys: &[KeyToInstall],
    naming: &Naming,
    bundle: Digest,
) -> Result<InstallPlan, InstallError> {
    if !root.may_install() {
        return Err(InstallError::NotRoot);
    }
    let wanted = settle(keys, naming)?;
    let uses = wanted.iter().map(|wanted| wanted.usage).chain([KeyUse::Cosign]);
    for components in uses.map(place).chain([&RECORDS]) {
        root.walk(components)?.deepest.check_writable()?;
    }
    let decided = decide(&Store::open(&root)?, &wanted)?;
    let keys = decided.into_iter().map(|decided| decided.planned).collect();
    Ok(InstallPlan { root, bundle, wanted, keys })
}

impl InstallPlan {
    /// What will be done, sorted by name.
    pub fn keys(&self) -> &[PlannedKey] {
        &self.keys
    }
}

/// Installs what was planned, after looking at everything once more. `now` is recorded as the time of installation.
///
/// All content is written and synced under temporary names first; a full disk is noticed then, and leaves nothing
/// behind. Then each key gets its name, and after that its record: a record never names a key that is not there, and
/// a key without its record grants nothing, so that running again after a power cut completes the work. A key that is
/// replaced loses its record first, for the same reason.
///
/// # Errors
/// What came up since planning, as [`plan_install`] says; then nothing is changed. When the system fails while names
/// are given, the keys whose turn had come are installed whole and the others not at all.
pub fn install(plan: InstallPlan, now: OffsetDateTime) -> Result<Installed, InstallError> {
    if plan.wanted.is_empty() {
        return Ok(Installed { keys: Vec::new() });
    }
    let mut key_directories = BTreeMap::new();
    for usage in plan.wanted.iter().map(|wanted| wanted.usage) {
        key_directories.insert(usage, plan.root.create(place(usage))?);
    }
    let record_directory = plan.root.create(&RECORDS)?;
    let _lock = record_directory.lock()?;
    let decided = decide(&Store::open(&plan.root)?, &plan.wanted)?;

    let mut staged = Vec::new();
    for (wanted, decided) in plan.wanted.iter().zip(&decided) {
        if decided.planned.change == Change::Nothing {
            continue;
        }
        let Some(keys) = key_directories.get(&wanted.usage) else { continue };
        let key = match &decided.content {
            Some(content) => Some(keys.stage(&wanted.name.key_file(wanted.usage), content)?),
            None => None,
        };
        let bytes = record(wanted, decided, plan.bundle, now)
            .to_json()
            .map_err(|source| InstallError::Unwritable { name: wanted.name.clone(), source })?;
        let record = record_directory.stage(&wanted.name.record_file(), &bytes)?;
        staged.push(Ready { planned: &decided.planned, keys, key, record });
    }
    for ready in staged {
        ready.publish(&record_directory)?;
    }
    Ok(Installed { keys: decided.into_iter().map(|decided| decided.planned).collect() })
}

/// One key whose files are on disk under temporary names.
struct Ready<'a> {
    planned: &'a PlannedKey,
    keys: &'a Directory,
    key: Option<Staged<'a>>,
    record: Staged<'a>,
}

impl Ready<'_> {
    fn publish(self, records: &Directory) -> Result<(), PathError> {
        let Self { planned, keys, key, record } = self;
        let (name, change) = (&planned.name, planned.change);
        if let Change::Replace(_) = change {
            // From here on nothing is trusted under this name, until its new record is there.
            if records.holds(&name.record_file(), crate::FileKind::Regular)? {
                records.remove(&name.record_file())?;
                records.sync()?;
            }
        }
        if let Some(key) = key {
            match change {
                Change::Create => key.publish_new()?,
                _ => key.publish_over()?,
            }
        }
        let recorded = keys.sync().and_then(|()| match change {
            Change::Widen | Change::Renew => record.publish_over(),
            _ => record.publish_new(),
        });
        if let Err(error) = recorded {
            if change == Change::Create {
                keys.remove(&name.key_file(planned.usage))?;
            }
            return Err(error);
        }
        records.sync()
    }
}

/// What one key takes, given what is there.
struct Decided {
    planned: PlannedKey,
    /// What its key file becomes, where that is not there already.
    content: Option<Vec<u8>>,
    /// The key file was there before any record of it.
    found_key_file: bool,
}

/// What each key takes. All are looked at before any is refused or changed.
fn decide(store: &Store<'_>, wanted: &[Wanted]) -> Result<Vec<Decided>, InstallError> {
    wanted.iter().map(|wanted| decide_one(store, wanted)).collect()
}

fn decide_one(store: &Store<'_>, wanted: &Wanted) -> Result<Decided, InstallError> {
    let Wanted { name, usage, fingerprint, .. } = wanted;
    let different = |path| InstallError::DifferentKey { path, fingerprint: *fingerprint };
    let decided = |grant: Grant, change, content| Decided {
        planned: PlannedKey {
            name: name.clone(),
            usage: *usage,
            fingerprint: *fingerprint,
            path: store.key_path(name, *usage),
            grant,
            change,
            dropped: BTreeSet::new(),
        },
        content,
        found_key_file: change == Change::Record,
    };
    // The record first: where another run is at work, a record that is there has its key already.
    let record = store.record(name)?;
    let present = store.present(name, *usage)?;
    if let Some(replaced) = replaced(wanted, record.as_ref(), &present)? {
        let content = Some(wanted.content.clone());
        let mut decided = decided(wanted.grant.clone(), Change::Replace(replaced), content);
        let had = record.map_or_else(BTreeSet::new, |record| record.grant.all_scopes());
        decided.planned.dropped = had.difference(&wanted.grant.all_scopes()).cloned().collect();
        return Ok(decided);
    }
    match (present, record) {
        (_, Some(record)) if (record.fingerprint, record.usage) != (*fingerprint, *usage) => {
            Err(different(store.record_path(name)))
        }
        (Present::Other, _) => Err(different(store.key_path(name, *usage))),
        (Present::Key(found, _), _) if found != *fingerprint => {
            Err(different(store.key_path(name, *usage)))
        }
        (Present::Missing, None) => {
            Ok(decided(wanted.grant.clone(), Change::Create, Some(wanted.content.clone())))
        }
        (Present::Missing, Some(_)) => {
            Err(InstallError::RecordWithoutKey { path: store.record_path(name) })
        }
        // Somebody else's file is taken for what it is, and never changed.
        (Present::Key(_, content), None) if content != wanted.content => {
            Err(different(store.key_path(name, *usage)))
        }
        (Present::Key(..), None) => Ok(decided(wanted.grant.clone(), Change::Record, None)),
        (Present::Key(_, content), Some(record)) => {
            let mut grant = record.grant.clone();
            grant.add(&wanted.grant);
            grant.check(*usage).map_err(|source| InstallError::Scopes {
                name: name.clone(),
                source: Box::new(source),
            })?;
            let renewed = renewed(&content, &wanted.content);
            let change = match (&renewed, grant != record.grant) {
                (Some(_), _) => Change::Renew,
                (None, true) => Change::Widen,
                (None, false) => Change::Nothing,
            };
            let found_key_file = record.origin.found_key_file;
            Ok(Decided { found_key_file, ..decided(grant, change, renewed) })
        }
    }
}

/// The key that `wanted` takes the place of; `None` where nobody asked for that, or where it was done before.
fn replaced(
    wanted: &Wanted,
    record: Option<&KeyRecord>,
    present: &Present,
) -> Result<Option<KeyFingerprint>, InstallError> {
    let Some(old) = wanted.replaces else { return Ok(None) };
    let is_done = |record: &KeyRecord| record.fingerprint == wanted.fingerprint;
    let found = match (record, present) {
        (Some(record), _) if is_done(record) => return Ok(None),
        (Some(record), _) if (record.fingerprint, record.usage) != (old, wanted.usage) => {
            format!("key {} of use {}", record.fingerprint, record.usage)
        }
        // What a power cut left after the old record was removed: the old key, or the new one already.
        (None, Present::Key(found, _)) if *found == wanted.fingerprint => return Ok(None),
        (_, Present::Key(found, _)) if *found == old => return Ok(Some(old)),
        (Some(_), Present::Missing) => return Ok(Some(old)),
        (None, Present::Missing) => "not installed".to_owned(),
        (_, Present::Key(found, _)) => format!("key {found}"),
        (_, Present::Other) => "something else".to_owned(),
    };
    Err(InstallError::NotTheOldKey { name: wanted.name.clone(), stated: old, found })
}

/// What the file of a key becomes that is there in another state: what both copies say. Only OpenPGP keys have states.
fn renewed(there: &[u8], news: &[u8]) -> Option<Vec<u8>> {
    if there == news {
        return None;
    }
    let both = SingleKey::all_of(&[there, news].concat()).ok()?;
    let joined = both.first()?.armored().as_bytes().to_vec();
    (joined != there).then_some(joined)
}

fn record(wanted: &Wanted, decided: &Decided, bundle: Digest, now: OffsetDateTime) -> KeyRecord {
    KeyRecord {
        name: wanted.name.clone(),
        usage: wanted.usage,
        fingerprint: wanted.fingerprint,
        grant: decided.planned.grant.clone(),
        origin: KeyOrigin {
            bundle,
            file: wanted.file.clone(),
            installed_at: now,
            found_key_file: decided.found_key_file,
        },
    }
}
