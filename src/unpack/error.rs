//! Why an archive is not unpacked.

use super::refused::Refused;
use crate::archive::{ArchiveError, CatalogueError};
use crate::host::{InstallError, LookasideError, PathError};
use crate::oci::atomic::AtomicName;
use crate::oci::layout::LayoutError;
use crate::oci::reference::ReferenceError;
use crate::oci::source::{SourceError, Trouble};
use crate::oci::{Digest, Reference, Repository};
use crate::registry::RegistryError;
use crate::trust::{Fingerprint, KeyFingerprint, KeyMaterialError};

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// What it holds does not add up.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// A carried key cannot be read.
    #[error("the carried key {file:?} cannot be used")]
    CarriedKey {
        /// Its file in the bundle, bounded.
        file: String,
        /// What is wrong with it.
        #[source]
        source: Box<KeyMaterialError>,
    },
    /// The inventory states another fingerprint than a carried key has.
    #[error("the carried key {file:?} is {found}, but the bundle says {stated:?}")]
    Fingerprint {
        /// Its file in the bundle, bounded.
        file: String,
        /// What the inventory says, bounded.
        stated: String,
        /// The key's own.
        found: KeyFingerprint,
    },
    /// It is another bundle than was expected.
    #[error("this is bundle {found}, not {expected}")]
    OtherBundle {
        /// What was expected.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// Fingerprints were trusted that no carried key has.
    #[error("no carried key of a signer has the trusted fingerprint {}", listed(.0))]
    UnansweredPins(Vec<KeyFingerprint>),
    /// A fingerprint was trusted that is the key of a log.
    #[error("{0} is the key of a transparency log: it cannot be trusted to sign images")]
    PinnedLog(Fingerprint),
    /// An installed key that cannot be used as what it is recorded as.
    #[error("the installed key {name} cannot be used")]
    InstalledKey {
        /// Its name.
        name: String,
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// At least one image may not be published.
    #[error("{}", .0.summary())]
    Refused(Box<Refused>),
    /// A source's name cannot be had at the target.
    #[error("{source_name} has no valid name at the target")]
    TargetName {
        /// The source.
        source_name: Repository,
        /// What is wrong with the name it would have.
        #[source]
        source: ReferenceError,
    },
    /// Two sources would land in one repository, or two images under one name.
    #[error("{first} and {second} would both become {target}")]
    Collision {
        /// One source.
        first: String,
        /// The other.
        second: String,
        /// What they would become.
        target: String,
    },
    /// An image with a tag that belongs to signatures.
    #[error("{0} has a tag that is reserved for what is attached to images")]
    ReservedTag(Reference),
    /// The target has other signatures or attestations under the same tag.
    #[error(
        "attachment-differs: {name} is {existing} at the target and lacks something that is carried as {carried}"
    )]
    AttachmentDiffers {
        /// Repository and tag.
        name: String,
        /// What is there.
        existing: Digest,
        /// What is carried.
        carried: Digest,
    },
    /// The target has another GPG signature under the same name.
    #[error("{repository} has another signature under the name {name}")]
    SignatureDiffers {
        /// Where.
        repository: Repository,
        /// The name.
        name: AtomicName,
    },
    /// Signatures cannot be written into the lookaside directory.
    #[error("the lookaside directory cannot be filled")]
    Lookaside(#[from] LookasideError),
    /// The registry wants every platform of an index, but not all are carried.
    #[error(
        "the registry does not take the index of {image}, of which not all platforms are carried"
    )]
    SparseIndex {
        /// The image.
        image: Reference,
        /// The registry's answer.
        #[source]
        source: Box<RegistryError>,
    },
    /// A tag names something else right after it was pushed.
    #[error("{name} is {found} after it was pushed as {expected}")]
    ReadBack {
        /// Repository and tag, or digest.
        name: String,
        /// What was pushed.
        expected: Digest,
        /// What is there: a digest, or nothing.
        found: String,
    },
    /// A large blob that was sent as it came did not arrive.
    #[error("blob {digest} did not arrive, and what has passed by cannot be read again")]
    PassedBy {
        /// Which blob.
        digest: Digest,
        /// What happened.
        #[source]
        source: Box<RegistryError>,
    },
    /// A blob of the archive cannot be read, or is not what its digest says.
    #[error("what is carried cannot be read")]
    Blob(#[from] SourceError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The layout directory.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Keys cannot be installed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The push is done, and installing the keys failed.
    #[error("all images are published, but their keys are not installed")]
    NotInstalled(#[source] InstallError),
    /// The place where keys are to be installed cannot be used.
    #[error(transparent)]
    Host(#[from] PathError),
    /// A task of this program ended without a result.
    #[error("a task of this program ended early")]
    Task(#[from] tokio::task::JoinError),
}

/// What kind of failure it is: decides the exit status. A later one outweighs an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Something of this machine or program.
    Other,
    /// What was asked for cannot be done.
    Usage,
    /// The target, or the way there.
    Network,
    /// The archive or its medium.
    Medium,
    /// Verification.
    Refused,
}

impl UnpackError {
    /// What kind of failure it is.
    pub fn class(&self) -> Class {
        match self {
            Self::Archive(_) | Self::Catalogue(_) => Class::Medium,
            Self::Layout(error) => match error {
                LayoutError::Blob(source) => class_of_source(source),
                _ => Class::Medium,
            },
            Self::CarriedKey { .. }
            | Self::Fingerprint { .. }
            | Self::OtherBundle { .. }
            | Self::UnansweredPins(_)
            | Self::PinnedLog(_)
            | Self::Refused(_) => Class::Refused,
            Self::TargetName { .. }
            | Self::Collision { .. }
            | Self::ReservedTag(_)
            | Self::Install(
                InstallError::NotRoot
                | InstallError::NameWithoutKey { .. }
                | InstallError::OtherName { .. }
                | InstallError::TwoNames { .. }
                | InstallError::ReplacesItself { .. }
                | InstallError::ReplacementNotTrusted { .. }
                | InstallError::NotTheOldKey { .. },
            ) => Class::Usage,
            Self::Registry(error) => class_of(error),
            Self::PassedBy { source, .. } => class_of(source),
            Self::AttachmentDiffers { .. }
            | Self::SignatureDiffers { .. }
            | Self::SparseIndex { .. }
            | Self::ReadBack { .. } => Class::Network,
            Self::Blob(error) => class_of_source(error),
            Self::InstalledKey { .. }
            | Self::Install(_)
            | Self::NotInstalled(_)
            | Self::Host(_)
            | Self::Lookaside(_)
            | Self::Task(_) => Class::Other,
        }
    }

    /// What a person could do about it, where that is one sentence.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Registry(error) => error.hint(),
            Self::Collision { .. } => {
                Some("unpack them below different prefixes: --to REGISTRY/PREFIX")
            }
            Self::PassedBy { .. } => Some(
                "run the same command again, with the archive from its start: what has arrived is not sent again",
            ),
            Self::NotInstalled(_) => Some(
                "mend that and run the same command again: what is published is not sent a second time",
            ),
            Self::Install(InstallError::OtherName { .. }) => Some(
                "leave out --install-keys-as to keep the name; to change it, remove the key file and its record first",
            ),
            Self::Install(InstallError::DifferentKey { .. }) => Some(
                "to let one installed key take the place of another: --replace-key NAME=OLD:NEW; or give another name with --install-keys-as",
            ),
            Self::Install(InstallError::NotTheOldKey { .. }) => {
                Some("bundle keys list shows what is installed")
            }
            Self::Install(InstallError::ReplacementNotTrusted { .. }) => Some(
                "the new key must be trusted by itself, and have verified an image of this bundle: --key SCOPE=FILE or --trust-fingerprint",
            ),
            Self::Install(InstallError::NotRoot) => {
                Some("run it with sudo, or name a directory of your own: --root DIR")
            }
            Self::AttachmentDiffers { .. } => {
                Some("compare the two; to replace what is there: --on-existing-attachment replace")
            }
            Self::SparseIndex { .. } => Some(
                "pack all platforms, or one alone; or unpack to a layout directory: --to oci:DIR",
            ),
            _ => None,
        }
    }
}

fn class_of(error: &RegistryError) -> Class {
    match error {
        RegistryError::Source(source) => class_of_source(source),
        // Files with credentials and certificates are the caller's.
        RegistryError::Setup { .. } | RegistryError::Credentials { .. } => Class::Usage,
        _ => Class::Network,
    }
}

/// The source of everything that is pushed is the archive.
fn class_of_source(error: &SourceError) -> Class {
    match error.trouble {
        Trouble::Network => Class::Network,
        Trouble::Medium | Trouble::Content | Trouble::Absent => Class::Medium,
    }
}

fn listed(pins: &[KeyFingerprint]) -> String {
    let pins: Vec<String> = pins.iter().map(ToString::to_string).collect();
    pins.join(", ")
}

/// Text from outside, short enough for an error message.
pub(super) fn bounded(text: &str) -> String {
    text.chars().take(300).collect()
}
