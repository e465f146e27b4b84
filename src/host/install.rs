//! Installing trusted keys: decided before the push, done after it.

use super::directory::Directory;
use super::error::PathError;
use super::install_error::InstallError;
use super::installed::{SkipReason, read_record};
use super::key_name::KeyName;
use super::public_key::{self, MAX_KEY_FILE};
use super::record::{KeyOrigin, KeyRecord, KeyUse, check_scopes, shown_file};
use super::root::HostRoot;
use super::{KEYS, RECORDS};
use crate::oci::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use time::OffsetDateTime;

/// A key that verified something and shall be trusted by later runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyToInstall {
    /// One canonical PEM block.
    pub pem: String,
    /// SHA-256 of its DER SubjectPublicKeyInfo.
    pub fingerprint: Digest,
    /// The scopes that it verified. Nothing wider may be given here.
    pub scopes: Vec<String>,
    /// Its file in the bundle, for the record.
    pub file: String,
}

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
    /// SHA-256 of its DER SubjectPublicKeyInfo.
    pub fingerprint: Digest,
    /// Where the key file lies.
    pub path: PathBuf,
    /// Every scope it has afterwards, sorted.
    pub scopes: BTreeSet<String>,
    /// What that takes.
    pub change: Change,
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
    /// The key was installed before, with these scopes.
    Nothing,
}

/// What was installed; all of it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The keys, sorted by name.
    pub keys: Vec<PlannedKey>,
}

/// A key whose name is settled.
#[derive(Debug)]
struct Wanted {
    name: KeyName,
    pem: String,
    fingerprint: Digest,
    scopes: BTreeSet<String>,
    file: String,
}

/// The directories of the key store, as far as they exist.
struct Store<'a> {
    root: &'a HostRoot,
    keys: Option<Directory>,
    records: Option<Directory>,
}

