//! The seek table of the Zstandard seekable format: a skippable frame at the end that lists all frames.
//!
//! It is a hint and never decides what is read: places that follow from the inventory are computed, every frame it
//! names is checked where it is read, and without a usable table the frames are walked.

use super::ArchiveError;
use super::frame::SKIP_HEADER;

/// Magic number of the frame that holds the table (seekable format §Skippable_Magic_Number).
pub const FRAME_MAGIC: u32 = 0x184D_2A5E;
const TABLE_MAGIC: [u8; 4] = 0x8F92_EAB1_u32.to_le_bytes();
/// Number of frames, descriptor, magic.
pub const FOOTER: u64 = 9;
/// Two lengths.
pub const ENTRY: u64 = 8;

/// One frame: its length in the file and the length of its content (0 for skippable frames).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Bytes in the file.
    pub length: u32,
    /// Bytes of content.
    pub content: u32,
}

/// The table as the last frame of an archive.
pub fn encode(frames: &[Frame]) -> Vec<u8> {
    let body = frames.len() as u64 * ENTRY + FOOTER;
    let mut table = Vec::with_capacity((SKIP_HEADER + body) as usize);
    table.extend_from_slice(&FRAME_MAGIC.to_le_bytes());
    table.extend_from_slice(&(body as u32).to_le_bytes());
    for frame in frames {
        table.extend_from_slice(&frame.length.to_le_bytes());
        table.extend_from_slice(&frame.content.to_le_bytes());
    }
    table.extend_from_slice(&(frames.len() as u32).to_le_bytes());
    table.push(0);
    table.extend_from_slice(&TABLE_MAGIC);
    table
}

/// Length of the whole table frame, read from the file's last nine bytes; `None` when they are no footer of ours.
pub fn length_from_footer(footer: &[u8; FOOTER as usize]) -> Option<u64> {
    let [a, b, c, d, descriptor, magic @ ..] = *footer;
    // Per-frame checksums and reserved bits: never written by bundle.
    if magic != TABLE_MAGIC || descriptor != 0 {
        return None;
    }
    Some(SKIP_HEADER + u64::from(u32::from_le_bytes([a, b, c, d])) * ENTRY + FOOTER)
}

/// Reads a whole table frame.
///
/// # Errors
/// [`ArchiveError::Structure`] when it is not one.
pub fn decode(table: &[u8], offset: u64) -> Result<Vec<Frame>, ArchiveError> {
    let refuse = || ArchiveError::structure("a seek table that is not one", offset);
    let (body, footer) =
        table.split_at_checked(table.len().saturating_sub(FOOTER as usize)).ok_or_else(refuse)?;
    let footer: &[u8; FOOTER as usize] = footer.try_into().map_err(|_| refuse())?;
    if length_from_footer(footer) != Some(table.len() as u64) {
        return Err(refuse());
    }
    let (header, entries) = body.split_at_checked(SKIP_HEADER as usize).ok_or_else(refuse)?;
    let stated = (table.len() as u64 - SKIP_HEADER) as u32;
    if header[..4] != FRAME_MAGIC.to_le_bytes() || header[4..] != stated.to_le_bytes() {
        return Err(refuse());
    }
    let number = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    Ok(entries
        .chunks_exact(ENTRY as usize)
        .map(|entry| Frame { length: number(&entry[..4]), content: number(&entry[4..]) })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_back() {
        let frames = [Frame { length: 40, content: 100 }, Frame { length: 8, content: 0 }];
        let table = encode(&frames);
        let footer: [u8; 9] = table[table.len() - 9..].try_into().expect("nine bytes");
        assert_eq!(length_from_footer(&footer), Some(table.len() as u64));
        assert_eq!(decode(&table, 0).expect("table"), frames);
    }

    #[test]
    fn no_damaged_table_is_taken_for_another_length() {
        let table = encode(&[Frame { length: 40, content: 100 }]);
        for at in (0..8).chain(16..table.len()) {
            let mut damaged = table.clone();
            damaged[at] ^= 1;
            assert!(decode(&damaged, 0).is_err(), "{at}");
        }
        for length in 0..table.len() {
            assert!(decode(&table[..length], 0).is_err());
        }
    }
}
