//! Attachments and signatures that were found, with their content.

use crate::inventory::{AtomicFound, AtomicSignature, AttachmentKind, Found, Lookup};
use crate::oci::atomic::AtomicName;
use crate::oci::{Descriptor, Digest, Manifest};
use crate::pack::PackError;
use bytes::Bytes;
use std::collections::HashMap;

/// Everything attached to one image.
pub(in crate::pack) struct Attachments {
    /// Subjects before what is attached to them.
    pub found: Vec<Attachment>,
    /// GPG signatures, in the order of their subjects.
    pub signatures: Vec<FoundSignature>,
    /// How the search ended.
    pub lookup: Lookup,
    /// Why the search is incomplete: each lookup that failed and was let pass.
    pub failures: Vec<PackError>,
}

impl Attachments {
    /// True when there is a signature, of whatever kind and by whomever.
    pub(in crate::pack) fn has_signature(&self) -> bool {
        let attached = self.found.iter().any(|a| a.kind == AttachmentKind::Signature);
        attached || !self.signatures.is_empty()
    }
}

/// One attachment.
pub(in crate::pack) struct Attachment {
    /// For summaries.
    pub kind: AttachmentKind,
    /// How it was found.
    pub how: Found,
    /// What it is attached to.
    pub subject: Digest,
    /// Its manifests, children before their index; the attachment itself is last.
    pub manifests: Vec<Manifest>,
    /// Small layers of signatures, by digest.
    pub layers: HashMap<Digest, Bytes>,
}

impl Attachment {
    /// The attachment's own manifest.
    ///
    /// # Panics
    /// Never: an attachment is not made without one.
    pub(in crate::pack) fn manifest(&self) -> &Manifest {
        let [.., own] = self.manifests.as_slice() else {
            unreachable!("an attachment has a manifest")
        };
        own
    }
}

/// What a signature is where only digest and size count.
pub(in crate::pack) const OCTETS: &str = "application/octet-stream";

/// A GPG signature that was found, with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundSignature {
    /// Its name: the registry's, or one made of its content.
    pub name: AtomicName,
    /// Where it was found.
    pub found: AtomicFound,
    /// An OpenPGP message, if its maker was honest.
    pub content: Bytes,
}

impl FoundSignature {
    /// The manifest that it signs, by its name.
    pub(crate) fn subject(&self) -> Digest {
        self.name.subject()
    }

    /// Digest and size of its content.
    pub(crate) fn blob(&self) -> Descriptor {
        Descriptor::of(OCTETS, &self.content)
    }

    /// As the inventory lists it.
    pub(in crate::pack) fn entry(&self) -> AtomicSignature {
        AtomicSignature {
            name: self.name.clone(),
            digest: Digest::of(&self.content),
            subject: self.subject(),
            found: Some(self.found),
        }
    }
}
