//! The test world that all crates share.

pub mod peers;
pub mod servers;
mod signer;

pub use signer::{KINDS, Signer};
