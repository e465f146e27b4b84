//! Why nothing was packed.

use super::seal::NotSealed;
use crate::archive::ArchiveError;
use crate::oci::source::{SourceError, Trouble};
use crate::oci::{Digest, Reference};
use crate::registry::{RegistryError, secrets};
use crate::report::pack::LeftOut;
use crate::seal::MakingError;
use crate::trust::{IdleScope, ImageVerdict};
use std::fmt;
use std::path::PathBuf;

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
    /// Globs that mean no tag, and repositories whose tags cannot be listed; the first one is named.
    #[error("{}", several(.0))]
    Tags(Vec<String>),
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
    /// The place where the archive is to be cannot take it; noticed before any work.
    #[error(transparent)]
    Output(ArchiveError),
    /// Something that no earlier pack wrote is where the archive is to be.
    #[error("{} is there, and it is not {expected}", path.display())]
    Occupied {
        /// Its path.
        path: PathBuf,
        /// What would be replaced.
        expected: Occupied,
    },
    /// Something was asked for that only a file can have.
    #[error("{0}")]
    NeedsFile(NeedsFile),
    /// The transfer failed, and its beginning stays for the next run.
    #[error(transparent)]
    Unfinished(Box<PackError>),
    /// The caller stopped the pack.
    #[error("the pack was stopped")]
    Stopped(Left),
    /// The archive is whole, and there is no seal in it.
    #[error("{} is complete, and not sealed", path.display())]
    NotSealed {
        /// The archive.
        path: PathBuf,
        /// Why.
        #[source]
        source: NotSealed,
    },
    /// A seal cannot be made for an archive that streams.
    #[error(transparent)]
    Seal(#[from] MakingError),
    /// The archive is whole, and its files or their checksums cannot be listed.
    #[error(transparent)]
    Unlisted(ArchiveError),
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

/// What a pack may replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupied {
    /// The archive of an earlier pack.
    Archive,
    /// Its list of checksums.
    Checksums,
}

impl fmt::Display for Occupied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Archive => "an earlier bundle",
            Self::Checksums => "a list of checksums",
        })
    }
}

/// What only a file can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeedsFile {
    /// Images are left out when they cannot be fetched.
    LeavingOut,
    /// Volumes, or a list of checksums.
    Beside,
}

impl fmt::Display for NeedsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LeavingOut => {
                "--keep-going needs a file: bytes that went into a pipe cannot be taken back"
            }
            Self::Beside => "volumes and lists of checksums need a file: -o - writes to a pipe",
        })
    }
}

/// What a pack that was stopped has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing to go on from.
    Nothing,
    /// A beginning, from which the next run goes on.
    Beginning,
    /// The whole archive, without the list of its checksums.
    Archive,
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

/// The first of several faults, and how many more there are.
fn several(faults: &[String]) -> String {
    match faults {
        [] => String::new(),
        [one] => one.clone(),
        [first, others @ ..] => format!("{first}; and {} more", others.len()),
    }
}
