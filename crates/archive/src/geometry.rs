//! How content is cut into frames, and frames into volumes.
//!
//! Everything has an *address*: volume number times volume size, plus the offset in that volume. A frame never crosses
//! the end of a volume: one that does not fit is the first of the next volume, behind that volume's marker. So the
//! tail of a volume may stay unused, and an archive that is not cut is one volume without an end, whose addresses are
//! offsets in its file.

use super::ArchiveError;
use super::frame::raw_length;
use super::limits::{BLOCK, COMPRESSED_FRAME_CONTENT, MIN_VOLUME, RAW_FRAME_CONTENT};

/// Length of what every volume but the first begins with.
pub const MARKER: u64 = 64;

/// The sizes that decide where each frame lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Most bytes of a volume; `u64::MAX` when the archive is not cut.
    volume: u64,
    raw_frame: u64,
    compressed_frame: u64,
}

/// A frame of content with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Where it starts.
    pub address: u64,
    /// Bytes of content.
    pub content: u64,
}

impl Placed {
    /// Length of the frame when it is raw.
    pub fn raw_length(&self) -> u64 {
        raw_length(self.content)
    }
}

impl Geometry {
    /// One volume without an end.
    pub const WHOLE: Self = Self {
        volume: u64::MAX,
        raw_frame: RAW_FRAME_CONTENT,
        compressed_frame: COMPRESSED_FRAME_CONTENT,
    };

    /// Volumes of at most `size` bytes. Frames are at most an eighth of that, so that little of a volume stays unused.
    ///
    /// # Errors
    /// [`ArchiveError::Limit`] below [`MIN_VOLUME`].
    pub fn volumes(size: u64) -> Result<Self, ArchiveError> {
        if size < MIN_VOLUME || size > i64::MAX as u64 {
            let what = format!("volumes of {size} bytes; they have at least {MIN_VOLUME}");
            return Err(ArchiveError::Limit(what));
        }
        let frame = size / 8 / BLOCK * BLOCK;
        Ok(Self {
            volume: size,
            raw_frame: frame.min(RAW_FRAME_CONTENT),
            compressed_frame: frame.min(COMPRESSED_FRAME_CONTENT),
        })
    }

    /// What an inventory says about its volumes.
    ///
    /// # Errors
    /// As [`Self::volumes`].
    pub fn recorded(volume_size: Option<u64>) -> Result<Self, ArchiveError> {
        volume_size.map_or(Ok(Self::WHOLE), Self::volumes)
    }

    /// Most bytes of a volume; `None` when the archive is not cut.
    pub fn volume_size(&self) -> Option<u64> {
        (self.volume != u64::MAX).then_some(self.volume)
    }

    /// Most content of a raw frame.
    pub fn raw_frame(&self) -> u64 {
        self.raw_frame
    }

    /// Most content of a compressed frame.
    pub fn compressed_frame(&self) -> u64 {
        self.compressed_frame
    }

    /// The volume that an address lies in, counted from 0.
    pub fn volume_of(&self, address: u64) -> usize {
        (address / self.volume) as usize
    }

    /// The offset of an address in its volume.
    pub fn offset_of(&self, address: u64) -> u64 {
        address % self.volume
    }

    /// The address of a volume's first byte.
    pub fn start_of(&self, volume: usize) -> u64 {
        volume as u64 * self.volume
    }

    /// Where a frame of `length` bytes lies that comes after what ends at `end`.
    pub fn place(&self, end: u64, length: u64) -> u64 {
        let into = self.offset_of(end);
        let starts_volume = into == 0 && end > 0;
        if !starts_volume && into.saturating_add(length) <= self.volume {
            return end;
        }
        let volume = self.volume_of(end) + usize::from(!starts_volume);
        self.start_of(volume) + MARKER
    }

    /// The raw frames around an entry of `length` bytes that comes after what ends at `end`.
    pub fn raw_frames(&self, end: u64, length: u64) -> RawFrames {
        RawFrames { geometry: *self, end, left: length, each: self.raw_frame }
    }

    /// Contents of the compressed frames around an entry of `length` bytes.
    pub fn compressed_contents(&self, length: u64) -> impl Iterator<Item = u64> + use<> {
        let each = self.compressed_frame;
        (0..length.div_ceil(each)).map(move |n| (length - n * each).min(each))
    }
}

