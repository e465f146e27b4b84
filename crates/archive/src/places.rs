//! Where everything lies: a function of the head's length, the blobs' sizes and the size of volumes.

use super::entry::{self, END};
use super::frame::{self, raw_length};
use super::geometry::{Cursor, Geometry, MARKER};
use super::limits::{MAX_BLOBS, MAX_FRAMES, MAX_TRUST_SECTION, MAX_VOLUMES};
use super::seek_table::{self, Frame};
use super::{ArchiveError, head};
use bundle_inventory::{BlobEntry, Hole, Stored};

/// The map of an archive.
#[derive(Debug, Clone)]
pub struct Places {
    geometry: Geometry,
    /// Address of each blob's first frame, in inventory order. For compressed blobs only the first one's is known: the
    /// others follow the lengths of frames.
    addresses: Vec<u64>,
    /// Address of each hole's first frame.
    holes: Vec<u64>,
    /// Number of blobs that are stored raw, trust section included; they come first.
    raw_blobs: usize,
    /// Where raw frames end and compressed ones start.
    raw_end: Cursor,
    /// The most that each volume can have.
    longest_volumes: Vec<u64>,
    /// Number of frames, the head's slack and the tar's end included, markers and the seek table not.
    frames: u64,
}

/// Length of an entry's tar form.
pub(super) fn entry_length(size: u64) -> Result<u64, ArchiveError> {
    entry::length(size)
        .ok_or_else(|| ArchiveError::Limit(format!("a blob that says it has {size} bytes")))
}

/// Places entries one after another.
struct Placing {
    cursor: Cursor,
    frames: u64,
}

impl Placing {
    /// Places an entry that is cut into raw frames of at most `each` bytes of content, each with `trailer` bytes behind
    /// it; gives the address of the first.
    fn entry(&mut self, size: u64, each: u64, trailer: u64) -> Result<u64, ArchiveError> {
        let mut left = entry_length(size)?;
        let mut first = None;
        while left > 0 {
            let content = left.min(each);
            let address = self.cursor.advance(raw_length(content) + trailer);
            first.get_or_insert(address);
            left -= content;
            self.frames += 1;
            let (end, volume) = (self.cursor.end(), self.cursor.volume());
            if end > i64::MAX as u64 || self.frames > MAX_FRAMES || volume >= MAX_VOLUMES {
                let what = format!("more than {MAX_FRAMES} frames or {MAX_VOLUMES} volumes");
                return Err(ArchiveError::Limit(what));
            }
        }
        // An entry has at least its header.
        Ok(first.unwrap_or_default())
    }
}

