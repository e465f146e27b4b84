//! One blob from where it is to its place, behind what an interrupted run has written of it.

use super::part::Part;
use super::{FailedImages, PackError};
use crate::archive::ArchiveError;
use crate::archive::compressed::CompressedSection;
use crate::archive::journal::Interrupted;
use crate::archive::write::ArchiveWriter;
use crate::inventory::BlobEntry;
use crate::oci::Descriptor;
use crate::oci::source::{ByteStream, SourceError, Trouble};
use crate::pack::origin::Origin;
use crate::progress::Progress;
use futures_util::StreamExt as _;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where blobs come from, by their number in the archive, and what became of the images they are for.
pub(super) struct Supplier {
    pub(super) blobs: Vec<BlobEntry>,
    pub(super) parts: Vec<Part>,
    /// Of each image.
    pub(super) origins: Vec<Origin>,
    /// Of each image.
    pub(super) sources: Vec<usize>,
    pub(super) begun: Option<Interrupted>,
    pub(super) failed_images: FailedImages,
    pub(super) progress: Arc<dyn Progress>,
    /// Images that are left out, with the first reason of each.
    pub(super) failed: Mutex<BTreeMap<u32, Arc<PackError>>>,
}

/// Why an attempt did not succeed.
enum Failed {
    /// What was there already has no part in it.
    Error(PackError),
    /// The content is wrong, and some of it was there already: that may be what is wrong.
    Kept,
}

impl From<PackError> for Failed {
    fn from(error: PackError) -> Self {
        Self::Error(error)
    }
}

impl From<ArchiveError> for Failed {
    fn from(error: ArchiveError) -> Self {
        Self::Error(error.into())
    }
}

