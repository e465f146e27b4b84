//! Images that come as something else: file systems under the types of signatures and documents, where nobody vouches for
//! the manifest and its config is an image's.
//!
//! The catalogue asks layers that it can read when the archive is opened. What comes later, or is not any more what it was
//! then, is asked here as it is sent: of the very bytes that are hashed.

use super::error::UnpackError;
use super::standing::{ImageStanding, Publishing};
use super::verify::Verified;
use crate::archive::catalogue::ManifestRecord;
use crate::oci::runnable::{BEGINNING, begins_file_system};
use crate::oci::source::{BlobSource, ByteStream, SourceError};
use crate::oci::{Descriptor, Digest};
use crate::trust::ChildStatus;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// Layers that must not be file systems, and the first one that is.
#[derive(Debug, Default)]
pub(super) struct Disguises {
    /// Manifest by layer.
    suspected: HashMap<Digest, Digest>,
    found: OnceLock<Digest>,
}

impl Disguises {
    /// Those of what is published although nobody vouches for it.
    pub(super) fn of(verified: &Verified, standings: &[ImageStanding]) -> Arc<Self> {
        let catalogue = verified.catalogue();
        let mut suspected = HashMap::new();
        let mut suspect = |record: &ManifestRecord| {
            if record.kind.is_some() && record.has_image_config {
                let blobs = catalogue.blobs_of(verified.archive(), record);
                suspected.extend(blobs.map(|blob| (blob.digest, record.digest)));
            }
        };
        for ((_, image, verdict), standing) in verified.images().zip(standings) {
            for (attachment, standing) in image.attachments().iter().zip(&standing.attachments) {
                let is_published = standing.publishing == Publishing::Wanted;
                if is_published && !standing.verification.is_verified() {
                    catalogue.attached(attachment).for_each(&mut suspect);
                }
            }
            let children = verdict.children().iter();
            let unsigned = children.filter(|child| child.status == ChildStatus::Attachment);
            unsigned.filter_map(|child| catalogue.manifest(&child.digest)).for_each(&mut suspect);
        }
        Arc::new(Self { suspected, found: OnceLock::new() })
    }

    /// Asks the content of `blob` as it passes; `offset` is where it begins.
    pub(super) fn watch(
        self: &Arc<Self>,
        blob: &Digest,
        offset: u64,
        content: ByteStream,
    ) -> ByteStream {
        let Some(manifest) = self.suspected.get(blob).copied().filter(|_| offset == 0) else {
            return content;
        };
        let (this, mut start) = (self.clone(), Vec::with_capacity(BEGINNING));
        let ask = move |piece: &Result<bytes::Bytes, SourceError>| {
            let (Ok(piece), true) = (piece, start.len() < BEGINNING) else { return };
            start.extend_from_slice(&piece[..piece.len().min(BEGINNING - start.len())]);
            if begins_file_system(&start) {
                this.found.get_or_init(|| manifest);
            }
        };
        content.inspect(ask).boxed()
    }

    /// Refuses what is not what it says, before a manifest is sent.
    ///
    /// # Errors
    /// [`UnpackError::Disguised`].
    pub(super) fn check(&self) -> Result<(), UnpackError> {
        match self.found.get() {
            Some(manifest) => Err(UnpackError::Disguised(*manifest)),
            None => Ok(()),
        }
    }
}

/// A source whose layers are asked as they are read.
pub(super) struct Asked {
    pub(super) source: Arc<dyn BlobSource>,
    pub(super) disguises: Arc<Disguises>,
}

impl BlobSource for Asked {
    fn open<'a>(
        &'a self,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<ByteStream, SourceError>> {
        async move {
            let content = self.source.open(blob, offset).await?;
            Ok(self.disguises.watch(&blob.digest, offset, content))
        }
        .boxed()
    }
}
