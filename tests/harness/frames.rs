//! Where the zstd frames of an archive lie, found without the code that wrote them (RFC 8878 §3.1).

use std::ops::Range;

/// A frame of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Its bytes in the file.
    pub(crate) bytes: Range<usize>,
    /// A frame that decoders skip: slack, or the seek table.
    pub(crate) skippable: bool,
}

/// All frames of a file, one after the other.
pub(crate) fn frames(file: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut start = 0;
    while start < file.len() {
        let skippable = word(file, start) & 0xFFFF_FFF0 == 0x184D_2A50;
        let length = match skippable {
            true => 8 + word(file, start + 4) as usize,
            false => data_frame(&file[start..]),
        };
        frames.push(Frame { bytes: start..start + length, skippable });
        start += length;
    }
    assert_eq!(start, file.len(), "frames end where the file ends");
    frames
}

/// Length of the data frame that `file` begins with.
fn data_frame(file: &[u8]) -> usize {
    assert_eq!(word(file, 0), 0xFD2F_B528, "magic number");
    let descriptor = file[4];
    let single_segment = descriptor >> 5 & 1 == 1;
    let content_size = match descriptor >> 6 {
        0 => usize::from(single_segment),
        flag => 1 << flag,
    };
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let mut place = 5 + usize::from(!single_segment) + dictionary + content_size;
    loop {
        let header = word(file, place) & 0xFF_FFFF;
        let (last, kind, size) = (header & 1 == 1, header >> 1 & 3, (header >> 3) as usize);
        place += 3 + if kind == 1 { 1 } else { size };
        if last {
            return place + if descriptor >> 2 & 1 == 1 { 4 } else { 0 };
        }
    }
}

fn word(bytes: &[u8], place: usize) -> u32 {
    let mut word = [0; 4];
    let rest = &bytes[place..bytes.len().min(place + 4)];
    word[..rest.len()].copy_from_slice(rest);
    u32::from_le_bytes(word)
}
