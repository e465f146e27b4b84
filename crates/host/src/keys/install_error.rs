//! Why keys are not installed.

use super::grant::GrantError;
use super::key_name::KeyName;
use super::public_key::PublicKeyError;
use super::record::RecordError;
use super::skip_reason::SkipReason;
use crate::files::PathError;
use bundle_trust::KeyFingerprint;
use std::path::PathBuf;

/// Why keys are not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Only root may change the host itself.
    #[error("keys can be installed on this host by root only, or by anybody below --root DIR")]
    NotRoot,
    /// A file or directory is in the way, or cannot be used.
    #[error("cannot install keys")]
    Path(#[from] PathError),
    /// A key is not in the form in which keys are installed.
    #[error("key {fingerprint} cannot be installed")]
    Key {
        /// Of which key.
        fingerprint: KeyFingerprint,
        /// What is wrong with it.
        #[source]
        source: PublicKeyError,
    },
    /// The key given under a fingerprint has another one.
    #[error("the key given as {stated} is {found}")]
    Fingerprint {
        /// What was said.
        stated: KeyFingerprint,
        /// What it is.
        found: KeyFingerprint,
    },
    /// Its scopes cannot be recorded.
    #[error("the scopes of key {name} cannot be recorded")]
    Scopes {
        /// Of which key.
        name: KeyName,
        /// What is wrong with them.
        #[source]
        source: Box<GrantError>,
    },
    /// A name was given to a key that is not among the trusted ones.
    #[error(
        "{name} was named as the name of key {fingerprint}, which is not among the trusted keys"
    )]
    NameWithoutKey {
        /// The name.
        name: KeyName,
        /// The fingerprint it was given to.
        fingerprint: KeyFingerprint,
    },
    /// The key is installed under another name. A second copy would outlive the first when that is taken away.
    #[error(
        "key {fingerprint} is installed as {installed} already, so it is not installed as {name} too"
    )]
    OtherName {
        /// The key.
        fingerprint: KeyFingerprint,
        /// The name it has.
        installed: KeyName,
        /// The name it was to get.
        name: KeyName,
    },
    /// Two keys would get one name.
    #[error("keys {first} and {second} would both be installed as {name}")]
    SameName {
        /// That name.
        name: KeyName,
        /// One key.
        first: KeyFingerprint,
        /// The other.
        second: KeyFingerprint,
    },
    /// One key would get two names.
    #[error("key {fingerprint} is given two names, {first} and {second}")]
    TwoNames {
        /// The key.
        fingerprint: KeyFingerprint,
        /// One name.
        first: KeyName,
        /// The other.
        second: KeyName,
    },
    /// A key is to take its own place.
    #[error("{name}: key {fingerprint} cannot be replaced by itself")]
    ReplacesItself {
        /// The name.
        name: KeyName,
        /// The key.
        fingerprint: KeyFingerprint,
    },
    /// The key that is to take another's place did not verify anything here.
    #[error(
        "key {new} is not among the trusted keys that verified something, so it does not take the place of {name}"
    )]
    ReplacementNotTrusted {
        /// The name of the installed key.
        name: KeyName,
        /// The key that was to take its place.
        new: KeyFingerprint,
    },
    /// What is installed under the name is not what was to be replaced.
    #[error("{name} is {found}, not key {stated} that is to be replaced")]
    NotTheOldKey {
        /// The name.
        name: KeyName,
        /// What was said to be installed.
        stated: KeyFingerprint,
        /// What is there.
        found: String,
    },
    /// The name is taken by a different key.
    #[error("{path} is there already and holds something else than key {fingerprint}", path = .path.display())]
    DifferentKey {
        /// The key file or the record.
        path: PathBuf,
        /// The key that was to be installed.
        fingerprint: KeyFingerprint,
    },
    /// A record lies there whose key was taken away. Installing the key would bring back all that it was good for.
    #[error("{path} is the record of a key that was removed; remove it too before the key is installed again", path = .path.display())]
    RecordWithoutKey {
        /// The record.
        path: PathBuf,
    },
    /// The record that lies there cannot be read, so it cannot be added to.
    #[error("{path} cannot be used", path = .path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<SkipReason>,
    },
    /// The new record cannot be written as one.
    #[error("the record of key {name} cannot be written")]
    Unwritable {
        /// Of which key.
        name: KeyName,
        /// Why not.
        #[source]
        source: RecordError,
    },
}
