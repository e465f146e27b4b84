//! Attachments that a registry does not take: manifests with a subject, tags such as `sha256-….sig`.
//!
//! By default that stops the push. Published without them, an image is at the target without what proves where it comes
//! from, so each is named, and nothing may demand it there.

mod noted;

/// What to do where a registry does not take an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AttachmentsRefused {
    /// Stop before any tag is set.
    #[default]
    Fail,
    /// Publish the image without it, and say so.
    Warn,
}

/// An attachment that the registry does not take.
#[derive(Debug)]
pub(super) struct RefusedAttachment {
    /// Its place among the attachments of its image, or among all that are rehomed.
    pub(super) place: usize,
    /// Where it would be.
    name: String,
    /// What the registry answered.
    why: String,
}
