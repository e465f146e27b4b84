//! This tool's own configuration, `config.toml`.
//!
//! - [`content`]: settings, parsed
//! - [`file`](mod@file): the files that hold them: the system's and the user's
//! - [`in_force`]: which value counts, and where it comes from

pub mod content;
pub mod file;
pub mod in_force;

pub use content::{MappingSettings, Settings, SettingsError};
pub use file::{FoundSettings, SettingsFile, SettingsFileError, system_settings, user_settings};
pub use in_force::{InForce, Origin, PolicyInForce, Row, TwoPolicies, Valued};
