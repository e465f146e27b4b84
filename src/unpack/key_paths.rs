//! Paths of keys on the host.

use super::verify::Verified;
use crate::host::keys::key_path;
use crate::host::{InstalledKey, PlannedKey};
use crate::trust::policy::KeySource;
use crate::trust::{KeyFingerprint, KeyUse, PublicKey};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where keys lie on the host: those that were installed before and those that will be.
#[derive(Debug, Default)]
pub(super) struct KeyPaths(BTreeMap<(KeyUse, KeyFingerprint), PathBuf>);

impl KeyPaths {
    /// Of keys that were installed before.
    pub(super) fn installed(keys: &[InstalledKey]) -> Self {
        let paths = keys.iter().map(|key| {
            let record = &key.record;
            ((record.usage, record.fingerprint), key_path(&record.name, record.usage))
        });
        Self(paths.collect())
    }

    /// With those that will be. A key that makes way for another one has no place any more.
    pub(super) fn and(mut self, planned: &[PlannedKey]) -> Self {
        for key in planned {
            let path = key_path(&key.name, key.usage);
            self.0.retain(|_, other| *other != path);
            self.0.insert((key.usage, key.fingerprint), path);
        }
        self
    }

    /// What lies there afterwards, by path, as far as it is known here: keys of signers that are trusted in this run.
    pub(super) fn contents(&self, verified: &Verified) -> BTreeMap<PathBuf, Vec<u8>> {
        let content = |((usage, fingerprint), path): (&(KeyUse, KeyFingerprint), &PathBuf)| {
            let trusted = verified.anchors().keys.iter().map(|anchor| &anchor.key);
            let same = |key: &&PublicKey| KeyFingerprint::from(key.fingerprint()) == *fingerprint;
            let key = trusted.filter(|_| *usage == KeyUse::Cosign).find(same)?;
            Some((path.clone(), key.to_pem().into_bytes()))
        };
        self.0.iter().filter_map(content).collect()
    }

    /// True for the key of a signer that lies on the host.
    pub(super) fn has(&self, key: &PublicKey) -> bool {
        self.0.contains_key(&(KeyUse::Cosign, key.fingerprint().into()))
    }

    /// Files where all of these are installed; else all of them inline, since a rule cannot have both.
    pub(super) fn sources(&self, usage: KeyUse, keys: &[PublicKey]) -> Vec<KeySource> {
        let path = |key: &PublicKey| {
            let known = self.0.get(&(usage, key.fingerprint().into()));
            known.cloned().map(KeySource::Path)
        };
        let inline = |key: &PublicKey| KeySource::Data(key.to_pem().into_bytes());
        let paths: Option<Vec<KeySource>> = keys.iter().map(path).collect();
        paths.unwrap_or_else(|| keys.iter().map(inline).collect())
    }
}
