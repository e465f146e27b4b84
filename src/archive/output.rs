//! What an archive is written to: files that are filled in any order, or a stream.

use super::ArchiveError;
use super::geometry::Geometry;
use super::partial;
use rustix::fs::{Advice, FallocateFlags};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The bytes of an archive in the making, by address. Shared by all writers.
pub(super) struct Output {
    geometry: Geometry,
    kind: Kind,
}

enum Kind {
    Files(Vec<Volume>),
    Stream(Mutex<Stream>),
}

/// One file: the archive's, or a volume's.
pub(super) struct Volume {
    pub(super) file: File,
    /// Where it is written.
    pub(super) partial: PathBuf,
    /// What it is called when it is whole.
    pub(super) target: PathBuf,
}

struct Stream {
    writer: Box<dyn Write + Send>,
    at: u64,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("geometry", &self.geometry).finish_non_exhaustive()
    }
}

/// Name of a stream in messages.
const STREAM: &str = "standard output";

impl Output {
    /// Opens the partial file of every volume that the archive at `target` can have.
    ///
    /// # Errors
    /// As [`partial::open`].
    pub(super) fn files(
        target: &Path,
        geometry: Geometry,
        volumes: usize,
    ) -> Result<Self, ArchiveError> {
        let mut files = Vec::with_capacity(volumes);
        for target in volume_targets(target, &geometry, volumes) {
            let partial = partial::partial_path(&target);
            files.push(Volume { file: partial::open(&partial)?, partial, target });
        }
        Ok(Self { geometry, kind: Kind::Files(files) })
    }

    /// A stream, to be written strictly in order.
    pub(super) fn stream(writer: Box<dyn Write + Send>) -> Self {
        let stream = Mutex::new(Stream { writer, at: 0 });
        Self { geometry: Geometry::WHOLE, kind: Kind::Stream(stream) }
    }

    pub(super) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The files; none for a stream.
    pub(super) fn volumes(&self) -> &[Volume] {
        match &self.kind {
            Kind::Files(volumes) => volumes,
            Kind::Stream(_) => &[],
        }
    }

    pub(super) fn is_stream(&self) -> bool {
        matches!(self.kind, Kind::Stream(_))
    }

    /// Writes bytes that lie in one volume.
    pub(super) fn write_at(&self, bytes: &[u8], address: u64) -> Result<(), ArchiveError> {
        match &self.kind {
            Kind::Files(volumes) => {
                let volume = self.volume_at(volumes, address)?;
                let written = volume.file.write_all_at(bytes, self.geometry.offset_of(address));
                written.map_err(|e| ArchiveError::io("write", &volume.partial, e))
            }
            Kind::Stream(stream) => {
                let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
                if stream.at != address {
                    let what = "the parts of a stream are written in their order";
                    return Err(ArchiveError::Limit(what.into()));
                }
                let written = stream.writer.write_all(bytes);
                written.map_err(|e| ArchiveError::io("write", Path::new(STREAM), e))?;
                stream.at += bytes.len() as u64;
                Ok(())
            }
        }
    }

    fn volume_at<'a>(
        &self,
        volumes: &'a [Volume],
        address: u64,
    ) -> Result<&'a Volume, ArchiveError> {
        let number = self.geometry.volume_of(address);
        volumes.get(number).ok_or_else(|| {
            ArchiveError::Limit(format!("volume {} is more than was planned", number + 1))
        })
    }

    /// Asks the system to write a range now, without waiting: dropping it from the cache starts with that. Advice only,
    /// so a system that does not take it is no error.
    pub(super) fn start_write_back(&self, address: u64, length: u64) {
        let length = std::num::NonZeroU64::new(length);
        if let Kind::Files(volumes) = &self.kind
            && let Ok(volume) = self.volume_at(volumes, address)
        {
            let offset = self.geometry.offset_of(address);
            let _ = rustix::fs::fadvise(&volume.file, offset, length, Advice::DontNeed);
        }
    }

    /// Takes the space now where the file system can: a full disk is met before hours of transfer, and files lie in
    /// one piece.
    pub(super) fn allocate(&self, lengths: &[u64]) -> Result<(), ArchiveError> {
        use rustix::io::Errno;
        for (volume, length) in self.volumes().iter().zip(lengths) {
            let taken = rustix::fs::fallocate(&volume.file, FallocateFlags::empty(), 0, *length);
            // Not every file system can; writing then finds out.
            if let Err(error @ (Errno::NOSPC | Errno::FBIG)) = taken {
                return Err(ArchiveError::io("allocate space for", &volume.partial, error.into()));
            }
        }
        Ok(())
    }

    /// Ends a stream.
    pub(super) fn flush(&self) -> Result<(), ArchiveError> {
        match &self.kind {
            Kind::Files(_) => Ok(()),
            Kind::Stream(stream) => {
                let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
                let flushed = stream.writer.flush();
                flushed.map_err(|e| ArchiveError::io("write", Path::new(STREAM), e))
            }
        }
    }

    /// Cuts files to `lengths`, removes those beyond, syncs, and gives all their final names: the first one last, so
    /// that a set that has a first volume is whole.
    pub(super) fn finish_files(&self, lengths: &[u64]) -> Result<(), ArchiveError> {
        let (used, unused) = self.volumes().split_at(lengths.len().min(self.volumes().len()));
        let failed = |volume: &Volume, action, e| ArchiveError::io(action, &volume.partial, e);
        for (volume, length) in used.iter().zip(lengths) {
            volume.file.set_len(*length).map_err(|e| failed(volume, "truncate", e))?;
            volume.file.sync_all().map_err(|e| failed(volume, "sync", e))?;
        }
        for volume in unused {
            std::fs::remove_file(&volume.partial).map_err(|e| failed(volume, "remove", e))?;
        }
        for volume in used.iter().rev() {
            let renamed = std::fs::rename(&volume.partial, &volume.target);
            renamed.map_err(|e| failed(volume, "rename", e))?;
        }
        let Some(first) = used.first() else { return Ok(()) };
        let folder = partial::directory_of(&first.target);
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|e| ArchiveError::io("sync", folder, e))
    }

    /// Removes what was written.
    pub(super) fn discard(&self) {
        for volume in self.volumes() {
            let _ = std::fs::remove_file(&volume.partial);
        }
    }
}

/// Final names of an archive's files.
pub(super) fn volume_targets(
    target: &Path,
    geometry: &Geometry,
    volumes: usize,
) -> impl Iterator<Item = PathBuf> {
    let cut = geometry.volume_size().is_some();
    (1..=volumes).map(move |number| match cut {
        true => super::volumes::volume_path(target, number),
        false => target.to_owned(),
    })
}
