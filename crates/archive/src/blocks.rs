//! The blocks of a zstd frame, one after another, without their content.

use super::ArchiveError;
use super::frame::{self, BLOCK_HEADER};
use super::medium::Medium;

/// One read while headers are looked for: little beside a block of usual length, and many of the shortest ones, so that
/// these cost no system call each.
const AHEAD: usize = 4 << 10;

/// Reads a block's header as a frame of ours may hold it: the bytes that follow it, and whether the block is the last.
///
/// # Errors
/// [`ArchiveError::Structure`] for a header that zstd does not have, and for an empty block before the last. A hole in a
/// file reads as empty blocks without end, and no compressor writes one.
fn check_block(header: [u8; 3], at: u64) -> Result<(u64, bool), ArchiveError> {
    let (length, is_last) = frame::parse_block_header(header, at)?;
    if length == 0 && !is_last {
        return Err(ArchiveError::structure("an empty block that is not the last", at));
    }
    Ok((length, is_last))
}

/// Checks every block of a frame in memory as [`Blocks`] checks those of a file, so that a frame is the same to whoever
/// found its place in a table and to whoever walked to it.
///
/// # Errors
/// [`ArchiveError::Structure`] as [`check_block`], and for a frame that ends inside a block.
pub(super) fn check_blocks(bytes: &[u8], header: u64, offset: u64) -> Result<(), ArchiveError> {
    let mut at = header;
    loop {
        let block = bytes.get(at as usize..).and_then(<[u8]>::first_chunk);
        let Some(block) = block else {
            return Err(ArchiveError::structure("a frame that ends inside a block", offset + at));
        };
        let (length, is_last) = check_block(*block, offset + at)?;
        if is_last {
            return Ok(());
        }
        at += BLOCK_HEADER + length;
    }
}

/// Goes from header to header.
pub(super) struct Blocks<'a> {
    medium: &'a Medium,
    /// Where the next header lies.
    at: u64,
    /// What was read last, and from where.
    ahead: [u8; AHEAD],
    from: u64,
    length: usize,
}

impl<'a> Blocks<'a> {
    /// The blocks behind a frame's header, which ends at `at`.
    pub(super) fn new(medium: &'a Medium, at: u64) -> Self {
        Self { medium, at, ahead: [0; AHEAD], from: at, length: 0 }
    }

    /// Goes over the next block; gives where it ends, and whether it is the last.
    ///
    /// # Errors
    /// [`ArchiveError::Truncated`] where the file ends; [`ArchiveError::Structure`] as [`check_block`].
    pub(super) fn next(&mut self) -> Result<(u64, bool), ArchiveError> {
        let (length, is_last) = check_block(self.header()?, self.at)?;
        self.at += BLOCK_HEADER + length;
        Ok((self.at, is_last))
    }

    fn header(&mut self) -> Result<[u8; BLOCK_HEADER as usize], ArchiveError> {
        if let Some(header) = self.held() {
            return Ok(header);
        }
        self.from = self.at;
        self.length = self.medium.read_up_to(&mut self.ahead, self.at)?;
        if let Some(header) = self.held() {
            return Ok(header);
        }
        // Fewer bytes than a header: this says so, and where.
        let mut header = [0; BLOCK_HEADER as usize];
        self.medium.read_exactly(&mut header, self.at)?;
        Ok(header)
    }

    fn held(&self) -> Option<[u8; BLOCK_HEADER as usize]> {
        let from = usize::try_from(self.at - self.from).ok()?;
        self.ahead[..self.length].get(from..)?.first_chunk().copied()
    }
}
