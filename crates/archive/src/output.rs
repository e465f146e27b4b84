//! What an archive is written to: files that are filled in any order, or a stream.

use super::ArchiveError;
use super::free_space::{self, FreeSpace, Shortage};
use super::geometry::Geometry;
use super::medium::Medium;
use super::partial::{self, Origin};
use super::volume_set;
use rustix::fs::{Advice, FallocateFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The bytes of an archive in the making, by address. Shared by all writers.
pub(super) struct Output {
    geometry: Geometry,
    kind: Kind,
    /// Bytes that the archive can need in all; for messages.
    needed: OnceLock<u64>,
}

enum Kind {
    Files(Vec<Volume>),
    Stream(Mutex<Stream>),
}

/// One file: the archive's, or a volume's.
pub(super) struct Volume {
    pub(super) file: File,
    origin: Origin,
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
    /// Opens the partial file of every volume that the archive at `target` can have, each by `open`:
    /// [`partial::open_or_make`] or [`partial::reopen`].
    ///
    /// # Errors
    /// As `open` and [`volume_set::check_beside`].
    pub(super) fn files(
        target: &Path,
        geometry: Geometry,
        volumes: usize,
        open: fn(&Path) -> Result<(File, Origin), ArchiveError>,
    ) -> Result<Self, ArchiveError> {
        if geometry.volume_size().is_some() {
            volume_set::check_beside(target)?;
        }
        let mut files = Vec::with_capacity(volumes);
        for target in volume_targets(target, &geometry, volumes) {
            let partial = partial::partial_path(&target);
            let (file, origin) = open(&partial)?;
            files.push(Volume { file, origin, partial, target });
        }
        Ok(Self { geometry, kind: Kind::Files(files), needed: OnceLock::new() })
    }

    /// Puts new files in the place of those that were found.
    ///
    /// # Errors
    /// As [`partial::renew`].
    pub(super) fn renew(self) -> Result<Self, ArchiveError> {
        let Kind::Files(volumes) = self.kind else { return Ok(self) };
        let renew = |volume: Volume| {
            let file = match volume.origin {
                Origin::Made => volume.file,
                Origin::Found => partial::renew(&volume.partial, volume.file)?,
            };
            Ok(Volume { file, origin: Origin::Made, ..volume })
        };
        let volumes = volumes.into_iter().map(renew).collect::<Result<_, ArchiveError>>()?;
        Ok(Self { kind: Kind::Files(volumes), ..self })
    }

    /// A stream, to be written strictly in order.
    pub(super) fn stream(writer: Box<dyn Write + Send>) -> Self {
        let stream = Mutex::new(Stream { writer, at: 0 });
        Self { geometry: Geometry::WHOLE, kind: Kind::Stream(stream), needed: OnceLock::new() }
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
                written.map_err(|e| self.failed("write", volume, e))
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
    /// one piece. Files that were made for nothing are removed again.
    ///
    /// # Errors
    /// [`ArchiveError::NoRoom`], [`ArchiveError::FileTooLong`].
    pub(super) fn allocate(&self, lengths: &[u64]) -> Result<(), ArchiveError> {
        let needed = lengths.iter().sum();
        let _ = self.needed.set(needed);
        let metadata = |volume: &Volume| volume.file.metadata();
        let held: Vec<_> = self.volumes().iter().map(|v| metadata(v).ok()).collect();
        let empty = |number: usize| held[number].as_ref().is_some_and(|m| m.len() == 0);
        let blocks = held.iter().flatten().map(|m| m.blocks().saturating_mul(512)).sum();
        self.take_space(lengths, blocks).inspect_err(|_| {
            for (_, volume) in self.volumes().iter().enumerate().filter(|(n, _)| empty(*n)) {
                let _ = std::fs::remove_file(&volume.partial);
            }
        })
    }

    fn take_space(&self, lengths: &[u64], held: u64) -> Result<(), ArchiveError> {
        let Some(first) = self.volumes().first() else { return Ok(()) };
        let folder = bundle_files::directory_of(&first.target);
        match free_space::check(lengths, held, &FreeSpace::of(folder)) {
            Ok(()) => {}
            Err(Shortage::File { number, limit }) => {
                return Err(self.too_long(&self.volumes()[number], lengths[number], Some(limit)));
            }
            Err(Shortage::Space { needed, free }) => {
                let folder = folder.display().to_string();
                return Err(ArchiveError::NoRoom { folder, needed, free });
            }
        }
        for (volume, length) in self.volumes().iter().zip(lengths) {
            match rustix::fs::fallocate(&volume.file, FallocateFlags::empty(), 0, *length) {
                Err(Errno::FBIG) => return Err(self.too_long(volume, *length, None)),
                Err(error @ (Errno::NOSPC | Errno::DQUOT)) => {
                    return Err(self.failed("allocate space for", volume, error.into()));
                }
                // Not every file system can; writing then finds out.
                _ => {}
            }
        }
        Ok(())
    }

    fn too_long(&self, volume: &Volume, needed: u64, limit: Option<u64>) -> ArchiveError {
        ArchiveError::FileTooLong { path: volume.target.display().to_string(), needed, limit }
    }

    /// The system refused something about a file; a full medium is said to be one.
    fn failed(
        &self,
        action: &'static str,
        volume: &Volume,
        source: std::io::Error,
    ) -> ArchiveError {
        match Errno::from_io_error(&source) {
            Some(Errno::NOSPC | Errno::DQUOT) => {
                let needed = self.needed.get().copied().unwrap_or_default();
                ArchiveError::Full { path: volume.partial.display().to_string(), needed, source }
            }
            Some(Errno::FBIG) => {
                let length = volume.file.metadata().map_or(0, |metadata| metadata.len());
                self.too_long(volume, length, None)
            }
            _ => ArchiveError::io(action, &volume.partial, source),
        }
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

    /// Cuts files to `lengths`, removes those beyond, syncs, and gives all their final names. A set loses what is left of
    /// an earlier one first, and gets its first volume last: what has a first volume is whole.
    pub(super) fn finish_files(&self, lengths: &[u64]) -> Result<(), ArchiveError> {
        let (used, unused) = self.volumes().split_at(lengths.len().min(self.volumes().len()));
        let failed = |volume, action, e| self.failed(action, volume, e);
        for (volume, length) in used.iter().zip(lengths) {
            volume.file.set_len(*length).map_err(|e| failed(volume, "truncate", e))?;
            volume.file.sync_all().map_err(|e| failed(volume, "sync", e))?;
        }
        for volume in unused {
            std::fs::remove_file(&volume.partial).map_err(|e| failed(volume, "remove", e))?;
        }
        let base = used.first().and_then(|first| super::volumes::volume_name(&first.target));
        if let (true, Some((base, _))) = (self.geometry.volume_size().is_some(), base) {
            volume_set::remove_earlier(&base, used.len())?;
        }
        for volume in used.iter().rev() {
            let renamed = std::fs::rename(&volume.partial, &volume.target);
            renamed.map_err(|e| failed(volume, "rename", e))?;
            partial::open_to_readers(&volume.file);
        }
        let Some(first) = used.first() else { return Ok(()) };
        partial::sync_directory_of(&first.target)
    }

    /// The files as they are now, for reading.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn medium(&self) -> Result<Medium, ArchiveError> {
        let file = |volume: &Volume| match volume.file.try_clone() {
            Ok(file) => Ok((volume.partial.clone(), file)),
            Err(error) => Err(self.failed("read", volume, error)),
        };
        Medium::opened(self.volumes().iter().map(file), self.geometry)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_medium_is_named_with_what_the_archive_needs() {
        let folder = tempfile::tempdir().expect("folder");
        let at = |name: &str| folder.path().join(name);
        let output =
            Output::files(&at("a"), Geometry::WHOLE, 1, partial::open_or_make).expect("opened");
        output.allocate(&[5_000_000]).expect("room");
        output.write_at(b"content", 0).expect("written");
        // The same with a device that is always full.
        let file = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("device");
        let full = Volume { file, origin: Origin::Made, partial: at("a.partial"), target: at("a") };
        let kind = Kind::Files(vec![full]);
        let output = Output { geometry: Geometry::WHOLE, kind, needed: OnceLock::from(5_000_000) };
        let error = output.write_at(b"content", 0).expect_err("full");
        assert!(matches!(error, ArchiveError::Full { needed: 5_000_000, .. }), "{error:?}");
        assert!(
            error.to_string().ends_with("a.partial; the archive needs up to 5.0 MB"),
            "{error}"
        );
    }
}
