//! Options that name installed keys, and what people read of them.

use super::failure::Failure;
use super::output::{Output, say};
use super::text::safe;
use bundle::host::{HostRoot, KeyName, Replacement};
use bundle::report::unpack::{KeyChange, KeyReport};
use bundle::trust::KeyFingerprint;
use bundle::unpack::InstallOptions;
use clap::Args;
use std::collections::BTreeMap;
use std::str::FromStr;

/// How installed keys are named, and which take the place of others.
#[derive(Args)]
pub(super) struct KeyNaming {
    /// Name of an installed key's file (repeatable; default: bundle- and 16 digits of its fingerprint)
    #[arg(long, value_name = "FINGERPRINT=NAME")]
    install_keys_as: Vec<NamedKey>,
    /// Let the key NEW, which must be trusted and have verified something, take the place of the installed key NAME,
    /// which must be OLD (repeatable)
    #[arg(long, value_name = "NAME=OLD:NEW")]
    replace_key: Vec<Replaced>,
}

/// `FINGERPRINT=NAME`.
#[derive(Debug, Clone)]
struct NamedKey(KeyFingerprint, KeyName);

impl FromStr for NamedKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (fingerprint, name) =
            text.split_once('=').ok_or_else(|| "expected FINGERPRINT=NAME".to_owned())?;
        let fingerprint = fingerprint.parse::<KeyFingerprint>().map_err(|e| e.to_string())?;
        let name = name.parse().map_err(|e| format!("{e}"))?;
        Ok(Self(fingerprint, name))
    }
}

/// `NAME=OLD:NEW`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Replaced(Replacement);

impl FromStr for Replaced {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || {
            "expected NAME=OLD:NEW with two fingerprints, such as acme=sha256:…:sha256:…".to_owned()
        };
        let (name, keys) = text.split_once('=').ok_or_else(malformed)?;
        let name = name.parse().map_err(|e| format!("{e}"))?;
        // Fingerprints have colons of their own.
        let pair = |(at, _)| Some((keys[..at].parse().ok()?, keys[at + 1..].parse().ok()?));
        let (old, new) = keys.match_indices(':').find_map(pair).ok_or_else(malformed)?;
        Ok(Self(Replacement { name, old, new }))
    }
}

impl KeyNaming {
    /// True when nothing was given.
    pub(super) fn is_empty(&self) -> bool {
        self.install_keys_as.is_empty() && self.replace_key.is_empty()
    }

    /// What the library takes.
    pub(super) fn options(&self, root: HostRoot) -> Result<InstallOptions, Failure> {
        let mut names = BTreeMap::new();
        for NamedKey(fingerprint, name) in &self.install_keys_as {
            if names.insert(*fingerprint, name.clone()).is_some() {
                return Err(Failure::usage(format!("{fingerprint} is given two names")));
            }
        }
        let mut replacements: Vec<Replacement> = Vec::new();
        for Replaced(replacement) in &self.replace_key {
            if replacements.iter().any(|known| known.name == replacement.name) {
                return Err(Failure::usage(format!(
                    "{} is to be replaced twice",
                    replacement.name
                )));
            }
            replacements.push(replacement.clone());
        }
        Ok(InstallOptions { root, names, replacements })
    }
}

/// Keys that were installed, or would be.
pub(super) fn add_keys(out: &mut Output, keys: &[KeyReport]) {
    for key in keys {
        let change = match key.change {
            KeyChange::Created => "installed",
            KeyChange::Recorded => "made an anchor",
            KeyChange::Widened => "scopes added",
            KeyChange::Renewed => "renewed",
            KeyChange::Replaced => "installed in the place of another",
            KeyChange::Unchanged => "was installed already",
        };
        let path = key.path.display().to_string();
        let scopes = key.scopes.join(", ");
        say!(
            out,
            "key {}: {change}, {} {} for {}",
            safe(&path),
            key.usage,
            key.fingerprint,
            safe(&scopes)
        );
        for holder in &key.holders {
            let scopes = holder.scopes.join(", ");
            say!(
                out,
                "  certificates of {} ({}) for {}",
                safe(&holder.identity),
                safe(&holder.issuer),
                safe(&scopes)
            );
        }
        if let Some(old) = &key.replaces {
            say!(out, "  replaces {old}");
        }
        if !key.dropped_scopes.is_empty() {
            say!(
                out,
                "  no more for {}: it verified nothing there, and rules of policy.json that name this file now refuse what only the old key signed",
                safe(&key.dropped_scopes.join(", "))
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_fingerprints_with_colons_of_their_own_are_told_apart() {
        let (a, b, c) = ("a".repeat(64), "b".repeat(64), "c".repeat(40));
        for (old, new) in [
            (format!("sha256:{a}"), format!("sha256:{b}")),
            (format!("openpgp:{c}"), format!("sha256:{b}")),
            (format!("openpgp:{c}"), format!("openpgp:{a}")),
        ] {
            let Replaced(read) = format!("acme={old}:{new}").parse().expect("a replacement");
            assert_eq!((read.old.to_string(), read.new.to_string()), (old, new));
            assert_eq!(read.name.as_str(), "acme");
        }
        for text in [
            "acme".to_owned(),
            format!("acme=sha256:{a}"),
            format!("=sha256:{a}:sha256:{b}"),
            format!("../x=sha256:{a}:sha256:{b}"),
            format!("SIGSTORE-x=sha256:{a}:sha256:{b}"),
            format!("acme=sha256:{a}:{b}"),
            format!("acme=sha256:{a}:sha256:{b}:sha256:{a}"),
        ] {
            assert!(text.parse::<Replaced>().is_err(), "{text}");
        }
    }
}
