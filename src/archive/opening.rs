//! What opening an archive compares: the head with its inventory, the seek table with the places, the end of the tar.

use super::entry::{END, HEADER};
use super::frame::{Header, LONGEST_HEADER, raw_frame};
use super::head;
use super::limits::COMPRESSED_FRAME_LENGTH;
use super::places::{Places, compressed_frame_contents, entry_length};
use super::read::CompressedPlace;
use super::seek_table::{self, FOOTER, Frame};
use super::{ArchiveError, bounded, frame};
use crate::inventory::{BlobEntry, Inventory, Stored};
use crate::oci::Digest;
use std::collections::HashSet;
use std::fs::File;

/// Finds, parses and checks `bundle.json`, and compares the rest of the head with what it lists.
pub(super) fn read_inventory(head: &head::Head) -> Result<(Inventory, Digest), ArchiveError> {
    let refuse = |what: String| Err(ArchiveError::structure(what, 0));
    match head.files.first() {
        Some(file) if file.name == head::OCI_LAYOUT && file.bytes == head::OCI_LAYOUT_CONTENT => {}
        _ => return refuse("the first entry is not an OCI layout's".into()),
    }
    let Some(file) = head.files.get(1).filter(|file| file.name == head::INVENTORY) else {
        return refuse("the second entry is not bundle.json".into());
    };
    let inventory = Inventory::from_bytes(&file.bytes)?;
    let found = head.files.iter().filter(|f| f.name != head::INVENTORY && f.name != head::SEAL);
    let mut found = found.collect::<Vec<_>>();
    let names: HashSet<&str> = found.iter().map(|file| file.name.as_str()).collect();
    for listed in &inventory.files {
        let Some(at) = found.iter().position(|file| file.name == listed.name) else {
            let name = bounded(&listed.name);
            return refuse(format!("{name:?} is listed in the inventory but not there"));
        };
        let file = found.swap_remove(at);
        if file.bytes.len() as u64 != listed.size || Digest::of(&file.bytes) != listed.digest {
            return refuse(format!("{:?} is not what the inventory says", listed.name));
        }
    }
    if let Some(extra) = found.first() {
        return refuse(format!("{:?} is not listed in the inventory", extra.name));
    }
    if !head.files.iter().any(|file| file.name == head::INDEX) {
        return refuse("there is no index.json".into());
    }
    let mut keys = HashSet::new();
    for key in &inventory.keys {
        let name = bounded(&key.file);
        if !key.file.starts_with(head::KEYS) || !names.contains(key.file.as_str()) {
            return refuse(format!("key {name:?} is not among the files of the inventory"));
        }
        if !keys.insert(&key.file) {
            return refuse(format!("key {name:?} is listed twice"));
        }
    }
    Ok((inventory, Digest::of(&file.bytes)))
}

/// Contents of all frames of the compressed section, in order.
pub(super) fn compressed_contents(blobs: &[BlobEntry]) -> Result<Vec<u32>, ArchiveError> {
    let mut contents = Vec::new();
    for blob in blobs {
        debug_assert_eq!(blob.stored, Stored::Compressed);
        contents
            .extend(compressed_frame_contents(entry_length(blob)?).map(|content| content as u32));
    }
    Ok(contents)
}

/// The table at the end of the file, when its footer says there is one of the right length.
pub(super) fn read_seek_table(
    file: &File,
    length: u64,
    places: &Places,
) -> Result<Option<Vec<Frame>>, ArchiveError> {
    let mut footer = [0; FOOTER as usize];
    head::read_exactly(file, &mut footer, length - FOOTER)?;
    if seek_table::length_from_footer(&footer) != Some(places.seek_table_length()) {
        return Ok(None);
    }
    let Some(at) = length.checked_sub(places.seek_table_length()) else {
        return Ok(None);
    };
    let mut table = vec![0; places.seek_table_length() as usize];
    head::read_exactly(file, &mut table, at)?;
    Ok(seek_table::decode(&table, at).ok())
}

