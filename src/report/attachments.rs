//! What became of what is attached to an image.

use crate::inventory::Found;
use crate::oci::Digest;
use crate::oci::atomic::AtomicName;
use crate::trust::Verification;
use serde::Serialize;

/// One attachment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentReport {
    /// What it is, by its content: a kind of attachment, or `image` for one that can be run.
    pub kind: &'static str,
    /// How it is published.
    pub found: Found,
    /// What it is attached to.
    pub subject: Digest,
    /// Its manifest.
    pub digest: Digest,
    /// By what it is verified.
    pub verification: Verification,
    /// Layers that no trusted signer made, where a trusted signer made another one.
    #[serde(skip_serializing_if = "is_zero")]
    pub unverified_layers: u64,
    /// What became of it.
    pub outcome: AttachmentOutcome,
}

/// What became of an attachment at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum AttachmentOutcome {
    /// It is published as it was carried.
    Published,
    /// It was there already, byte for byte.
    AlreadyThere,
    /// What is there has other bytes but holds everything that is carried, and was kept.
    Kept {
        /// What is there.
        existing: Digest,
    },
    /// What was there has been replaced: that was asked for, or what is carried is verified, and what was there cannot be
    /// merged with it.
    Replaced {
        /// What was there.
        existing: Digest,
    },
    /// Layers that what was there lacked were added to it: what is carried is verified.
    Merged {
        /// What was there.
        existing: Digest,
    },
    /// It is published without the layers that nobody vouches for: they are not wanted, or would leave no room for others.
    Trimmed,
    /// It is published, and the list of what is attached to its subject has no room for it.
    NotListed,
    /// It stays behind, as was asked for: nobody vouches for it.
    LeftOut,
    /// It is not published.
    NotPublished {
        /// Why.
        code: NotPublished,
        /// What is there.
        #[serde(skip_serializing_if = "Option::is_none")]
        existing: Option<Digest>,
    },
    /// The registry does not take it, so it is not at the target.
    Refused,
    /// Container runtimes could not read it there: its tag names a manifest of the signatures that verified, and this
    /// one is there by its digest.
    Rehomed,
}

impl AttachmentOutcome {
    /// True when its manifest has to be sent.
    pub fn is_sent(self) -> bool {
        matches!(
            self,
            Self::Published
                | Self::Trimmed
                | Self::Replaced { .. }
                | Self::Merged { .. }
                | Self::NotListed
        )
    }

    /// True when something is missing at the target that the operator did not leave out.
    pub fn is_missing(self) -> bool {
        matches!(self, Self::NotListed | Self::NotPublished { .. } | Self::Refused)
    }
}

/// Why an attachment is not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotPublished {
    /// The target has other bytes under its tag, and nobody vouches for what is carried.
    AttachmentDiffers,
    /// It is an image that can be run, or attached to one.
    AttachmentRunnable,
    /// Nobody vouches for it, and it would leave little room for what is verified.
    AttachmentTooLarge,
}

impl NotPublished {
    /// The stable code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AttachmentDiffers => "attachment-differs",
            Self::AttachmentRunnable => "attachment-runnable",
            Self::AttachmentTooLarge => "attachment-too-large",
        }
    }
}

/// How many attachments and GPG signatures are verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentCounts {
    /// Somebody vouches for them.
    pub verified: u64,
    /// Nobody does.
    pub unverified: u64,
}

impl AttachmentCounts {
    /// Counts one more.
    pub fn add(&mut self, verification: Verification) {
        match verification.is_verified() {
            true => self.verified += 1,
            false => self.unverified += 1,
        }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One GPG signature.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignatureReport {
    /// Its name in the signature extension.
    pub name: AtomicName,
    /// The manifest that it signs.
    pub subject: Digest,
    /// The blob with the OpenPGP message.
    pub digest: Digest,
    /// By what it is verified.
    pub verification: Verification,
    /// What became of it at the target.
    pub outcome: SignatureOutcome,
    /// What became of it in the directory of `--lookaside`, when one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lookaside: Option<LookasideOutcome>,
}

impl SignatureReport {
    /// True when something at the target, or in the directory, keeps it out.
    pub fn is_missing(&self) -> bool {
        self.outcome == SignatureOutcome::NameTaken
            || self.lookaside == Some(LookasideOutcome::Full)
    }
}

/// What became of a GPG signature at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureOutcome {
    /// The registry has it now, by its signature extension.
    Published,
    /// The registry had it.
    AlreadyThere,
    /// The target has no place for it, or not the manifest that it signs.
    NotPublished,
    /// The registry has other signatures under every name that it could have.
    NameTaken,
    /// It stays behind: nobody vouches for it, and a key is trusted that did not make it, or there are several already.
    LeftOut,
}

/// What became of a GPG signature in a lookaside directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookasideOutcome {
    /// It is a new file.
    Written,
    /// A file had the same content.
    AlreadyThere,
    /// It is no OpenPGP message: container tools would take the whole lookaside for broken.
    NoMessage,
    /// There are as many as container tools read.
    Full,
    /// It stays behind: nobody vouches for it, and a key is trusted that did not make it, or there are several already.
    LeftOut,
}
