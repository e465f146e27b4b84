//! Why nothing was packed.

use crate::archive::ArchiveError;
use crate::oci::source::{SourceError, Trouble};
use crate::oci::{Digest, Reference};
use crate::registry::{RegistryError, secrets};
use crate::report::pack::LeftOut;
use crate::trust::{IdleScope, ImageVerdict};

/// Why a pack did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The request contradicts itself or names what is not there.
    #[error("{0}")]
    Usage(String),
    /// Options name images that are not packed.
    #[error("{}", listed(.0))]
    IdleScopes(Vec<IdleScope>),
    /// Several images are not there.
    #[error("{} of the images are not there", .0.len())]
    SeveralMissing(Vec<PackError>),
    /// A registry could not be asked, or did not answer as it must.
    #[error("image {image}: {what}")]
    Registry {
        /// Which image.
        image: Box<Reference>,
        /// What was being done.
        what: String,
        /// The registry's error.
        #[source]
        source: Box<RegistryError>,
    },
    /// The image, or a part of it, is not there.
    #[error("image {image}: {what}")]
    Missing {
        /// Which image.
        image: Box<Reference>,
        /// What is missing.
        what: String,
        /// Where it was looked for.
        trouble: Trouble,
    },
    /// What should be attached to an image is an image itself.
    #[error(
        "attachment-runnable: image {image}: {digest}, {place}, can be run, so it is not an attachment"
    )]
    RunnableAttachment {
        /// The image that it should be attached to.
        image: Box<Reference>,
        /// What was found.
        digest: Digest,
        /// Where.
        place: String,
    },
    /// A blob or manifest could not be read.
    #[error("image {image}: {what}")]
    Source {
        /// Which image.
        image: Box<Reference>,
        /// What was being done.
        what: String,
        /// The cause.
        #[source]
        source: SourceError,
    },
    /// An attachment could not be looked up or read: an image can be carried without it, by the operator's word.
    #[error(transparent)]
    Attachment(Box<PackError>),
    /// A blob could not be fetched, or is not what its descriptor says.
    #[error("{what} cannot be packed")]
    Blob {
        /// Which blob, of which type, from where.
        what: String,
        /// The cause.
        #[source]
        source: SourceError,
    },
    /// Images that the given keys do not admit.
    #[error("{} of the images cannot be verified: nothing was packed", .0.len())]
    Refused(Vec<ImageVerdict>),
    /// An image that must have a signature has none.
    #[error("image {0} has no signature, and one is required")]
    Unsigned(Box<Reference>),
    /// Something else was being packed to the same file.
    #[error("{path} says that this archive was begun {what}")]
    Begun {
        /// The journal.
        path: String,
        /// What is another one.
        what: String,
    },
    /// Images that cannot be had are left out, and none is left.
    #[error("no image is left: {} could not be had", .sources.join(", "))]
    NothingLeft {
        /// All of them.
        sources: Vec<String>,
        /// Why the first one could not.
        #[source]
        first: Option<std::sync::Arc<PackError>>,
    },
    /// The archive cannot be written.
    #[error("the archive cannot be written")]
    Archive(#[from] ArchiveError),
    /// The inventory cannot be written as JSON.
    #[error("the inventory cannot be written")]
    Json(#[from] serde_json::Error),
    /// A task of this program ended without an answer.
    #[error("a task of this program failed")]
    Task(#[from] tokio::task::JoinError),
}

impl PackError {
    /// Why an image is left out.
    pub(super) fn leaves_out(&self, source: String) -> LeftOut {
        LeftOut { source, why: secrets::hide(&with_causes(self), 0) }
    }
}

fn listed(idle: &[IdleScope]) -> String {
    let idle: Vec<String> = idle.iter().map(ToString::to_string).collect();
    idle.join("; ")
}

/// Longest explanation of why an image is left out: parts of it are a registry's words.
const LONGEST: usize = 2_000;

/// An error and its causes in one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
    text.chars().take(LONGEST).collect()
}
