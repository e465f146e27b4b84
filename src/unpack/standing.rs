//! What may be published of everything that is attached, and by what each of it is verified.

use super::verify::Verified;
use crate::archive::catalogue::{CatalogueImage, CatalogueSignature, ManifestRecord};
use crate::report::unpack::AttachmentCounts;
use crate::trust::{ImageVerdict, Verification, Vouching};
use std::collections::HashMap;

/// Which attachments are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AttachmentChoice {
    /// All of them: nothing that was carried is lost.
    #[default]
    All,
    /// Those that somebody vouches for.
    Verified,
}

/// What is known of one attachment before the target is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) verification: Verification,
    /// Layers that no trusted signer made, beside one that a trusted signer made.
    pub(super) unverified_layers: u64,
    /// Those are not wanted.
    pub(super) only_vouched: bool,
    pub(super) publishing: Publishing,
}

/// Whether an attachment is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Publishing {
    /// As far as the target takes it.
    Wanted,
    /// The operator wants only what is verified.
    LeftOut,
    /// It is an image that can be run, or attached to one.
    Runnable,
}

/// A GPG signature before the target is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignatureStanding {
    pub(super) verification: Verification,
    pub(super) publishing: SignaturePublishing,
}

/// Whether a GPG signature is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignaturePublishing {
    /// Somebody vouches for it.
    Verified,
    /// No GPG key is trusted for its image, so a few are published unverified.
    Unjudged,
    /// A key is trusted, and did not make it; or only what is verified is wanted.
    LeftOut,
}

/// Everything attached to one image, in the catalogue's order.
#[derive(Debug, Clone)]
pub(super) struct ImageStanding {
    pub(super) attachments: Vec<Standing>,
    pub(super) signatures: Vec<SignatureStanding>,
}

impl Verified {
    /// Decides for every attachment. Nothing is read.
    pub(super) fn standings(&self, choice: AttachmentChoice) -> Vec<ImageStanding> {
        self.images().map(|(_, image, verdict)| self.standing(image, verdict, choice)).collect()
    }

    fn standing(
        &self,
        image: &CatalogueImage,
        verdict: &ImageVerdict,
        choice: AttachmentChoice,
    ) -> ImageStanding {
        let catalogue = self.catalogue();
        let vouching =
            Vouching::of(verdict, self.names_bound(), |digest| catalogue.children_of(digest));
        // What is attached to something that stays behind stays behind with it.
        let mut subjects: HashMap<_, Publishing> = HashMap::new();
        let mut attachments = Vec::with_capacity(image.attachments().len());
        for attachment in image.attachments() {
            let by_tag = attachment.found.is_tag();
            let own = catalogue.attached(attachment).next_back().map(|own| own.digest);
            let (verification, unverified_layers) = match own {
                Some(own) => vouching.attachment(attachment.subject, own, by_tag),
                None => (Verification::Unverified, 0),
            };
            let publishing = match subjects.get(&attachment.subject) {
                Some(other) if *other != Publishing::Wanted => *other,
                _ if attachment.kind.is_none() => Publishing::Runnable,
                _ if choice == AttachmentChoice::Verified && !verification.is_verified() => {
                    Publishing::LeftOut
                }
                _ => Publishing::Wanted,
            };
            if let Some(own) = own {
                let known = subjects.entry(own).or_insert(publishing);
                if publishing == Publishing::Wanted {
                    *known = publishing;
                }
            }
            let only_vouched = choice == AttachmentChoice::Verified && unverified_layers > 0;
            attachments.push(Standing {
                verification,
                unverified_layers,
                only_vouched,
                publishing,
            });
        }
        let signature = |signature: &CatalogueSignature| {
            let (subject, blob) = (signature.subject, signature.blob.digest);
            let verification = vouching.signature(subject, blob);
            let publishing = if verification.is_verified() {
                SignaturePublishing::Verified
            } else if choice == AttachmentChoice::All && vouching.lacks_signer(subject, blob) {
                SignaturePublishing::Unjudged
            } else {
                SignaturePublishing::LeftOut
            };
            SignatureStanding { verification, publishing }
        };
        let signatures = image.signatures().iter().map(signature).collect();
        ImageStanding { attachments, signatures }
    }

    /// How many attachments and GPG signatures are verified, and how many are not.
    pub fn attachment_counts(&self) -> AttachmentCounts {
        let mut counts = AttachmentCounts::default();
        for image in self.standings(AttachmentChoice::All) {
            let attached = image.attachments.iter().map(|standing| standing.verification);
            let signatures = image.signatures.iter().map(|standing| standing.verification);
            attached.chain(signatures).for_each(|verification| counts.add(verification));
        }
        counts
    }
}

/// Manifests of an image and of what is published with it; one that is reached twice comes twice.
pub(super) fn published<'a>(
    verified: &'a Verified,
    image: &'a CatalogueImage,
    standing: &'a ImageStanding,
) -> impl Iterator<Item = &'a ManifestRecord> {
    let catalogue = verified.catalogue();
    let attached = image.attachments().iter().zip(&standing.attachments);
    let wanted = attached.filter(|(_, standing)| standing.publishing == Publishing::Wanted);
    let below = wanted.flat_map(|(attachment, _)| catalogue.attached(attachment));
    catalogue.manifests_of(image).chain(below)
}
