//! What the enclave's configuration files become, decided as values: contents of existing files go in, new contents
//! come out, with a list of what changed and of what was left alone and why. Nothing here reads or writes a file.
//!
//! - [`mapping`]: which name an image gets at the target, `places` who else has it; [`sources`] remembers where a target's content came from
//! - [`policy`]: `/etc/containers/policy.json`: signatures are demanded
//! - [`registries_d`]: one file in `registries.d`: signatures are looked for
//! - [`registries_conf`]: one file in `registries.conf.d`: sources are served by the mirror
//! - [`certs_d`]: the registry's CA
//! - [`openshift`]: the same for a cluster, as resources
//! - [`settings`]: this tool's own configuration; [`in_force`] says which value counts and where it comes from
//! - [`outcome`]: what a merge made of a file; `quoting` and `text` write texts

pub mod certs_d;
pub mod in_force;
pub mod mapping;
pub mod openshift;
pub mod outcome;
mod places;
pub mod policy;
pub(super) mod quoting;
pub mod registries_conf;
pub mod registries_d;
pub mod settings;
pub mod sources;
mod text;

pub use outcome::{Change, ChangeKind, ConfigFile, LeftAlone, Outcome};
