//! An archive in its own frames: what is at which place follows from the inventory alone, but for compressed blobs,
//! whose frames are found by the seek table, or by walking when it does not hold.

use super::content::EntryReader;
use super::entry::END;
use super::form::SeekTable;
use super::frame::raw_length;
use super::medium::Medium;
use super::opening::{
    check_end, check_holes, divide, enter_raw, read_inventory, read_seek_table, sound_frames, walk,
};
use super::places::{Places, entry_length};
use super::seek_table::{self, Frame};
use super::{ArchiveError, geometry::Geometry, head, volume_markers, volumes};
use bundle_inventory::{BlobEntry, Hole, Inventory};
use bundle_oci::Digest;
use std::sync::Arc;

/// The files of an archive, and where in them everything lies.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) medium: Arc<Medium>,
    pub(super) seek_table: SeekTable,
    places: Places,
    /// The frames of each compressed blob, with their addresses.
    compressed: Vec<Vec<(u64, Frame)>>,
}

/// What is read when an archive is opened.
pub(super) struct Read {
    pub(super) files: Vec<head::HeadFile>,
    pub(super) mtime: u64,
    pub(super) inventory: Inventory,
    pub(super) bundle_digest: Digest,
}

impl Placed {
    /// Reads the head and the ends of the files, never the content: the cost is that of the inventory.
    pub(super) fn open(mut medium: Medium) -> Result<(Read, Self), ArchiveError> {
        let parts = Parts::read(&mut medium).map_err(|error| medium.located(error))?;
        let Parts { head, inventory, bundle_digest, places, frames, seek_table } = parts;
        let compressed = divide(&places, &inventory.blobs, frames);
        let placed = Self { medium: Arc::new(medium), seek_table, places, compressed };
        let (files, mtime) = (head.files, head.mtime);
        Ok((Read { files, mtime, inventory, bundle_digest }, placed))
    }

    /// Addresses and lengths of the frames of blob `number`.
    pub(super) fn frames(&self, number: usize, blob: &BlobEntry) -> Option<Vec<(u64, u64)>> {
        match number.checked_sub(self.places.raw_blobs()) {
            None => {
                let length = entry_length(blob.size).ok()?;
                let address = self.places.raw_address(number)?;
                let frames = self.places.geometry().raw_frames(address, length);
                Some(frames.map(|frame| (frame.address, frame.raw_length())).collect())
            }
            Some(n) => {
                let frames = self.compressed[n].iter();
                Some(frames.map(|(address, frame)| (*address, u64::from(frame.length))).collect())
            }
        }
    }

    /// Reads blob `number` from content byte `from` on.
    pub(super) fn reader(
        &self,
        number: usize,
        blob: BlobEntry,
        mtime: u64,
        from: u64,
    ) -> Result<EntryReader, ArchiveError> {
        let medium = self.medium.clone();
        match self.places.raw_address(number) {
            Some(address) => {
                let place = (self.places.geometry(), address);
                EntryReader::raw(medium, blob, mtime, place, from)
            }
            None => {
                let frames = self.compressed[number - self.places.raw_blobs()].clone();
                Ok(EntryReader::compressed(medium, blob, mtime, frames, from))
            }
        }
    }

    /// The seek table behind a head that is `head`, and its address; the blobs stay where they are.
    pub(super) fn seek_table_after(
        &self,
        head: &head::Extent,
        inventory: &Inventory,
    ) -> Result<(u64, Vec<u8>), ArchiveError> {
        let Inventory { blobs, holes, .. } = inventory;
        let (geometry, frames) = (*self.places.geometry(), head.frames.len());
        let places = Places::new(geometry, head.end, frames, blobs, holes)?;
        let compressed: Vec<Frame> = self.compressed.iter().flatten().map(|(_, f)| *f).collect();
        let (frames, volumes) = places.frames(head, blobs, holes, &compressed);
        if volumes != self.medium.volumes() {
            let what = "the table of frames does not fit into the last volume any more";
            return Err(ArchiveError::Limit(what.into()));
        }
        let mut cursor = places.raw_end().clone();
        for frame in &compressed {
            cursor.advance(u64::from(frame.length));
        }
        cursor.advance(raw_length(END));
        let table = seek_table::encode(&frames);
        Ok((cursor.advance(table.len() as u64), table))
    }

    /// Reads the places that hold nothing.
    pub(super) fn check_holes(&self, holes: &[Hole]) -> Result<(), ArchiveError> {
        let checked = check_holes(&self.medium, &self.places, holes);
        checked.map_err(|error| self.medium.located(error))
    }
}

/// What opening reads and compares.
struct Parts {
    head: head::Head,
    inventory: Inventory,
    bundle_digest: Digest,
    places: Places,
    frames: Vec<Frame>,
    seek_table: SeekTable,
}

impl Parts {
    fn read(medium: &mut Medium) -> Result<Self, ArchiveError> {
        if let Some(number) = medium.first_is_volume() {
            let path = medium.volume_path(0);
            let what = format!("holds volume {number} where volume 1 is expected");
            let is_named = volumes::volume_name(path).is_some();
            let path = path.display().to_string();
            // Under another name it may be where it should be; the others were not named then.
            return Err(match is_named {
                true => ArchiveError::Volume { path, what },
                false => ArchiveError::Named { path, what },
            });
        }
        let head = head::read(medium)?;
        let (inventory, bundle_digest) = read_inventory(&head.files)?;
        let (blobs, holes) = (&inventory.blobs, &inventory.holes);
        let geometry = Geometry::recorded(inventory.volume_size)?;
        let extent = &head.extent;
        let places = Places::new(geometry, extent.end, extent.frames.len(), blobs, holes)?;
        medium.cut(geometry);
        let is_cut = geometry.volume_size().is_some();
        if medium.is_set() && is_cut {
            volume_markers::check_order(medium, &bundle_digest)?;
        }
        let entered = enter_raw(medium, &places, blobs);
        if !medium.is_set() && is_cut {
            // Where volumes start in a joined file is known only now. A wrong order explains wrong lengths.
            volume_markers::check_order(medium, &bundle_digest)?;
        }
        entered?;
        let known = medium.volumes();
        let table = read_seek_table(medium, &places)?;
        let by_table = match &table {
            Some(table) => sound_frames(medium, table, extent, &inventory, &places),
            None => Ok(None),
        };
        let (sound, refused) = match by_table {
            Ok(sound) => (sound, None),
            Err(error) => (None, Some(error)),
        };
        // A table is sound only when the tar ends where it says.
        let ended = sound.and_then(|frames| {
            let end = check_end(medium, &places, &frames).ok()?;
            Some((frames, end, SeekTable::Sound))
        });
        let (frames, end, seek_table) = match ended {
            Some(ended) => ended,
            None => {
                medium.forget_joined(known);
                let walked = walk(medium, &places, blobs).and_then(|frames| {
                    let end = check_end(medium, &places, &frames)?;
                    Ok((frames, end))
                });
                // What a table that fits says about lengths is more than where walking got stuck.
                let (frames, end) = walked.map_err(|error| refused.unwrap_or(error))?;
                let is_there = table.is_some() || end.table_length > 0;
                (frames, end, if is_there { SeekTable::Wrong } else { SeekTable::Missing })
            }
        };
        volume_markers::check_count(medium, &bundle_digest, end.volumes)?;
        Ok(Self { head, inventory, bundle_digest, places, frames, seek_table })
    }
}
