//! Strict readers that every format stands on: two readers never see two things in one text.
//!
//! - [`fields`]: objects of JSON by their exact keys
//! - [`blocks`]: PEM; [`pem`]: the one key in a file of people's, and what else they put there
//! - [`text`]: untrusted text on its way into a message

pub mod blocks;
pub mod fields;
pub mod pem;
pub mod text;