/// Decides what installing `keys` below `root` takes. `names` are those given on the command line; a key without one
/// is named after its fingerprint. `bundle` is the bundle digest, for the records.
///
/// # Errors
/// Whatever can be refused is refused here: not being root, forms, names, scopes, other keys under the same names,
/// links and other things in the way, directories that cannot be written to. Nothing is changed.
pub fn plan_install(
    root: HostRoot,
    keys: &[KeyToInstall],
    names: &BTreeMap<Digest, KeyName>,
    bundle: Digest,
) -> Result<InstallPlan, InstallError> {
    if !root.may_install() {
        return Err(InstallError::NotRoot);
    }
    let wanted = settle(keys, names)?;
    for components in [&KEYS, &RECORDS] {
        root.walk(components)?.deepest.check_writable()?;
    }
    let keys = decide(&Store::open(&root)?, &wanted)?;
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
/// a key without its record grants nothing, so that running again after a power cut completes the work.
///
/// # Errors
/// What came up since planning, as [`plan_install`] says; then nothing is changed. When the system fails while names
/// are given, the keys whose turn had come are installed whole and the others not at all.
pub fn install(plan: InstallPlan, now: OffsetDateTime) -> Result<Installed, InstallError> {
    if plan.wanted.is_empty() {
        return Ok(Installed { keys: Vec::new() });
    }
    let key_directory = plan.root.create(&KEYS)?;
    let record_directory = plan.root.create(&RECORDS)?;
    let _lock = record_directory.lock()?;
    let keys = decide(&Store::open(&plan.root)?, &plan.wanted)?;

    let mut staged = Vec::new();
    for (wanted, planned) in plan.wanted.iter().zip(&keys) {
        let key = match planned.change {
            Change::Nothing => continue,
            Change::Record | Change::Widen => None,
            Change::Create => {
                Some(key_directory.stage(&wanted.name.key_file(), wanted.pem.as_bytes())?)
            }
        };
        let bytes = record(wanted, planned, plan.bundle, now)
            .to_json()
            .map_err(|source| InstallError::Unwritable { name: wanted.name.clone(), source })?;
        let record = record_directory.stage(&wanted.name.record_file(), &bytes)?;
        staged.push((planned, key, record));
    }
    for (planned, key, record) in staged {
        let fresh = key.is_some();
        if let Some(key) = key {
            key.publish_new()?;
        }
        let recorded = key_directory.sync().and_then(|()| match planned.change {
            Change::Widen => record.publish_over(),
            _ => record.publish_new(),
        });
        if let Err(error) = recorded {
            if fresh {
                key_directory.remove(&planned.name.key_file())?;
            }
            return Err(error.into());
        }
        record_directory.sync()?;
    }
    Ok(Installed { keys })
}

/// Checks the keys themselves and settles their names; the same key twice counts once, with the scopes of both.
fn settle(
    keys: &[KeyToInstall],
    names: &BTreeMap<Digest, KeyName>,
) -> Result<Vec<Wanted>, InstallError> {
    let mut wanted: BTreeMap<KeyName, Wanted> = BTreeMap::new();
    for key in keys {
        let fingerprint = key.fingerprint;
        let found = public_key::fingerprint(key.pem.as_bytes())
            .map_err(|source| InstallError::Key { fingerprint, source })?;
        if found != fingerprint {
            return Err(InstallError::Fingerprint { stated: fingerprint, found });
        }
        let name = match names.get(&fingerprint) {
            Some(name) => name.clone(),
            None => KeyName::of_fingerprint(&fingerprint),
        };
        let scopes = merge(&name, BTreeSet::new(), key.scopes.iter().cloned())?;
        match wanted.get_mut(&name) {
            None => {
                let (pem, file) = (key.pem.clone(), shown_file(&key.file));
                let first = Wanted { name: name.clone(), pem, fingerprint, scopes, file };
                wanted.insert(name, first);
            }
            Some(first) if first.fingerprint == fingerprint => {
                first.scopes = merge(&name, std::mem::take(&mut first.scopes), scopes)?;
            }
            Some(first) => {
                let first = first.fingerprint;
                return Err(InstallError::SameName { name, first, second: fingerprint });
            }
        }
    }
    for (fingerprint, name) in names {
        if wanted.get(name).is_none_or(|key| key.fingerprint != *fingerprint) {
            let (name, fingerprint) = (name.clone(), *fingerprint);
            return Err(InstallError::NameWithoutKey { name, fingerprint });
        }
    }
    Ok(wanted.into_values().collect())
}

/// What each key takes, given what is there. All are looked at before any is refused or changed.
fn decide(store: &Store<'_>, wanted: &[Wanted]) -> Result<Vec<PlannedKey>, InstallError> {
    wanted.iter().map(|wanted| store.decide(wanted)).collect()
}

impl<'a> Store<'a> {
    fn open(root: &'a HostRoot) -> Result<Self, PathError> {
        Ok(Self { root, keys: root.existing(&KEYS)?, records: root.existing(&RECORDS)? })
    }

    fn decide(&self, wanted: &Wanted) -> Result<PlannedKey, InstallError> {
        let name = &wanted.name;
        let path = self.root.path_of(&KEYS, &name.key_file());
        let record_path = self.root.path_of(&RECORDS, &name.record_file());
        let different = |path| InstallError::DifferentKey { path, fingerprint: wanted.fingerprint };
        // The record first: where another run is at work, a record that is there has its key already.
        let record = self.record(name)?;
        let (scopes, change) = match (self.holds_key(wanted)?, record) {
            (_, Some(record)) if record.fingerprint != wanted.fingerprint => {
                return Err(different(record_path));
            }
            (Present::Different, _) => return Err(different(path)),
            (Present::Missing, None) => (wanted.scopes.clone(), Change::Create),
            (Present::Same, None) => (wanted.scopes.clone(), Change::Record),
            (Present::Missing, Some(_)) => {
                return Err(InstallError::RecordWithoutKey { path: record_path });
            }
            (Present::Same, Some(record)) => {
                let merged = merge(name, record.scopes.clone(), wanted.scopes.iter().cloned())?;
                let more = merged != record.scopes;
                (merged, if more { Change::Widen } else { Change::Nothing })
            }
        };
        let fingerprint = wanted.fingerprint;
        Ok(PlannedKey { name: name.clone(), fingerprint, path, scopes, change })
    }

    fn holds_key(&self, wanted: &Wanted) -> Result<Present, PathError> {
        let Some(keys) = &self.keys else {
            return Ok(Present::Missing);
        };
        match keys.read(&wanted.name.key_file(), MAX_KEY_FILE) {
            Ok(None) => Ok(Present::Missing),
            Ok(Some(content)) if content == wanted.pem.as_bytes() => Ok(Present::Same),
            Ok(Some(_)) | Err(PathError::TooLarge { .. }) => Ok(Present::Different),
            Err(error) => Err(error),
        }
    }

    fn record(&self, name: &KeyName) -> Result<Option<KeyRecord>, InstallError> {
        let Some(records) = &self.records else {
            return Ok(None);
        };
        read_record(records, name).map_err(|reason| match reason {
            SkipReason::Path(error) => InstallError::Path(error),
            other => InstallError::Record {
                path: records.path_of(&name.record_file()),
                source: Box::new(other),
            },
        })
    }
}

/// What lies at the place of a key file.
enum Present {
    Missing,
    Same,
    Different,
}

fn merge(
    name: &KeyName,
    first: BTreeSet<String>,
    second: impl IntoIterator<Item = String>,
) -> Result<BTreeSet<String>, InstallError> {
    check_scopes(first.into_iter().chain(second))
        .map_err(|source| InstallError::Scopes { name: name.clone(), source })
}

fn record(wanted: &Wanted, planned: &PlannedKey, bundle: Digest, now: OffsetDateTime) -> KeyRecord {
    KeyRecord {
        name: wanted.name.clone(),
        usage: KeyUse::Cosign,
        fingerprint: wanted.fingerprint,
        scopes: planned.scopes.clone(),
        origin: KeyOrigin { bundle, file: wanted.file.clone(), installed_at: now },
    }
}
