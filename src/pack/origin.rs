//! One place that images are read from: a registry's repository, or a layout directory.

use super::PackError;
use super::error::with_causes;
use super::plan::Form;
use crate::oci::layout::{LayoutDirectory, LayoutError};
use crate::oci::source::{BlobSource, ByteStream, SourceError, Trouble};
use crate::oci::{Descriptor, Digest, Manifest, Reference, media_type};
use crate::registry::{RegistryError, RemoteRepository};
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// Annotation of an index entry with its name (image-spec annotations.md).
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Where manifests, attachments and blobs of one image are read. Cloning is cheap.
#[derive(Clone)]
pub enum Origin {
    /// A repository of a registry.
    Registry(RemoteRepository),
    /// An OCI image layout directory.
    Layout(Arc<Layout>),
}

/// A layout directory with what its index says about attachments.
pub struct Layout {
    directory: LayoutDirectory,
    referrers: HashMap<Digest, Vec<Descriptor>>,
}

/// Why an origin did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// The registry's answer.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The directory's.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl OriginError {
    /// As an error of packing `image`, while doing `what`.
    pub fn of(self, image: &Reference, what: impl Into<String>) -> PackError {
        let (image, what) = (Box::new(image.clone()), what.into());
        match self {
            Self::Registry(source) => PackError::Registry { image, what, source: source.into() },
            Self::Layout(error) => {
                let source = SourceError::caused(Trouble::Medium, error.to_string(), error);
                PackError::Source { image, what, source }
            }
        }
    }
}

impl Layout {
    /// Opens a directory and reads every manifest its index names, to know what is attached to what.
    ///
    /// # Errors
    /// When it is no layout, or a manifest cannot be read.
    pub async fn open(path: &Path) -> Result<Self, LayoutError> {
        let directory = LayoutDirectory::open(path)?;
        let mut referrers: HashMap<Digest, Vec<Descriptor>> = HashMap::new();
        let mut seen = HashSet::new();
        for entry in directory.entries() {
            if !media_type::is_manifest(&entry.media_type) || !seen.insert(entry.digest) {
                continue;
            }
            if let Some(manifest) = directory.read_manifest(&entry).await?
                && let Some(subject) = manifest.subject()
            {
                referrers.entry(subject.digest).or_default().push(manifest.descriptor());
            }
        }
        Ok(Self { directory, referrers })
    }

    /// A directory to read blobs and manifests from by digest alone.
    ///
    /// # Errors
    /// When it is no layout.
    pub(super) fn of_blobs(path: &Path) -> Result<Origin, PackError> {
        let directory = LayoutDirectory::open(path).map_err(|error| {
            let why = with_causes(&error);
            PackError::Usage(format!("oci:{}: {why}", path.display()))
        })?;
        Ok(Origin::Layout(Arc::new(Self { directory, referrers: HashMap::new() })))
    }

    /// The entry that `reference` names: by its ref.name, by digest, or the only one that is not an attachment.
    pub fn find(&self, reference: Option<&str>) -> Result<Descriptor, String> {
        if let Some(name) = reference {
            let by_digest = name.parse::<Digest>().ok();
            let found = self.directory.tagged(name).or_else(|| {
                self.directory.entries().into_iter().find(|entry| Some(entry.digest) == by_digest)
            });
            return found.ok_or_else(|| {
                format!("the layout has no image {name:?}; it has {}", self.names())
            });
        }
        let attached: HashSet<Digest> =
            self.referrers.values().flatten().map(|d| d.digest).collect();
        let mut images = self.directory.entries().into_iter().filter(|entry| {
            !attached.contains(&entry.digest)
                && !entry.annotation(REF_NAME).is_some_and(is_attachment_name)
        });
        match (images.next(), images.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err("the layout has no image".into()),
            _ => Err(format!(
                "the layout has several images, name one: oci:DIR:REF; it has {}",
                self.names()
            )),
        }
    }

    fn names(&self) -> String {
        let names: Vec<String> = self
            .directory
            .entries()
            .iter()
            .filter_map(|entry| entry.annotation(REF_NAME))
            .filter(|name| !is_attachment_name(name))
            .take(10)
            .map(str::to_owned)
            .collect();
        if names.is_empty() { "no named images".into() } else { names.join(", ") }
    }

    /// The entry for a cosign tag: beside `image` (same name up to the tag), else named by the tag alone, else any.
    fn tagged(&self, tag: &str, image: Option<&str>) -> Option<Descriptor> {
        let beside = image.and_then(|name| {
            let (repository, _) = name.rsplit_once([':', '@'])?;
            self.directory.tagged(&format!("{}:{tag}", repository.trim_end_matches("@sha256")))
        });
        beside.or_else(|| self.directory.tagged(tag)).or_else(|| {
            let ending = format!(":{tag}");
            let named = |entry: &Descriptor| {
                entry.annotation(REF_NAME).is_some_and(|n| n.ends_with(&ending))
            };
            self.directory.entries().into_iter().find(named)
        })
    }
}

/// True for names that end in a cosign tag.
fn is_attachment_name(name: &str) -> bool {
    let tag = name.rsplit(':').next().unwrap_or(name);
    tag.strip_prefix("sha256-").is_some_and(|rest| rest.len() >= 64)
}

impl Origin {
    /// The manifest that a cosign tag points to.
    ///
    /// # Errors
    /// When that cannot be told; "none" is `Ok(None)`.
    pub async fn manifest_by_tag(
        &self,
        tag: &str,
        image: Option<&str>,
    ) -> Result<Option<Manifest>, OriginError> {
        match self {
            Self::Registry(repository) => Ok(repository.manifest_by_tag(tag).await?),
            Self::Layout(layout) => match layout.tagged(tag, image) {
                Some(entry) => Ok(layout.directory.read_manifest(&entry).await?),
                None => Ok(None),
            },
        }
    }

    /// The manifest with a descriptor's digest.
    ///
    /// # Errors
    /// As [`Origin::manifest_by_tag`].
    pub async fn manifest(&self, descriptor: &Descriptor) -> Result<Option<Manifest>, OriginError> {
        match self {
            Self::Registry(repository) => {
                Ok(repository.manifest_by_digest(&descriptor.digest).await?)
            }
            Self::Layout(layout) => Ok(layout.directory.read_manifest(descriptor).await?),
        }
    }

    /// What is attached to `subject` by naming it. Hints: each manifest has to be read.
    ///
    /// # Errors
    /// As [`Origin::manifest_by_tag`].
    pub async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, OriginError> {
        match self {
            Self::Registry(repository) => Ok(repository.referrers(subject).await?.descriptors),
            Self::Layout(layout) => Ok(layout.referrers.get(subject).cloned().unwrap_or_default()),
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
        match self {
            Self::Registry(repository) => repository.open(blob, offset),
            Self::Layout(layout) => layout.directory.open(blob, offset),
        }
    }
}
