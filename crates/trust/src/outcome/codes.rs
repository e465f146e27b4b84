//! Stable codes: what became of a signature, and why an image is refused.

use super::declare::codes;

codes! {
    /// What became of one signature or attestation.
    SignatureCode {
        Verified = "verified": "a trusted key signed this content under this name",
        NameUnbound = "name-unbound": "a trusted key signed this content, but neither signature nor bundle binds the name",
        AttestationVerified = "attestation-verified": "a trusted signer made this attestation of this content",
        Attestation = "attestation": "an attestation that no trusted signer is known to have made; no signature of the image",
        NotASignature = "not-a-signature": "something else that is attached",
        NoKey = "no-key": "no trusted key is meant for this image, so nothing was checked",
        SignatureWrongKey = "signature-wrong-key": "no trusted key made this signature over this content",
        SignatureInvalid = "signature-invalid": "the signature is not a signature of any supported form",
        SignatureMissing = "signature-missing": "the layer has no signature annotation",
        PayloadMalformed = "payload-malformed": "the signed payload does not have the prescribed form",
        PayloadTypeUnsupported = "payload-type-unsupported": "the envelope holds something that is not an in-toto statement",
        DigestMismatch = "digest-mismatch": "a trusted key signed this, but for other content",
        IdentityMismatch = "identity-mismatch": "a trusted key signed this content under another name",
        BundleMalformed = "bundle-malformed": "the Sigstore bundle, or what stands beside the signature in its place, is not of the prescribed form",
        BundleUnsupported = "bundle-unsupported": "the version of the Sigstore bundle, or something in it, is not supported",
        SignatureCount = "signature-count": "the envelope does not have exactly one signature",
        CertificateUnsupported = "certificate-unsupported": "signed with a certificate, and no identity is trusted for this image",
        CertificateMissing = "certificate-missing": "only certificates are trusted for this image, and the signature has none",
        CertificateMalformed = "certificate-malformed": "the certificate or its chain is not of the prescribed form",
        CertificateUntrusted = "certificate-untrusted": "the certificate does not chain to a trusted authority",
        CertificateExpired = "certificate-expired": "the certificate was not valid when the signature was made",
        CertificateMismatch = "certificate-mismatch": "the certificate names another identity or another issuer",
        LogEntryMissing = "log-entry-missing": "a transparency log entry is demanded, and the signature has none",
        LogEntryMalformed = "log-entry-malformed": "the transparency log entry is not of the prescribed form",
        LogEntryUntrusted = "log-entry-untrusted": "no trusted log made this log entry",
        LogEntryUnbound = "log-entry-unbound": "a trusted log made the entry, but for another signature, content or signer",
        TimeMissing = "time-missing": "nothing proves when the signature was made",
        TimestampInvalid = "timestamp-invalid": "a timestamp is not by a trusted authority, or for something else",
        CertificateUnlogged = "certificate-unlogged": "the certificate has no valid proof that it was logged (SCT)",
        OpenPgpMalformed = "openpgp-malformed": "not an OpenPGP message with exactly one signature inside",
        OpenPgpWeak = "openpgp-weak": "the OpenPGP signature rests on an algorithm or a key that is too weak",
        KeyExpired = "key-expired": "the signing key had expired",
        KeyRevoked = "key-revoked": "the signing key is revoked",
        KeyUnusable = "key-unusable": "the signing key may not make such signatures",
        SignatureExpired = "signature-expired": "the signature has expired, or is from the future",
        FormNotInPolicy = "form-not-in-policy": "container runtimes, which policy.json is written for, check no signatures of this form or in this place",
        ManifestMalformed = "manifest-malformed": "the manifest that should hold signatures cannot",
        TooManyLayers = "too-many-layers": "the signature manifest has more layers than are read",
        TooLarge = "too-large": "the content is larger than the limit",
        ContentMismatch = "content-mismatch": "the content is not what its descriptor says",
        Missing = "missing": "the attachment or its subject is missing",
        Unreadable = "unreadable": "the attachment could not be read",
    }
}

impl SignatureCode {
    /// True for what a trusted signer made of just this content.
    pub(crate) const fn is_verified(self) -> bool {
        matches!(self, Self::Verified | Self::AttestationVerified)
    }

    /// True for what a trusted signer made of just this content, whether or not it admits an image: it may lack a name,
    /// or be of a form that no runtime looks at.
    pub const fn is_by_a_trusted_signer(self) -> bool {
        self.is_verified() || matches!(self, Self::NameUnbound | Self::FormNotInPolicy)
    }

    /// How much a code says of a signature: where several anchors are tried, the outcome that says most is reported. A
    /// signature by a trusted signer over something else says more than one by nobody who is known.
    pub(crate) const fn telling(self) -> u8 {
        match self {
            Self::Verified | Self::AttestationVerified => 6,
            Self::NameUnbound => 5,
            Self::IdentityMismatch
            | Self::DigestMismatch
            | Self::PayloadMalformed
            | Self::PayloadTypeUnsupported => 4,
            Self::LogEntryMissing
            | Self::LogEntryMalformed
            | Self::LogEntryUntrusted
            | Self::LogEntryUnbound
            | Self::TimeMissing
            | Self::TimestampInvalid
            | Self::CertificateExpired
            | Self::CertificateMismatch
            | Self::CertificateUnlogged
            | Self::KeyExpired
            | Self::KeyRevoked
            | Self::KeyUnusable
            | Self::OpenPgpWeak
            | Self::SignatureExpired => 3,
            Self::CertificateUntrusted | Self::CertificateMalformed => 2,
            Self::NoKey | Self::CertificateMissing | Self::CertificateUnsupported => 0,
            _ => 1,
        }
    }
}

codes! {
    /// Why an image is not admitted.
    RefusalCode {
        NoAnchor = "no-anchor": "no trusted key or rule covers this image",
        NoSignature = "no-signature": "a key covers the image, but it has no signature",
        NoTrustedSignature = "no-trusted-signature": "no signature of the image verifies under a trusted key",
        NameUnbound = "name-unbound": "the content is signed, but nothing binds it to this name",
        ThresholdNotMet = "threshold-not-met": "fewer distinct signers than are demanded",
        PlaceProtected = "place-protected": "the target repository is protected for another source, and what would admit this image is less than a trusted signature",
        AttestationMissing = "attestation-missing": "an attestation that is demanded is not there, or not by a trusted signer",
        PolicyRejects = "policy-rejects": "the policy rejects this image",
        PolicyUnusable = "policy-unusable": "the policy for this image cannot be evaluated",
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
        AttestationUnbound = "attestation-unbound": "the unsigned index lists an attestation for a manifest that it does not list, or one that is not an attestation",
    }
}
