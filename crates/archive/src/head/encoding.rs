//! Entries of a head as bytes: in frames, and with slack behind them.

use super::{Extent, HeadFile, INVENTORY, SEAL};
use crate::ArchiveError;
use crate::entry;
use crate::frame::{self, SKIP_HEADER};
use crate::limits::{COMPRESSED_FRAME_CONTENT, HEAD_ALIGNMENT, SLACK};
use crate::seek_table::Frame;

/// Encodes a head with at least [`SLACK`] bytes of room, up to a multiple of [`HEAD_ALIGNMENT`].
///
/// # Errors
/// A name that does not fit a tar header, or zstd's own.
pub fn encode(files: &[HeadFile], mtime: u64) -> Result<(Vec<u8>, Extent), ArchiveError> {
    let (bytes, frames) = raw_frames(tar(files, mtime)?.chunks(COMPRESSED_FRAME_CONTENT as usize));
    let end = (bytes.len() as u64 + SKIP_HEADER + SLACK).next_multiple_of(HEAD_ALIGNMENT);
    pad(bytes, frames, end)
}

/// Encodes a head into the region of an earlier one, which ends at `end`.
///
/// # Errors
/// [`ArchiveError::Limit`] when it does not fit.
pub fn encode_within(
    files: &[HeadFile],
    mtime: u64,
    end: u64,
) -> Result<(Vec<u8>, Extent), ArchiveError> {
    fill(tar(files, mtime)?.chunks(COMPRESSED_FRAME_CONTENT as usize), end)
}

/// Encodes a head into the region of an earlier one, in as many frames as that one had, or more where they do not
/// suffice: what lists all frames keeps its length then.
///
/// # Errors
/// As [`encode_within`].
pub(crate) fn encode_like(
    files: &[HeadFile],
    mtime: u64,
    earlier: &Extent,
) -> Result<(Vec<u8>, Extent), ArchiveError> {
    let content = tar(files, mtime)?;
    // The slack is a frame too.
    let count = earlier.frames.len().saturating_sub(1).min(content.len());
    if content.len().div_ceil(COMPRESSED_FRAME_CONTENT as usize) >= count {
        return encode_within(files, mtime, earlier.end);
    }
    let (each, longer) = (content.len() / count, content.len() % count);
    let (long, short) = content.split_at(longer * (each + 1));
    let pieces = long.chunks(each + 1).chain(short.chunks(each));
    fill(pieces, earlier.end)
}

/// The entries of a head with the seal behind the inventory, in the place of any other.
pub(crate) fn with_seal(files: &[HeadFile], seal: &[u8]) -> Vec<HeadFile> {
    let mut sealed = Vec::with_capacity(files.len() + 1);
    for file in files.iter().filter(|file| file.name != SEAL) {
        sealed.push(file.clone());
        if file.name == INVENTORY {
            sealed.push(HeadFile { name: SEAL.into(), bytes: seal.to_owned() });
        }
    }
    sealed
}

fn fill<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    end: u64,
) -> Result<(Vec<u8>, Extent), ArchiveError> {
    let (bytes, frames) = raw_frames(pieces);
    if bytes.len() as u64 + SKIP_HEADER > end {
        let (needed, region) = (bytes.len(), end);
        let what = format!("the new head has {needed} bytes, its region {region}");
        return Err(ArchiveError::Limit(what));
    }
    pad(bytes, frames, end)
}

fn tar(files: &[HeadFile], mtime: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut content = Vec::new();
    for file in files {
        let size = file.bytes.len() as u64;
        content.extend_from_slice(&entry::header(&file.name, size, mtime)?);
        content.extend_from_slice(&file.bytes);
        content.resize(content.len() + entry::padding(size) as usize, 0);
    }
    Ok(content)
}

fn raw_frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<Frame>) {
    let mut bytes = Vec::new();
    let mut frames = Vec::new();
    for piece in pieces {
        let frame = frame::raw_frame(piece);
        frames.push(Frame { length: frame.len() as u32, content: piece.len() as u32 });
        bytes.extend_from_slice(&frame);
    }
    (bytes, frames)
}

fn pad(
    mut bytes: Vec<u8>,
    mut frames: Vec<Frame>,
    end: u64,
) -> Result<(Vec<u8>, Extent), ArchiveError> {
    let slack = end - bytes.len() as u64;
    let length = u32::try_from(slack - SKIP_HEADER)
        .map_err(|_| ArchiveError::Limit("the head's region is too long".into()))?;
    bytes.extend_from_slice(&frame::skip_header(length));
    bytes.resize(end as usize, 0);
    frames.push(Frame { length: slack as u32, content: 0 });
    Ok((bytes, Extent { frames, end }))
}
