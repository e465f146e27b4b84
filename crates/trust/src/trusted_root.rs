//! What a pinned `trusted_root.json` makes trustworthy: certificate authorities, logs and timestamp authorities
//! (sigstore/protobuf-specs, sigstore_trustroot.proto, in JSON).
//!
//! The file is read once, everything in it must be usable, and what it became is shared by all verifications.

use crate::Algorithm;
use crate::keys::PublicKey;
use crate::reading::fields::{Fields, ShapeError, document};
use crate::reading::text::{bounded, explain};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::digest::hex;
use serde_json::{Value, json};
use sigstore_types::TimeRange;
use sigstore_verify::Verifier;
use sigstore_verify::crypto::VerificationKey;
use std::collections::BTreeSet;
use std::fmt;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// Largest file read. The one of the public instance has 7 KiB.
pub const MAX_TRUSTED_ROOT: usize = 1 << 20;

const MEDIA_TYPES: [&str; 3] = [
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
];
const LISTS: [&str; 4] = ["tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"];

/// Roots of trust, ready to verify with; every key and certificate in it was read.
///
/// What it names becomes mandatory: log entries where it has a transparency log, certificate timestamps where it has a
/// certificate transparency log. So a root without them is a statement of who pins it, not an omission of the bundle.
pub struct TrustedRoot {
    bytes: Vec<u8>,
    verifier: Verifier,
    logs: Vec<TrustedLog>,
    ct_logs: usize,
    timestamp_authorities: usize,
}

/// A transparency log of a trusted root.
pub(super) struct TrustedLog {
    /// What entries name it by. The first four bytes name its signatures on checkpoints.
    pub(super) id: Vec<u8>,
    pub(super) key: VerificationKey,
    pub(super) valid_for: Option<TimeRange>,
}

/// Why a file is no trusted root that can be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustedRootError {
    /// Longer than [`MAX_TRUSTED_ROOT`].
    #[error("the file has {0} bytes, more than the {MAX_TRUSTED_ROOT} of a trusted root")]
    TooLarge(usize),
    /// Not the prescribed shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A version that is not known.
    #[error("trusted roots of type {0:?} are not supported")]
    Version(String),
    /// A log or an authority of which it is not said since when it may be trusted.
    #[error("{0} does not say since when it is valid (validFor.start)")]
    NoStart(String),
    /// An authority's certificate that cannot be read.
    #[error("{0} has a certificate that cannot be read")]
    Certificate(String),
    /// No log and no authority: nothing could ever be verified with it.
    #[error("it names no log and no authority")]
    Empty,
    /// A key that cannot be the key of a log whose entries are checked.
    #[error("a log key must be an ECDSA key on P-256 or P-384, this one is {0}")]
    LogKey(Algorithm),
    /// Keys, certificates or periods that make no sense, or are of an unsupported kind.
    #[error("it cannot be used: {0}")]
    Unusable(String),
}

