//! Simple signatures with a certificate (VERIFY §3): what their annotations say is put together as a bundle and goes
//! through the same door.
//!
//! Only the layer's own signature is judged here. What its payload says about which image is the next question.

use super::material::{LogEntry, MAX_CERTIFICATES, VerificationMaterial};
use super::proof::{Evidence, Subject};
use super::{Bundle, BundleFailure, Cause, Content, KeylessPolicy, Version, leaf};
use crate::oci::Digest;
use crate::trust::fields::{Fields, ShapeError, document};
use crate::trust::pem;
use std::collections::BTreeMap;

/// The signer's certificate, one PEM block. Old text has the second name.
pub const CERTIFICATE_ANNOTATIONS: [&str; 2] =
    ["dev.sigstore.cosign/certificate", "dev.cosignproject.cosign/certificate"];
/// The certificates above it, in PEM.
pub const CHAIN_ANNOTATION: &str = "dev.sigstore.cosign/chain";
/// The log's promise (SET), JSON.
pub const LOG_ANNOTATION: &str = "dev.sigstore.cosign/bundle";
/// A timestamp over the signature, JSON.
pub const TIMESTAMP_ANNOTATION: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// Verifies `signature` over the raw `payload` of a simple-signing layer with the certificate in its annotations. What
/// is mandatory follows from the root, as in [`Bundle::verify_keyless`]; the log's promise is its proof.
///
/// # Errors
/// [`BundleFailure`]; [`Cause::OtherMaterial`] when there is no certificate.
pub fn verify_keyless(
    annotations: &BTreeMap<String, String>,
    payload: &[u8],
    signature: &[u8],
    policy: &KeylessPolicy,
) -> Result<Evidence, BundleFailure> {
    let entries: Vec<LogEntry> = annotations
        .get(LOG_ANNOTATION)
        .map(|text| read_promise(text))
        .transpose()?
        .into_iter()
        .collect();
    let timestamps =
        annotations.get(TIMESTAMP_ANNOTATION).map(|text| read_timestamp(text)).transpose()?;
    let bundle = Bundle {
        // The version in which a promise proves; without one, the version that does not demand it.
        version: if entries.is_empty() { Version::V0_2 } else { Version::V0_1 },
        content: Content::Message {
            digest: Some(Digest::of(payload).as_bytes().to_vec()),
            signature: signature.to_vec(),
        },
        material: VerificationMaterial {
            certificates: read_certificates(annotations)?,
            entries,
            timestamps: timestamps.into_iter().collect(),
        },
    };
    bundle.verify_keyless(policy, Subject::Artifact(payload))
}

/// The signer's certificate and what leads to a root. cosign adds the root itself; it is left out, because none is taken
/// from a signature.
fn read_certificates(
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<Vec<u8>>, BundleFailure> {
    let malformed = |detail: String| BundleFailure::new(Cause::Malformed, detail);
    let mut texts = CERTIFICATE_ANNOTATIONS.iter().filter_map(|name| annotations.get(*name));
    let Some(text) = texts.next() else {
        return Err(BundleFailure::new(Cause::OtherMaterial, "it has no certificate"));
    };
    if texts.any(|other| other != text) {
        return Err(malformed("two annotations hold two certificates".into()));
    }
    let blocks = |text: &str| {
        pem::certificate_blocks(text.as_bytes())
            .map_err(|error| malformed(format!("its certificate: {error}")))
    };
    let mut certificates = blocks(text)?;
    if certificates.len() != 1 {
        return Err(malformed("the annotation has not one certificate".into()));
    }
    let chain = annotations.get(CHAIN_ANNOTATION).filter(|text| !text.trim().is_empty());
    let chain = chain.map(|text| blocks(text)).transpose()?.unwrap_or_default();
    if chain.len() > MAX_CERTIFICATES {
        return Err(malformed("its chain has more than 8 certificates".into()));
    }
    for certificate in chain {
        if !leaf::is_self_issued(&certificate)? {
            certificates.push(certificate);
        }
    }
    Ok(certificates)
}

/// A SET as cosign keeps it: the log's signature, and what it is over.
fn read_promise(text: &str) -> Result<LogEntry, BundleFailure> {
    let value = document("the log annotation", text.as_bytes())?;
    let outer =
        Fields::exactly("the log annotation", &value, &["SignedEntryTimestamp", "Payload"])?;
    let keys = ["body", "integratedTime", "logIndex", "logID"];
    let payload = Fields::exactly("its Payload", outer.need("Payload")?, &keys)?;
    let integer = |key: &str| {
        let number = payload.need(key)?.as_u64().filter(|number| i64::try_from(*number).is_ok());
        number.ok_or_else(|| payload.not(key, "a number from 0 to 2^63-1"))
    };
    let log_id: Digest = format!("sha256:{}", payload.text("logID")?)
        .parse()
        .map_err(|_| payload.not("logID", "64 lower-case hex digits"))?;
    let body = payload.bytes("body")?;
    let (kind, kind_version) = kind_of(&body)?;
    if (kind.as_str(), kind_version.as_str()) != ("hashedrekord", "0.0.1") {
        let detail = format!("a log entry of kind {kind:?} in version {kind_version:?}");
        return Err(BundleFailure::new(Cause::Unsupported, detail));
    }
    Ok(LogEntry {
        index: integer("logIndex")?,
        log_id: log_id.as_bytes().to_vec(),
        kind,
        kind_version,
        integrated_time: Some(integer("integratedTime")?),
        promise: Some(outer.bytes("SignedEntryTimestamp")?),
        proof: None,
        body,
    })
}

fn kind_of(body: &[u8]) -> Result<(String, String), ShapeError> {
    let value = document("the log entry's body", body)?;
    let fields = Fields::open("the log entry's body", &value, &["kind", "apiVersion", "spec"])?;
    Ok((fields.text("kind")?.to_owned(), fields.text("apiVersion")?.to_owned()))
}

fn read_timestamp(text: &str) -> Result<Vec<u8>, BundleFailure> {
    let value = document("the timestamp annotation", text.as_bytes())?;
    let keys = ["SignedRFC3161Timestamp"];
    Ok(Fields::exactly("the timestamp annotation", &value, &keys)?.bytes(keys[0])?)
}
