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
//! oci
//! files
//! ownership
//! ```

pub use bundle_archive as archive;
pub use bundle_files as files;
pub use bundle_host as host;
pub use bundle_inventory as inventory;
pub use bundle_oci as oci;
pub use bundle_ownership as ownership;
pub use bundle_progress as progress;
pub use bundle_registry as registry;
pub use bundle_seal as seal;
pub use bundle_trust as trust;

pub mod pack;
pub mod report;
pub mod serve;
pub mod unpack;
