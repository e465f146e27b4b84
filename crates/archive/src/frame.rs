//! Zstandard frames (RFC 8878): raw ones written here, any read; skippable ones.
//!
//! A raw frame has a header of 10 bytes (magic, descriptor 0x84: 4-byte content size and checksum, not single-segment,
//! no dictionary; window 0x38: 128 KiB), then raw blocks of 128 KiB, then the low 32 bits of XXH64. So its length
//! follows from the length of its content, and the place of each byte is known beforehand.

use super::ArchiveError;
use super::limits::{BLOCK, COMPRESSED_FRAME_CONTENT};
use std::sync::{Arc, Mutex, PoisonError};

/// Magic number of a frame.
pub const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// Magic number of the skippable frame that is slack or a hole.
pub const SKIP_MAGIC: u32 = 0x184D_2A50;
/// Magic number of the skippable frame that every volume but the first begins with.
pub const MARKER_MAGIC: u32 = 0x184D_2A51;
/// Header of a skippable frame: magic and length.
pub const SKIP_HEADER: u64 = 8;
/// Header of a raw frame.
pub const RAW_HEADER: u64 = 10;
/// Header of each block.
pub const BLOCK_HEADER: u64 = 3;
/// Checksum after the last block.
pub const CHECKSUM: u64 = 4;

const RAW_DESCRIPTOR: u8 = 0x84;
const RAW_WINDOW: u8 = 0x38;

/// Length of the raw frame around `content` bytes (1 to 64 MiB).
pub const fn raw_length(content: u64) -> u64 {
    RAW_HEADER + content + BLOCK_HEADER * content.div_ceil(BLOCK) + CHECKSUM
}

/// The header of a raw frame of `content` bytes.
pub fn raw_header(content: u64) -> [u8; RAW_HEADER as usize] {
    let mut header = [0; RAW_HEADER as usize];
    header[..4].copy_from_slice(&MAGIC);
    header[4] = RAW_DESCRIPTOR;
    header[5] = RAW_WINDOW;
    // At most 64 MiB: fits.
    header[6..].copy_from_slice(&(content as u32).to_le_bytes());
    header
}

/// Whether these are the first bytes of a raw frame.
pub fn begins_raw(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC) && bytes.get(4..6) == Some(&[RAW_DESCRIPTOR, RAW_WINDOW])
}

/// The header of a raw block of `length` bytes (at most 128 KiB).
pub fn raw_block_header(length: u64, last: bool) -> [u8; BLOCK_HEADER as usize] {
    let [a, b, c, _] = ((length as u32) << 3 | u32::from(last)).to_le_bytes();
    [a, b, c]
}

/// A skippable frame's header.
pub fn skip_header(length: u32) -> [u8; SKIP_HEADER as usize] {
    let mut header = [0; SKIP_HEADER as usize];
    header[..4].copy_from_slice(&SKIP_MAGIC.to_le_bytes());
    header[4..].copy_from_slice(&length.to_le_bytes());
    header
}

/// A whole raw frame in memory, for small content.
pub fn raw_frame(content: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(raw_length(content.len() as u64) as usize);
    frame.extend_from_slice(&raw_header(content.len() as u64));
    let blocks = content.chunks(BLOCK as usize);
    let last = blocks.len().saturating_sub(1);
    for (n, block) in blocks.enumerate() {
        frame.extend_from_slice(&raw_block_header(block.len() as u64, n == last));
        frame.extend_from_slice(block);
    }
    frame.extend_from_slice(&checksum(xxhash_rust::xxh64::xxh64(content, 0)));
    frame
}

/// The four bytes that follow the last block.
pub fn checksum(xxh64: u64) -> [u8; CHECKSUM as usize] {
    (xxh64 as u32).to_le_bytes()
}

/// Length of what follows each frame of the compressed section: a skippable frame with XXH64 of the frame's own bytes.
/// zstd can say the same content in more than one way, so without it a changed bit may change nothing that is decoded.
pub const TRAILER: u64 = SKIP_HEADER + 8;

/// Compresses frames, many at once; what zstd works with is kept from one to the next.
#[derive(Clone)]
pub struct Compressors {
    level: i32,
    idle: Arc<Mutex<Vec<zstd::bulk::Compressor<'static>>>>,
}

impl std::fmt::Debug for Compressors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressors").field("level", &self.level).finish_non_exhaustive()
    }
}

