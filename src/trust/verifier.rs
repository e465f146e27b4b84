//! Judges one image by what is trusted.

use super::anchors::Anchors;
use super::evidence::{Evidence, ImageUnderTest};
use super::index::Indexes;
use super::keyring::Keyring;
use super::signatures::Examination;
use super::tree::Tree;
use super::verdict::{
    Admission, ChildVerdict, ImageVerdict, Refusal, RefusalCode, SignatureCode, SignatureFinding,
};
use crate::oci::{Digest, Meaning, Reference};
use std::collections::BTreeSet;

/// Judges an image: every attachment is looked at, every manifest below the root is accounted for, and the image is
/// admitted on one of these grounds, tried in this order, or refused:
///
/// 1. a trusted key whose scope covers the source signed the root (and so, by hash, all below it);
/// 2. the root is an unsigned index, and everything that it lists is carried, signed and of the stated platform;
/// 3. the bundle as a whole is authentic and says that the image was verified at pack;
/// 4. the image may come unsigned (`Anchors::allow_unsigned`, with the precedence told there).
///
/// Whatever the ground, the source's own digest must be the root's, and every manifest that an index lists must be
/// there with the listed digest, size and type, unless it was left out on purpose.
pub fn judge(
    image: &ImageUnderTest<'_>,
    anchors: &Anchors,
    evidence: &dyn Evidence,
) -> ImageVerdict {
    // Scopes may name a digest; the one that counts is what the image has, not what a reference says.
    let source = image.source.with_digest(image.root.digest);
    let keyring = Keyring::new(anchors.keys_for(&source));
    let examination = Examination {
        image,
        keyring: &keyring,
        evidence,
        name_bound: image.name_bound || anchors.accepts_unbound_name(&source),
    };
    let findings = examination.findings();
    let signed = findings
        .iter()
        .filter(|finding| finding.code == SignatureCode::Verified)
        .map(|finding| finding.subject)
        .collect();
    let court = Court { image, anchors, evidence, source, findings: &findings, signed };
    let (admission, children) = court.decide();
    let tag_unbound = !image.name_bound && image.source.tag().is_some();
    let subject = (image.source.clone(), image.root.digest);
    ImageVerdict::new(subject, admission, tag_unbound, children, findings)
}

/// Everything that the decision about one image rests on.
struct Court<'a> {
    image: &'a ImageUnderTest<'a>,
    anchors: &'a Anchors,
    evidence: &'a dyn Evidence,
    source: Reference,
    findings: &'a [SignatureFinding],
    signed: BTreeSet<Digest>,
}

impl Court<'_> {
    fn decide(&self) -> (Admission, Vec<ChildVerdict>) {
        let tree = match Tree::walk(self.image, self.evidence) {
            Ok(tree) => tree,
            Err(refusal) => return (Admission::Refused(refusal), Vec::new()),
        };
        let indexes = Indexes { tree: &tree, signed: &self.signed, evidence: self.evidence };
        let children = tree.root().map(|root| indexes.statuses(root)).unwrap_or_default();
        let admission = self.admit(&tree, &indexes).unwrap_or_else(Admission::Refused);
        (admission, children)
    }

    fn admit(&self, tree: &Tree<'_>, indexes: &Indexes<'_>) -> Result<Admission, Refusal> {
        let pinned = self.image.source.digest();
        if pinned.is_some_and(|pinned| pinned != self.image.root.digest) {
            let detail = format!("the image is {}", self.image.root.digest);
            return Err(Refusal::new(RefusalCode::PinnedDigestMismatch, detail));
        }
        if self.signed.contains(&self.image.root.digest) {
            return Ok(Admission::Signed);
        }
        let unsigned_index = tree
            .root()
            .filter(|root| matches!(root.meaning(), Meaning::Index(_)))
            .map(|root| indexes.accept_unsigned(root));
        if unsigned_index == Some(Ok(())) {
            return Ok(Admission::IndexUnsigned);
        }
        if self.anchors.bundle_expected && self.image.pack_verdict_good {
            return Ok(Admission::PackVerdict);
        }
        if self.anchors.allows_unsigned(&self.source) {
            return Ok(Admission::UnsignedAllowed { sealed: self.anchors.bundle_expected });
        }
        Err(match unsigned_index {
            // Some of it is signed: what is wrong with the rest is what people want to know.
            Some(Err(refusal)) if self.signed.iter().any(|digest| tree.get(digest).is_some()) => {
                refusal
            }
            _ => self.refusal(),
        })
    }

    /// Why an image without any counting signature is refused.
    fn refusal(&self) -> Refusal {
        let any = |code| self.findings.iter().any(|finding| finding.code == code);
        Refusal::bare(if self.anchors.keys_for(&self.source).next().is_none() {
            RefusalCode::NoAnchor
        } else if any(SignatureCode::NameUnbound) {
            RefusalCode::NameUnbound
        } else if self.findings.iter().any(SignatureFinding::claims_to_sign) {
            RefusalCode::NoTrustedSignature
        } else {
            RefusalCode::NoSignature
        })
    }
}
