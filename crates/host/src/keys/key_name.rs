//! Names of installed keys.

use bundle_trust::{KeyFingerprint, KeyUse};
use std::fmt;
use std::str::FromStr;

/// Longest name. With ending and temporary prefix it stays far below what file systems take (255).
const MAX_LENGTH: usize = 64;
/// How names of keys that vendors ship begin, in lower case. Administrators and other tools take such files for the
/// vendor's, so no bundle may bring one.
const VENDOR_PREFIXES: [&str; 3] = ["sigstore-", "rekor-", "rpm-gpg-key-"];

/// The name of an installed key, without its ending: a letter or digit, then up to 63 of `A-Z a-z 0-9 . _ -`, no `..`, and
/// nothing that looks like a vendor's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// Why a text is not the name of an installed key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyNameError {
    /// Characters or length are wrong.
    #[error(
        "{0:?} is not a key name: expected a letter or digit, then up to 63 of A-Z a-z 0-9 . _ -, without .."
    )]
    Malformed(String),
    /// It looks like a key that a vendor ships.
    #[error(
        "key name {0:?} is refused: names that begin with SIGSTORE-, REKOR- or RPM-GPG-KEY- are a vendor's"
    )]
    Vendor(String),
}

impl KeyName {
    /// The name of a key that nobody named: `bundle-` and the first 16 hex digits of its fingerprint.
    pub fn of_fingerprint(fingerprint: &KeyFingerprint) -> Self {
        Self(format!("bundle-{}", &fingerprint.hex()[..16]))
    }

    /// The name, without an ending.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the key file.
    pub fn key_file(&self, usage: KeyUse) -> String {
        format!("{}{}", self.0, usage.ending())
    }

    /// The name of the record.
    pub fn record_file(&self) -> String {
        format!("{}.json", self.0)
    }
}

impl FromStr for KeyName {
    type Err = KeyNameError;

    /// Takes `NAME` and `NAME.pub`, or any endings of key files, for the same name. So no name has one: a record of
    /// `NAME.pub` would be looked for as that of `NAME`.
    fn from_str(text: &str) -> Result<Self, KeyNameError> {
        let mut name = text;
        let shorter =
            |name| KeyUse::ALL.iter().find_map(|use_| str::strip_suffix(name, use_.ending()));
        while let Some(rest) = shorter(name) {
            name = rest;
        }
        let shown = || text.chars().take(2 * MAX_LENGTH).collect();
        let well_formed = name.len() <= MAX_LENGTH
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            && !name.contains("..");
        if !well_formed {
            return Err(KeyNameError::Malformed(shown()));
        }
        let lower = name.to_ascii_lowercase();
        if VENDOR_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
            return Err(KeyNameError::Vendor(shown()));
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_names() {
        let longest = "a".repeat(64);
        for text in ["a", "0", "acme-release.2026_1", "Sigstore", "my-SIGSTORE-key", &longest] {
            assert_eq!(text.parse::<KeyName>().map(|n| n.0), Ok(text.to_owned()));
        }
        assert_eq!(
            "acme.pub".parse::<KeyName>().map(|n| n.key_file(KeyUse::Rekor)),
            Ok("acme.pub".into())
        );
        assert_eq!(
            "acme.asc".parse::<KeyName>().map(|n| n.key_file(KeyUse::OpenPgp)),
            Ok("acme.asc".into())
        );
        assert_eq!("acme".parse::<KeyName>().map(|n| n.record_file()), Ok("acme.json".into()));
    }

    /// Otherwise a key would be installed whose record nobody finds again.
    #[test]
    fn key_name_reads_back_without_its_endings() {
        for text in ["acme.pub.pub", "acme.json.pub", "acme.pub.json", "acme.asc.json.asc"] {
            let name: KeyName = text.parse().expect("a name");
            assert_eq!(name.as_str(), "acme", "{text}");
            assert_eq!(name.as_str().parse(), Ok(name));
        }
        assert!(".pub.pub".parse::<KeyName>().is_err());
        assert_eq!("acme.pub.1".parse::<KeyName>().map(|n| n.0), Ok("acme.pub.1".into()));
    }

    #[test]
    fn names_that_lead_elsewhere_or_hide_are_refused() {
        let long = "a".repeat(65);
        for text in [
            "",
            ".",
            "..",
            ".pub",
            "../x",
            ".hidden",
            "-x",
            "_x",
            "a/b",
            "/etc/x",
            "a..b",
            "a b",
            "a\0b",
            "a\nb",
            "ä",
            "a\u{202e}b",
            &long,
        ] {
            assert!(matches!(text.parse::<KeyName>(), Err(KeyNameError::Malformed(_))), "{text:?}");
        }
    }

    #[test]
    fn names_that_pass_for_a_vendors_are_refused_in_any_case() {
        for text in [
            "SIGSTORE-redhat-release3",
            "sigstore-x",
            "Rekor-signing-key",
            "rpm-GPG-key-redhat.pub",
        ] {
            assert!(matches!(text.parse::<KeyName>(), Err(KeyNameError::Vendor(_))), "{text:?}");
        }
    }

    #[test]
    fn a_message_stays_short_however_long_the_name() {
        let Err(error) = "x".repeat(100_000).parse::<KeyName>() else { panic!("too long a name") };
        assert!(error.to_string().len() < 400);
    }

    #[test]
    fn a_key_that_nobody_named_is_named_by_its_fingerprint() {
        let name = KeyName::of_fingerprint(&bundle_oci::Digest::of(b"").into());
        assert_eq!(name.as_str(), "bundle-e3b0c44298fc1c14");
        assert_eq!(name.as_str().parse(), Ok(name));
    }
}
