//! Simple signatures and bare envelopes with what accompanies them in annotations (docs/spec/verification.md §6.5): put
//! together as a bundle, they go through the same door.
//!
//! Only the layer's own signature is judged here. What a payload says about which image is the next question.

use super::material::{LogEntry, VerificationMaterial};
use super::proof::{Evidence, Subject};
use super::{Bundle, BundleFailure, Cause, Content, KeylessPolicy, Version};
use crate::formats::dsse::Envelope;
use crate::keys::PublicKey;
use crate::reading::fields::{Fields, ShapeError, document};
use crate::reading::text::bounded;
use crate::rekor::SignedEntry;
use crate::trusted_root::TrustedRoot;
use crate::vouched::Annotations;
use bundle_oci::{Digest, Manifest};

/// What was signed, and by what annotations it is accompanied in its layer.
#[derive(Debug, Clone, Copy)]
pub struct Accompanied<'a> {
    /// The layer's annotations.
    pub annotations: Annotations<'a>,
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
        self.bundle(self.annotations.certificate()?.certificates())?
            .verify_keyless(policy, self.subject())
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

    /// True when the chain is one that container runtimes can follow, see [`crate::certificate::Presented::ends_in_root`].
    pub(crate) fn has_chain_for_runtimes(&self) -> bool {
        self.annotations.certificate().is_ok_and(|presented| presented.ends_in_root())
    }

    fn subject(&self) -> Subject<'_> {
        match self.content {
            Accompanying::Simple { payload, .. } => Subject::Artifact(payload),
            Accompanying::Envelope { subject, .. } => Subject::Manifest(subject),
        }
    }

    fn bundle(&self, certificates: Vec<Vec<u8>>) -> Result<Bundle, BundleFailure> {
        let entry = self.annotations.log_entry()?;
        let entry = entry.map(|signed| self.entry(signed)).transpose()?;
        let timestamp = self.annotations.timestamp()?.map(read_timestamp).transpose()?;
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

    /// The entry as a bundle would have it: the log's promise, and what that is over.
    fn entry(&self, signed: SignedEntry) -> Result<LogEntry, BundleFailure> {
        let SignedEntry { timestamp, record: body, logged, .. } = signed;
        let (kind, kind_version) = kind_of(&body)?;
        let known: &[(&str, &str)] = match self.content {
            Accompanying::Simple { .. } => &[("hashedrekord", "0.0.1")],
            Accompanying::Envelope { .. } => &[("intoto", "0.0.2"), ("dsse", "0.0.1")],
        };
        if !known.contains(&(&kind, &kind_version)) {
            let (kind, version) = (bounded(&kind), bounded(&kind_version));
            let detail = format!("a log entry of kind {kind:?} in version {version:?}");
            return Err(BundleFailure::new(Cause::Unsupported, detail));
        }
        Ok(LogEntry {
            index: logged.log_index,
            log_id: logged.log_id.as_bytes().to_vec(),
            kind,
            kind_version,
            integrated_time: Some(logged.integrated_time),
            promise: Some(timestamp),
            proof: None,
            body,
        })
    }
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
