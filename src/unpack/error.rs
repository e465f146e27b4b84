//! Why an archive is not unpacked.

mod classes;
mod hint;
mod tags;

pub use tags::TagsBack;
pub(super) use tags::TagsIncomplete;

use super::refused::Refused;
use super::seal_refusal::SealRefusal;
use crate::archive::{ArchiveError, CatalogueError};
use crate::host::containers::apply::ConfigError;
use crate::host::naming::MappingError;
use crate::host::openshift::OpenshiftError;
use crate::host::{
    InstallError, LookasideError, PathError, ResourceDirectoryError, SourcesFileError,
    TagsFileError,
};
use crate::oci::layout::LayoutError;
use crate::oci::source::SourceError;
use crate::oci::{Digest, Reference};
use crate::registry::RegistryError;
use crate::trust::{Fingerprint, IdleScope, KeyFingerprint, KeyMaterialError, Scope};
use std::path::PathBuf;

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
    /// The operator's seal, or what it says, does not let it in.
    #[error(transparent)]
    Seal(#[from] SealRefusal),
    /// Fingerprints were trusted that no carried key has.
    #[error("no carried key of a signer has the trusted fingerprint {}", listed(.0))]
    UnansweredPins(Vec<KeyFingerprint>),
    /// A key was to be trusted for the first time in a scope that has an anchor already.
    #[error(
        "{scope} cannot be the scope of a first use: {anchor} is already trusted for {covered}"
    )]
    FirstUse {
        /// The scope that was typed.
        scope: Box<Scope>,
        /// The anchor.
        anchor: String,
        /// Its scope.
        covered: String,
    },
    /// A first use for every image there is: nobody has verified so much with one fingerprint.
    #[error(
        "a key is trusted for the first time for a registry, a namespace or a repository, not for everything"
    )]
    FirstUseEverywhere,
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
    /// An installed key that the run trusted from its beginning was taken away meanwhile.
    #[error("the installed key {name} was removed or changed while this bundle was unpacked")]
    KeyRemoved {
        /// Its name.
        name: String,
    },
    /// The same, noticed when the push was done.
    #[error(
        "all images are published, but the installed key {name} was removed or changed meanwhile, so no key is installed and nothing is configured"
    )]
    KeyRemovedLate {
        /// Its name.
        name: String,
    },
    /// At least one image may not be published.
    #[error("{}", .0.summary())]
    Refused(Box<Refused>),
    /// Options name images that the bundle does not have.
    #[error("{}", all_of(.0))]
    IdleScopes(Vec<IdleScope>),
    /// A source has no name at the target, or two sources would have the same one.
    #[error(transparent)]
    Naming(#[from] MappingError),
    /// A tag would name two images.
    #[error("{first} and {second} would both become {target}")]
    Collision {
        /// One source.
        first: String,
        /// The other.
        second: String,
        /// What they would become.
        target: String,
    },
    /// A target repository was filled from another source, or what filled it is not known.
    #[error(transparent)]
    Sources(#[from] SourcesFileError),
    /// The push is done, and where its content came from cannot be remembered.
    #[error("all images are published, but where they came from is not remembered")]
    NotRemembered(#[source] SourcesFileError),
    /// Tags would go back in time, or may.
    #[error(transparent)]
    TagsBack(TagsBack),
    /// What filled the tags at the target is not known.
    #[error(transparent)]
    Tags(#[from] TagsFileError),
    /// The push is done, and which bundle filled the tags cannot be remembered.
    #[error("all images are published, but which bundle filled their tags is not remembered")]
    TagsNotRemembered(#[source] TagsFileError),
    /// An image with a tag that belongs to signatures.
    #[error("{0} has a tag that is reserved for attachments")]
    ReservedTag(Reference),
    /// Something that nobody vouches for says that it is a document, and holds a file system.
    #[error(
        "attachment-runnable: {0} can be run: its config is an image's, and its layers are file systems under other types"
    )]
    Disguised(Digest),
    /// The registry does not take an attachment.
    #[error("attachment-refused: the registry does not take {name}, which is attached to an image")]
    AttachmentRefused {
        /// Repository and tag or digest.
        name: String,
        /// The registry's answer.
        #[source]
        source: Box<RegistryError>,
    },
    /// Signatures cannot be written into the lookaside directory.
    #[error("the lookaside directory cannot be filled")]
    Lookaside(#[from] LookasideError),
    /// The registry wants every platform of an index, but not all are carried.
    #[error("the registry refuses the index of {image}: not all of its platforms are carried")]
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
    #[error("the carried content cannot be read")]
    Blob(#[from] SourceError),
    /// A blob that lies in the layout directory already is not what its name says.
    #[error("{} at the target is not the blob that its name says", file.display())]
    TargetBlob {
        /// The blob's file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<SourceError>,
    },
    /// Some tags are set and others are not.
    #[error("{0}")]
    TagsIncomplete(Box<TagsIncomplete>, #[source] Box<UnpackError>),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A registry does not take a manifest with layers that may lie elsewhere.
    #[error("manifest {manifest}, which has non-distributable layers, was not taken")]
    ForeignLayers {
        /// The manifest.
        manifest: Digest,
        /// The registry's answer.
        #[source]
        source: Box<RegistryError>,
    },
    /// The layout directory.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Resources for a cluster are wanted, and the target is no registry that it could pull from.
    #[error("a cluster pulls from a registry: --emit needs one as target")]
    EmitWithoutRegistry,
    /// The directory for resources cannot be used.
    #[error("the resources cannot be written")]
    Emit(#[from] ResourceDirectoryError),
    /// The push is done, and the resources for the cluster cannot be written.
    #[error("all images are published, but the resources for the cluster are not written")]
    NotEmitted(#[source] ResourceDirectoryError),
    /// A resource cannot be made.
    #[error("a resource for the cluster cannot be made")]
    Resource(#[from] OpenshiftError),
    /// Keys cannot be installed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The push is done, and installing the keys failed.
    #[error("all images are published, but their keys are not installed")]
    NotInstalled(#[source] InstallError),
    /// A directory serves no images.
    #[error("hosts cannot pull from a layout directory")]
    LayoutIsNoMirror,
    /// The host's configuration cannot be changed as it should be.
    #[error(transparent)]
    Configure(#[from] ConfigError),
    /// No image of the bundle is asked for.
    #[error("no image of the bundle is left to unpack")]
    NothingSelected,
    /// A permission to stay unenforced for nothing that is carried.
    #[error("--allow-unenforced {0} covers no carried repository")]
    AllowsNothing(Box<Scope>),
    /// The push is done, and changing the configuration failed.
    #[error("all images are published, but the host's configuration is not as it should be")]
    NotConfigured(#[source] ConfigError),
    /// The place where keys are to be installed cannot be used.
    #[error(transparent)]
    Host(#[from] PathError),
    /// A task of this program ended without a result.
    #[error("a task of this program ended early")]
    Task(#[from] tokio::task::JoinError),
}

fn listed(pins: &[KeyFingerprint]) -> String {
    let pins: Vec<String> = pins.iter().map(ToString::to_string).collect();
    pins.join(", ")
}

fn all_of(idle: &[IdleScope]) -> String {
    let idle: Vec<String> = idle.iter().map(ToString::to_string).collect();
    idle.join("; ")
}
