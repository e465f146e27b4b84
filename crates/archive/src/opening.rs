//! What opening an archive compares: the head with its inventory, the seek table with the places, the end of the tar.

use super::entry::{END, HEADER};
use super::frame::{Header, LONGEST_HEADER, raw_frame};
use super::geometry::{Cursor, Geometry, MARKER};
use super::head::{self, HeadFile};
use super::limits::{COMPRESSED_FRAME_LENGTH, IO_PIECE, MAX_VOLUMES};
use super::medium::Medium;
use super::places::{Places, entry_length};
use super::seek_table::{self, FOOTER, Frame};
use super::{ArchiveError, frame, volumes};
use bundle_inventory::{BlobEntry, Hole, Inventory};
use bundle_oci::Digest;
use bundle_oci::text::bounded;
use std::collections::HashSet;

/// No compressed frame is shorter: 4 magic, 1 descriptor, 1 size, 3 + 1 block, 4 checksum, its trailer.
const SHORTEST_FRAME: u64 = 14 + frame::TRAILER;

/// Finds, parses and checks `bundle.json`, and compares the rest of the head with what it lists.
pub(super) fn read_inventory(files: &[HeadFile]) -> Result<(Inventory, Digest), ArchiveError> {
    let refuse = |what: String| Err(ArchiveError::structure(what, 0));
    match files.first() {
        Some(file) if file.name == head::OCI_LAYOUT && file.bytes == head::OCI_LAYOUT_CONTENT => {}
        _ => return refuse("the first entry is not an OCI layout's".into()),
    }
    let Some(file) = files.get(1).filter(|file| file.name == head::INVENTORY) else {
        return refuse("the second entry is not bundle.json".into());
    };
    let inventory = Inventory::from_bytes(&file.bytes)?;
    let found = files.iter().filter(|f| f.name != head::INVENTORY && f.name != head::SEAL);
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
    if !files.iter().any(|file| file.name == head::INDEX) {
        return refuse("index.json is missing".into());
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

/// Goes into the volumes that the raw part fills, and checks that there is room for the rest.
///
/// # Errors
/// [`ArchiveError::Volume`], [`ArchiveError::Truncated`].
pub(super) fn enter_raw(
    medium: &mut Medium,
    places: &Places,
    blobs: &[BlobEntry],
) -> Result<(), ArchiveError> {
    let raw = places.raw_end();
    for (before, used) in raw.full_volumes().iter().enumerate() {
        medium.enter(before + 1, *used)?;
    }
    // What is too short is said to be, before its frames are looked for.
    let lengths = raw.clone().into_lengths();
    let shortest = lengths.iter().sum::<u64>()
        + places.compressed_frames(blobs).saturating_mul(SHORTEST_FRAME)
        + frame::raw_length(END);
    let found = medium.length();
    if found < shortest && !medium.is_set() {
        return Err(ArchiveError::Truncated { expected: shortest, found });
    }
    let (last, needed) = (raw.volume(), lengths.last().copied().unwrap_or(0));
    let length = medium.volume_length(last);
    if length < needed {
        return Err(medium.truncated(last, needed, length));
    }
    Ok(())
}

/// The table at the end, when its footer says there is one of a length that the inventory's can have.
pub(super) fn read_seek_table(
    medium: &Medium,
    places: &Places,
) -> Result<Option<Vec<Frame>>, ArchiveError> {
    let mut footer = [0; FOOTER as usize];
    if medium.read_tail(&mut footer)? < footer.len() {
        return Ok(None);
    }
    let Some(length) = seek_table::length_from_footer(&footer) else {
        return Ok(None);
    };
    // The footer is the courier's: a length that no sound table has is not read into memory to find that out.
    let possible = places.seek_table_length(1)..=places.seek_table_length(MAX_VOLUMES);
    if !possible.contains(&length) || length > medium.volume_length(medium.volumes() - 1) {
        return Ok(None);
    }
    let mut table = vec![0; length as usize];
    medium.read_tail(&mut table)?;
    Ok(seek_table::decode(&table, 0).ok())
}

/// The compressed section's frames by the table, when everything it says is what must be, and each of these frames
/// begins as such a frame does.
///
/// # Errors
/// By a table that fits the inventory, a volume is missing or has another length; or the system refuses.
pub(super) fn sound_frames(
    medium: &mut Medium,
    table: &[Frame],
    head: &head::Extent,
    inventory: &Inventory,
    places: &Places,
) -> Result<Option<Vec<Frame>>, ArchiveError> {
    let is_marker = |frame: &&Frame| frame.content == 0 && u64::from(frame.length) == MARKER;
    let listed: Vec<Frame> = table.iter().filter(|frame| !is_marker(frame)).copied().collect();
    let count = places.compressed_frames(&inventory.blobs) as usize;
    let Some(first) = listed.len().checked_sub(count + 1) else {
        return Ok(None);
    };
    let compressed = listed[first..listed.len() - 1].to_vec();
    let (expected, _) = places.frames(head, &inventory.blobs, &inventory.holes, &compressed);
    if expected != table {
        return Ok(None);
    }
    let mut cursor = places.raw_end().clone();
    for (frame, content) in compressed.iter().zip(places.compressed_contents(&inventory.blobs)) {
        // A longer one could not be what the table says, but would be read into memory to find out.
        let too_long = u64::from(frame.length) > COMPRESSED_FRAME_LENGTH;
        let address = advance(&mut cursor, u64::from(frame.length), medium)?;
        let mut bytes = [0; LONGEST_HEADER];
        let read = medium.read_up_to(&mut bytes, address)?;
        let starts_a_frame = matches!(
            frame::parse_header(&bytes[..read], address),
            Ok(Header::Content { content: found, .. }) if found == u64::from(content)
        );
        if frame.content != content || too_long || !starts_a_frame {
            return Ok(None);
        }
    }
    Ok(Some(compressed))
}

/// Takes the place of a frame, and goes into its volume.
fn advance(cursor: &mut Cursor, length: u64, medium: &mut Medium) -> Result<u64, ArchiveError> {
    let before = cursor.volume();
    let address = cursor.advance(length);
    if let (true, Some(used)) = (cursor.volume() > before, cursor.full_volumes().last()) {
        medium.enter(cursor.volume(), *used)?;
    }
    Ok(address)
}

/// Finds the compressed section's frames without a table.
pub(super) fn walk(
    medium: &mut Medium,
    places: &Places,
    blobs: &[BlobEntry],
) -> Result<Vec<Frame>, ArchiveError> {
    let geometry = *places.geometry();
    let mut cursor = places.raw_end().clone();
    let mut frames = Vec::new();
    for expected in places.compressed_contents(blobs) {
        let mut at = cursor.end();
        if geometry.volume_size().is_some() && volume_ends(medium, &geometry, at)? {
            let used = at - geometry.start_of(cursor.volume());
            medium.enter(cursor.volume() + 1, used)?;
            at = geometry.start_of(cursor.volume() + 1) + MARKER;
        }
        let (content, length) = head::measure_small_frame(medium, at)?;
        let length = length + frame::TRAILER;
        if content != u64::from(expected) {
            return Err(ArchiveError::structure(
                "a frame of another length than the inventory asks for",
                at,
            ));
        }
        let before = cursor.volume();
        if cursor.advance(length) != at {
            // It had room in the volume before, so that one had more in it.
            let what = "is truncated: more of it must come before the next volume".to_owned();
            return Err(medium.volume_error(before, what));
        }
        frames.push(Frame { length: length as u32, content: expected });
    }
    Ok(frames)
}

/// Whether the volume ends at `address`: it is full, its file ends, or in a joined file the next one begins.
fn volume_ends(medium: &Medium, geometry: &Geometry, address: u64) -> Result<bool, ArchiveError> {
    if geometry.offset_of(address) == 0 {
        return Ok(true);
    }
    let mut bytes = [0; MARKER as usize];
    let read = medium.read_up_to(&mut bytes, address)?;
    let is_marker = read == bytes.len() && volumes::marked_number(&bytes).is_some();
    Ok((medium.is_set() && read == 0) || (!medium.is_set() && is_marker))
}

/// What lies behind the compressed frames.
pub(super) struct End {
    /// Length of the seek table, sound or not.
    pub(super) table_length: u64,
    /// Number of volumes.
    pub(super) volumes: usize,
}

/// Compares the end of the tar; what follows may be the seek table, sound or not, and nothing else.
pub(super) fn check_end(
    medium: &mut Medium,
    places: &Places,
    frames: &[Frame],
) -> Result<End, ArchiveError> {
    let mut cursor = places.raw_end().clone();
    for frame in frames {
        advance(&mut cursor, u64::from(frame.length), medium)?;
    }
    let expected = raw_frame(&[0; END as usize]);
    let mut found = vec![0; expected.len()];
    let at = advance(&mut cursor, expected.len() as u64, medium)?;
    medium.read_exactly(&mut found, at)?;
    if found != expected {
        return Err(ArchiveError::structure("the tar does not end where it must", at));
    }
    let geometry = places.geometry();
    let tar_end = cursor.end();
    let before = cursor.volume();
    advance(&mut cursor, places.seek_table_length(before + 1), medium)?;
    let (volume, mut table_at) = (cursor.volume(), tar_end);
    if volume > before {
        table_at = geometry.start_of(volume) + MARKER;
    }
    let table = places.seek_table_length(volume + 1);
    let into = table_at - geometry.start_of(volume);
    let length = medium.volume_length(volume);
    match length.saturating_sub(into) {
        rest if rest == 0 || rest == table => Ok(End { table_length: rest, volumes: volume + 1 }),
        rest if rest < table => Err(medium.truncated(volume, into + table, length)),
        rest => {
            let extra = rest - table;
            let at = geometry.start_of(volume) + length - extra;
            Err(ArchiveError::structure(format!("{extra} bytes too many at the end"), at))
        }
    }
}

/// Gives each compressed blob its frames, with their addresses.
pub(super) fn divide(
    places: &Places,
    blobs: &[BlobEntry],
    frames: Vec<Frame>,
) -> Vec<Vec<(u64, Frame)>> {
    let mut cursor = places.raw_end().clone();
    let mut frames = frames.into_iter();
    let own = |blob: &BlobEntry| {
        let length = blob.size.next_multiple_of(HEADER) + HEADER;
        let count = places.geometry().compressed_contents(length).count();
        let own = frames.by_ref().take(count);
        own.map(|frame| (cursor.advance(u64::from(frame.length)), frame)).collect()
    };
    blobs[places.raw_blobs()..].iter().map(own).collect()
}

/// Looks at the holes: frames of zeros that hold nothing, each where a raw frame was to be.
///
/// # Errors
/// [`ArchiveError::Structure`] for anything else.
pub(super) fn check_holes(
    medium: &Medium,
    places: &Places,
    holes: &[Hole],
) -> Result<(), ArchiveError> {
    let mut piece = vec![0; IO_PIECE];
    for (hole, address) in holes.iter().zip(places.hole_addresses()) {
        for placed in places.geometry().raw_frames(*address, entry_length(hole.size)?) {
            let (mut at, end) = (placed.address, placed.address + placed.raw_length());
            let mut header = [0; frame::SKIP_HEADER as usize];
            medium.read_exactly(&mut header, at)?;
            if header != frame::skip_header((placed.raw_length() - frame::SKIP_HEADER) as u32) {
                return Err(ArchiveError::structure("no hole where one must be", at));
            }
            at += frame::SKIP_HEADER;
            while at < end {
                let want = (end - at).min(IO_PIECE as u64) as usize;
                medium.read_exactly(&mut piece[..want], at)?;
                if piece[..want].iter().any(|byte| *byte != 0) {
                    return Err(ArchiveError::structure("a hole that is not zeros", at));
                }
                at += want as u64;
            }
        }
    }
    Ok(())
}
