//! The reports of a run at work. The library speaks through this; printing is the binary's business.

mod waits;

pub use waits::{Wait, WaitKind, Waiting, Waits};

use bundle_oci::Digest;

/// Hears of progress. Called from many threads.
pub trait Progress: Send + Sync {
    /// Announces the blobs and bytes to transfer, as soon as they are known.
    fn total(&self, blobs: u64, bytes: u64);
    /// A blob's transfer begins.
    fn started(&self, blob: &Digest, size: u64);
    /// So many more bytes of a blob were transferred.
    fn advanced(&self, blob: &Digest, bytes: u64);
    /// A blob is done.
    fn finished(&self, blob: &Digest, size: u64);
    /// A step worth a line.
    fn note(&self, text: &str);
}

/// Tells nothing.
pub struct Silent;

impl Progress for Silent {
    fn total(&self, _: u64, _: u64) {}
    fn started(&self, _: &Digest, _: u64) {}
    fn advanced(&self, _: &Digest, _: u64) {}
    fn finished(&self, _: &Digest, _: u64) {}
    fn note(&self, _: &str) {}
}