impl TrustedRoot {
    /// Reads a `trusted_root.json`.
    ///
    /// # Errors
    /// [`TrustedRootError`]: unknown versions and keys; a log or an authority without the start of its validity; any key
    /// or certificate that cannot be used, because an anchor that is silently left out would only show as a refusal of
    /// something else.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustedRootError> {
        if bytes.len() > MAX_TRUSTED_ROOT {
            return Err(TrustedRootError::TooLarge(bytes.len()));
        }
        let value = document("the trusted root", bytes)?;
        check_shape(&value)?;
        Ok(Self { bytes: bytes.to_vec(), ..Self::build(value)? })
    }

    /// A root that holds nothing but transparency logs: what `--rekor-key` says. Each is valid at any time.
    ///
    /// # Errors
    /// Keys that are not ECDSA on P-256 or P-384: the identifier of other logs does not follow from their key.
    pub fn of_log_keys(keys: &[PublicKey]) -> Result<Self, TrustedRootError> {
        let mut seen = BTreeSet::new();
        let distinct = keys.iter().filter(|key| seen.insert(key.fingerprint()));
        Self::build(document_of_logs(distinct)?)
    }

    /// The file that it was read from; empty for one that was made of keys.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// True when it names the log with this identifier, in lower-case hex.
    pub fn names_log(&self, id: &str) -> bool {
        self.logs.iter().any(|log| hex(&log.id) == id)
    }

    /// True when signing certificates must be proven to be in a certificate transparency log.
    pub fn has_ct_keys(&self) -> bool {
        self.ct_logs > 0
    }

    /// True when it names a transparency log.
    pub fn has_logs(&self) -> bool {
        !self.logs.is_empty()
    }

    /// True when it names a timestamp authority.
    pub fn has_timestamp_authorities(&self) -> bool {
        self.timestamp_authorities > 0
    }

    pub(super) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    pub(super) fn log(&self, id: &[u8]) -> Option<&TrustedLog> {
        self.logs.iter().find(|log| log.id == id)
    }

    fn build(value: Value) -> Result<Self, TrustedRootError> {
        let unusable = |error: &dyn std::error::Error| TrustedRootError::Unusable(explain(error));
        let mut root: sigstore_trust_root::TrustedRoot =
            serde_json::from_value(value).map_err(|error| unusable(&error))?;
        if root.tlogs.is_empty()
            && root.certificate_authorities.is_empty()
            && root.timestamp_authorities.is_empty()
        {
            return Err(TrustedRootError::Empty);
        }
        for (place, authority) in root.certificate_authorities.iter_mut().enumerate() {
            let name = named("certificateAuthorities", place, &authority.uri);
            let chain = authority.cert_chain.certificates.iter().map(|c| c.raw_bytes.as_bytes());
            authority.valid_for = narrowed(authority.valid_for, chain, name)?;
        }
        for (place, authority) in root.timestamp_authorities.iter_mut().enumerate() {
            let name =
                named("timestampAuthorities", place, authority.uri.as_deref().unwrap_or_default());
            let chain = authority.cert_chain.certificates.iter().map(|c| c.raw_bytes.as_bytes());
            authority.valid_for = narrowed(authority.valid_for, chain, name)?;
        }
        let verifier = Verifier::new(&root).map_err(|error| unusable(&error))?;
        let logs = root.tlogs.iter().map(|log| {
            let key = VerificationKey::from_spki(&log.public_key.raw_bytes)
                .map_err(|error| unusable(&error))?;
            let id = log.log_id.key_id.as_bytes().to_vec();
            Ok(TrustedLog { id, key, valid_for: log.public_key.valid_for })
        });
        Ok(Self {
            bytes: Vec::new(),
            logs: logs.collect::<Result<_, TrustedRootError>>()?,
            ct_logs: root.ctlogs.len(),
            timestamp_authorities: root.timestamp_authorities.len(),
            verifier,
        })
    }
}

impl fmt::Debug for TrustedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustedRoot")
            .field("logs", &self.logs.len())
            .field("ct_logs", &self.ct_logs)
            .field("timestamp_authorities", &self.timestamp_authorities)
            .finish_non_exhaustive()
    }
}

/// A root that names these logs and nothing else, each valid at any time.
fn document_of_logs<'a>(
    keys: impl Iterator<Item = &'a PublicKey>,
) -> Result<Value, TrustedRootError> {
    let logs = keys.map(|key| {
        let details = match key.algorithm() {
            Algorithm::EcdsaP256 => "PKIX_ECDSA_P256_SHA_256",
            Algorithm::EcdsaP384 => "PKIX_ECDSA_P384_SHA_384",
            other => return Err(TrustedRootError::LogKey(other)),
        };
        Ok(json!({
            "baseUrl": "",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": STANDARD.encode(key.spki()),
                "keyDetails": details,
                "validFor": {"start": "1970-01-01T00:00:00Z"},
            },
            "logId": {"keyId": STANDARD.encode(key.fingerprint().as_bytes())},
        }))
    });
    let logs = logs.collect::<Result<Vec<Value>, _>>()?;
    Ok(json!({"mediaType": MEDIA_TYPES[0], "tlogs": logs}))
}

