//! The container stack's files. What becomes of each is decided as a value: contents of existing files go in, new
//! contents come out, with a list of what changed and of what was left alone and why. [`apply`] alone reads and writes.
//!
//! - [`policy`]: `/etc/containers/policy.json`: signatures are demanded
//! - [`registries_d`]: one file in `registries.d`: signatures are looked for
//! - [`registries_conf`]: one file in `registries.conf.d`: sources are served by the mirror
//! - [`certs_d`]: the registry's CA
//! - [`outcome`]: what a merge made of a file
//! - [`apply`]: those files, read, checked and written
//! - [`policy_file`]: a policy that images are judged by, and where its keys are read from
//! - [`lookups`]: where the container stack looks for GPG signatures; [`lookaside`]: a directory of them, handed out by a
//!   web server

pub mod apply;
pub mod certs_d;
pub mod lookaside;
pub mod lookups;
pub mod outcome;
pub mod policy;
pub mod policy_file;
pub mod registries_conf;
pub mod registries_d;

pub use lookaside::{LookasideAccess, LookasideChange, LookasideDirectory, LookasideError};
pub use lookups::{RegistriesD, RegistriesDError};
pub use outcome::{Change, ChangeKind, ConfigFile, LeftAlone, Outcome};
pub use policy_file::{PolicyFile, PolicyFileError};
