//! What the enclave's configuration files become, decided as values: contents of existing files go in, new contents
//! come out, with a list of what changed and of what was left alone and why. Nothing here reads or writes a file.
//!
//! - [`policy`]: `/etc/containers/policy.json`: signatures are demanded
//! - [`outcome`]: what a merge made of a file; `yaml_text` and `text` write texts

pub mod outcome;
pub mod policy;
mod text;
mod yaml_text;

pub use outcome::{Change, ChangeKind, ConfigFile, LeftAlone, Outcome};
