//! What a verified bundle proves, for the report.

use crate::keys::Fingerprint;
use bundle_oci::{Digest, Manifest};

/// What must have been signed.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A manifest or index: by SHA-256 in a statement, or its very bytes.
    Manifest(&'a Manifest),
    /// Any bytes. A statement may also name them by SHA-512.
    Artifact(&'a [u8]),
    /// Something of which only the SHA-256 is known. Not enough for signatures that need the bytes (Ed25519) or another
    /// hash of them.
    Sha256(Digest),
    /// Something of which only the SHA-512 is known, as package registries sign it. Only for statements.
    Sha512(&'a [u8; 64]),
}

/// What was proven, each part of it checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Who signed.
    pub signer: Signer,
    /// What the signer said about the subject.
    pub claim: Claim,
    /// Every log entry, each verified and bound to this signature. Empty only where no log is trusted.
    pub log: Vec<LogRecord>,
    /// Times of RFC 3161 timestamps over the signature, in seconds since 1970.
    pub timestamps: Vec<i64>,
    /// Timestamps that were not checked, because no timestamp authority is trusted. Only with keys, where a time is no
    /// part of the proof.
    pub unchecked_timestamps: usize,
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// The holder of a trusted key.
    Key(Fingerprint),
    /// Somebody whom an authority certified.
    Certificate {
        /// The demanded identity, which the certificate has among its subject alternative names.
        identity: String,
        /// Who vouched for the identity to the authority.
        issuer: String,
        /// The key that the certificate is for.
        key: Fingerprint,
        /// The certificate is proven to be in a certificate transparency log. False where the trusted root has no key
        /// of one.
        sct_verified: bool,
    },
}

/// What a signature says about its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The content itself is signed: its bytes, or cosign's statement that says no more than that.
    Signature,
    /// A statement about the content, with this predicate type. It is no signature of an image.
    Attestation(String),
}

/// An entry of a transparency log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Identifier of the log in lower-case hex; for ECDSA keys their fingerprint.
    pub log_id: String,
    /// Its place in the log, as far as a proof or promise covers it.
    pub index: u64,
    /// When the log says that it took it in, in seconds since 1970, if the log promised that.
    pub integrated_time: Option<i64>,
}
