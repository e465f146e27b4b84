//! What verification has to read and to examine, counted while the catalogue is walked: before anything is trusted, an
//! archive costs what its length says.

use super::error::CatalogueError;
use crate::limits::MAX_TRUST_SECTION;

/// Most manifests of all images and attachments together, each counted wherever it is reached, or listed and left out: a
/// verdict tells of each. A catalogue of 1,000 images with 20 platforms, all signed, takes 60,000.
const MAX_REACHED: usize = 500_000;
/// Most bytes of those manifests together: verification reads each wherever it is reached, so that a small file which
/// names one large manifest a hundred thousand times would take hours. The catalogue above takes 200 MB; so many bytes
/// take seconds.
const MAX_READING: u64 = 512 << 20;
/// Most layers of attachments and GPG signatures, each counted wherever it is attached: verification makes a finding of
/// each. The catalogue above has 21,000 signatures.
const MAX_EXAMINED: usize = 100_000;
/// Most layers of signatures and attestations, and GPG signatures, whatever the archive's length: each costs a
/// computation with every key that is trusted. An image of 20 platforms with three signatures each, under a hundred tags,
/// has 6,000.
const FREE_SIGNATURES: u64 = 8192;
/// Bytes of the archive for each further one: a signature has 64 that do not shrink, and what it signs a digest of 32.
const BYTES_A_SIGNATURE: u64 = 96;
/// Most bytes of those, whatever the archive's length.
const FREE_EXAMINING: u64 = 256 << 20;
/// Bytes of those for each byte of the archive: attestations that thirty tags share are read thirty times.
const EXAMINING: u64 = 32;
/// Most bytes of those at all: four times what a trust section may have.
const MAX_EXAMINING: u64 = 4 * MAX_TRUST_SECTION;

/// What verification reads of the layers of one manifest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Evidence {
    /// Layers of signatures and attestations.
    pub(super) layers: u64,
    /// Bytes of those that are read.
    pub(super) bytes: u64,
}

/// The sums so far, and what they may be.
pub(super) struct Tally {
    reached: usize,
    reading: u64,
    examined: usize,
    evidence: Evidence,
    most: Evidence,
}

impl Tally {
    /// For an archive whose head and trust section took so many bytes, as they came.
    pub(super) fn new(came: u64) -> Self {
        let layers = FREE_SIGNATURES + came / BYTES_A_SIGNATURE;
        let bytes = came.saturating_mul(EXAMINING).saturating_add(FREE_EXAMINING);
        let most = Evidence { layers, bytes: bytes.min(MAX_EXAMINING) };
        let evidence = Evidence::default();
        Self { reached: 0, reading: 0, examined: 0, evidence, most }
    }

    /// Counts one more manifest.
    pub(super) fn reach(&mut self) -> Result<(), CatalogueError> {
        self.reached += 1;
        within(self.reached <= MAX_REACHED, || format!("more than {MAX_REACHED} manifests"))
    }

    /// Counts a manifest or config of so many bytes that verification reads.
    pub(super) fn read(&mut self, bytes: u64) -> Result<(), CatalogueError> {
        self.reading = self.reading.saturating_add(bytes);
        within(self.reading <= MAX_READING, || {
            format!("manifests of more than {MAX_READING} bytes to be read")
        })
    }

    /// Counts so many layers that verification tells of, with what it reads of them.
    pub(super) fn examine(
        &mut self,
        count: usize,
        evidence: Evidence,
    ) -> Result<(), CatalogueError> {
        self.examined = self.examined.saturating_add(count);
        self.evidence.layers = self.evidence.layers.saturating_add(evidence.layers);
        self.evidence.bytes = self.evidence.bytes.saturating_add(evidence.bytes);
        let Evidence { layers, bytes } = self.most;
        within(self.examined <= MAX_EXAMINED, || {
            format!("more than {MAX_EXAMINED} layers attached")
        })?;
        within(self.evidence.layers <= layers, || {
            format!("more than {layers} signatures to be verified, in an archive of this length")
        })?;
        within(self.evidence.bytes <= bytes, || {
            format!(
                "signatures of more than {bytes} bytes to be read, in an archive of this length"
            )
        })
    }
}

fn within(is_within: bool, what: impl FnOnce() -> String) -> Result<(), CatalogueError> {
    if is_within { Ok(()) } else { Err(CatalogueError::Limit(what())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_archives_ask_for_few_signatures_and_bytes() {
        let takes = |came: u64, layers: u64, bytes: u64| {
            let mut tally = Tally::new(came);
            (0..layers).all(|_| tally.examine(1, Evidence { layers: 1, bytes }).is_ok())
        };
        // A hundred tags of an image of twenty platforms with three signatures each, and a catalogue of a thousand images.
        assert!(takes(60 << 10, 6_000, 300) && takes(4 << 20, 21_000, 300));
        // Thirty tags of an image with attestations of 60 MB.
        assert!(takes(60 << 20, 30 * 20, 3 << 20));
        let megabyte = 1 << 20;
        assert!(takes(megabyte, 19_000, 1) && !takes(megabyte, 20_000, 1));
        assert!(takes(megabyte, 70, 4 << 20) && !takes(megabyte, 73, 4 << 20));
        // Sums of what nobody could hold do not wrap, and the most is the most.
        assert!(!takes(u64::MAX, 2, u64::MAX) && !takes(u64::MAX, 520, 4 << 20));
        assert!(!takes(u64::MAX, 100_001, 1));
    }
}