impl Compressors {
    /// Compressors of this level of zstd.
    pub fn new(level: i32) -> Self {
        Self { level, idle: Arc::default() }
    }

    /// A frame around at most 2 MiB, with its trailer: compressed, or raw where that is not longer.
    ///
    /// # Errors
    /// When zstd refuses, which it has no reason to.
    pub fn frame(&self, content: &[u8]) -> Result<Vec<u8>, std::io::Error> {
        debug_assert!(content.len() as u64 <= COMPRESSED_FRAME_CONTENT);
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let mut compressor = match kept {
            Some(compressor) => compressor,
            None => {
                let mut compressor = zstd::bulk::Compressor::new(self.level)?;
                compressor.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(true))?;
                compressor
            }
        };
        let compressed = compressor.compress(content)?;
        idle().push(compressor);
        let mut frame = match (compressed.len() as u64) < raw_length(content.len() as u64) {
            true => compressed,
            false => raw_frame(content),
        };
        let trailer = trailer(&frame);
        frame.extend_from_slice(&trailer);
        Ok(frame)
    }
}

/// What follows a frame of the compressed section.
pub fn trailer(frame: &[u8]) -> [u8; TRAILER as usize] {
    let mut trailer = [0; TRAILER as usize];
    trailer[..SKIP_HEADER as usize].copy_from_slice(&skip_header(8));
    let hash = xxhash_rust::xxh64::xxh64(frame, 0);
    trailer[SKIP_HEADER as usize..].copy_from_slice(&hash.to_le_bytes());
    trailer
}

/// What the first bytes of a frame say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// A frame of content.
    Content {
        /// Length of this header.
        length: u64,
        /// Length of the content.
        content: u64,
    },
    /// A skippable frame.
    Skippable {
        /// Which of the sixteen magic numbers.
        magic: u32,
        /// Length without the header of eight bytes.
        length: u64,
    },
}

/// Bytes that suffice to read any frame header.
pub const LONGEST_HEADER: usize = 18;

/// Reads a frame header from the first bytes of a frame (up to [`LONGEST_HEADER`], fewer at the end of the file).
///
/// # Errors
/// Not a frame; or one that bundles never hold: without content size or checksum, with a dictionary, with a window
/// over 2 MiB, with reserved bits.
pub fn parse_header(bytes: &[u8], offset: u64) -> Result<Header, ArchiveError> {
    let refuse = |what: &str| ArchiveError::structure(what, offset);
    let short = || refuse("the file ends inside a frame header");
    let magic: [u8; 4] = bytes.get(..4).and_then(|b| b.try_into().ok()).ok_or_else(short)?;
    let number = u32::from_le_bytes(magic);
    if number & 0xFFFF_FFF0 == SKIP_MAGIC {
        let length: [u8; 4] = bytes.get(4..8).and_then(|b| b.try_into().ok()).ok_or_else(short)?;
        return Ok(Header::Skippable {
            magic: number,
            length: u64::from(u32::from_le_bytes(length)),
        });
    }
    if magic != MAGIC {
        return Err(refuse("no zstd frame"));
    }
    let descriptor = *bytes.get(4).ok_or_else(short)?;
    let single_segment = descriptor & 0x20 != 0;
    if descriptor & 0x18 != 0 || descriptor & 3 != 0 {
        return Err(refuse("a frame with a dictionary or reserved bits"));
    }
    if descriptor & 4 == 0 {
        return Err(refuse("a frame without a checksum"));
    }
    let mut at = 5;
    if !single_segment {
        let window = *bytes.get(at).ok_or_else(short)?;
        // Exponent over 21 - 10, or exactly that with a mantissa: over 2 MiB (RFC 8878 §3.1.1.1.2).
        if window > 11 << 3 {
            return Err(refuse("a frame with a window over 2 MiB"));
        }
        at += 1;
    }
    let width = match (descriptor >> 6, single_segment) {
        (0, false) => return Err(refuse("a frame without its content size")),
        (0, true) => 1,
        (flag, _) => 1_usize << flag,
    };
    let field = bytes.get(at..at + width).ok_or_else(short)?;
    let mut number = [0; 8];
    number[..width].copy_from_slice(field);
    let content = u64::from_le_bytes(number) + if width == 2 { 256 } else { 0 };
    Ok(Header::Content { length: (at + width) as u64, content })
}

