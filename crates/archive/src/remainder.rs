//! Blobs taken out of an archive whose places are fixed: raw ones become holes, compressed ones move together, and the
//! head is written again inside its region.

use super::ArchiveError;
use super::compressed::CompressedSection;
use super::frame::{SKIP_HEADER, skip_header};
use super::geometry::Placed;
use super::head::{self, HeadFile};
use super::limits::IO_PIECE;
use super::output::Output;
use super::places::{Places, entry_length};
use super::write::ArchiveWriter;
use bundle_inventory::{BlobEntry, Hole, Stored};
use rustix::fs::FallocateFlags;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is left of `blobs`, of each of which `kept` says whether it stays, and the holes among them.
pub fn holes(blobs: &[BlobEntry], kept: &[bool]) -> (Vec<BlobEntry>, Vec<Hole>) {
    let (mut left, mut holes) = (Vec::with_capacity(blobs.len()), Vec::new());
    for (blob, kept) in blobs.iter().zip(kept) {
        if *kept {
            left.push(*blob);
        } else if blob.stored != Stored::Compressed {
            holes.push(Hole { before: left.len() as u64, size: blob.size });
        }
    }
    (left, holes)
}

impl ArchiveWriter {
    /// Leaves out the blobs that are not `kept`, whether they were written or not. `files` is the head that says so;
    /// `taken` are the numbers of the blobs in `section`.
    ///
    /// # Errors
    /// When the new head does not fit into the region of the old one, or the file cannot be written. Before
    /// [`Self::finish`] the journal still has the whole plan.
    pub fn leave_out(
        &mut self,
        files: &[HeadFile],
        kept: &[bool],
        section: &mut CompressedSection,
        taken: &[usize],
    ) -> Result<(), ArchiveError> {
        let (head, extent) = head::encode_within(files, self.mtime, self.extent.end)?;
        let raw = self.places.raw_blobs();
        for number in (0..raw).filter(|number| !kept[*number]) {
            let address = self.places.raw_address(number).unwrap_or_default();
            let length = entry_length(self.blobs[number].size)?;
            for frame in self.places.geometry().raw_frames(address, length) {
                write_hole(&self.output, &frame)?;
            }
        }
        let in_section: Vec<(u64, bool)> = taken
            .iter()
            .map(|number| Ok((entry_length(self.blobs[*number].size)?, kept[*number])))
            .collect::<Result<_, ArchiveError>>()?;
        section.keep_only(self.places.raw_end().clone(), &in_section)?;
        let done = (0..raw).filter(|number| kept[*number]);
        let done = done.map(|number| AtomicBool::new(self.done[number].load(Ordering::Acquire)));
        self.done = done.collect();
        (self.blobs, self.holes) = holes(&self.blobs, kept);
        let geometry = *self.places.geometry();
        self.places =
            Places::new(geometry, extent.end, extent.frames.len(), &self.blobs, &self.holes)?;
        self.extent = extent;
        self.bundle = super::write::bundle_digest(files);
        self.output.write_at(&head, 0)
    }
}

/// Makes a frame that nobody reads of the place of a raw one.
fn write_hole(output: &Output, frame: &Placed) -> Result<(), ArchiveError> {
    let length = frame.raw_length();
    output.write_at(&skip_header((length - SKIP_HEADER) as u32), frame.address)?;
    let (at, end) = (frame.address + SKIP_HEADER, frame.address + length);
    let geometry = output.geometry();
    let punched = output.volumes().get(geometry.volume_of(at)).is_some_and(|volume| {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        rustix::fs::fallocate(&volume.file, flags, geometry.offset_of(at), end - at).is_ok()
    });
    let zeros = vec![0; if punched { 0 } else { IO_PIECE }];
    let mut at = if punched { end } else { at };
    while at < end {
        let piece = (end - at).min(IO_PIECE as u64);
        output.write_at(&zeros[..piece as usize], at)?;
        at += piece;
    }
    Ok(())
}
