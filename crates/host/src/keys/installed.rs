//! Which installed keys a run may trust.

use super::public_key;
use super::record::KeyRecord;
use super::skip_reason::{SkipReason, read_record, recorded_name};
use super::store::Store;
use crate::files::{HostRoot, PathError};
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
