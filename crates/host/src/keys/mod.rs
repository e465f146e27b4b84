//! Keys on the host, each with its record.
//!
//! A key that verified something becomes two files (docs/spec/verification.md §2.5):
//!
//! - `/etc/pki/sigstore/NAME.pub`: one canonical PEM block, which any tool can read; `NAME.json` there is a trusted root,
//!   and OpenPGP keys are `/etc/pki/rpm-gpg/NAME.asc`;
//! - `/etc/bundle/trust.d/NAME.json`: its [`KeyRecord`]. Only this makes the key an anchor, and only within its scopes.
//!
//! [`plan_install`] refuses what can be refused before anything is pushed, [`install`](fn@install) acts after the push, and
//! [`installed_keys`] reads back what a later run may trust.
//!
//! - [`key_name`], [`public_key`], [`record`]: names, key files and records, parsed
//! - `wanted`: keys that are to be installed, with names; [`grant`] and [`holder`]: what for
//! - `store`: the directories of keys and records, as far as they exist
//! - `skip_reason`: why a file of the store grants nothing
//! - [`install`](mod@install) and `install_error`, [`installed`], [`remove`]: there, back, and away again
//! - [`policy_rules`]: rules of the host's policy that rest on a key

pub mod grant;
pub mod holder;
pub mod install;
mod install_error;
pub mod installed;
pub mod key_name;
pub mod policy_rules;
pub mod public_key;
pub mod record;
pub mod remove;
mod skip_reason;
mod store;
#[cfg(test)]
pub(crate) mod tests;
mod wanted;

pub use bundle_trust::{KeyFingerprint, KeyUse};
pub use grant::{Grant, GrantError};
pub use holder::Holder;
pub use install::{Change, InstallPlan, Installed, PlannedKey, install, plan_install};
pub use install_error::InstallError;
pub use installed::{InstalledKey, InstalledKeys, Skipped, UnusableDemand, installed_keys};
pub use key_name::KeyName;
pub use policy_rules::{NamedBy, PolicyRule, PolicyRulesError};
pub use record::{KeyOrigin, KeyRecord};
pub use remove::{KeySelector, RemoveError, RemovedFile, RemovedKey, remove_keys};
pub use skip_reason::SkipReason;
pub use wanted::{KeyToInstall, Naming, Replacement};

use std::path::PathBuf;

/// Where key files live, below the root.
const KEYS: [&str; 3] = ["etc", "pki", "sigstore"];
/// Where OpenPGP keys live.
const OPENPGP_KEYS: [&str; 3] = ["etc", "pki", "rpm-gpg"];
/// Where records live, below the root.
const RECORDS: [&str; 3] = ["etc", "bundle", "trust.d"];

/// The directory of the keys of a use.
const fn place(usage: KeyUse) -> &'static [&'static str; 3] {
    match usage {
        KeyUse::Cosign | KeyUse::Rekor | KeyUse::TrustedRoot => &KEYS,
        KeyUse::OpenPgp => &OPENPGP_KEYS,
    }
}

/// Where an installed key lies as the host sees it, whatever the root.
pub fn key_path(name: &KeyName, usage: KeyUse) -> PathBuf {
    let directory = place(usage).iter().fold(PathBuf::from("/"), |path, part| path.join(part));
    directory.join(name.key_file(usage))
}
