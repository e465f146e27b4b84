//! Names at the target, as values.
//!
//! - [`mapping`]: which name an image gets
//! - `places`: who else has that name

pub mod mapping;
mod places;

pub use mapping::{Collision, MapRule, MapRuleError, Mapping, MappingError, SourceHost};
