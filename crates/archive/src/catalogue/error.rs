//! Why what an archive holds does not add up.

use crate::ArchiveError;
use bundle_oci::Digest;
use bundle_oci::layout::IndexError;
use bundle_oci::manifest::ManifestError;

/// Why the content of an archive is not the closed world that its inventory describes.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A manifest cannot be read.
    #[error("manifest {digest} of {image} cannot be read")]
    Read {
        /// The image it belongs to.
        image: String,
        /// The manifest.
        digest: Digest,
        /// The cause.
        #[source]
        source: ArchiveError,
    },
    /// A manifest is none.
    #[error("manifest {digest} of {image} cannot be used")]
    Manifest {
        /// The image it belongs to.
        image: String,
        /// The manifest.
        digest: Digest,
        /// The cause.
        #[source]
        source: ManifestError,
    },
    /// Something that a manifest names is not in the bundle, and nothing says that it was left out.
    #[error("{image} needs {digest}, which is not in the bundle")]
    Missing {
        /// The image.
        image: String,
        /// What is missing.
        digest: Digest,
    },
    /// Two places say different things about one piece of content.
    #[error("{digest} in {image}: {what}")]
    Disagreement {
        /// The image.
        image: String,
        /// The content.
        digest: Digest,
        /// What differs.
        what: &'static str,
    },
    /// The inventory says something about an image that the image does not.
    #[error("the inventory is wrong about {image}: {what}")]
    Image {
        /// The image.
        image: String,
        /// What is wrong.
        what: String,
    },
    /// The inventory says something about an attachment that cannot be.
    #[error("attachment {digest} of {image}: {what}")]
    Attachment {
        /// The image.
        image: String,
        /// The attachment's manifest.
        digest: Digest,
        /// What is wrong.
        what: String,
    },
    /// `index.json` cannot be read.
    #[error("index.json of the bundle cannot be used")]
    Index(#[from] IndexError),
    /// `index.json` and the inventory differ.
    #[error("index.json of the bundle contradicts its inventory: {0}")]
    IndexContradiction(String),
    /// A blob that no image needs.
    #[error("blob {0} is in the bundle, but nothing refers to it")]
    Unreferenced(Digest),
    /// More than a cap allows.
    #[error("the bundle exceeds a limit: {0}")]
    Limit(String),
}