impl Places {
    /// Places for `blobs`, which are in the order trust, raw, compressed, with `holes` among them, behind a head that
    /// ends at `head_end` and has `head_frames` frames.
    ///
    /// # Errors
    /// [`ArchiveError::Limit`] when sizes, or their number, exceed what a bundle may hold, or a volume is too small for
    /// the head; [`ArchiveError::Structure`] for holes that are out of order.
    pub fn new(
        geometry: Geometry,
        head_end: u64,
        head_frames: usize,
        blobs: &[BlobEntry],
        holes: &[Hole],
    ) -> Result<Self, ArchiveError> {
        if blobs.len() > MAX_BLOBS || holes.len() > MAX_BLOBS {
            let count = blobs.len().max(holes.len());
            return Err(ArchiveError::Limit(format!("{count} blobs, more than {MAX_BLOBS}")));
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
        if geometry.volume_size().is_some_and(|volume| head_end > volume) {
            return Err(ArchiveError::Limit(format!(
                "a volume holds at least the head, which has {head_end} bytes"
            )));
        }
        let raw_blobs = blobs.partition_point(|blob| blob.stored != Stored::Compressed);
        let ordered = holes.is_sorted_by_key(|hole| hole.before);
        if !ordered || holes.last().is_some_and(|hole| hole.before > raw_blobs as u64) {
            return Err(ArchiveError::structure("holes that lie at no place", 0));
        }
        let (raw, compressed) = (geometry.raw_frame(), geometry.compressed_frame());
        let cursor = Cursor::new(geometry, head_end);
        let mut placing = Placing { cursor, frames: head_frames as u64 + 1 };
        let mut addresses = Vec::with_capacity(blobs.len());
        let mut hole_addresses = Vec::with_capacity(holes.len());
        let mut open = holes.iter().peekable();
        for number in 0..=raw_blobs {
            while let Some(hole) = open.next_if(|hole| hole.before <= number as u64) {
                hole_addresses.push(placing.entry(hole.size, raw, 0)?);
            }
            if let Some(blob) = blobs[..raw_blobs].get(number) {
                addresses.push(placing.entry(blob.size, raw, 0)?);
            }
        }
        let raw_end = placing.cursor.clone();
        // Raw frames are the longest form a compressed frame can take.
        for blob in &blobs[raw_blobs..] {
            addresses.push(placing.entry(blob.size, compressed, frame::TRAILER)?);
        }
        let Placing { mut cursor, frames } = placing;
        cursor.advance(raw_length(END));
        let mut table = seek_table_length(frames + cursor.volume() as u64);
        let mut behind = cursor.clone();
        behind.advance(table);
        if behind.volume() > cursor.volume() {
            // A table that opens a volume lists that volume's marker too.
            table = seek_table_length(frames + behind.volume() as u64);
        }
        if geometry.volume_size().is_some_and(|volume| table + MARKER > volume) {
            return Err(ArchiveError::Limit(format!(
                "a volume holds at least the table of frames, which has {table} bytes"
            )));
        }
        cursor.advance(table);
        if cursor.volume() >= MAX_VOLUMES {
            return Err(ArchiveError::Limit(format!("more than {MAX_VOLUMES} volumes")));
        }
        let longest_volumes = longest_volumes(&cursor, &raw_end, &geometry);
        Ok(Self {
            geometry,
            addresses,
            holes: hole_addresses,
            raw_blobs,
            raw_end,
            longest_volumes,
            frames,
        })
    }

    /// How the archive is cut.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Address of the first frame of raw blob `n`; `None` for compressed ones.
    pub fn raw_address(&self, n: usize) -> Option<u64> {
        (n < self.raw_blobs).then(|| self.addresses[n])
    }

    /// Address of the first frame of each hole.
    pub fn hole_addresses(&self) -> &[u64] {
        &self.holes
    }

    /// Number of raw blobs.
    pub fn raw_blobs(&self) -> usize {
        self.raw_blobs
    }

    /// Behind the raw part, where the compressed one starts.
    pub fn raw_end(&self) -> &Cursor {
        &self.raw_end
    }

    /// The most that each volume can have, in bytes.
    pub fn longest_volumes(&self) -> &[u64] {
        &self.longest_volumes
    }

    /// Contents of all frames of the compressed section, in order. They are not collected: an inventory can ask for far
    /// more of them than its files hold.
    pub(super) fn compressed_contents<'a>(
        &self,
        blobs: &'a [BlobEntry],
    ) -> impl Iterator<Item = u32> + use<'a> {
        let geometry = self.geometry;
        blobs[self.raw_blobs..].iter().flat_map(move |blob| {
            let length = blob.size.next_multiple_of(entry::HEADER) + entry::HEADER;
            geometry.compressed_contents(length).map(|content| content as u32)
        })
    }

    /// Number of frames of the compressed section.
    pub(super) fn compressed_frames(&self, blobs: &[BlobEntry]) -> u64 {
        let length = |blob: &BlobEntry| blob.size.next_multiple_of(entry::HEADER) + entry::HEADER;
        let each = self.geometry.compressed_frame();
        blobs[self.raw_blobs..].iter().map(|b| length(b).div_ceil(each)).sum()
    }

    /// Length of the seek table as the last frame of an archive of `volumes` volumes.
    pub fn seek_table_length(&self, volumes: usize) -> u64 {
        seek_table_length(self.frames + volumes as u64 - 1)
    }

    /// All frames in order for the seek table: the head's, then the blobs', then the tar's end, with each volume's
    /// marker before its first one. Gives also the number of volumes, the one of the seek table included.
    pub fn frames(
        &self,
        head: &head::Extent,
        blobs: &[BlobEntry],
        holes: &[Hole],
        compressed: &[Frame],
    ) -> (Vec<Frame>, usize) {
        let cursor = Cursor::new(self.geometry, head.end);
        let mut listing = Listing { cursor, frames: head.frames.clone() };
        let mut open = holes.iter().peekable();
        for number in 0..=self.raw_blobs {
            while let Some(hole) = open.next_if(|hole| hole.before <= number as u64) {
                listing.raw(hole.size, self.geometry.raw_frame(), false);
            }
            if let Some(blob) = blobs[..self.raw_blobs].get(number) {
                listing.raw(blob.size, self.geometry.raw_frame(), true);
            }
        }
        for frame in compressed {
            listing.push(*frame);
        }
        listing.push(Frame { length: raw_length(END) as u32, content: END as u32 });
        // A table that opens a volume lists the marker before it.
        let Listing { mut cursor, mut frames } = listing;
        let before = cursor.volume();
        cursor.advance(self.seek_table_length(before + 1));
        if cursor.volume() > before {
            frames.push(MARKER_FRAME);
        }
        (frames, cursor.volume() + 1)
    }
}

