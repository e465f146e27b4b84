//! Who vouches for what is attached to an image. It decides nothing about the image: an attachment that nobody vouches
//! for is cargo of whoever made the bundle.

use super::SignatureCode;
use super::finding::Found;
use super::verdict::ImageVerdict;
use bundle_oci::Digest;
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// By what an attachment is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// A trusted signer made a signature or attestation that it holds.
    OwnSignature,
    /// A trusted signer made a signature or attestation of it, or of an index that lists it.
    Named,
    /// The bundle as a whole is authentic: its digest is the expected one, or its seal was verified.
    Bundle,
    /// By nothing.
    Unverified,
}

impl Verification {
    /// True when somebody vouches for it.
    pub fn is_verified(self) -> bool {
        self != Self::Unverified
    }

    /// The word used in text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwnSignature => "own-signature",
            Self::Named => "named",
            Self::Bundle => "bundle",
            Self::Unverified => "unverified",
        }
    }
}

/// Findings of one holder of signatures: by trusted signers, and others.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    made: u64,
    others: u64,
}

/// What the findings about one image say of its attachments.
#[derive(Debug)]
pub struct Vouching {
    holders: HashMap<(Digest, Digest, bool), Tally>,
    named: HashSet<Digest>,
    without_signer: HashSet<(Digest, Digest)>,
    bundle_is_authentic: bool,
}

impl Vouching {
    /// Reads the findings of a verdict. `listed_by` gives the manifests that an index lists; what a named index lists is
    /// named by its hash.
    pub fn of<I: Iterator<Item = Digest>>(
        verdict: &ImageVerdict,
        bundle_is_authentic: bool,
        listed_by: impl Fn(Digest) -> I,
    ) -> Self {
        let mut holders: HashMap<_, Tally> = HashMap::new();
        let (mut named, mut without_signer, mut reached) =
            (HashSet::new(), HashSet::new(), Vec::new());
        for finding in verdict.signatures() {
            let by_tag = matches!(finding.found, Found::Tag(_));
            let tally = holders.entry((finding.subject, finding.manifest, by_tag)).or_default();
            if finding.code.is_by_a_trusted_signer() {
                tally.made += 1;
                reached.push(finding.subject);
            } else {
                tally.others += 1;
            }
            if finding.code == SignatureCode::NoKey {
                without_signer.insert((finding.subject, finding.manifest));
            }
        }
        while let Some(digest) = reached.pop() {
            if named.insert(digest) {
                reached.extend(listed_by(digest));
            }
        }
        Self { holders, named, without_signer, bundle_is_authentic }
    }

    /// Who vouches for an attached manifest, and for how many of its layers nobody does although a trusted signer made
    /// another of them. A manifest is published whole or not at all: with one signature that verified, it is verified.
    pub fn attachment(
        &self,
        subject: Digest,
        manifest: Digest,
        by_tag: bool,
    ) -> (Verification, u64) {
        let tally = |by_tag| self.holders.get(&(subject, manifest, by_tag)).copied();
        let own = tally(by_tag).or_else(|| tally(!by_tag)).unwrap_or_default();
        let layers = if self.bundle_is_authentic { 0 } else { own.others };
        match (own.made > 0, self.named.contains(&manifest)) {
            (true, false) => (Verification::OwnSignature, layers),
            (true, true) => (Verification::OwnSignature, 0),
            (false, true) => (Verification::Named, 0),
            (false, false) => (self.otherwise(), 0),
        }
    }

    /// Who vouches for a GPG signature of `subject` in this blob.
    pub fn signature(&self, subject: Digest, blob: Digest) -> Verification {
        match self.holders.get(&(subject, blob, false)) {
            Some(tally) if tally.made > 0 => Verification::OwnSignature,
            _ => self.otherwise(),
        }
    }

    /// True when no trusted key could have made this GPG signature, so nothing was checked.
    pub fn lacks_signer(&self, subject: Digest, blob: Digest) -> bool {
        self.without_signer.contains(&(subject, blob))
    }

    fn otherwise(&self) -> Verification {
        match self.bundle_is_authentic {
            true => Verification::Bundle,
            false => Verification::Unverified,
        }
    }
}
