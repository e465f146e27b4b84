//! Which installed keys a run may trust.

use super::key_name::{KeyName, KeyNameError};
use super::public_key::{self, PublicKeyError};
use super::record::{KeyRecord, MAX_RECORD, RecordError};
use super::store::Store;
use crate::files::{Directory, HostRoot, PathError};
use bundle_trust::KeyFingerprint;
use std::ffi::OsStr;
use std::path::PathBuf;

/// A key that was installed here, exactly as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledKey {
    /// What it may vouch for. It is an anchor within these scopes and nowhere else.
    pub record: KeyRecord,
    /// Its file, in the one form in which keys of its use are installed.
    pub content: Vec<u8>,
    /// Where that lies.
    pub path: PathBuf,
}

/// What the key store holds.
#[derive(Debug, Default)]
pub struct InstalledKeys {
    /// Keys that may be trusted within their scopes, sorted by name.
    pub keys: Vec<InstalledKey>,
    /// Files that grant nothing, each with its reason. To be shown: an administrator may think that they do.
    pub skipped: Vec<Skipped>,
}

/// A file of the key store that grants nothing.
#[derive(Debug)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: SkipReason,
    /// True when it is the record of a log's key, or of nobody knows what: what it demanded is not known any more.
    pub may_demand: bool,
}

/// A record that may demand something of bundles, and cannot be used. Passed over, it would let in what it was to keep
/// out.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be used, and it may hold demands on bundles", path = .path.display())]
pub struct UnusableDemand {
    /// The record.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub reason: SkipReason,
}

impl InstalledKeys {
    /// The keys that a run trusts.
    ///
    /// # Errors
    /// [`UnusableDemand`].
    pub fn usable(self) -> Result<Vec<InstalledKey>, UnusableDemand> {
        match self.skipped.into_iter().find(|skipped| skipped.may_demand) {
            Some(Skipped { path, reason, .. }) => Err(UnusableDemand { path, reason }),
            None => Ok(self.keys),
        }
    }
}

/// Why a file of the key store grants nothing.
#[derive(Debug, thiserror::Error)]
pub enum SkipReason {
    /// Records are named `NAME.json`.
    #[error("it is not named as a record is")]
    NotARecord,
    /// Its name is not one that is installed.
    #[error(transparent)]
    Name(#[from] KeyNameError),
    /// The record or the key file has another kind, owner or mode than it must, or cannot be read.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The record is not valid.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The key of that record is not there.
    #[error("its key {} is missing", .0.display())]
    NoKey(PathBuf),
    /// The key file is not in the form in which it was installed.
    #[error("its key {path} cannot be used", path = .path.display())]
    Key {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: PublicKeyError,
    },
    /// The key file holds another key than was recorded.
    #[error("its key {path} is {found}, but {recorded} was recorded", path = .path.display())]
    OtherKey {
        /// The key file.
        path: PathBuf,
        /// Fingerprint of what it holds.
        found: KeyFingerprint,
        /// Fingerprint in the record.
        recorded: KeyFingerprint,
    },
}

/// Reads the keys installed below `root`: every record that is a regular file, owned by root (or, below `--root`, by
/// the user who runs this), writable by nobody else, and whose key file is so too and holds the recorded key.
///
/// One unusable file costs only its own key, which then grants nothing, and is listed under
/// [`InstalledKeys::skipped`]; what it may have demanded is not passed over by [`InstalledKeys::usable`]. A bare file in `/etc/pki/sigstore` is no anchor and is not even listed.
///
/// # Errors
/// When a directory on the way is not a directory (a symbolic link to one is none), can be written to by others, or
/// cannot be read: then nothing can be said about any key.
pub fn installed_keys(root: &HostRoot) -> Result<InstalledKeys, PathError> {
    let mut found = InstalledKeys::default();
    let store = Store::open(root)?;
    let Some(records) = &store.records else {
        return Ok(found);
    };
    for file in records.names()? {
        let path = records.path().join(&file);
        let mut skip = |reason, may_demand| {
            found.skipped.push(Skipped { path: path.clone(), reason, may_demand });
        };
        let name = match recorded_name(&file) {
            Ok(name) => name,
            Err(reason) => {
                skip(reason, false);
                continue;
            }
        };
        let record = match read_record(records, &name) {
            Ok(Some(record)) => record,
            // Somebody removed it meanwhile.
            Ok(None) => continue,
            Err(reason) => {
                skip(reason, true);
                continue;
            }
        };
        let demands = record.demands();
        match installed_key(&store, record) {
            Ok(key) => found.keys.push(key),
            Err(reason) => skip(reason, demands),
        }
    }
    Ok(found)
}

fn installed_key(store: &Store<'_>, record: KeyRecord) -> Result<InstalledKey, SkipReason> {
    let (name, usage) = (&record.name, record.usage);
    let path = store.key_path(name, usage);
    let content = match store.keys(usage) {
        Some(keys) => keys.read(&name.key_file(usage), public_key::max_file(usage))?,
        None => None,
    };
    let content = content.ok_or_else(|| SkipReason::NoKey(path.clone()))?;
    let found = public_key::check(usage, &content)
        .map_err(|source| SkipReason::Key { path: path.clone(), source })?;
    if found != record.fingerprint {
        return Err(SkipReason::OtherKey { path, found, recorded: record.fingerprint });
    }
    Ok(InstalledKey { record, content, path })
}

/// The name that a record with this file name is of.
pub(super) fn recorded_name(file: &OsStr) -> Result<KeyName, SkipReason> {
    let stem = file.to_str().and_then(|file| file.strip_suffix(".json"));
    let name: KeyName = stem.ok_or(SkipReason::NotARecord)?.parse()?;
    if name.record_file().as_str() != file {
        return Err(SkipReason::NotARecord);
    }
    Ok(name)
}

/// The record of `name`, or `None` when there is none.
pub(super) fn read_record(
    records: &Directory,
    name: &KeyName,
) -> Result<Option<KeyRecord>, SkipReason> {
    let Some(bytes) = records.read(&name.record_file(), MAX_RECORD)? else {
        return Ok(None);
    };
    Ok(Some(KeyRecord::parse(&bytes, name)?))
}
