//! Classes of blobs that are transferred side by side: few large ones fill the wire, many small ones hide its latency.

/// Large blobs in flight, unless told otherwise (measured: more do not help on one machine).
pub const DEFAULT_JOBS: usize = 4;
/// Blobs below this are small: their cost is the request, not the bytes.
pub(crate) const SMALL: u64 = 1 << 20;
/// Small blobs in flight for each large one.
const SMALL_PER_JOB: usize = 4;

/// Large blobs in flight, at least one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Jobs(usize);

impl Jobs {
    pub(crate) fn new(large: usize) -> Self {
        Self(large.max(1))
    }

    /// Large blobs in flight.
    pub(crate) fn large(self) -> usize {
        self.0
    }

    /// Small blobs in flight.
    pub(crate) fn small(self) -> usize {
        self.0 * SMALL_PER_JOB
    }
}
