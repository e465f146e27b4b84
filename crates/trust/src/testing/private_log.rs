//! A transparency log of one's own.

use super::HasPublicKey as _;
use super::Signer;
use super::scene::base64;
use crate::trusted_root::TrustedRoot;
use bundle_oci::Digest;
use serde_json::{Value, json};

/// A log with one entry: promises, and proves with a tree of one leaf.
pub struct PrivateLog(pub Signer);

impl PrivateLog {
    /// A trusted root that names this log.
    pub fn root(&self) -> TrustedRoot {
        TrustedRoot::of_log_keys(&[self.0.public()]).expect("a usable root")
    }

    /// An entry of the log with its inclusion promise and proof.
    pub fn entry(&self, body: &Value, at: i64) -> Value {
        let kind = json!({"kind": body["kind"], "version": body["apiVersion"]});
        self.entry_of(body.to_string().as_bytes(), &kind, at)
    }

    /// An entry whose body may be anything, and of any kind.
    pub fn entry_of(&self, body: &[u8], kind: &Value, at: i64) -> Value {
        let id = self.0.public().fingerprint();
        let promised = format!(
            r#"{{"body":"{}","integratedTime":{at},"logID":"{}","logIndex":7}}"#,
            base64(body),
            id.hex()
        );
        let leaf = Digest::of(&[b"\0", body].concat());
        let root_hash = base64(leaf.as_bytes());
        json!({
            "logIndex": "7",
            "logId": {"keyId": base64(id.as_bytes())},
            "kindVersion": kind,
            "integratedTime": at.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": self.0.sign_base64(promised.as_bytes())},
            "inclusionProof": {
                "logIndex": "0", "rootHash": root_hash, "treeSize": "1", "hashes": [],
                "checkpoint": {"envelope": self.checkpoint(&root_hash)},
            },
            "canonicalizedBody": base64(body),
        })
    }

    /// A signed checkpoint over a tree of one entry.
    pub fn checkpoint(&self, root_hash: &str) -> String {
        let text = format!("log.example\n1\n{root_hash}\n");
        let id = self.0.public().fingerprint();
        let signature = [&id.as_bytes()[..4], &self.0.sign(text.as_bytes())].concat();
        format!("{text}\n— log.example {}\n", base64(&signature))
    }
}
