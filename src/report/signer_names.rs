//! Names of signers for people: the files that their keys came from.

use crate::inventory::KeyEntry;
use crate::trust::{Anchors, Authority, KeyFingerprint, Signer};
use std::collections::BTreeMap;

/// Digits of a fingerprint that has no name.
const DIGITS: usize = 12;

/// Names by fingerprint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignerNames(BTreeMap<String, String>);

impl SignerNames {
    /// The names of everybody who is trusted. Of two names for one key, the first counts.
    pub fn of_anchors(anchors: &Anchors) -> Self {
        let mut names = Self::default();
        for anchor in &anchors.keys {
            names.add(KeyFingerprint::from(anchor.key.fingerprint()).to_string(), &anchor.name);
        }
        for anchor in &anchors.authorities {
            if let Authority::OpenPgp(keyring) = &anchor.authority {
                for key in keyring.keys() {
                    names.add(key.fingerprint.to_string(), &anchor.name);
                }
            }
        }
        names
    }

    /// The names of keys that travel along.
    pub fn of_carried(keys: &[KeyEntry]) -> Self {
        let mut names = Self::default();
        for key in keys {
            names.add(key.fingerprint.clone(), key.file.strip_prefix("keys/").unwrap_or(&key.file));
        }
        names
    }

    fn add(&mut self, fingerprint: String, name: &str) {
        self.0.entry(fingerprint).or_insert_with(|| name.to_owned());
    }

    /// The name of a signer.
    pub fn of(&self, signer: &Signer) -> String {
        match signer {
            Signer::Certificate(identity) => identity.subject.clone(),
            Signer::Key(_) | Signer::OpenPgp(_) => self.of_fingerprint(&signer.to_string()),
        }
    }

    /// The name of the signer with this fingerprint, or the beginning of the fingerprint.
    pub fn of_fingerprint(&self, fingerprint: &str) -> String {
        if let Some(name) = self.0.get(fingerprint) {
            return name.clone();
        }
        let (kind, digits) = fingerprint.split_once(':').unwrap_or(("", fingerprint));
        let digits: String = digits.chars().take(DIGITS).collect();
        if kind.is_empty() { digits } else { format!("{kind}:{digits}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_without_a_name_goes_by_the_beginning_of_its_fingerprint() {
        let key = |file: &str, fingerprint: &str| KeyEntry {
            file: file.into(),
            purpose: "cosign".into(),
            fingerprint: fingerprint.into(),
            scopes: Vec::new(),
        };
        let keys = [key("keys/release.pub", "sha256:aa"), key("keys/again.pub", "sha256:aa")];
        let names = SignerNames::of_carried(&keys);
        assert_eq!(names.of_fingerprint("sha256:aa"), "release.pub");
        assert_eq!(
            names.of_fingerprint(&format!("sha256:{}", "b".repeat(64))),
            "sha256:bbbbbbbbbbbb"
        );
        assert_eq!(names.of_fingerprint(&"c".repeat(40)), "cccccccccccc");
    }
}
