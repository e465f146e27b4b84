//! Signatures with entries of logs and with certificates.

use super::super::authorities::{Authorities, Certified};
use super::{Exhibition, repository};
use crate::harness::signatures::SimpleSigning;
use crate::harness::signer::Signer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle::oci::Digest;
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

/// Annotations of what vouches for a signature.
pub(crate) const LOG: &str = "dev.sigstore.cosign/bundle";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const OLD_CERTIFICATE: &str = "dev.cosignproject.cosign/certificate";

impl Exhibition {
    pub(super) fn hang_logged(&mut self) {
        let now = now();
        for name in [
            "logged",
            "logged-elsewhere",
            "logged-other",
            "logged-by-other",
            "log-broken",
            "log-misnamed",
        ] {
            let digest = self.image(name).digest();
            let mut signature = SimpleSigning::new(&self.a, &repository(name), &digest);
            let again = SimpleSigning::new(&self.a, &repository(name), &digest);
            let key = self.a.public_pem();
            let entry = match name {
                "logged" => entry(&self.log, &signature, &key, now),
                "logged-elsewhere" => entry(&self.b, &signature, &key, now),
                "logged-other" => entry(&self.log, &again, &key, now),
                "logged-by-other" => entry(&self.log, &signature, &self.b.public_pem(), now),
                "log-misnamed" => entry_named(&self.log, &self.b, &signature, &key, now),
                _ => entry(&self.log, &signature, &key, now)
                    .replace("\"logIndex\":7", "\"logIndex\":8"),
            };
            signature.annotations[LOG] = json!(entry);
            self.sign(name, &digest, &[signature]);
        }
    }

    pub(super) fn hang_certified(&mut self) {
        let Some(authorities) = self.authorities.take() else { return };
        let Authorities { person, below, builder, builder_below, server, .. } = &authorities;
        let (soon, late) = (now() + 3600, now() + 3 * 86_400);
        let short = authorities.chain(&[&authorities.intermediate]);
        let whole = authorities.chain(&[&authorities.intermediate, &authorities.root]);
        let (short, whole) = (Some(short.as_str()), Some(whole.as_str()));
        for (name, by, logged, chain) in [
            ("fulcio", person, Some(soon), None),
            ("fulcio-late", person, Some(late), None),
            ("fulcio-unlogged", person, None, None),
            ("fulcio-chain", below, Some(soon), whole),
            ("fulcio-chain-short", below, Some(soon), short),
            ("pki", builder, None, None),
            ("pki-chain", builder_below, None, whole),
            ("pki-chain-short", builder_below, None, short),
            ("pki-server", server, None, None),
            ("pki-old-name", builder, None, None),
            ("pki-uncertified", builder, None, None),
        ] {
            let digest = self.image(name).digest();
            let Certified { signer, certificate } = by;
            let mut signature = SimpleSigning::new(signer, &repository(name), &digest);
            if let Some(time) = logged {
                signature.annotations[LOG] = json!(entry(&self.log, &signature, certificate, time));
            }
            if let Some(chain) = chain {
                signature.annotations[CHAIN] = json!(chain);
            }
            match name {
                "pki-old-name" => signature.annotations[OLD_CERTIFICATE] = json!(certificate),
                "pki-uncertified" => {}
                _ => signature.annotations[CERTIFICATE] = json!(certificate),
            }
            self.sign(name, &digest, &[signature]);
        }
        self.authorities = Some(authorities);
    }
}

/// The annotation of an entry of `log` about a signature by the key or certificate in `verifier`, taken in at `time`.
pub(crate) fn entry(log: &Signer, signature: &SimpleSigning, verifier: &str, time: u64) -> String {
    entry_named(log, log, signature, verifier, time)
}

/// The same, said to be of the log `named`.
fn entry_named(
    log: &Signer,
    named: &Signer,
    signature: &SimpleSigning,
    verifier: &str,
    time: u64,
) -> String {
    let body = json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": Digest::of(&signature.payload).hex()}},
            "signature": {
                "content": signature.signature,
                "publicKey": {"content": STANDARD.encode(verifier)},
            },
        },
    });
    // In the order of canonical JSON.
    let payload = json!({
        "body": STANDARD.encode(body.to_string()),
        "integratedTime": time,
        "logIndex": 7,
        "logID": named.fingerprint().hex(),
    });
    let timestamp = STANDARD.encode(log.sign(payload.to_string().as_bytes()));
    json!({"SignedEntryTimestamp": timestamp, "Payload": payload}).to_string()
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}