impl Supplier {
    fn failed(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<PackError>>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True while an image needs a blob.
    pub(super) fn is_wanted(&self, number: usize) -> bool {
        let failed = self.failed();
        failed.is_empty()
            || self.parts[number].images.iter().any(|image| !failed.contains_key(image))
    }

    /// Leaves out the images that need a blob which cannot be had, where that is wanted; otherwise it is the error.
    fn leave_out(&self, number: usize, error: PackError) -> Result<(), PackError> {
        if self.failed_images == FailedImages::Fail || !matches!(error, PackError::Blob { .. }) {
            return Err(error);
        }
        let error = Arc::new(error);
        let mut failed = self.failed();
        for image in &self.parts[number].images {
            failed.entry(*image).or_insert_with(|| error.clone());
        }
        Ok(())
    }

    /// Where a blob can be had, each place once.
    fn origins(&self, number: usize) -> Vec<&Origin> {
        let mut seen = Vec::new();
        let images = self.parts[number].images.iter().map(|image| *image as usize);
        let new = |image: &usize| {
            let source = self.sources[*image];
            let new = !seen.contains(&source);
            seen.push(source);
            new
        };
        images.filter(new).map(|image| &self.origins[image]).collect()
    }

    async fn open(
        &self,
        number: usize,
        origin: &Origin,
        offset: u64,
    ) -> Result<ByteStream, PackError> {
        let descriptor = self.descriptor(number);
        let opened = origin.open_as(self.parts[number].form, &descriptor, offset).await;
        opened.map_err(|source| self.blob_failed(number, origin, source))
    }

    fn descriptor(&self, number: usize) -> Descriptor {
        let (blob, part) = (&self.blobs[number], &self.parts[number]);
        Descriptor::new(&part.media_type, blob.digest, blob.size)
    }

    fn blob_failed(&self, number: usize, origin: &Origin, source: SourceError) -> PackError {
        blob_failed(&self.descriptor(number), origin, source)
    }

    /// What is wrong came from the origin, unless some of it was there already.
    fn written_wrong(
        &self,
        number: usize,
        origin: &Origin,
        is_kept: bool,
        error: ArchiveError,
    ) -> Failed {
        match error {
            ArchiveError::Blob { .. } if is_kept => Failed::Kept,
            other => Failed::Error(written_wrong(&self.descriptor(number), origin, other)),
        }
    }

    /// Fetches a raw blob. One that cannot be had may leave images out; then its place is to become a hole.
    pub(super) async fn raw(&self, writer: &ArchiveWriter, number: usize) -> Result<(), PackError> {
        let blob = self.blobs[number];
        let mut claimed = self.begun.as_ref().map_or(0, |begun| begun.claimed(number));
        let mut first = None;
        self.progress.started(&blob.digest, blob.size);
        for origin in self.origins(number) {
            let mut fetched = self.raw_from(writer, number, origin, claimed).await;
            if let Err(Failed::Kept) = fetched {
                claimed = 0;
                fetched = self.raw_from(writer, number, origin, claimed).await;
            }
            match fetched {
                Ok(()) => {
                    self.progress.finished(&blob.digest, blob.size);
                    return Ok(());
                }
                Err(Failed::Error(error @ PackError::Blob { .. })) => {
                    first.get_or_insert(error);
                }
                Err(Failed::Error(error)) => return Err(error),
                Err(Failed::Kept) => {}
            }
        }
        self.leave_out(number, first.unwrap_or(ArchiveError::Absent(blob.digest).into()))
    }

    async fn raw_from(
        &self,
        writer: &ArchiveWriter,
        number: usize,
        origin: &Origin,
        claimed: u64,
    ) -> Result<(), Failed> {
        let blob = self.blobs[number];
        let mut entry = writer.entry(number)?;
        if let Some(mut prefix) = writer.prefix(number, claimed)? {
            while prefix.keep_next(&mut entry)? {
                // Reading is as fast as memory may be: others get their turn.
                tokio::task::yield_now().await;
            }
        }
        let kept = entry.written();
        self.progress.advanced(&blob.digest, kept);
        if kept < blob.size || blob.size == 0 {
            let mut content = self.open(number, origin, kept).await?;
            while let Some(piece) = content.next().await {
                let piece = piece.map_err(|source| self.blob_failed(number, origin, source))?;
                let written = entry.write(&piece);
                written.map_err(|e| self.written_wrong(number, origin, kept > 0, e))?;
                self.progress.advanced(&blob.digest, piece.len() as u64);
            }
        }
        entry.finish().map_err(|e| self.written_wrong(number, origin, kept > 0, e))
    }

    /// Takes over the compressed blobs that are there, and completes the first that is not; gives the number of the next
    /// one.
    pub(super) async fn begun_compressed(
        &self,
        section: &mut CompressedSection,
        first: usize,
        taken: &mut Vec<usize>,
    ) -> Result<usize, PackError> {
        for number in first..self.blobs.len() {
            let kept_all = self.compressed(section, number, None, taken).await?;
            if !kept_all {
                return Ok(number + 1);
            }
        }
        Ok(self.blobs.len())
    }

    /// Fetches a compressed blob, whose stream may be open already. One that cannot be had may leave images out. True when
    /// all of it was there already.
    pub(super) async fn compressed(
        &self,
        section: &mut CompressedSection,
        number: usize,
        opened: Option<Result<ByteStream, PackError>>,
        taken: &mut Vec<usize>,
    ) -> Result<bool, PackError> {
        let blob = self.blobs[number];
        if !self.is_wanted(number) {
            return Ok(false);
        }
        self.progress.started(&blob.digest, blob.size);
        let (mut first, mut opened) = (None, opened);
        for origin in self.origins(number) {
            let mut fetched = self.compressed_from(section, number, origin, opened.take()).await;
            if let Err(Failed::Kept) = fetched {
                fetched = self.compressed_from(section, number, origin, None).await;
            }
            match fetched {
                Ok(kept_all) => {
                    taken.push(number);
                    self.progress.finished(&blob.digest, blob.size);
                    return Ok(kept_all);
                }
                Err(Failed::Error(error @ PackError::Blob { .. })) => {
                    first.get_or_insert(error);
                }
                Err(Failed::Error(error)) => return Err(error),
                Err(Failed::Kept) => {}
            }
        }
        self.leave_out(number, first.unwrap_or(ArchiveError::Absent(blob.digest).into()))?;
        Ok(false)
    }

    async fn compressed_from(
        &self,
        section: &mut CompressedSection,
        number: usize,
        origin: &Origin,
        opened: Option<Result<ByteStream, PackError>>,
    ) -> Result<bool, Failed> {
        let blob = self.blobs[number];
        let mut entry = section.entry(blob)?;
        while entry.keep_next()? {
            tokio::task::yield_now().await;
        }
        let (kept, is_kept) = (entry.written(), entry.is_kept());
        self.progress.advanced(&blob.digest, kept);
        if kept < blob.size {
            let mut content = match opened {
                Some(opened) if kept == 0 => opened?,
                _ => self.open(number, origin, kept).await?,
            };
            while let Some(piece) = content.next().await {
                let piece = piece.map_err(|source| self.blob_failed(number, origin, source))?;
                let written = entry.write(&piece).await;
                written.map_err(|e| self.written_wrong(number, origin, is_kept, e))?;
                self.progress.advanced(&blob.digest, piece.len() as u64);
            }
        }
        let finished = entry.finish().await;
        finished.map_err(|e| self.written_wrong(number, origin, is_kept, e))?;
        Ok(is_kept && kept == blob.size)
    }

    /// Opens a blob at its start, where it is looked for first.
    pub(super) async fn open_first(&self, number: usize) -> Option<Result<ByteStream, PackError>> {
        let origin = *self.origins(number).first()?;
        Some(self.open(number, origin, 0).await)
    }
}

/// A blob could not be had from an origin.
pub(super) fn blob_failed(
    descriptor: &Descriptor,
    origin: &Origin,
    source: SourceError,
) -> PackError {
    let media_type: String = descriptor.media_type.chars().take(160).collect();
    let what = format!("blob {} of type {media_type:?} from {origin}", descriptor.digest);
    PackError::Blob { what, source }
}

/// The archive's writer is what hashes: content that is wrong came from the origin.
pub(super) fn written_wrong(
    descriptor: &Descriptor,
    origin: &Origin,
    error: ArchiveError,
) -> PackError {
    match error {
        ArchiveError::Blob { what, .. } => {
            blob_failed(descriptor, origin, SourceError::new(Trouble::Content, what))
        }
        other => other.into(),
    }
}
