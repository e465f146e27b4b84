//! Taking back what was installed: the record first, then the key file, and nothing that somebody else put there.

use super::install_error::InstallError;
use super::key_name::{KeyName, KeyNameError};
use super::policy_rules::{PolicyRule, PolicyRulesError, resting_on};
use super::record::KeyRecord;
use super::skip_reason::{read_record, recorded_name};
use super::store::{Present, Store};
use super::{RECORDS, place};
use crate::files::{Directory, HostRoot, PathError};
use bundle_trust::KeyFingerprint;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Which installed key is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySelector {
    /// The one with this name.
    Name(KeyName),
    /// The one with this content, whatever its name.
    Fingerprint(KeyFingerprint),
}

impl FromStr for KeySelector {
    type Err = KeyNameError;

    fn from_str(text: &str) -> Result<Self, KeyNameError> {
        match text.parse() {
            Ok(fingerprint) => Ok(Self::Fingerprint(fingerprint)),
            Err(_) => text.parse().map(Self::Name),
        }
    }
}

impl fmt::Display for KeySelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Fingerprint(fingerprint) => fingerprint.fmt(f),
        }
    }
}

/// A key that is no anchor any more.
#[derive(Debug)]
pub struct RemovedKey {
    /// What was recorded of it.
    pub record: KeyRecord,
    /// Where its key file lay, or still lies.
    pub path: PathBuf,
    /// What became of that.
    pub file: RemovedFile,
    /// Rules of the host's policy that rest on the key all the same, or why that is not known.
    pub rules: Result<Vec<PolicyRule>, PolicyRulesError>,
}

/// What became of a key file whose record was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovedFile {
    /// It was the recorded key, and is gone.
    Removed,
    /// There was none.
    Missing,
    /// It was there before the key was installed, so it stays.
    WasThere,
    /// It holds something else than was recorded, so it stays.
    Changed,
}

/// Why keys are not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// Only root may change the host itself.
    #[error("keys can be removed from this host by root only, or by anybody below --root DIR")]
    NotRoot,
    /// This program has no record of it.
    #[error("{0} is not a key that was installed")]
    NotInstalled(KeySelector),
    /// A file or directory is in the way, or cannot be used.
    #[error("cannot remove keys")]
    Path(#[from] PathError),
    /// A record that cannot be read.
    #[error(transparent)]
    Record(InstallError),
}

/// Removes installed keys below `root`: each record, and after it the key file where that still is the recorded key and
/// was put there with it. A power cut in between leaves a bare key file, which grants nothing.
///
/// # Errors
/// [`RemoveError`]. All keys are looked up before the first is removed.
pub fn remove_keys(root: &HostRoot, keys: &[KeySelector]) -> Result<Vec<RemovedKey>, RemoveError> {
    if !root.may_install() {
        return Err(RemoveError::NotRoot);
    }
    let Some(records) = root.existing(&RECORDS)? else {
        return match keys.first() {
            Some(key) => Err(RemoveError::NotInstalled(key.clone())),
            None => Ok(Vec::new()),
        };
    };
    let _lock = records.lock()?;
    let store = Store::open(root)?;
    let mut chosen: Vec<KeyRecord> = Vec::new();
    for key in keys {
        let record = match key {
            KeySelector::Name(name) => store.record(name).map_err(RemoveError::Record)?,
            KeySelector::Fingerprint(fingerprint) => with_fingerprint(&records, fingerprint)?,
        };
        let record = record.ok_or_else(|| RemoveError::NotInstalled(key.clone()))?;
        if !chosen.contains(&record) {
            chosen.push(record);
        }
    }
    let mut removed = Vec::new();
    for record in chosen {
        let path = store.key_path(&record.name, record.usage);
        let rules = resting_on(root, &record);
        let file = file_of(&store, &record)?;
        records.remove(&record.name.record_file())?;
        records.sync()?;
        if let (RemovedFile::Removed, Some(keys)) = (file, root.existing(place(record.usage))?) {
            keys.remove(&record.name.key_file(record.usage))?;
            keys.sync()?;
        }
        removed.push(RemovedKey { record, path, file, rules });
    }
    Ok(removed)
}

/// What becomes of the key file. Something strange in its place is left there.
fn file_of(store: &Store<'_>, record: &KeyRecord) -> Result<RemovedFile, PathError> {
    Ok(match store.present(&record.name, record.usage) {
        Ok(Present::Missing) => RemovedFile::Missing,
        Ok(Present::Key(found, _)) if found == record.fingerprint => {
            match record.origin.found_key_file {
                true => RemovedFile::WasThere,
                false => RemovedFile::Removed,
            }
        }
        Ok(Present::Key(..) | Present::Other) => RemovedFile::Changed,
        Err(PathError::System { doing, path, source }) => {
            return Err(PathError::System { doing, path, source });
        }
        Err(_) => RemovedFile::Changed,
    })
}

/// The record of the key with this fingerprint. Records that cannot be read are of no key.
fn with_fingerprint(
    records: &Directory,
    fingerprint: &KeyFingerprint,
) -> Result<Option<KeyRecord>, PathError> {
    for file in records.names()? {
        let Ok(name) = recorded_name(&file) else { continue };
        if let Ok(Some(record)) = read_record(records, &name)
            && record.fingerprint == *fingerprint
        {
            return Ok(Some(record));
        }
    }
    Ok(None)
}
