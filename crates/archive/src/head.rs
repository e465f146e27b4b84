//! The head: `oci-layout`, `bundle.json`, the seal when there is one, `index.json`, `keys/*`, as raw frames of up
//! to 2 MiB, then one skippable frame of zeros (slack) that lets the head change without moving what follows.
//!
//! It is not compressed: digests do not shrink, and of raw frames each single byte is determined by the content.

mod encoding;

pub use encoding::{encode, encode_within};
pub(super) use encoding::{encode_like, with_seal};

use super::ArchiveError;
use super::blocks::{Blocks, check_blocks};
use super::entry::{self, HEADER};
use super::frame::{self, Header, LONGEST_HEADER, SKIP_HEADER, SKIP_MAGIC};
use super::limits::{
    COMPRESSED_FRAME_CONTENT, COMPRESSED_FRAME_LENGTH, HEAD_ALIGNMENT, IO_PIECE, MAX_HEAD,
    MAX_HEAD_ENTRIES, MAX_HEAD_FRAMES, MAX_INDEX, MAX_INVENTORY, MAX_SMALL_FILE,
};
use super::medium::Medium;
use super::seek_table::Frame;

/// Name of the OCI layout marker.
pub const OCI_LAYOUT: &str = "oci-layout";
/// Its only content.
pub const OCI_LAYOUT_CONTENT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// Name of the inventory.
pub const INVENTORY: &str = "bundle.json";
/// Name of the seal.
pub const SEAL: &str = "bundle.sigstore.json";
/// Name of the OCI index.
pub const INDEX: &str = "index.json";
/// Folder of carried keys.
pub const KEYS: &str = "keys/";
/// Folder for what later versions add; allowed when the inventory lists it.
pub const EXTENSIONS: &str = "ext/";

/// One entry of the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadFile {
    /// Name in the tar.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
}

/// How far a head reaches, and in which frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// Its frames, slack included.
    pub frames: Vec<Frame>,
    /// Where the trust section starts.
    pub end: u64,
}

/// A head read back.
#[derive(Debug, Clone)]
pub struct Head {
    /// Entries in order.
    pub files: Vec<HeadFile>,
    /// Modification time of every entry of the archive.
    pub mtime: u64,
    /// Where it lies.
    pub extent: Extent,
}

/// True for the header that every archive's tar begins with.
pub(super) fn begins_tar(bytes: &[u8]) -> bool {
    let Some(header) = bytes.first_chunk() else { return false };
    let size = OCI_LAYOUT_CONTENT.len() as u64;
    matches!(entry::parse(header, 0), Ok((name, found, _)) if name == OCI_LAYOUT && found == size)
}

/// Largest content of a head entry, by its name; `None` for names that a head never holds.
fn limit_of(name: &str) -> Option<u64> {
    match name {
        INVENTORY => Some(MAX_INVENTORY),
        INDEX => Some(MAX_INDEX),
        OCI_LAYOUT | SEAL => Some(MAX_SMALL_FILE),
        _ if name.starts_with(KEYS) || name.starts_with(EXTENSIONS) => Some(MAX_SMALL_FILE),
        _ => None,
    }
}

/// The content of a tar in order, as far as the head needs it.
pub(super) trait Content {
    /// Where the next byte comes from, for messages.
    fn offset(&self) -> u64;

    /// True while entries of the head may follow.
    fn more(&mut self) -> Result<bool, ArchiveError>;

    /// The next `length` bytes. What is allocated is bounded by what has come.
    fn take(&mut self, length: u64) -> Result<&[u8], ArchiveError>;
}

/// Reads the head at the start of an archive.
///
/// # Errors
/// [`ArchiveError::Structure`] or [`ArchiveError::Limit`]: names that do not belong there or come twice, anything
/// but plain files, slack that is not zeros.
pub fn read(medium: &Medium) -> Result<Head, ArchiveError> {
    let mut reader =
        Reader { medium, at: 0, content: Vec::new(), taken: 0, total: 0, frames: Vec::new() };
    let (files, mtime) = parse(&mut reader)?;
    let extent = reader.finish()?;
    Ok(Head { files, mtime, extent })
}

