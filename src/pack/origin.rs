//! One place that images are read from: a registry's repository, or a layout directory.

use super::PackError;
use super::error::with_causes;
use super::layout::Layout;
use super::part::Form;
use crate::oci::layout::LayoutError;
use crate::oci::source::{BlobSource, ByteStream, SourceError, Trouble};
use crate::oci::{Descriptor, Digest, Manifest, Reference};
use crate::registry::{RegistryError, RemoteRepository};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use std::path::Path;
use std::sync::Arc;

/// Where manifests, attachments and blobs of one image are read. Cloning is cheap.
#[derive(Clone)]
pub(super) enum Origin {
    /// A repository of a registry.
    Registry(RemoteRepository),
    /// An OCI image layout directory.
    Layout(Arc<Layout>),
}

/// Why an origin did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum OriginError {
    /// The registry's answer.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The directory's.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// What the directory says about attachments.
    #[error(transparent)]
    Attachments(#[from] SourceError),
}

impl OriginError {
    /// As an error of packing `image`, while doing `what`.
    pub(super) fn of(self, image: &Reference, what: impl Into<String>) -> PackError {
        let (image, what) = (Box::new(image.clone()), what.into());
        match self {
            Self::Registry(source) => PackError::Registry { image, what, source: source.into() },
            Self::Layout(error) => {
                let source = SourceError::caused(Trouble::Medium, error.to_string(), error);
                PackError::Source { image, what, source }
            }
            Self::Attachments(source) => PackError::Source { image, what, source },
        }
    }
}

impl Origin {
    /// A layout directory to read blobs and manifests from by digest alone.
    ///
    /// # Errors
    /// When it is not a layout.
    pub(super) fn of_blobs(path: &Path) -> Result<Self, PackError> {
        let layout = Layout::of_blobs(path).map_err(|error| {
            let why = with_causes(&error);
            PackError::Usage(format!("oci:{}: {why}", path.display()))
        })?;
        Ok(Self::Layout(Arc::new(layout)))
    }

    /// The manifest that a cosign tag points to.
    ///
    /// # Errors
    /// When that cannot be told; "none" is `Ok(None)`.
    pub(super) async fn manifest_by_tag(
        &self,
        tag: &str,
        image: Option<&str>,
    ) -> Result<Option<Manifest>, OriginError> {
        match self {
            Self::Registry(repository) => Ok(repository.manifest_by_tag(tag).await?),
            Self::Layout(layout) => match layout.tagged(tag, image)? {
                Some(entry) => match layout.directory.read_manifest(&entry).await? {
                    Some(manifest) => Ok(Some(manifest)),
                    // It is listed, so it is not "none".
                    None => {
                        let what = format!("{} is listed, but not in the layout", entry.digest);
                        Err(SourceError::new(Trouble::Absent, what).into())
                    }
                },
                None => Ok(None),
            },
        }
    }

    /// The manifest with a descriptor's digest. Where it is not there and stands inline in the descriptor, these bytes.
    ///
    /// # Errors
    /// As [`Origin::manifest_by_tag`].
    pub(super) async fn manifest(
        &self,
        descriptor: &Descriptor,
    ) -> Result<Option<Manifest>, OriginError> {
        let found = match self {
            Self::Registry(repository) => repository.manifest_by_digest(&descriptor.digest).await?,
            Self::Layout(layout) => layout.directory.read_manifest(descriptor).await?,
        };
        let inline = || Manifest::parse(descriptor.content.clone()?, &descriptor.media_type).ok();
        Ok(found.or_else(inline))
    }

    /// What is attached to `subject` by naming it. Hints: each manifest has to be read.
    ///
    /// # Errors
    /// As [`Origin::manifest_by_tag`].
    pub(super) async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, OriginError> {
        match self {
            Self::Registry(repository) => Ok(repository.referrers(subject).await?.descriptors),
            Self::Layout(layout) => Ok(layout.referrers(subject).await?),
        }
    }
}

impl Origin {
    /// Opens what a descriptor names at byte `offset`, as a blob or as a manifest. As for [`BlobSource::open`], what
    /// streams is not verified.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub(super) async fn open_as(
        &self,
        form: Form,
        descriptor: &Descriptor,
        offset: u64,
    ) -> Result<ByteStream, SourceError> {
        if form == Form::Blob {
            return self.open(descriptor, offset).await;
        }
        let manifest = self.manifest(descriptor).await.map_err(|error| match error {
            OriginError::Registry(error) => SourceError::from(error),
            OriginError::Layout(error) => {
                SourceError::caused(Trouble::Medium, error.to_string(), error)
            }
            OriginError::Attachments(error) => error,
        })?;
        let manifest = manifest.ok_or_else(|| {
            SourceError::new(Trouble::Absent, format!("{} does not exist", descriptor.digest))
        })?;
        let bytes = manifest.bytes();
        let rest = bytes.slice(usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len())..);
        Ok(stream::iter([Ok(rest)]).boxed())
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Registry(repository) => write!(f, "{}", repository.name()),
            Self::Layout(layout) => write!(f, "oci:{}", layout.directory.path().display()),
        }
    }
}

impl BlobSource for Origin {
    fn open<'a>(
        &'a self,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<ByteStream, SourceError>> {
        if let Some(content) = &blob.content {
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
            let rest = content.slice(start..);
            return async move { Ok(stream::iter([Ok(rest)]).boxed()) }.boxed();
        }
        match self {
            Self::Registry(repository) => repository.open(blob, offset),
            Self::Layout(layout) => layout.directory.open(blob, offset),
        }
    }
}
