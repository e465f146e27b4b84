//! GPG signatures that a registry keeps itself: the signature extension (containers/image signature-protocols.md
//! §docker/distribution API extension).
//!
//! A lookup that fails is an error. It is never an empty list.

use super::exchange::Ask;
use super::{RegistryError, RemoteRepository};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::atomic::{AtomicName, MAX_SIGNATURE, MAX_SIGNATURES};
use bundle_oci::{Digest, json};
use bytes::Bytes;
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

pub use super::host::SUPPORTS_SIGNATURES;

/// `type` of the signatures that are OpenPGP messages.
pub const ATOMIC: &str = "atomic";
/// `schemaVersion` of the objects that are read and written.
pub const SCHEMA_VERSION: u64 = 2;
/// Largest list that is read: one signature of the largest size, or many of a real one. containers/image reads 4 MiB.
const MAX_LIST: u64 = 8 << 20;
/// Most values of its JSON: a signature has five, and those of other types may be listed beside ours.
const MAX_VALUES: usize = 20 * MAX_SIGNATURES + 1000;

/// A GPG signature in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionSignature {
    /// Its name; the digest in it is the one that was asked for.
    pub name: AtomicName,
    /// An OpenPGP message, if its maker was honest.
    pub content: Bytes,
}

/// A signature is in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignaturePushed {
    /// It was sent.
    Published,
    /// The registry had it.
    AlreadyThere,
}

impl RemoteRepository {
    /// Whether the registry announces the signature extension. Asks nothing that was not asked at the first contact.
    ///
    /// # Errors
    /// When the registry cannot be reached.
    pub async fn keeps_signatures(&self) -> Result<bool, RegistryError> {
        self.host().keeps_signatures().await
    }

    /// GPG signatures of the manifest with this digest; none when the registry says that there are none, or does not
    /// have the manifest. Those of other types or versions are not ours to read, and left out.
    ///
    /// # Errors
    /// Whenever the list cannot be read whole: no access, a limit, a failure, an answer that is no such list.
    pub async fn signatures(
        &self,
        subject: &Digest,
    ) -> Result<Vec<ExtensionSignature>, RegistryError> {
        let mut ask = Ask::new(Method::GET, self.signatures_url(subject).await?, self.to_pull());
        ask.expected = &[StatusCode::NOT_FOUND];
        let answer = self.host().whole(&ask, MAX_LIST).await?;
        if self.is_absent(&answer).await? {
            return Ok(Vec::new());
        }
        read_list(&answer.body, subject).map_err(|why| RegistryError::bad_answer(ask.asked(), why))
    }

    /// Puts one signature beside a manifest, which has to be there and tagged.
    ///
    /// # Errors
    /// When the registry does not take it, or has another one under its name.
    pub async fn push_signature(
        &self,
        signature: &ExtensionSignature,
    ) -> Result<SignaturePushed, RegistryError> {
        let subject = signature.name.subject();
        let mut ask = Ask::new(Method::PUT, self.signatures_url(&subject).await?, self.to_push());
        ask.content = Some(("application/json", written(signature).into()));
        // Somebody may have been quicker.
        ask.expected = &[StatusCode::CONFLICT];
        let answer = self.host().whole(&ask, MAX_LIST).await?;
        if answer.status != StatusCode::CONFLICT {
            return Ok(SignaturePushed::Published);
        }
        match self.signatures(&subject).await?.contains(signature) {
            true => Ok(SignaturePushed::AlreadyThere),
            false => {
                let why = format!("the registry has something else as {}", signature.name);
                Err(RegistryError::bad_answer(ask.asked(), why))
            }
        }
    }

    async fn signatures_url(&self, subject: &Digest) -> Result<Url, RegistryError> {
        let mut url = self.host().base().await?.clone();
        url.set_path(&format!("/extensions/v2/{}/signatures/{subject}", self.name().path()));
        Ok(url)
    }
}

/// A signature as it is put.
fn written(signature: &ExtensionSignature) -> Vec<u8> {
    document(&signature.name, &signature.content).to_string().into_bytes()
}

/// A signature as registries and clients write it.
pub fn document(name: &AtomicName, content: &[u8]) -> Value {
    serde_json::json!({
        "schemaVersion": SCHEMA_VERSION,
        "name": name,
        "type": ATOMIC,
        "content": STANDARD.encode(content),
    })
}

/// Reads a list of signatures of `subject`. The error ends the sentence that names the request.
fn read_list(body: &[u8], subject: &Digest) -> Result<Vec<ExtensionSignature>, String> {
    let malformed = || "the answer is not a list of signatures".to_owned();
    let list = json::parse_within(body, MAX_VALUES).map_err(|_| malformed())?;
    let list = match list.as_object().and_then(|list| list.get("signatures")) {
        // What a list without any is in Go.
        Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        _ => return Err(malformed()),
    };
    let mut signatures: Vec<ExtensionSignature> = Vec::new();
    for entry in list {
        let entry = entry.as_object().ok_or_else(malformed)?;
        let version = entry.get("schemaVersion").and_then(Value::as_u64);
        if version != Some(SCHEMA_VERSION) || entry.get("type") != Some(&ATOMIC.into()) {
            continue;
        }
        let text = |key: &str| entry.get(key).and_then(Value::as_str).ok_or_else(malformed);
        let name: AtomicName = text("name")?.parse().map_err(|e| format!("{e}"))?;
        if name.subject() != *subject {
            return Err(format!("signature {name} is of another manifest"));
        }
        if signatures.iter().any(|known| known.name == name) {
            return Err(format!("signature {name} is listed twice"));
        }
        let content = STANDARD.decode(text("content")?);
        let content = content.map_err(|_| format!("signature {name} is not in base64"))?;
        if content.is_empty() || content.len() as u64 > MAX_SIGNATURE {
            return Err(format!("signature {name} has {} bytes", content.len()));
        }
        if signatures.len() == MAX_SIGNATURES {
            return Err(format!("more than {MAX_SIGNATURES} signatures"));
        }
        signatures.push(ExtensionSignature { name, content: content.into() });
    }
    Ok(signatures)
}
