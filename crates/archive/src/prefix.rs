//! What of a raw entry an interrupted run has written already: read back like any archive, and hashed again.

use super::ArchiveError;
use super::content::EntryReader;
use super::limits::IO_PIECE;
use super::section::{EntryWriter, State};

/// The beginning of an entry, on its way into the writer that goes on behind it.
pub struct Prefix {
    reader: EntryReader,
    /// Content that makes sense to look for, in bytes.
    left: u64,
    /// Whether that is all there is.
    is_whole: bool,
    /// The last state behind a whole frame with the right checksum; the first one is before all frames.
    sound: Option<State>,
}

impl Prefix {
    /// What is claimed of an entry whose blob has `size` bytes.
    pub(super) fn new(reader: EntryReader, claimed: u64, size: u64) -> Self {
        Self { reader, left: claimed.min(size), is_whole: claimed >= size, sound: None }
    }

    /// Reads the next piece and gives it to `entry`, which must be new at the first call. False at the end of what is
    /// there; `entry` then goes on from [`EntryWriter::written`]. A frame or block that is not what must be there ends
    /// it, and so does a file that cannot be read: what is in that frame is written again.
    ///
    /// # Errors
    /// Never for an entry of the same blob.
    pub fn keep_next(&mut self, entry: &mut EntryWriter) -> Result<bool, ArchiveError> {
        if self.sound.is_none() || entry.state().is_at_frame_end() {
            self.sound = Some(entry.state().clone());
        }
        // Of an unfinished entry the last piece may not have been written whole.
        if self.left < if self.is_whole { 1 } else { IO_PIECE as u64 } {
            return Ok(false);
        }
        match self.reader.next_piece() {
            Ok(Some(mut piece)) => {
                piece.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= piece.len() as u64;
                entry.keep(&piece)?;
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(_) => {
                if let Some(sound) = self.sound.take() {
                    entry.go_back(sound);
                }
                self.left = 0;
                Ok(false)
            }
        }
    }
}
