//! Why a file of the key store grants nothing, and reading its records.

use super::key_name::{KeyName, KeyNameError};
use super::public_key::PublicKeyError;
use super::record::{KeyRecord, MAX_RECORD, RecordError};
use crate::files::{Directory, PathError};
use bundle_trust::KeyFingerprint;
use std::ffi::OsStr;
use std::path::PathBuf;

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