/// The entries of a head, and the modification time that they share.
///
/// # Errors
/// As [`read`].
pub(super) fn parse(content: &mut impl Content) -> Result<(Vec<HeadFile>, u64), ArchiveError> {
    let mut files: Vec<HeadFile> = Vec::new();
    let mut common_mtime = None;
    while content.more()? {
        let offset = content.offset();
        let mut bytes = [0; HEADER as usize];
        bytes.copy_from_slice(content.take(HEADER)?);
        let (name, size, mtime) = entry::parse(&bytes, offset)?;
        let Some(limit) = limit_of(&name) else {
            return Err(ArchiveError::structure(
                format!("{name:?} does not belong into a head"),
                offset,
            ));
        };
        if size > limit || files.len() >= MAX_HEAD_ENTRIES {
            return Err(ArchiveError::Limit(format!("head entry {name:?} of {size} bytes")));
        }
        if files.iter().any(|file| file.name == name) {
            return Err(ArchiveError::structure(format!("{name:?} comes twice"), offset));
        }
        if *common_mtime.get_or_insert(mtime) != mtime {
            return Err(ArchiveError::structure(format!("{name:?} has another time"), offset));
        }
        let bytes = content.take(size)?.to_vec();
        if content.take(entry::padding(size))?.iter().any(|byte| *byte != 0) {
            return Err(ArchiveError::structure(
                format!("padding after {name:?} is not zeros"),
                offset,
            ));
        }
        files.push(HeadFile { name, bytes });
    }
    Ok((files, common_mtime.unwrap_or(0)))
}

/// Content of the head, frame by frame, never more than one frame ahead of what is needed.
struct Reader<'a> {
    medium: &'a Medium,
    at: u64,
    content: Vec<u8>,
    taken: usize,
    total: u64,
    frames: Vec<Frame>,
}

impl Content for Reader<'_> {
    fn offset(&self) -> u64 {
        self.at
    }

    /// True while content is left before the slack.
    fn more(&mut self) -> Result<bool, ArchiveError> {
        if self.taken < self.content.len() {
            return Ok(true);
        }
        Ok(matches!(self.header()?, Header::Content { .. }))
    }

    fn take(&mut self, length: u64) -> Result<&[u8], ArchiveError> {
        let length = length as usize;
        if self.taken > 0 && self.content.len() - self.taken < length {
            self.content.drain(..self.taken);
            self.taken = 0;
        }
        while self.content.len() - self.taken < length {
            let Header::Content { content, .. } = self.header()? else {
                return Err(ArchiveError::structure("the head ends inside an entry", self.at));
            };
            if self.frames.len() >= MAX_HEAD_FRAMES {
                let what = format!("a head of more than {MAX_HEAD_FRAMES} frames");
                return Err(ArchiveError::Limit(what));
            }
            self.total += content;
            if self.total > MAX_HEAD {
                return Err(ArchiveError::Limit(format!("a head of more than {MAX_HEAD} bytes")));
            }
            let (bytes, length) = read_raw_frame(self.medium, self.at)?;
            self.frames.push(Frame { length: length as u32, content: bytes.len() as u32 });
            self.at += length;
            self.content.extend_from_slice(&bytes);
        }
        let from = self.taken;
        self.taken += length;
        Ok(&self.content[from..self.taken])
    }
}

