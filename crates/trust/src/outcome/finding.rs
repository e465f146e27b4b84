//! A finding for each signature, attestation or other attachment.

use super::SignatureCode;
use super::judgement::Judgement;
use super::signer::{CertificateIdentity, LogEvidence, Signer};
use crate::keys::Fingerprint;
use crate::openpgp::OpenPgpFingerprint;
use bundle_oci::Digest;
use serde::Serialize;

/// How an attachment was found when it was packed. Reported, never a reason to trust it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// By a tag of cosign's scheme, such as `sha256-….sig`.
    Tag(String),
    /// As an OCI 1.1 referrer.
    Referrer,
    /// As a GPG signature with this name, kept outside manifests.
    Atomic(String),
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
    /// A GPG signature kept outside manifests.
    Atomic,
    /// Anything else.
    Other,
}

/// What was found out about one signature, attestation or other attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignatureFinding {
    /// The manifest it is attached to.
    pub subject: Digest,
    /// The manifest that holds it; of a GPG signature, its own blob.
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
    /// Whom its trusted certificate names. Present also where something else is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<CertificateIdentity>,
    /// The trusted OpenPGP key that made it, by its primary key. Present also where something else is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openpgp: Option<OpenPgpFingerprint>,
    /// The anchor that it was checked under: the option or the place in the policy that matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<String>,
    /// Log entries that were verified and are bound to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogEvidence>,
    /// Times that trusted timestamp authorities signed (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timestamps: Vec<String>,
    /// Type of the predicate, where it is a statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate_type: Option<String>,
    /// What became of it.
    pub code: SignatureCode,
    /// More for people; bounded, but not escaped for a terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where a trusted signer signed this content under another name: host and path of that name.
    #[serde(skip)]
    pub signed_name: Option<String>,
    /// Container runtimes find it where it is, and have rules under which they accept what proves it.
    #[serde(skip)]
    pub for_runtimes: bool,
    /// Container runtimes have rules under which they accept what proves it, wherever it is.
    #[serde(skip)]
    pub provable: bool,
    /// The place of the layer in its manifest.
    #[serde(skip)]
    pub position: usize,
}

impl SignatureFinding {
    pub(crate) fn set(mut self, judgement: Judgement) -> Self {
        self.code = judgement.code;
        match judgement.signer {
            Some(Signer::Key(fingerprint)) => self.key = Some(fingerprint),
            Some(Signer::Certificate(identity)) => self.identity = Some(identity),
            Some(Signer::OpenPgp(fingerprint)) => self.openpgp = Some(fingerprint),
            None => {}
        }
        self.provable = !judgement.proof.beyond_runtimes;
        self.for_runtimes &= self.provable;
        self.logs = judgement.proof.logs;
        self.timestamps = judgement.proof.timestamps;
        self.predicate_type = judgement.predicate_type.map(String::from);
        self.anchor = judgement.anchor.map(String::from);
        self.signed_name = judgement.proof.signed_name.map(String::from);
        self.detail = judgement.detail.map(String::from);
        self
    }

    /// A finding about which nothing is known yet.
    pub(crate) fn blank(subject: Digest, manifest: Digest, form: Form, found: Found) -> Self {
        Self {
            subject,
            manifest,
            layer: None,
            form,
            found,
            key: None,
            identity: None,
            openpgp: None,
            anchor: None,
            logs: Vec::new(),
            timestamps: Vec::new(),
            predicate_type: None,
            code: SignatureCode::NotASignature,
            detail: None,
            signed_name: None,
            for_runtimes: true,
            provable: true,
            position: 0,
        }
    }

    /// Who made it, if anybody trusted did.
    pub fn signer(&self) -> Option<Signer> {
        let certificate = || self.identity.clone().map(Signer::Certificate);
        let openpgp = || self.openpgp.map(Signer::OpenPgp);
        self.key.map(Signer::Key).or_else(certificate).or_else(openpgp)
    }

    /// True for what container runtimes check under a policy: simple signatures where and as they look for them, and
    /// GPG signatures (docs/spec/verification.md §12.5).
    pub fn is_for_runtimes(&self) -> bool {
        matches!(self.form, Form::SimpleSigning | Form::Atomic) && self.for_runtimes
    }

    /// True for a verified signature that container runtimes would check, did it lie where they look.
    pub fn is_misplaced(&self) -> bool {
        self.code == SignatureCode::Verified
            && self.form == Form::SimpleSigning
            && self.provable
            && !self.for_runtimes
    }

    /// True for what claims to sign the image, verified or not.
    pub fn claims_to_sign(&self) -> bool {
        self.form != Form::Envelope
            && !matches!(
                self.code,
                SignatureCode::AttestationVerified
                    | SignatureCode::Attestation
                    | SignatureCode::NotASignature
            )
    }
}
