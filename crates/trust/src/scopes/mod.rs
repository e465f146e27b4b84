//! Which images something is for, and where they go.
//!
//! - [`scope`]: how a set of source references is written and what it covers; [`scoped`]: a value with its scope
//! - `overlap`: whether two scopes have an image in common
//! - [`given_scope`]: scopes of options that cover none of the images
//! - [`place`]: where images go at the target, and who else goes there

pub mod given_scope;
mod overlap;
pub mod place;
pub mod scope;
pub mod scoped;

pub use given_scope::{GivenScope, IdleScope, idle_scopes};
pub use place::{OwnPlaces, Place, Places, SharedPath, UnknownPlaces};
pub use scope::{Pattern, Scope, ScopeError, Specificity};
pub use scoped::Scoped;
