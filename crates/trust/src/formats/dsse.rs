//! DSSE envelopes (secure-systems-lab/dsse, protocol.md) with exactly one signature.

use crate::reading::fields::{Fields, ShapeError};
use serde_json::Value;

/// The one payload type that cosign signs and that is understood here.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// A decoded envelope; nothing of it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Type of the payload, covered by the signature.
    pub payload_type: String,
    /// The payload, raw.
    pub payload: Vec<u8>,
    /// The only signature.
    pub signature: Vec<u8>,
}

/// Why something is no envelope that can be verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not the prescribed shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// None or several signatures: which of them counts is not for us to choose.
    #[error("the envelope has {0} signatures, expected one")]
    SignatureCount(usize),
}

impl Envelope {
    /// Reads an envelope as protobuf's JSON mapping writes it.
    ///
    /// # Errors
    /// Unknown or missing keys, bad base64, another number of signatures than one.
    pub(crate) fn read(value: &Value) -> Result<Self, EnvelopeError> {
        let keys = ["payload", "payloadType", "signatures"];
        let envelope = Fields::exactly("dsseEnvelope", value, &keys)?;
        let signature = match envelope.list("signatures")? {
            [only] => Fields::among("signature", only, &["sig", "keyid"])?.bytes("sig")?,
            others => return Err(EnvelopeError::SignatureCount(others.len())),
        };
        Ok(Self {
            payload_type: envelope.text("payloadType")?.to_owned(),
            payload: envelope.bytes("payload")?,
            signature,
        })
    }

    /// The pre-authentication encoding: what the signature is over.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let (kind, body) = (&self.payload_type, &self.payload);
        let mut bytes = format!("DSSEv1 {} {kind} {} ", kind.len(), body.len()).into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_the_encoding_of_the_specification() {
        let envelope = Envelope {
            payload_type: "http://example.com/HelloWorld".into(),
            payload: b"hello world".to_vec(),
            signature: vec![1],
        };
        assert_eq!(
            envelope.signed_bytes(),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
