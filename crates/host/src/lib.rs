//! The host's files: what is read of its configuration, and what is changed in the enclave.
//!
//! A key that verified something becomes two files (docs/spec/verification.md §2.5):
//!
//! - `/etc/pki/sigstore/NAME.pub`: one canonical PEM block, which any tool can read; `NAME.json` there is a trusted root,
//!   and OpenPGP keys are `/etc/pki/rpm-gpg/NAME.asc`;
//! - `/etc/bundle/trust.d/NAME.json`: its [`KeyRecord`]. Only this makes the key an anchor, and only within its scopes.
//!
//! [`plan_install`] refuses what can be refused before anything is pushed, [`install`](fn@install) acts after the push, and
//! [`installed_keys`] reads back what a later run may trust. Everything goes through [`HostRoot`], which never follows
//! a symbolic link and never writes where somebody else could change what was written.
//!
//! Signatures of images have a directory of their own, [`LookasideDirectory`], which a web server hands out.
//! [`RegistriesD`] says where the container stack looks for such signatures.
//!
//! - [`root`]: `/` or the directory given in its place
//! - `directory`: one directory below it, and the files in it
//! - `staged`: a file that is whole before it has its name
//! - [`key_name`], [`public_key`], [`record`]: names, key files and records, parsed
//! - [`policy_file`]: a policy, and where its keys are read from
//! - [`lookaside`], [`registries_d`]: signatures beside registries, written and looked for
//! - [`config`]: what configuration files become, as values; nothing is written there
//! - [`config_files`]: those files, read, checked and written
//! - [`state`]: what was seen last of each sealed series
//! - [`settings_file`]: this tool's own configuration
//! - [`resource_directory`]: resources for a cluster, in a directory of their own
//! - [`sources_file`]: where target repositories were filled from
//! - [`tag_memory`], [`tags_file`]: which bundle filled each tag, as a value and on the host
//! - [`publishing`]: one run at a time; [`begun`]: plans that a user has begun to pack
//! - `store`: the directories of keys and records, as far as they exist
//! - `selinux`: the label of what is written
//! - `wanted`: keys that are to be installed, with names; [`grant`] and [`holder`]: what for
//! - [`install`](mod@install) and `install_error`, [`installed`], [`remove`]: there, back, and away again

pub mod begun;
pub mod config;
pub mod config_files;
mod directory;
mod error;
pub mod grant;
pub mod holder;
pub mod install;
mod install_error;
pub mod installed;
pub mod key_name;
pub mod lookaside;
pub mod policy_file;
pub mod policy_rules;
pub mod public_key;
pub mod publishing;
pub mod record;
pub mod registries_d;
pub mod remove;
pub mod resource_directory;
pub mod root;
mod selinux;
pub mod settings_file;
pub mod sources_file;
mod staged;
pub mod state;
mod store;
pub mod tag_memory;
pub mod tags_file;
#[cfg(test)]
mod tests;
mod wanted;

pub use bundle_trust::{KeyFingerprint, KeyUse};
pub use error::{FileKind, PathError};
pub use grant::{Grant, GrantError};
pub use holder::Holder;
pub use install::{Change, InstallPlan, Installed, PlannedKey, install, plan_install};
pub use install_error::InstallError;
pub use installed::{
    InstalledKey, InstalledKeys, SkipReason, Skipped, UnusableDemand, installed_keys,
};
pub use key_name::KeyName;
pub use lookaside::{LookasideAccess, LookasideChange, LookasideDirectory, LookasideError};
pub use policy_file::{PolicyFile, PolicyFileError};
pub use policy_rules::{NamedBy, PolicyRule, PolicyRulesError};
pub use record::{KeyOrigin, KeyRecord};
pub use registries_d::{RegistriesD, RegistriesDError};
pub use remove::{KeySelector, RemoveError, RemovedFile, RemovedKey, remove_keys};
pub use resource_directory::{
    ResourceChange, ResourceDirectoryError, WrittenResource, check_resources, read_resources,
    write_resources,
};
pub use root::HostRoot;
pub use settings_file::{
    FoundSettings, SettingsFile, SettingsFileError, system_settings, user_settings,
};
pub use sources_file::{Filled, SourcesFileError, check_sources, record_sources};
pub use state::{SealState, Series, StateError, Succession, record_seal, seal_state, seal_states};
pub use tags_file::{TagsFileError, check_tags, record_tags};
pub use wanted::{KeyToInstall, Naming, Replacement};

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