/// The compressed section's frames by the table, when everything it says is what must be, and each of these frames
/// begins as such a frame does.
pub(super) fn sound_frames(
    file: &File,
    length: u64,
    table: &[Frame],
    extent: &head::Extent,
    blobs: &[BlobEntry],
    places: &Places,
    contents: &[u32],
) -> Result<Option<Vec<Frame>>, ArchiveError> {
    let Some(first) = table.len().checked_sub(contents.len() + 1) else {
        return Ok(None);
    };
    let compressed = table[first..table.len() - 1].to_vec();
    if places.frames(extent, blobs, &compressed) != table {
        return Ok(None);
    }
    let mut at = places.raw_end();
    for (frame, content) in compressed.iter().zip(contents) {
        let mut bytes = [0; LONGEST_HEADER];
        let read = head::read_up_to(file, &mut bytes, at)?;
        let starts_a_frame = matches!(
            frame::parse_header(&bytes[..read], at),
            Ok(Header::Content { content: found, .. }) if found == u64::from(*content)
        );
        // A longer one could not be what the table says, but would be read into memory to find out.
        let too_long = u64::from(frame.length) > COMPRESSED_FRAME_LENGTH;
        if frame.content != *content || too_long || !starts_a_frame {
            return Ok(None);
        }
        at += u64::from(frame.length);
    }
    let table_at = length - places.seek_table_length();
    Ok((at + frame::raw_length(END) == table_at).then_some(compressed))
}

/// Finds the compressed section's frames without a table.
pub(super) fn walk(file: &File, mut at: u64, contents: &[u32]) -> Result<Vec<Frame>, ArchiveError> {
    let mut frames = Vec::with_capacity(contents.len());
    for expected in contents {
        let (content, length) = head::measure_small_frame(file, at)?;
        if content != u64::from(*expected) {
            return Err(ArchiveError::structure(
                "a frame of another length than the inventory asks for",
                at,
            ));
        }
        frames.push(Frame { length: length as u32, content: *expected });
        at += length;
    }
    Ok(frames)
}

/// Compares the end of the tar; what follows may be the seek table, sound or not, and nothing else. Gives its length.
pub(super) fn check_end(
    file: &File,
    length: u64,
    end: u64,
    places: &Places,
) -> Result<u64, ArchiveError> {
    let expected = raw_frame(&[0; END as usize]);
    let mut found = vec![0; expected.len()];
    head::read_exactly(file, &mut found, end)?;
    if found != expected {
        return Err(ArchiveError::structure("the tar does not end where it must", end));
    }
    let table_at = end + expected.len() as u64;
    match length - table_at {
        rest if rest == 0 || rest == places.seek_table_length() => Ok(rest),
        rest if rest < places.seek_table_length() => Err(ArchiveError::Truncated {
            expected: table_at + places.seek_table_length(),
            found: length,
        }),
        rest => {
            let extra = rest - places.seek_table_length();
            Err(ArchiveError::structure(
                format!("{extra} bytes too many at the end"),
                length - extra,
            ))
        }
    }
}

/// Gives each compressed blob its frames.
pub(super) fn divide(
    blobs: &[BlobEntry],
    start: u64,
    frames: Vec<Frame>,
) -> Result<Vec<CompressedPlace>, ArchiveError> {
    let mut frames = frames.into_iter();
    let mut offset = start;
    let mut compressed = Vec::with_capacity(blobs.len());
    for blob in blobs {
        let count = compressed_frame_contents(blob.size.next_multiple_of(HEADER) + HEADER).count();
        let own: Vec<Frame> = frames.by_ref().take(count).collect();
        let length: u64 = own.iter().map(|frame| u64::from(frame.length)).sum();
        compressed.push(CompressedPlace { offset, frames: own });
        offset += length;
    }
    Ok(compressed)
}
