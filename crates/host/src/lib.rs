//! The host's files: what is read of its configuration, and what is changed in the enclave.
//!
//! - [`files`]: files of the host, written safely
//! - [`keys`]: keys that are trusted, each with its record
//! - [`records`]: what this host remembers of earlier runs
//! - [`containers`]: the container stack's files: policy, registries, certificates
//! - [`openshift`]: the same for a cluster, as resources
//! - [`settings`]: this tool's own configuration
//! - [`naming`]: names at the target
//! - `quoting`: texts on their way into a file

pub mod containers;
pub mod files;
pub mod keys;
pub mod naming;
pub mod openshift;
mod quoting;
pub mod records;
pub mod settings;

pub use containers::{
    LookasideAccess, LookasideChange, LookasideDirectory, LookasideError, PolicyFile,
    PolicyFileError, RegistriesD, RegistriesDError,
};
pub use files::{FileKind, HostRoot, PathError};
pub use keys::{
    Change, Grant, GrantError, Holder, InstallError, InstallPlan, Installed, InstalledKey,
    InstalledKeys, KeyFingerprint, KeyName, KeyOrigin, KeyRecord, KeySelector, KeyToInstall,
    KeyUse, NamedBy, Naming, PlannedKey, PolicyRule, PolicyRulesError, RemoveError, RemovedFile,
    RemovedKey, Replacement, SkipReason, Skipped, UnusableDemand, install, installed_keys,
    plan_install, remove_keys,
};
pub use openshift::{
    ResourceChange, ResourceDirectoryError, WrittenResource, check_resources, read_resources,
    write_resources,
};
pub use records::{
    Filled, SealState, Series, SourcesFileError, StateError, Succession, TagsFileError,
    check_sources, check_tags, record_seal, record_sources, record_tags, seal_state, seal_states,
};
pub use settings::{
    FoundSettings, SettingsFile, SettingsFileError, system_settings, user_settings,
};
