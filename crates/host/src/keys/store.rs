//! The directories of the key store, as far as they exist, and what lies in them.

use super::install_error::InstallError;
use super::key_name::KeyName;
use super::public_key;
use super::record::KeyRecord;
use super::skip_reason::{SkipReason, read_record};
use super::{RECORDS, place};
use crate::files::{Directory, HostRoot, PathError};
use bundle_trust::{KeyFingerprint, KeyUse};
use std::path::PathBuf;

/// The store below a root, opened once.
pub(super) struct Store<'a> {
    root: &'a HostRoot,
    keys: Option<Directory>,
    openpgp_keys: Option<Directory>,
    pub(super) records: Option<Directory>,
}

/// What lies at the place of a key file.
pub(super) enum Present {
    /// Nothing.
    Missing,
    /// A key in the form in which keys are installed, with its bytes.
    Key(KeyFingerprint, Vec<u8>),
    /// Some other regular file.
    Other,
}

impl<'a> Store<'a> {
    pub(super) fn open(root: &'a HostRoot) -> Result<Self, PathError> {
        Ok(Self {
            root,
            keys: root.existing(place(KeyUse::Cosign))?,
            openpgp_keys: root.existing(place(KeyUse::OpenPgp))?,
            records: root.existing(&RECORDS)?,
        })
    }

    /// The directory of the keys of a use, when it is there.
    pub(super) fn keys(&self, usage: KeyUse) -> Option<&Directory> {
        match usage {
            KeyUse::OpenPgp => self.openpgp_keys.as_ref(),
            KeyUse::Cosign | KeyUse::Rekor | KeyUse::TrustedRoot => self.keys.as_ref(),
        }
    }

    /// Where the key file of `name` lies, or would.
    pub(super) fn key_path(&self, name: &KeyName, usage: KeyUse) -> PathBuf {
        self.root.path_of(place(usage), &name.key_file(usage))
    }

    /// Where the record of `name` lies, or would.
    pub(super) fn record_path(&self, name: &KeyName) -> PathBuf {
        self.root.path_of(&RECORDS, &name.record_file())
    }

    /// What lies at the place of the key file of `name`.
    pub(super) fn present(&self, name: &KeyName, usage: KeyUse) -> Result<Present, PathError> {
        let Some(keys) = self.keys(usage) else { return Ok(Present::Missing) };
        match keys.read(&name.key_file(usage), public_key::max_file(usage)) {
            Ok(None) => Ok(Present::Missing),
            Ok(Some(content)) => Ok(match public_key::check(usage, &content) {
                Ok(fingerprint) => Present::Key(fingerprint, content),
                Err(_) => Present::Other,
            }),
            Err(PathError::TooLarge { .. }) => Ok(Present::Other),
            Err(error) => Err(error),
        }
    }

    /// The record of `name`, or `None` when there is none.
    pub(super) fn record(&self, name: &KeyName) -> Result<Option<KeyRecord>, InstallError> {
        let Some(records) = &self.records else { return Ok(None) };
        read_record(records, name).map_err(|reason| match reason {
            SkipReason::Path(error) => InstallError::Path(error),
            other => InstallError::Record { path: self.record_path(name), source: Box::new(other) },
        })
    }
}
