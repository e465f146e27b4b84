//! What comes beside the signature: key or certificates, log entries, timestamps. Only its shape is checked here.

use super::{MAX_ENTRIES, Version};
use crate::reading::fields::{Fields, ShapeError};
use crate::rekor::{MAX_INDEX, MAX_TIME};
use serde_json::Value;

/// Most certificates of a chain. Real ones have at most two besides the root, which is never taken from a bundle.
pub(super) const MAX_CERTIFICATES: usize = 8;
/// Most hashes of an inclusion proof: the height of a tree of 2^64 entries.
const MAX_HASHES: usize = 64;

/// The verification material of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VerificationMaterial {
    /// In DER, the signer's own first; none when it was signed with a bare key.
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) entries: Vec<LogEntry>,
    /// RFC 3161 tokens in DER.
    pub(super) timestamps: Vec<Vec<u8>>,
}

/// An entry of a transparency log (sigstore_rekor.proto). All of it is claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogEntry {
    pub(super) index: u64,
    pub(super) log_id: Vec<u8>,
    pub(super) kind: String,
    pub(super) kind_version: String,
    /// Seconds since 1970; logs of the second generation have none.
    pub(super) integrated_time: Option<u64>,
    /// The log's signature over entry, index and time.
    pub(super) promise: Option<Vec<u8>>,
    pub(super) proof: Option<InclusionProof>,
    /// The entry as it was logged, JSON.
    pub(super) body: Vec<u8>,
}

/// How an entry hashes up to a checkpoint that the log signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InclusionProof {
    pub(super) index: u64,
    pub(super) root_hash: Vec<u8>,
    pub(super) tree_size: u64,
    pub(super) hashes: Vec<Vec<u8>>,
    /// A signed note; empty when there is none.
    pub(super) checkpoint: String,
}

/// Members of `verificationMaterial` in all versions that are read (sigstore/protobuf-specs, sigstore_bundle.proto).
pub const MATERIAL: [&str; 5] = [
    "publicKey",
    "certificate",
    "x509CertificateChain",
    "tlogEntries",
    "timestampVerificationData",
];

impl VerificationMaterial {
    pub(super) fn read(value: &Value, version: Version) -> Result<Self, ShapeError> {
        let material = Fields::among("verificationMaterial", value, &MATERIAL)?;
        let present = (
            material.present("publicKey"),
            material.present("certificate"),
            material.present("x509CertificateChain"),
        );
        let certificates = match present {
            (Some(key), None, None) => read_key(key)?,
            (None, Some(only), None) => vec![read_certificate(only)?],
            (None, None, Some(_)) if version == Version::V0_3 => {
                return Err(ShapeError::new("a bundle of version 0.3 has no certificate chain"));
            }
            (None, None, Some(chain)) => read_chain(chain)?,
            _ => return Err(ShapeError::new("the bundle does not have exactly one material")),
        };
        let entries = material.list("tlogEntries")?;
        let timestamps = match material.present("timestampVerificationData") {
            Some(data) => Fields::among("timestampVerificationData", data, &["rfc3161Timestamps"])?
                .list("rfc3161Timestamps")?,
            None => &[],
        };
        if entries.len() > MAX_ENTRIES || timestamps.len() > MAX_ENTRIES {
            return Err(ShapeError::new("the bundle has more than 32 log entries or timestamps"));
        }
        Ok(Self {
            certificates,
            entries: entries.iter().map(LogEntry::read).collect::<Result<_, _>>()?,
            timestamps: timestamps.iter().map(read_timestamp).collect::<Result<_, _>>()?,
        })
    }
}

/// Line breaks in the base64, which some tools put in, are ignored as other readers do.
fn read_timestamp(value: &Value) -> Result<Vec<u8>, ShapeError> {
    let timestamp = Fields::among("a timestamp", value, &["signedTimestamp"])?;
    let text = timestamp.text("signedTimestamp")?.replace(['\r', '\n'], "");
    timestamp.decoded("signedTimestamp", &Value::String(text))
}

/// The hint helps others to find the key. Here trusted keys decide, so it is read and forgotten.
fn read_key(value: &Value) -> Result<Vec<Vec<u8>>, ShapeError> {
    let key = Fields::among("publicKey", value, &["hint"])?;
    key.present("hint").map(|_| key.text("hint")).transpose()?;
    Ok(Vec::new())
}

fn read_certificate(value: &Value) -> Result<Vec<u8>, ShapeError> {
    Fields::among("a certificate", value, &["rawBytes"])?.bytes("rawBytes")
}

fn read_chain(value: &Value) -> Result<Vec<Vec<u8>>, ShapeError> {
    let chain = Fields::among("x509CertificateChain", value, &["certificates"])?;
    let certificates = chain.list("certificates")?;
    if certificates.is_empty() || certificates.len() > MAX_CERTIFICATES {
        return Err(chain.not("certificates", "a list of 1 to 8 certificates"));
    }
    certificates.iter().map(read_certificate).collect()
}

impl LogEntry {
    fn read(value: &Value) -> Result<Self, ShapeError> {
        let known = [
            "logIndex",
            "logId",
            "kindVersion",
            "integratedTime",
            "inclusionPromise",
            "inclusionProof",
            "canonicalizedBody",
        ];
        let entry = Fields::among("a log entry", value, &known)?;
        let log_id = Fields::among("logId", entry.need("logId")?, &["keyId"])?;
        let kind = Fields::among("kindVersion", entry.need("kindVersion")?, &["kind", "version"])?;
        let promise = entry.present("inclusionPromise").map(|promise| {
            Fields::among("inclusionPromise", promise, &["signedEntryTimestamp"])?
                .bytes("signedEntryTimestamp")
        });
        Ok(Self {
            index: entry.number_to("logIndex", MAX_INDEX)?,
            log_id: log_id.bytes("keyId")?,
            kind: kind.text("kind")?.to_owned(),
            kind_version: kind.text("version")?.to_owned(),
            integrated_time: Some(entry.number_to("integratedTime", MAX_TIME)?)
                .filter(|time| *time > 0),
            promise: promise.transpose()?,
            proof: entry.present("inclusionProof").map(InclusionProof::read).transpose()?,
            body: entry.bytes("canonicalizedBody")?,
        })
    }
}

impl InclusionProof {
    fn read(value: &Value) -> Result<Self, ShapeError> {
        let known = ["logIndex", "rootHash", "treeSize", "hashes", "checkpoint"];
        let proof = Fields::among("inclusionProof", value, &known)?;
        let hashes = proof.list("hashes")?;
        if hashes.len() > MAX_HASHES {
            return Err(proof.not("hashes", "a list of at most 64 hashes"));
        }
        let checkpoint = match proof.present("checkpoint") {
            Some(value) => {
                let checkpoint = Fields::among("checkpoint", value, &["envelope"])?;
                checkpoint.present("envelope").map(|_| checkpoint.text("envelope")).transpose()?
            }
            None => None,
        };
        Ok(Self {
            index: proof.number_to("logIndex", MAX_INDEX)?,
            root_hash: proof.bytes("rootHash")?,
            tree_size: proof.number("treeSize")?,
            hashes: hashes
                .iter()
                .map(|hash| proof.decoded("hashes", hash))
                .collect::<Result<_, _>>()?,
            checkpoint: checkpoint.unwrap_or_default().to_owned(),
        })
    }
}
