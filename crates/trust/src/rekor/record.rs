//! The body of an entry: a `hashedrekord` of version 0.0.1 (sigstore/rekor pkg/types/hashedrekord/v0.0.1).

use super::error::SetError;
use crate::reading::fields::{Fields, document};
use crate::reading::text::bounded;
use bundle_oci::Digest;

const KIND: &str = "hashedrekord";
const VERSION: &str = "0.0.1";
const HASH: &str = "sha256";

/// A signature that was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// SHA-256 of what was signed.
    pub(super) digest: Digest,
    /// The signature's bytes.
    pub(super) signature: Vec<u8>,
    /// The key or certificate, as the text that should be PEM.
    pub(crate) verifier: Vec<u8>,
}

impl Record {
    /// Reads a body that the log has signed. Rekor writes bodies in canonical form with exactly these keys.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, SetError> {
        let value = document("the log's entry", bytes).map_err(SetError::Body)?;
        Self::read(&value)
    }

    fn read(value: &serde_json::Value) -> Result<Self, SetError> {
        let top = fields("the log's entry", value, &["apiVersion", "kind", "spec"])?;
        expect(top.text("kind"), KIND, SetError::Kind)?;
        expect(top.text("apiVersion"), VERSION, SetError::Version)?;
        let spec = child(&top, "spec", "spec of the log's entry", &["data", "signature"])?;
        let data = child(&spec, "data", "data of the log's entry", &["hash"])?;
        let hash = child(&data, "hash", "hash of the log's entry", &["algorithm", "value"])?;
        let signature =
            child(&spec, "signature", "signature of the log's entry", &["content", "publicKey"])?;
        let verifier =
            child(&signature, "publicKey", "publicKey of the log's entry", &["content"])?;
        expect(hash.text("algorithm"), HASH, SetError::HashAlgorithm)?;
        let hex = hash.text("value").map_err(SetError::Body)?;
        let digest = format!("{HASH}:{hex}").parse();
        Ok(Self {
            digest: digest
                .map_err(|_| SetError::Body(hash.not("value", "SHA-256 in lower-case hex")))?,
            signature: signature.bytes("content").map_err(SetError::Body)?,
            verifier: verifier.bytes("content").map_err(SetError::Body)?,
        })
    }
}

fn fields<'a>(
    name: &'static str,
    value: &'a serde_json::Value,
    keys: &[&str],
) -> Result<Fields<'a>, SetError> {
    Fields::exactly(name, value, keys).map_err(SetError::Body)
}

fn child<'a>(
    parent: &Fields<'a>,
    key: &str,
    name: &'static str,
    keys: &[&str],
) -> Result<Fields<'a>, SetError> {
    fields(name, parent.need(key).map_err(SetError::Body)?, keys)
}

fn expect(
    found: Result<&str, crate::ShapeError>,
    wanted: &str,
    otherwise: impl Fn(String) -> SetError,
) -> Result<(), SetError> {
    match found.map_err(SetError::Body)? {
        text if text == wanted => Ok(()),
        other => Err(otherwise(bounded(other))),
    }
}