/// A marker as the seek table lists it.
const MARKER_FRAME: Frame = Frame { length: MARKER as u32, content: 0 };

/// Frames as the seek table lists them.
struct Listing {
    cursor: Cursor,
    frames: Vec<Frame>,
}

impl Listing {
    fn push(&mut self, frame: Frame) {
        let before = self.cursor.volume();
        self.cursor.advance(u64::from(frame.length));
        if self.cursor.volume() > before {
            self.frames.push(MARKER_FRAME);
        }
        self.frames.push(frame);
    }

    fn raw(&mut self, size: u64, each: u64, is_content: bool) {
        let mut left = size.next_multiple_of(entry::HEADER) + entry::HEADER;
        while left > 0 {
            let content = left.min(each);
            let stated = if is_content { content as u32 } else { 0 };
            self.push(Frame { length: raw_length(content) as u32, content: stated });
            left -= content;
        }
    }
}

/// What volumes can have at most when the longest archive ends at `cursor`. Volumes that end among compressed frames can
/// be fuller than in that one.
fn longest_volumes(places: &Cursor, raw: &Cursor, geometry: &Geometry) -> Vec<u64> {
    let known = raw.full_volumes().len();
    let mut lengths = places.clone().into_lengths();
    if let Some(size) = geometry.volume_size() {
        let last = lengths.len() - 1;
        for length in lengths.iter_mut().take(last).skip(known) {
            *length = size;
        }
    }
    lengths
}

fn seek_table_length(frames: u64) -> u64 {
    frame::SKIP_HEADER + frames * 8 + seek_table::FOOTER
}

#[cfg(test)]
mod tests {
    use super::*;
    use bundle_oci::Digest;

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
        let places = Places::new(Geometry::WHOLE, 36_864, 2, &blobs, &[]).expect("places");
        assert_eq!(places.raw_address(0), Some(36_864));
        assert_eq!(places.raw_address(1), Some(36_864 + raw_length(1024)));
        assert_eq!(places.raw_address(2), None);
        let cut = [64 << 20, 64 << 20, 64 << 20, (8 << 20) + 512];
        let second: u64 = cut.into_iter().map(raw_length).sum();
        assert_eq!(places.raw_end().end(), 36_864 + raw_length(1024) + second);
        // Head and slack (2), one, four and three for the blobs, the end of the tar.
        assert_eq!(places.frames, 2 + 1 + 4 + 3 + 1);
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for size in [u64::MAX, u64::MAX - 1000, i64::MAX as u64] {
            assert!(
                Places::new(Geometry::WHOLE, 4096, 1, &[blob(size, Stored::Raw)], &[]).is_err(),
                "{size}"
            );
        }
        assert!(
            Places::new(Geometry::WHOLE, 4096, 1, &[blob(513 << 20, Stored::Trust)], &[]).is_err()
        );
        assert!(
            Places::new(Geometry::WHOLE, 4096, 1, &[blob(512 << 20, Stored::Trust)], &[]).is_ok()
        );
    }
}
