//! What the verifier says: a finding for each signature, a status for each child, an admission for the image.
//!
//! The fields of [`ImageVerdict`] are private: a verdict that admits an image can only come out of
//! [`super::judge`].

use super::codes::codes;
use super::evidence::Found;
use super::judgement::Judgement;
use super::keys::Fingerprint;
use crate::oci::{Digest, Platform, Reference};
use serde::Serialize;
use std::collections::BTreeSet;

codes! {
    /// What became of one signature or attestation.
    SignatureCode {
        Verified = "verified": "a trusted key signed this content under this name",
        NameUnbound = "name-unbound": "a trusted key signed this content, but neither signature nor bundle binds the name",
        Attestation = "attestation": "an attestation, which is no signature of the image",
        NotASignature = "not-a-signature": "something else that is attached",
        NoKey = "no-key": "no trusted key is meant for this image, so nothing was checked",
        SignatureWrongKey = "signature-wrong-key": "no trusted key made this signature over this content",
        SignatureInvalid = "signature-invalid": "the signature is not a signature of any supported form",
        SignatureMissing = "signature-missing": "the layer has no signature annotation",
        PayloadMalformed = "payload-malformed": "what was signed is not of the prescribed form",
        PayloadTypeUnsupported = "payload-type-unsupported": "the envelope holds something that is not an in-toto statement",
        DigestMismatch = "digest-mismatch": "a trusted key signed this, but for other content",
        IdentityMismatch = "identity-mismatch": "a trusted key signed this content under another name",
        BundleMalformed = "bundle-malformed": "the Sigstore bundle is not of the prescribed form",
        BundleUnsupported = "bundle-unsupported": "the version of the Sigstore bundle is not supported",
        SignatureCount = "signature-count": "the envelope does not have exactly one signature",
        CertificateUnsupported = "certificate-unsupported": "signed with a certificate, which no key can verify",
        ManifestMalformed = "manifest-malformed": "the manifest that should hold signatures cannot",
        TooManyLayers = "too-many-layers": "the signature manifest has more layers than are read",
        TooLarge = "too-large": "the content is larger than what is read",
        ContentMismatch = "content-mismatch": "the content is not what its descriptor says",
        Missing = "missing": "the attachment or what it is attached to is not there",
        Unreadable = "unreadable": "the attachment could not be read",
    }
}

codes! {
    /// Why an image is not admitted.
    RefusalCode {
        NoAnchor = "no-anchor": "nothing that is trusted is meant for this image",
        NoSignature = "no-signature": "a key covers the image, but it has no signature",
        NoTrustedSignature = "no-trusted-signature": "none of the image's signatures verifies under a trusted key",
        NameUnbound = "name-unbound": "the content is signed, but nothing binds it to this name",
        PinnedDigestMismatch = "pinned-digest-mismatch": "the reference names another digest than the image has",
        ManifestMissing = "manifest-missing": "the image's own manifest is not there",
        ChildMissing = "child-missing": "an index lists a manifest that is not there",
        ContentMismatch = "content-mismatch": "a manifest is not what its descriptor says",
        Unreadable = "unreadable": "a manifest could not be read",
        TooDeep = "too-deep": "indexes are nested deeper than is followed",
        TooManyChildren = "too-many-children": "the indexes list more manifests than are followed",
        ChildUnsigned = "child-unsigned": "the index is unsigned and so is one of its manifests",
        ChildOmitted = "child-omitted": "the index is unsigned and not all its manifests are carried",
        PlatformMismatch = "platform-mismatch": "the unsigned index gives a manifest another platform than its config does",
        ForeignUrl = "foreign-url": "the unsigned index sends readers elsewhere for a manifest",
        AttestationUnbound = "attestation-unbound": "the unsigned index has an attestation of a manifest that it does not list, or that is no attestation",
    }
}

/// In which form something is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Cosign's simple signing: payload as layer, signature as annotation.
    SimpleSigning,
    /// A Sigstore bundle.
    Bundle,
    /// A bare DSSE envelope, as in cosign's `.att`.
    Envelope,
    /// Anything else.
    Other,
}

/// What was found out about one signature, attestation or other attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignatureFinding {
    /// The manifest it is attached to.
    pub subject: Digest,
    /// The manifest that holds it.
    pub manifest: Digest,
    /// The layer, where it is one layer's finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<Digest>,
    /// Its form.
    pub form: Form,
    /// How it was found.
    pub found: Found,
    /// The trusted key that made it. Present also where something else is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Fingerprint>,
    /// What became of it.
    pub code: SignatureCode,
    /// More for people; bounded, but not escaped for a terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl SignatureFinding {
    pub(super) fn set(mut self, judgement: Judgement) -> Self {
        self.code = judgement.code;
        self.key = judgement.key;
        self.detail = judgement.detail;
        self
    }

    /// True for what claims to sign the image, verified or not.
    pub fn claims_to_sign(&self) -> bool {
        !matches!(self.code, SignatureCode::Attestation | SignatureCode::NotASignature)
    }
}

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
    pub(super) fn bare(code: RefusalCode) -> Self {
        Self { code, detail: None }
    }

    pub(super) fn new(code: RefusalCode, detail: impl Into<String>) -> Self {
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
    children: Vec<ChildVerdict>,
    signatures: Vec<SignatureFinding>,
}

impl ImageVerdict {
    pub(super) fn new(
        (source, digest): (Reference, Digest),
        admission: Admission,
        tag_unbound: bool,
        children: Vec<ChildVerdict>,
        signatures: Vec<SignatureFinding>,
    ) -> Self {
        Self { source, digest, admission, tag_unbound, children, signatures }
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
        let counting = self.signatures.iter().filter(|f| f.code == SignatureCode::Verified);
        counting.filter_map(|finding| finding.key).collect()
    }
}
