//! Where everything lies: a function of the head's length and the blobs' sizes.

use super::entry::{self, END};
use super::frame::{self, raw_length};
use super::limits::{COMPRESSED_FRAME_CONTENT, MAX_BLOBS, MAX_TRUST_SECTION, RAW_FRAME_CONTENT};
use super::seek_table::{self, Frame};
use super::{ArchiveError, head};
use crate::inventory::{BlobEntry, Stored};

/// The map of an archive.
#[derive(Debug, Clone)]
pub struct Places {
    /// Offset of each blob's first frame, in inventory order. For compressed blobs only the first one's is known: the
    /// others follow the lengths of frames.
    offsets: Vec<u64>,
    /// Number of blobs that are stored raw, trust section included; they come first.
    raw_blobs: usize,
    /// Where raw frames end and compressed ones start.
    raw_end: u64,
    /// Longest the archive can get.
    upper_bound: u64,
    /// Number of frames, the head's slack and the tar's end included, the seek table not.
    frames: u64,
}

/// Length of an entry's tar form.
pub(super) fn entry_length(blob: &BlobEntry) -> Result<u64, ArchiveError> {
    entry::length(blob.size).ok_or_else(|| too_long(blob))
}

fn too_long(blob: &BlobEntry) -> ArchiveError {
    ArchiveError::Limit(format!("blob {} says it has {} bytes", blob.digest, blob.size))
}

/// Contents of the compressed frames around an entry of `length` bytes.
pub(super) fn compressed_frame_contents(length: u64) -> impl Iterator<Item = u64> {
    let count = length.div_ceil(COMPRESSED_FRAME_CONTENT);
    (0..count).map(move |n| (length - n * COMPRESSED_FRAME_CONTENT).min(COMPRESSED_FRAME_CONTENT))
}

impl Places {
    /// Places for `blobs`, which are in the order trust, raw, compressed, behind a head that ends at `head_end` and
    /// has `head_frames` frames.
    ///
    /// # Errors
    /// [`ArchiveError::Limit`] when sizes, or their number, exceed what a bundle may hold.
    pub fn new(
        head_end: u64,
        head_frames: usize,
        blobs: &[BlobEntry],
    ) -> Result<Self, ArchiveError> {
        if blobs.len() > MAX_BLOBS {
            return Err(ArchiveError::Limit(format!(
                "{} blobs, more than {MAX_BLOBS}",
                blobs.len()
            )));
        }
        let trust: u64 = blobs
            .iter()
            .filter(|blob| blob.stored == Stored::Trust)
            .try_fold(0_u64, |sum, blob| sum.checked_add(blob.size))
            .unwrap_or(u64::MAX);
        if trust > MAX_TRUST_SECTION {
            return Err(ArchiveError::Limit(format!(
                "manifests and signatures of {trust} bytes, more than {MAX_TRUST_SECTION}"
            )));
        }
        let mut offsets = Vec::with_capacity(blobs.len());
        let (mut at, mut frames) = (head_end, head_frames as u64 + 1);
        let mut raw_blobs = 0;
        let mut raw_end = head_end;
        for blob in blobs {
            offsets.push(at);
            let length = entry_length(blob)?;
            // Raw frames are the longest form a compressed frame can take.
            let each = match blob.stored {
                Stored::Compressed => COMPRESSED_FRAME_CONTENT,
                Stored::Trust | Stored::Raw => RAW_FRAME_CONTENT,
            };
            frames = frames.saturating_add(length.div_ceil(each));
            let advance = frame::cut_length(length, each).ok_or_else(|| too_long(blob))?;
            at = at
                .checked_add(advance)
                .filter(|end| *end < i64::MAX as u64)
                .ok_or_else(|| too_long(blob))?;
            if blob.stored != Stored::Compressed {
                raw_blobs += 1;
                raw_end = at;
            }
        }
        let table = frame::SKIP_HEADER + frames * 8 + seek_table::FOOTER;
        let upper_bound = at + raw_length(END) + table;
        Ok(Self { offsets, raw_blobs, raw_end, upper_bound, frames })
    }

    /// Offset of the first frame of raw blob `n`; `None` for compressed ones.
    pub fn raw_offset(&self, n: usize) -> Option<u64> {
        (n < self.raw_blobs).then(|| self.offsets[n])
    }

    /// Number of raw blobs.
    pub fn raw_blobs(&self) -> usize {
        self.raw_blobs
    }

    /// End of the raw part.
    pub fn raw_end(&self) -> u64 {
        self.raw_end
    }

    /// Longest the finished file can be, in bytes.
    pub fn upper_bound(&self) -> u64 {
        self.upper_bound
    }

    /// Number of frames of the compressed section.
    pub(super) fn compressed_frames(&self, blobs: &[BlobEntry]) -> u64 {
        let length = |blob: &BlobEntry| blob.size.next_multiple_of(entry::HEADER) + entry::HEADER;
        blobs[self.raw_blobs..].iter().map(|b| length(b).div_ceil(COMPRESSED_FRAME_CONTENT)).sum()
    }

    /// Length of the seek table as the last frame.
    pub fn seek_table_length(&self) -> u64 {
        frame::SKIP_HEADER + self.frames * 8 + seek_table::FOOTER
    }

    /// All frames in order for the seek table: the head's, then the blobs', then the tar's end.
    pub fn frames(
        &self,
        head: &head::Extent,
        blobs: &[BlobEntry],
        compressed: &[Frame],
    ) -> Vec<Frame> {
        let raw =
            |content: u64| Frame { length: raw_length(content) as u32, content: content as u32 };
        let mut frames = head.frames.clone();
        for blob in &blobs[..self.raw_blobs] {
            let length = blob.size.next_multiple_of(entry::HEADER) + entry::HEADER;
            frames.extend(frame::raw_frame_contents(length).map(raw));
        }
        frames.extend_from_slice(compressed);
        frames.push(raw(END));
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;

    fn blob(size: u64, stored: Stored) -> BlobEntry {
        BlobEntry { digest: Digest::of(&size.to_le_bytes()), size, stored }
    }

    #[test]
    fn raw_blobs_follow_each_other_and_compressed_ones_come_after() {
        let blobs = [
            blob(10, Stored::Trust),
            blob(200 << 20, Stored::Raw),
            blob(5 << 20, Stored::Compressed),
        ];
        let places = Places::new(36_864, 2, &blobs).expect("places");
        assert_eq!(places.raw_offset(0), Some(36_864));
        assert_eq!(places.raw_offset(1), Some(36_864 + raw_length(1024)));
        assert_eq!(places.raw_offset(2), None);
        let second = frame::raw_frames_length((200 << 20) + 512).expect("fits");
        assert_eq!(places.raw_end(), 36_864 + raw_length(1024) + second);
        // Head and slack (2), one, four and three for the blobs, the end of the tar.
        assert_eq!(places.frames, 2 + 1 + 4 + 3 + 1);
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for size in [u64::MAX, u64::MAX - 1000, i64::MAX as u64] {
            assert!(Places::new(4096, 1, &[blob(size, Stored::Raw)]).is_err(), "{size}");
        }
        assert!(Places::new(4096, 1, &[blob(513 << 20, Stored::Trust)]).is_err());
        assert!(Places::new(4096, 1, &[blob(512 << 20, Stored::Trust)]).is_ok());
    }
}
