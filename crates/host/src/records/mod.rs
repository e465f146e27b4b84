//! What this host remembers of earlier runs. Each memory is a value, and a file that holds it.
//!
//! - [`seals`]: what was seen last of each sealed series
//! - [`sources`], [`sources_file`]: where target repositories were filled from
//! - [`tags`], [`tags_file`]: which bundle filled each tag
//! - [`publishing`]: one run at a time
//! - [`begun`]: plans that a user has begun to pack

pub mod begun;
pub mod publishing;
pub mod seals;
pub mod sources;
pub mod sources_file;
pub mod tags;
pub mod tags_file;

pub use seals::{SealState, Series, StateError, Succession, record_seal, seal_state, seal_states};
pub use sources_file::{Filled, SourcesFileError, check_sources, record_sources};
pub use tags_file::{TagsFileError, check_tags, record_tags};
