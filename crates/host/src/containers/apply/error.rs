//! Why the host's configuration is not written.

use crate::containers::certs_d::CaError;
use crate::containers::policy::PolicyMergeError;
use crate::containers::registries_conf::RegistriesConfError;
use crate::containers::registries_d::RegistriesDError;
use crate::files::PathError;
use std::io;
use std::path::PathBuf;

/// Why the host's configuration is not written.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Only root may change the host itself.
    #[error("this host's configuration can be changed by root only")]
    NotRoot,
    /// What is meant for review would be the host itself, without backup or lock.
    #[error("{path} is the root that the files are read from; expected another directory for review", path = .0.display())]
    ReviewInPlace(PathBuf),
    /// A file or directory is in the way, or cannot be used.
    #[error("the host's configuration cannot be changed")]
    Path(#[from] PathError),
    /// A file, or the name of one, is not UTF-8: no tool reads it.
    #[error("{path} is not UTF-8", path = .0.display())]
    NotText(PathBuf),
    /// What is there in `policy.json` cannot be merged with.
    #[error("/etc/containers/policy.json is left as it is")]
    Policy(#[from] PolicyMergeError),
    /// What is there in `registries.d` cannot be merged with.
    #[error("/etc/containers/registries.d is left as it is")]
    Lookups(#[from] RegistriesDError),
    /// What is there in `registries.conf` and `registries.conf.d` cannot be merged with.
    #[error("/etc/containers/registries.conf.d is left as it is")]
    Mirrors(#[from] RegistriesConfError),
    /// The registry's CA is none.
    #[error("the registry's CA cannot be installed")]
    Ca(#[from] CaError),
    /// The name of the backup is taken.
    #[error("{path} exists and is not the backup of the replaced file", path = .0.display())]
    Backup(PathBuf),
    /// A tool that will read the files refuses them.
    #[error("{tool} does not take the configuration that would be written: {why}")]
    Unparsed {
        /// Which tool.
        tool: &'static str,
        /// What it says, bounded.
        why: String,
    },
    /// No tool can be asked.
    #[error("cannot {doing} to have the configuration read by skopeo and podman")]
    Asking {
        /// What was being done, as a verb.
        doing: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}
