//! Images as people ask for them. Texts come in, values go out.
//!
//! - [`name`]: one reference as it is typed, with the suggestion for one that leaves something out
//! - [`glob`]: which tags of a repository are meant
//! - [`list`]: a file with a reference in each line; all its faults at once
//! - [`place`]: where something stands in a file

pub mod glob;
pub mod list;
pub mod name;
pub mod place;

pub use glob::TagGlob;
pub use list::{Faults, Item, read};
pub use name::{NameError, Typed};
pub use place::Place;