/// Length of a frame's header, of whatever kind zstd knows (RFC 8878 §3.1.1.1), and whether a checksum ends the frame.
/// `None` when the bytes do not begin a frame of content.
pub fn measure_any_header(bytes: &[u8]) -> Option<(u64, bool)> {
    let descriptor = *bytes.strip_prefix(&MAGIC)?.first()?;
    let is_single_segment = descriptor & 0x20 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content = match descriptor >> 6 {
        0 => u64::from(is_single_segment),
        flag => 1 << flag,
    };
    let length = 5 + u64::from(!is_single_segment) + dictionary + content;
    Some((length, descriptor & 4 != 0))
}

/// What a block header says: bytes that follow it in the file, and whether it is the last.
///
/// # Errors
/// A reserved block type, or one longer than a block may be.
pub fn parse_block_header(bytes: [u8; 3], offset: u64) -> Result<(u64, bool), ArchiveError> {
    let [a, b, c] = bytes;
    let number = u32::from_le_bytes([a, b, c, 0]);
    let size = u64::from(number >> 3);
    if size > BLOCK {
        return Err(ArchiveError::structure("a block over 128 KiB", offset));
    }
    match number >> 1 & 3 {
        0 | 2 => Ok((size, number & 1 == 1)),
        1 => Ok((1, number & 1 == 1)),
        _ => Err(ArchiveError::structure("a block of the reserved type", offset)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|n| (n * 31 % 251) as u8).collect()
    }

    #[test]
    fn raw_frames_are_as_long_as_predicted_and_zstd_reads_them() {
        for length in [1, 512, 131_071, 131_072, 131_073, 262_144, 1_000_000] {
            let content = content(length);
            let frame = raw_frame(&content);
            assert_eq!(frame.len() as u64, raw_length(length as u64));
            assert_eq!(zstd::bulk::decompress(&frame, length).expect("valid"), content);
            let header = parse_header(&frame, 0).expect("header");
            assert_eq!(header, Header::Content { length: 10, content: length as u64 });
        }
    }

    #[test]
    fn zstd_checks_the_checksum_of_raw_frames() {
        let mut frame = raw_frame(&content(1000));
        let last = frame.len() - 1;
        frame[last] ^= 1;
        assert!(zstd::bulk::decompress(&frame, 1000).is_err());
    }

    #[test]
    fn the_shortest_frame_is_taken() {
        let text = vec![b'a'; 100_000];
        let compressors = Compressors::new(1);
        let frame = compressors.frame(&text).expect("frame");
        assert!(frame.len() < 1000);
        let Header::Content { content, .. } = parse_header(&frame, 0).expect("header") else {
            panic!("skippable")
        };
        assert_eq!(content, 100_000);
        let noise = bundle_oci::Digest::of(b"noise").as_bytes().to_vec();
        let frame = compressors.frame(&noise).expect("frame");
        assert!(frame.len() as u64 <= raw_length(32) + TRAILER);
        let (frame, end) = frame.split_at(frame.len() - TRAILER as usize);
        assert_eq!(trailer(frame)[..], *end);
    }

    #[test]
    fn headers_that_bundles_never_hold_are_refused() {
        let good = raw_header(1000);
        assert!(parse_header(&good, 0).is_ok());
        let with = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            parse_header(&bytes, 0)
        };
        assert!(with(0, 0).is_err(), "magic");
        assert!(with(4, 0x80).is_err(), "no checksum");
        assert!(with(4, 0x85).is_err(), "dictionary");
        assert!(with(4, 0x8C).is_err(), "reserved bit");
        assert!(with(4, 0x04).is_err(), "no content size");
        assert!(with(5, 11 << 3).is_ok(), "2 MiB window");
        assert!(with(5, (11 << 3) + 1).is_err(), "more than 2 MiB");
        assert!(with(5, 0xA8).is_err(), "2 GiB window");
        for length in 0..10 {
            assert!(parse_header(&good[..length], 0).is_err(), "{length}");
        }
    }

    #[test]
    fn block_headers_read_back_and_odd_ones_are_refused() {
        assert_eq!(
            parse_block_header(raw_block_header(BLOCK, false), 0).expect("block"),
            (BLOCK, false)
        );
        assert_eq!(parse_block_header(raw_block_header(7, true), 0).expect("block"), (7, true));
        assert!(parse_block_header(raw_block_header(BLOCK + 1, true), 0).is_err());
        assert!(parse_block_header([0b110, 0, 0], 0).is_err());
    }
}
