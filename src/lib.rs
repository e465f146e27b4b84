//! Carry container images, with everything that proves where they come from, across an air gap in one file.
//!
//! Dependencies point down; a test keeps the floors:
//!
//! ```text
//! cli (binary only)
//! pack  unpack  serve                none uses another
//! report
//! host                               stands on seal and trust
//! seal                               stands on trust; like trust it does no I/O
//! archive  registry  trust           none uses another
//! inventory  progress
//! oci  ownership
//! ```

pub mod archive;
pub mod host;
pub mod inventory;
pub mod oci;
pub mod ownership;
pub mod pack;
#[cfg(test)]
#[path = "../tests/harness/peers.rs"]
mod peers;
pub mod progress;
pub mod registry;
pub mod report;
pub mod seal;
pub mod serve;
pub mod trust;
pub mod unpack;
