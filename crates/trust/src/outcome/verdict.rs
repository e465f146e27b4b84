//! What the verifier says: a finding for each signature, a status for each child, an admission for the image.
//!
//! The fields of [`ImageVerdict`] are private: a verdict that admits an image can only come out of
//! [`crate::judge()`].

use super::finding::SignatureFinding;
use super::signer::Signer;
use super::{RefusalCode, SignatureCode};
use crate::keys::Fingerprint;
use bundle_oci::{Digest, Platform, Reference};
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How a manifest that an index lists is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChildStatus {
    /// It has a verified signature of its own.
    Signed,
    /// Only a signed index above it covers it, by hash. Container runtimes do not accept that.
    CoveredByIndex,
    /// It is not in the bundle.
    Omitted,
    /// An unsigned attestation manifest inside an unsigned index, naming a manifest that is covered.
    Attachment,
    /// No signature covers it.
    Unsigned,
}

/// What is said about one manifest that an index lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChildVerdict {
    /// The child.
    pub digest: Digest,
    /// Its platform as the index says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// How it is covered.
    pub status: ChildStatus,
    /// A signature of its own was verified that container runtimes can check too.
    pub enforceable: bool,
}

/// Why an image is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The stable code.
    pub code: RefusalCode,
    /// More for people; bounded, but not escaped for a terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Refusal {
    pub(crate) fn bare(code: RefusalCode) -> Self {
        Self { code, detail: None }
    }

    pub(crate) fn new(code: RefusalCode, detail: impl Into<String>) -> Self {
        Self { code, detail: Some(detail.into()) }
    }
}

/// Whether an image may be published, and on what ground.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "admission", rename_all = "kebab-case")]
pub enum Admission {
    /// A trusted key signed the manifest or index itself.
    Signed,
    /// The index is unsigned, but every manifest that it lists is signed and is what the index says.
    IndexUnsigned,
    /// The bundle as a whole is authentic, and says that the image was verified when it was packed.
    PackVerdict,
    /// The bundle as a whole is authentic, and says that whoever packed it accepts the image without a signature.
    UnsignedSealed,
    /// The policy accepts anything in its place, signed or not.
    PolicyAcceptsAnything,
    /// It is allowed to come unsigned.
    UnsignedAllowed {
        /// The bundle as a whole is authentic. Without it the report says `unsigned-unsealed`.
        sealed: bool,
    },
    /// It may not be published.
    Refused(Refusal),
}

impl Admission {
    /// The stable code for reports.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::IndexUnsigned => "index-unsigned",
            Self::PackVerdict => "pack-verdict",
            Self::UnsignedSealed => "unsigned-sealed",
            Self::PolicyAcceptsAnything => "policy-accepts-anything",
            Self::UnsignedAllowed { sealed: true } => "unsigned-allowed",
            Self::UnsignedAllowed { sealed: false } => "unsigned-unsealed",
            Self::Refused(_) => "refused",
        }
    }
}

/// The verifier's whole answer about one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageVerdict {
    source: Reference,
    digest: Digest,
    #[serde(flatten)]
    admission: Admission,
    tag_unbound: bool,
    enforceable: bool,
    #[serde(serialize_with = "as_list")]
    children: Arc<[ChildVerdict]>,
    #[serde(serialize_with = "as_list")]
    signatures: Arc<[SignatureFinding]>,
}

fn as_list<T: Serialize, S: Serializer>(list: &Arc<[T]>, serializer: S) -> Result<S::Ok, S::Error> {
    list.as_ref().serialize(serializer)
}

/// What an [`ImageVerdict`] is made of.
pub(crate) struct Parts {
    pub(crate) source: Reference,
    pub(crate) digest: Digest,
    pub(crate) admission: Admission,
    pub(crate) tag_unbound: bool,
    pub(crate) enforceable: bool,
    pub(crate) children: Vec<ChildVerdict>,
    pub(crate) signatures: Vec<SignatureFinding>,
}

