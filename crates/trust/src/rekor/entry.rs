//! A signed entry, step by step from the annotation to what it proves.

use super::error::SetError;
use super::log_key::LogKey;
use super::record::Record;
use super::verifier::Verifier;
use super::{MAX_ANNOTATION, MAX_INDEX, MAX_TIME};
use crate::reading::fields::{Fields, document};
use crate::{Fingerprint, ShapeError};
use bundle_oci::Digest;

/// What an entry must be about.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The bytes that were signed.
    pub payload: &'a [u8],
    /// The signature's bytes, after base64.
    pub signature: &'a [u8],
    /// Who is said to have signed.
    pub verifier: Verifier<'a>,
}

/// What a log proves about a signature that is bound to its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged {
    /// When the log took it in, in seconds since 1970: at least 1, at most [`MAX_TIME`].
    pub integrated_time: u64,
    /// Its place in the log.
    pub log_index: u64,
    /// The log.
    pub log_id: Fingerprint,
}

/// Checks the annotation `dev.sigstore.cosign/bundle`, all steps of docs/spec/verification.md §5.2 to §5.5: it has
/// exactly the prescribed shape, a trusted log has signed it, and it is about `entry`.
///
/// # Errors
/// [`SetError`], a variant for each cause.
pub fn verify(
    annotation: &str,
    log_keys: &[LogKey],
    entry: &Entry<'_>,
) -> Result<Logged, SetError> {
    SignedEntry::parse(annotation)?.authenticate(log_keys)?.bind(entry)
}

/// An entry as the annotation has it. Nothing about it is proven yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEntry {
    pub(crate) timestamp: Vec<u8>,
    /// The body as it was written, in base64: that is what the log signs.
    body: String,
    /// The same, decoded.
    pub(crate) record: Vec<u8>,
    pub(crate) logged: Logged,
}

impl SignedEntry {
    /// Reads an annotation.
    ///
    /// # Errors
    /// [`SetError::TooLarge`], [`SetError::Malformed`], [`SetError::Time`].
    pub fn parse(annotation: &str) -> Result<Self, SetError> {
        if annotation.len() > MAX_ANNOTATION {
            return Err(SetError::TooLarge(annotation.len()));
        }
        let value =
            document("the log's annotation", annotation.as_bytes()).map_err(SetError::Malformed)?;
        let top =
            Fields::exactly("the log's annotation", &value, &["SignedEntryTimestamp", "Payload"])
                .map_err(SetError::Malformed)?;
        let payload = Fields::exactly(
            "Payload of the log's annotation",
            top.need("Payload").map_err(SetError::Malformed)?,
            &["body", "integratedTime", "logIndex", "logID"],
        )
        .map_err(SetError::Malformed)?;
        let integrated_time = time(&payload)?;
        Self::read(&top, &payload, integrated_time).map_err(SetError::Malformed)
    }

    fn read(
        top: &Fields<'_>,
        payload: &Fields<'_>,
        integrated_time: u64,
    ) -> Result<Self, ShapeError> {
        let log_index = payload.need("logIndex")?.as_u64().filter(|index| *index <= MAX_INDEX);
        let log_id = format!("sha256:{}", payload.text("logID")?).parse();
        Ok(Self {
            timestamp: top.bytes("SignedEntryTimestamp")?,
            body: payload.text("body")?.to_owned(),
            record: payload.bytes("body")?,
            logged: Logged {
                integrated_time,
                log_index: log_index.ok_or_else(|| payload.not("logIndex", "a place in a log"))?,
                log_id: log_id.map_err(|_| payload.not("logID", "SHA-256 in lower-case hex"))?,
            },
        })
    }

    /// Checks the log's signature over the canonical form (RFC 8785) of what was read, which is rebuilt here and never
    /// taken from the annotation; then reads the body.
    ///
    /// # Errors
    /// [`SetError::UnknownLog`] when no key has the id that the entry names, [`SetError::Signature`] when that log did
    /// not sign, and those of a body that is no `hashedrekord`.
    pub fn authenticate(&self, log_keys: &[LogKey]) -> Result<AuthenticEntry, SetError> {
        let log_id = self.logged.log_id;
        let log = log_keys.iter().find(|log| log.id() == log_id);
        let log = log.ok_or(SetError::UnknownLog(log_id))?;
        log.key()
            .verify_log(self.canonical().as_bytes(), &self.timestamp)
            .map_err(SetError::Signature)?;
        Ok(AuthenticEntry { logged: self.logged, record: Record::parse(&self.record)? })
    }

    /// Keys in their order, no spaces. The values need no escapes: base64, hex and integers below 2^53.
    fn canonical(&self) -> String {
        let Logged { integrated_time, log_index, log_id } = self.logged;
        format!(
            r#"{{"body":"{}","integratedTime":{integrated_time},"logID":"{}","logIndex":{log_index}}}"#,
            self.body,
            log_id.hex()
        )
    }
}

/// An entry that a trusted log has signed. What it is about is not known before [`AuthenticEntry::bind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticEntry {
    logged: Logged,
    record: Record,
}

impl AuthenticEntry {
    /// Binds the entry to a signature. Without this a genuine entry about something else would do.
    ///
    /// # Errors
    /// [`SetError::VerifierForm`], [`SetError::OtherVerifier`], [`SetError::OtherSignature`],
    /// [`SetError::OtherPayload`].
    pub fn bind(&self, entry: &Entry<'_>) -> Result<Logged, SetError> {
        entry.verifier.check(&self.record.verifier)?;
        if self.record.signature != entry.signature {
            return Err(SetError::OtherSignature);
        }
        if self.record.digest != Digest::of(entry.payload) {
            return Err(SetError::OtherPayload);
        }
        Ok(self.logged)
    }
}

/// An integrated time within what a log can mean. Rekor's version 2 writes 0 for "no time".
fn time(payload: &Fields<'_>) -> Result<u64, SetError> {
    let value = payload.need("integratedTime").map_err(SetError::Malformed)?;
    let seconds = value
        .as_u64()
        .map(i128::from)
        .or_else(|| value.as_i64().map(i128::from))
        .ok_or_else(|| SetError::Malformed(payload.not("integratedTime", "an integer")))?;
    u64::try_from(seconds)
        .ok()
        .filter(|seconds| (1..=MAX_TIME).contains(seconds))
        .ok_or(SetError::Time(seconds))
}
