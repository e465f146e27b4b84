//! Simple signatures and bare envelopes with what accompanies them in annotations (docs/spec/verification.md §6.5): put
//! together as a bundle, they go through the same door.
//!
//! Only the layer's own signature is judged here. What a payload says about which image is the next question.

use super::material::{LogEntry, MAX_CERTIFICATES, VerificationMaterial};
use super::proof::{Evidence, Subject};
use super::{Bundle, BundleFailure, Cause, Content, KeylessPolicy, Version, leaf};
use crate::formats::dsse::Envelope;
use crate::keys::PublicKey;
use crate::reading::fields::{Fields, ShapeError, document};
use crate::reading::pem;
use crate::trusted_root::TrustedRoot;
use bundle_oci::{Digest, Manifest};
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

/// What was signed, and by what annotations it is accompanied in its layer.
#[derive(Debug, Clone, Copy)]
pub struct Accompanied<'a> {
    /// The layer's annotations.
    pub annotations: &'a BTreeMap<String, String>,
    /// What was signed.
    pub content: Accompanying<'a>,
}

/// What annotations of cosign's accompany.
#[derive(Debug, Clone, Copy)]
pub enum Accompanying<'a> {
    /// The raw payload of a simple signature, and the signature's bytes.
    Simple {
        /// The layer's bytes.
        payload: &'a [u8],
        /// The signature, after base64.
        signature: &'a [u8],
    },
    /// An envelope (`.att`), and what its statement must be about.
    Envelope {
        /// The envelope.
        envelope: &'a Envelope,
        /// What the statement must name.
        subject: &'a Manifest,
    },
}

impl Accompanied<'_> {
    /// Verifies what was signed with the certificate in the annotations. What is mandatory follows from the root, as in
    /// [`Bundle::verify_keyless`]; the log's promise is its proof.
    ///
    /// # Errors
    /// [`BundleFailure`]; [`Cause::OtherMaterial`] when there is no certificate.
    pub fn verify_keyless(&self, policy: &KeylessPolicy) -> Result<Evidence, BundleFailure> {
        let certificates = read_certificates(self.annotations)?;
        self.bundle(certificates)?.verify_keyless(policy, self.subject())
    }

    /// Verifies what was signed with `key`, with an entry of a log of `root`: the log's promise is its proof. A
    /// certificate beside it is not looked at.
    ///
    /// # Errors
    /// [`BundleFailure`]; [`Cause::LogEntryMissing`] when there is no log entry.
    pub fn verify_logged(
        &self,
        key: &PublicKey,
        root: &TrustedRoot,
    ) -> Result<Evidence, BundleFailure> {
        self.bundle(Vec::new())?.verify_logged(key, root, self.subject())
    }

    /// True when the last certificate of the chain is a root, or there is no chain: container runtimes leave the last
    /// one out unseen.
    pub(crate) fn has_chain_for_runtimes(&self) -> bool {
        let text = self.annotations.get(CHAIN_ANNOTATION).filter(|text| !text.trim().is_empty());
        let Some(blocks) = text.map(|text| pem::certificate_blocks(text.as_bytes())) else {
            return true;
        };
        let last =
            blocks.ok().and_then(|blocks| blocks.last().map(|der| leaf::is_self_issued(der)));
        matches!(last, Some(Ok(true)))
    }

    fn subject(&self) -> Subject<'_> {
        match self.content {
            Accompanying::Simple { payload, .. } => Subject::Artifact(payload),
            Accompanying::Envelope { subject, .. } => Subject::Manifest(subject),
        }
    }

    fn bundle(&self, certificates: Vec<Vec<u8>>) -> Result<Bundle, BundleFailure> {
        let annotation = |name| self.annotations.get(name).map(String::as_str);
        let entry = annotation(LOG_ANNOTATION).map(|text| self.read_promise(text)).transpose()?;
        let timestamp = annotation(TIMESTAMP_ANNOTATION).map(read_timestamp).transpose()?;
        Ok(Bundle {
            // The version in which a promise proves; without one, the version that does not demand it.
            version: if entry.is_none() { Version::V0_2 } else { Version::V0_1 },
            content: match self.content {
                Accompanying::Simple { payload, signature } => Content::Message {
                    digest: Some(Digest::of(payload).as_bytes().to_vec()),
                    signature: signature.to_vec(),
                },
                Accompanying::Envelope { envelope, .. } => Content::Envelope(envelope.clone()),
            },
            material: VerificationMaterial {
                certificates,
                entries: entry.into_iter().collect(),
                timestamps: timestamp.into_iter().collect(),
            },
        })
    }

    /// A SET as cosign keeps it: the log's signature, and what it is over.
    fn read_promise(&self, text: &str) -> Result<LogEntry, BundleFailure> {
        let entry = read_promise(text)?;
        let kind = (entry.kind.as_str(), entry.kind_version.as_str());
        let known: &[(&str, &str)] = match self.content {
            Accompanying::Simple { .. } => &[("hashedrekord", "0.0.1")],
            Accompanying::Envelope { .. } => &[("intoto", "0.0.2"), ("dsse", "0.0.1")],
        };
        if known.contains(&kind) {
            return Ok(entry);
        }
        let detail = format!("a log entry of kind {:?} in version {:?}", kind.0, kind.1);
        Err(BundleFailure::new(Cause::Unsupported, detail))
    }
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