impl ImageVerdict {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { source, digest, admission, tag_unbound, enforceable, children, signatures } =
            parts;
        let (children, signatures) = (children.into(), signatures.into());
        Self { source, digest, admission, tag_unbound, enforceable, children, signatures }
    }

    /// Shares with `other` what both say alike of children and signatures: images of one manifest under many tags take no
    /// more memory than one of them.
    pub fn share_with(&mut self, other: &Self) {
        if self.children == other.children {
            self.children = Arc::clone(&other.children);
        }
        if self.signatures == other.signatures {
            self.signatures = Arc::clone(&other.signatures);
        }
    }

    /// True when both hold the very same lists.
    #[cfg(test)]
    pub(crate) fn shares_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.children, &other.children)
            && Arc::ptr_eq(&self.signatures, &other.signatures)
    }

    /// The source reference that was judged.
    pub fn source(&self) -> &Reference {
        &self.source
    }

    /// The digest of the manifest or index that was judged: nothing else may be tagged by this verdict.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether it may be published, and why.
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// True when the image may be published.
    pub fn is_admitted(&self) -> bool {
        !matches!(self.admission, Admission::Refused(_))
    }

    /// Nothing authentic says that this tag means this digest (`tag-unbound` in reports).
    pub fn tag_unbound(&self) -> bool {
        self.tag_unbound
    }

    /// Every carried manifest that a runtime could choose has a verified signature of its own, in a form that container
    /// runtimes check. What only an index covers, and what only a Sigstore bundle signs, is not.
    pub fn enforceable(&self) -> bool {
        self.enforceable
    }

    /// Every manifest that the image's indexes list, in their order, once each.
    pub fn children(&self) -> &[ChildVerdict] {
        &self.children
    }

    /// Everything attached to the image and its children.
    pub fn signatures(&self) -> &[SignatureFinding] {
        &self.signatures
    }

    /// The keys that verified a signature which counts.
    pub fn verifying_keys(&self) -> BTreeSet<Fingerprint> {
        self.signers().iter().filter_map(Signer::key).collect()
    }

    /// Everybody who made a signature which counts.
    pub fn signers(&self) -> BTreeSet<Signer> {
        self.counting().filter_map(SignatureFinding::signer).collect()
    }

    /// Signatures verified, but none of them of a kind that container runtimes check.
    pub fn is_beyond_runtimes(&self) -> bool {
        self.counting().next().is_some() && !self.counting().any(SignatureFinding::is_for_runtimes)
    }

    /// Every signature that counts.
    pub fn verifying(&self) -> impl Iterator<Item = &SignatureFinding> {
        self.counting()
    }

    /// Verified signatures of the image itself and its children. Those of something that is attached to it say nothing
    /// of the image.
    fn counting(&self) -> impl Iterator<Item = &SignatureFinding> {
        let children = self.children.iter().map(|child| child.digest);
        let own: BTreeSet<Digest> = children.chain([self.digest]).collect();
        let verified = self.signatures.iter().filter(|f| f.code == SignatureCode::Verified);
        verified.filter(move |finding| own.contains(&finding.subject))
    }
}

/// Most images that one warning names.
const NAMED: usize = 5;

/// The warning about images that a policy accepts whatever they are: a permission that the administrator may not
/// remember.
pub fn accepted_anything(verdicts: &[ImageVerdict]) -> Option<String> {
    let accepted: Vec<String> = verdicts
        .iter()
        .filter(|verdict| *verdict.admission() == Admission::PolicyAcceptsAnything)
        .map(|verdict| verdict.source().to_string())
        .collect();
    let more = match accepted.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named: Vec<&str> = accepted.iter().take(NAMED).map(String::as_str).collect();
    (!named.is_empty()).then(|| {
        format!(
            "policy-accepts-anything: the policy demands no signature of {}{more}: nothing was verified but digests",
            named.join(", ")
        )
    })
}
