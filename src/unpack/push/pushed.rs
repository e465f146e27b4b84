//! The result of a push.

use crate::oci::Digest;
use crate::report::unpack::BlobCounts;
use crate::unpack::refused_attachment::RefusedAttachment;

/// What was pushed.
#[derive(Debug, Default)]
pub(in crate::unpack) struct Pushed {
    pub(in crate::unpack) blobs: BlobCounts,
    /// For each image: the manifest that got the tag because the registry does not take its index.
    pub(in crate::unpack) tagged_children: Vec<Option<Digest>>,
    /// For each image: attachments that the registry does not take. None of them is at the target, so whatever looks for
    /// them there fails.
    pub(in crate::unpack) refused: Vec<Vec<RefusedAttachment>>,
    /// Signatures that the registry does not take where runtimes look, by their place among all that are rehomed.
    pub(in crate::unpack) rehomed_refused: Vec<RefusedAttachment>,
    /// Attachments that are published and in no list: numbers of images and of their attachments.
    pub(in crate::unpack) unlisted: Vec<(usize, usize)>,
}