impl Reader<'_> {
    fn header(&self) -> Result<Header, ArchiveError> {
        let mut bytes = [0; LONGEST_HEADER];
        let length = self.medium.read_up_to(&mut bytes, self.at)?;
        frame::parse_header(&bytes[..length], self.at)
    }

    fn finish(mut self) -> Result<Extent, ArchiveError> {
        let Header::Skippable { magic: SKIP_MAGIC, length } = self.header()? else {
            return Err(ArchiveError::structure("the head is not followed by its slack", self.at));
        };
        let end = self.at + SKIP_HEADER + length;
        if !end.is_multiple_of(HEAD_ALIGNMENT) {
            return Err(ArchiveError::structure("the head's region ends at an odd place", self.at));
        }
        if length > MAX_HEAD {
            return Err(ArchiveError::Limit("slack longer than any head".into()));
        }
        let mut at = self.at + SKIP_HEADER;
        let mut piece = vec![0; IO_PIECE];
        while at < end {
            let want = (end - at).min(IO_PIECE as u64) as usize;
            self.medium.read_exactly(&mut piece[..want], at)?;
            if piece[..want].iter().any(|byte| *byte != 0) {
                return Err(ArchiveError::structure("the slack after the head is not zeros", at));
            }
            at += want as u64;
        }
        self.frames.push(Frame { length: (end - self.at) as u32, content: 0 });
        Ok(Extent { frames: self.frames, end })
    }
}

/// Reads and decodes the frame at `at`, which holds at most [`COMPRESSED_FRAME_CONTENT`]; gives its content and its
/// length in the file.
fn read_raw_frame(medium: &Medium, at: u64) -> Result<(Vec<u8>, u64), ArchiveError> {
    let (content, length) = measure_small_frame(medium, at)?;
    let mut bytes = vec![0; length as usize];
    medium.read_exactly(&mut bytes, at)?;
    let decoded = decode_small_frame(&bytes, content, at)?;
    if frame::raw_frame(&decoded) != bytes {
        return Err(ArchiveError::structure("a frame of the head that is not raw", at));
    }
    Ok((decoded, length))
}

/// Decodes one whole frame of exactly `content` bytes, and nothing after it; the checksum is checked.
pub(super) fn decode_small_frame(
    bytes: &[u8],
    content: u64,
    at: u64,
) -> Result<Vec<u8>, ArchiveError> {
    // zstd would read on through whatever frames follow, skippable ones included.
    if zstd::zstd_safe::find_frame_compressed_size(bytes) != Ok(bytes.len()) {
        return Err(ArchiveError::structure("a frame that ends before its place does", at));
    }
    if let Header::Content { length, .. } = frame::parse_header(bytes, at)? {
        check_blocks(bytes, length, at)?;
    }
    let decoded = zstd::bulk::decompress(bytes, content as usize).map_err(|error| {
        ArchiveError::structure(format!("a frame that zstd refuses: {error}"), at)
    })?;
    if decoded.len() as u64 != content {
        return Err(ArchiveError::structure("a frame of another length than it says", at));
    }
    Ok(decoded)
}

/// Decodes one frame of the compressed section, with its trailer.
pub(super) fn decode_compressed_frame(
    bytes: &[u8],
    content: u64,
    at: u64,
) -> Result<Vec<u8>, ArchiveError> {
    let (frame, trailer) = bytes.split_at(bytes.len().saturating_sub(frame::TRAILER as usize));
    if frame::trailer(frame) != *trailer {
        return Err(ArchiveError::structure("a compressed frame whose checksum is wrong", at));
    }
    decode_small_frame(frame, content, at)
}

/// Finds content and length of the frame at `at` by walking its blocks.
pub(super) fn measure_small_frame(medium: &Medium, at: u64) -> Result<(u64, u64), ArchiveError> {
    let mut bytes = [0; LONGEST_HEADER];
    let read = medium.read_up_to(&mut bytes, at)?;
    let Header::Content { length, content } = frame::parse_header(&bytes[..read], at)? else {
        return Err(ArchiveError::structure("a skippable frame where content is expected", at));
    };
    if content == 0 || content > COMPRESSED_FRAME_CONTENT {
        return Err(ArchiveError::structure(format!("a frame of {content} bytes"), at));
    }
    let mut blocks = Blocks::new(medium, at + length);
    loop {
        let (end, last) = blocks.next()?;
        // As long as a table may say: checksum and trailer count.
        if end - at + frame::CHECKSUM + frame::TRAILER > COMPRESSED_FRAME_LENGTH {
            return Err(ArchiveError::structure("a frame that does not end", at));
        }
        if last {
            return Ok((content, end + frame::CHECKSUM - at));
        }
    }
}

#[cfg(test)]
mod tests;