/// The text of a trusted root that names one log.
#[cfg(any(test, feature = "testing"))]
pub fn text_of_log(key: &PublicKey) -> String {
    document_of_logs(std::iter::once(key)).expect("a key of a log").to_string()
}

/// Unknown keys and missing periods are found before the types of the library, which ignore both.
fn check_shape(value: &Value) -> Result<(), TrustedRootError> {
    let known: Vec<&str> = LISTS.into_iter().chain(["mediaType"]).collect();
    let version = Fields::open("the trusted root", value, &known)?.text("mediaType")?;
    if !MEDIA_TYPES.contains(&version) {
        return Err(TrustedRootError::Version(bounded(version)));
    }
    let root = Fields::among("the trusted root", value, &known)?;
    for list in LISTS {
        for (place, item) in root.list(list)?.iter().enumerate() {
            if list.ends_with("logs") {
                check_log(list, place, item)
            } else {
                check_authority(list, place, item)
            }?;
        }
    }
    Ok(())
}

fn check_log(list: &str, place: usize, item: &Value) -> Result<(), TrustedRootError> {
    let known = ["baseUrl", "hashAlgorithm", "publicKey", "logId", "checkpointKeyId", "operator"];
    let log = Fields::among("a log", item, &known)?;
    let name = named(list, place, log.text("baseUrl")?);
    let keys = ["rawBytes", "keyDetails", "validFor"];
    let key = Fields::among("a log's key", log.need("publicKey")?, &keys)?;
    Fields::among("a log's identifier", log.need("logId")?, &["keyId"])?;
    check_period(&key, name)
}

fn check_authority(list: &str, place: usize, item: &Value) -> Result<(), TrustedRootError> {
    let known = ["subject", "uri", "certChain", "validFor", "operator"];
    let authority = Fields::among("an authority", item, &known)?;
    let uri = authority.present("uri").map(|_| authority.text("uri")).transpose()?;
    check_period(&authority, named(list, place, uri.unwrap_or_default()))
}

fn check_period(holder: &Fields<'_>, name: String) -> Result<(), TrustedRootError> {
    let Some(period) = holder.present("validFor") else {
        return Err(TrustedRootError::NoStart(name));
    };
    let period = Fields::among("validFor", period, &["start", "end"])?;
    if period.present("start").is_none() {
        return Err(TrustedRootError::NoStart(name));
    }
    Ok(())
}

fn named(list: &str, place: usize, uri: &str) -> String {
    format!("{list}[{place}] ({:?})", bounded(uri))
}

/// The part of a period in which all of the authority's own certificates were valid: the library takes each of them as
/// an anchor, and an anchor's own validity is not looked at.
fn narrowed<'a>(
    period: Option<TimeRange>,
    chain: impl Iterator<Item = &'a [u8]>,
    name: String,
) -> Result<Option<TimeRange>, TrustedRootError> {
    let Some(mut period) = period else {
        return Err(TrustedRootError::NoStart(name));
    };
    for der in chain {
        let broken = || TrustedRootError::Certificate(name.clone());
        let certificate = Certificate::from_der(der).map_err(|_| broken())?;
        let validity = certificate.tbs_certificate().validity();
        let start = validity.not_before.to_system_time().try_into().map_err(|_| broken())?;
        period.start = period.start.max(start);
        // The last moment of the year 9999, which says that a certificate never expires (RFC 5280 §4.1.2.5), is later
        // than what the library's times can be.
        if let Ok(end) = validity.not_after.to_system_time().try_into() {
            period.end = Some(period.end.map_or(end, |given| given.min(end)));
        }
    }
    Ok(Some(period))
}