/// Goes through an archive frame by frame, and notes where volumes end.
#[derive(Debug, Clone)]
pub struct Cursor {
    geometry: Geometry,
    end: u64,
    full_volumes: Vec<u64>,
}

impl Cursor {
    /// Starts behind what ends at `end`, in the first volume.
    pub fn new(geometry: Geometry, end: u64) -> Self {
        Self { geometry, end, full_volumes: Vec::new() }
    }

    /// Takes the place of a frame of `length` bytes; gives its address.
    pub fn advance(&mut self, length: u64) -> u64 {
        let address = self.geometry.place(self.end, length);
        let volume = self.full_volumes.len();
        if self.geometry.volume_of(address) > volume {
            self.full_volumes.push(self.end - self.geometry.start_of(volume));
        }
        self.end = address.saturating_add(length);
        address
    }

    /// Where the last frame ends.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The volume of the last frame, counted from 0.
    pub fn volume(&self) -> usize {
        self.full_volumes.len()
    }

    /// Lengths of the volumes before that one.
    pub fn full_volumes(&self) -> &[u64] {
        &self.full_volumes
    }

    /// Lengths of all volumes, when nothing more comes.
    pub fn into_lengths(mut self) -> Vec<u64> {
        self.full_volumes.push(self.end - self.geometry.start_of(self.full_volumes.len()));
        self.full_volumes
    }
}

/// Frames in order, each with its place.
#[derive(Debug, Clone)]
pub struct RawFrames {
    geometry: Geometry,
    end: u64,
    left: u64,
    each: u64,
}

impl RawFrames {
    /// Where the last frame that was given ends.
    pub fn end(&self) -> u64 {
        self.end
    }
}

impl Iterator for RawFrames {
    type Item = Placed;

    fn next(&mut self) -> Option<Placed> {
        if self.left == 0 {
            return None;
        }
        let content = self.left.min(self.each);
        let length = raw_length(content);
        let address = self.geometry.place(self.end, length);
        self.end = address.saturating_add(length);
        self.left -= content;
        Some(Placed { address, content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_cut_lies_end_to_end() {
        let geometry = Geometry::WHOLE;
        assert_eq!(geometry.volume_size(), None);
        assert_eq!(geometry.place(0, 10), 0);
        assert_eq!(geometry.place(1 << 40, 1 << 30), 1 << 40);
        let frames: Vec<Placed> = geometry.raw_frames(7, (64 << 20) + 512).collect();
        let first = Placed { address: 7, content: 64 << 20 };
        let second = Placed { address: 7 + first.raw_length(), content: 512 };
        assert_eq!(frames, [first, second]);
    }

    #[test]
    fn no_frame_crosses_the_end_of_a_volume() {
        let geometry = Geometry::volumes(1 << 20).expect("a size");
        assert_eq!(geometry.raw_frame(), 128 << 10);
        assert_eq!(geometry.place((1 << 20) - 10, 10), (1 << 20) - 10);
        assert_eq!(geometry.place((1 << 20) - 10, 11), (1 << 20) + MARKER);
        assert_eq!(geometry.place(1 << 20, 1), (1 << 20) + MARKER);
        let mut frames = geometry.raw_frames(4096, 10 << 20);
        let (mut end, mut content) = (4096, 0);
        for frame in frames.by_ref() {
            assert!(frame.address >= end);
            let last = frame.address + frame.raw_length() - 1;
            assert_eq!(geometry.volume_of(frame.address), geometry.volume_of(last));
            assert!(frame.address < 1 << 20 || geometry.offset_of(frame.address) >= MARKER);
            end = last + 1;
            content += frame.content;
        }
        assert_eq!((end, content), (frames.end(), 10 << 20));
    }

    #[test]
    fn volumes_that_are_too_small_are_refused() {
        assert!(Geometry::volumes(MIN_VOLUME - 1).is_err());
        assert!(Geometry::volumes(MIN_VOLUME).is_ok());
        assert!(Geometry::volumes(u64::MAX).is_err());
        assert_eq!(Geometry::recorded(None).expect("not cut"), Geometry::WHOLE);
    }

    #[test]
    fn large_volumes_have_frames_of_the_usual_size() {
        let geometry = Geometry::volumes(4 << 30).expect("a size");
        assert_eq!(geometry.raw_frame(), RAW_FRAME_CONTENT);
        assert_eq!(geometry.compressed_frame(), COMPRESSED_FRAME_CONTENT);
    }
}
