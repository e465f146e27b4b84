//! What log entries must be beyond what the library checks.
//!
//! The library verifies proofs, checkpoints and promises, and that hash, signature and key in the entry are those of the
//! bundle. It leaves open which of the trusted logs signed a checkpoint, lets entries without any proof ride along with
//! others, and one entry count twice; ignores what a proof says twice; does not compare the entry's kind with what its
//! body says; and binds `intoto` entries to the certificate's key only, not to the certificate, and takes a certificate
//! for a bare key: then the log would show another identity than the one that is accepted. Both are seen to by
//! [`crate::rekor::Verifier`], as beside simple signatures.

use super::material::LogEntry;
use super::proof::LogRecord;
use super::{Bundle, BundleFailure, Cause};
use crate::reading::fields::{Fields, ShapeError, document};
use crate::reading::text::bounded;
use crate::rekor::{Record, Verifier};
use crate::trusted_root::{TrustedLog, TrustedRoot};
use serde_json::Value;
use sigstore_types::Checkpoint;
use std::collections::BTreeSet;

/// Kind and version of the entries of logs of the second generation.
const SECOND_GENERATION: (&str, &str) = ("hashedrekord", "0.0.2");

/// Checks every entry of a bundle that the library has verified; `times` are the verified times of its timestamps, in
/// seconds.
pub(super) fn check(
    bundle: &Bundle,
    root: &TrustedRoot,
    signer: Verifier<'_>,
    times: &[i64],
) -> Result<Vec<LogRecord>, BundleFailure> {
    let material = &bundle.material;
    let record = |entry| record(entry, root, signer, times);
    let records = material.entries.iter().map(record).collect::<Result<_, _>>()?;
    check_distinct("log entry", material.entries.iter().map(|entry| (&entry.log_id, entry.index)))?;
    check_distinct("timestamp", material.timestamps.iter().take(times.len()))?;
    Ok(records)
}

/// Copies prove no more than one does, and might be counted (sigstore-go refuses them for that).
fn check_distinct<T: Ord>(what: &str, items: impl Iterator<Item = T>) -> Result<(), BundleFailure> {
    let mut seen = BTreeSet::new();
    for item in items {
        if !seen.insert(item) {
            return Err(BundleFailure::new(Cause::Malformed, format!("it has one {what} twice")));
        }
    }
    Ok(())
}

fn record(
    entry: &LogEntry,
    root: &TrustedRoot,
    signer: Verifier<'_>,
    times: &[i64],
) -> Result<LogRecord, BundleFailure> {
    let log_id: String = entry.log_id.iter().map(|byte| format!("{byte:02x}")).collect();
    let Some(log) = root.log(&entry.log_id) else {
        let detail = format!("log {} is not trusted", bounded(&log_id));
        return Err(BundleFailure::new(Cause::LogEntryInvalid, detail));
    };
    if entry.promise.is_none() && entry.proof.is_none() {
        let detail = "an entry has neither a proof nor a promise of the log";
        return Err(BundleFailure::new(Cause::LogEntryMissing, detail));
    }
    check_checkpoint(entry, log)?;
    if entry.promise.is_none() {
        check_times(log, times)?;
    }
    check_body(entry, signer)?;
    let proven_as_stated = entry.promise.is_some() || is_second_generation(entry);
    let index = match &entry.proof {
        Some(proof) if !proven_as_stated => proof.index,
        _ => entry.index,
    };
    let promised = entry.promise.as_ref().and(entry.integrated_time);
    let integrated_time = promised.and_then(|seconds| i64::try_from(seconds).ok());
    Ok(LogRecord { log_id, index, integrated_time })
}

fn is_second_generation(entry: &LogEntry) -> bool {
    (entry.kind.as_str(), entry.kind_version.as_str()) == SECOND_GENERATION
}

/// The checkpoint is signed by the log that the entry names, not by another trusted one; and what the proof says beside
/// it is the same. Of a log of the second generation the library goes by the checkpoint and the entry's own index alone;
/// another reader might go by the copies.
fn check_checkpoint(entry: &LogEntry, log: &TrustedLog) -> Result<(), BundleFailure> {
    let Some(proof) = &entry.proof else {
        return Ok(());
    };
    let invalid = |detail: &str| BundleFailure::new(Cause::LogEntryInvalid, detail);
    let checkpoint = Checkpoint::from_text(&proof.checkpoint)
        .map_err(|_| invalid("the checkpoint is not a signed note"))?;
    let by_log = checkpoint.signatures().iter().any(|signature| {
        log.id.starts_with(signature.key_id.as_slice())
            && log.key.verify(checkpoint.signed_data(), &signature.signature).is_ok()
    });
    if !by_log {
        return Err(invalid("the checkpoint is not signed by the entry's own log"));
    }
    let same_place = !is_second_generation(entry) || proof.index == entry.index;
    let agrees = same_place
        && proof.tree_size == checkpoint.tree_size()
        && proof.root_hash == checkpoint.root_hash().as_bytes();
    match agrees {
        true => Ok(()),
        false => Err(invalid("the proof says something else than its checkpoint or its entry")),
    }
}

/// Without a promise the log does not say when it took the entry in. Then the signature was made, and timestamped,
/// while the log was trusted; a retired log's key proves nothing about later signatures, nor about those of which
/// nobody says when they were made.
fn check_times(log: &TrustedLog, times: &[i64]) -> Result<(), BundleFailure> {
    let Some(period) = log.valid_for else {
        return Ok(());
    };
    let within = |time: &i64| {
        *time >= period.start.as_second() && period.end.is_none_or(|end| *time <= end.as_second())
    };
    if times.iter().all(within) && !(times.is_empty() && period.end.is_some()) {
        return Ok(());
    }
    let detail = "it was signed at a time outside the trusted period of its log";
    Err(BundleFailure::new(Cause::LogEntryInvalid, detail))
}

/// Who signed is in the entry as a whole: the very certificate, or the bare key.
fn check_body(entry: &LogEntry, signer: Verifier<'_>) -> Result<(), BundleFailure> {
    let unreadable =
        |error: ShapeError| BundleFailure::new(Cause::LogEntryInvalid, error.to_string());
    let body = document("a log entry's body", &entry.body).map_err(unreadable)?;
    let fields = Fields::open("a log entry's body", &body, &["kind", "apiVersion", "spec"])
        .map_err(unreadable)?;
    let kind = fields.text("kind").map_err(unreadable)?;
    let version = fields.text("apiVersion").map_err(unreadable)?;
    if kind != entry.kind || version != entry.kind_version {
        let detail = format!("it is of kind {:?} {:?}", bounded(kind), bounded(version));
        return Err(BundleFailure::new(Cause::LogEntryNotBound, detail));
    }
    let logged = match (kind, version) {
        ("hashedrekord", "0.0.1") => Some(Record::parse(&entry.body)?.verifier),
        ("intoto", _) => intoto_verifier(&body),
        ("dsse", _) => dsse_verifier(&body),
        // Of the second generation, whose entries hold it in DER: the library compares it.
        _ => return Ok(()),
    };
    let logged = logged.ok_or_else(|| {
        BundleFailure::new(Cause::LogEntryNotBound, "it was not logged with one signature")
    })?;
    Ok(signer.check(&logged)?)
}

/// The PEM text with which the one signature of an `intoto` entry was logged.
fn intoto_verifier(body: &Value) -> Option<Vec<u8>> {
    let content = Fields::open("content", body.get("spec")?.get("content")?, &[]).ok()?;
    only_verifier(content.get("envelope")?, "publicKey")
}

/// The same of a `dsse` entry.
fn dsse_verifier(body: &Value) -> Option<Vec<u8>> {
    only_verifier(body.get("spec")?, "verifier")
}

fn only_verifier(holder: &Value, key: &str) -> Option<Vec<u8>> {
    let [signature] = Fields::open("holder", holder, &[]).ok()?.list("signatures").ok()? else {
        return None;
    };
    Fields::open("signature", signature, &[]).ok()?.bytes(key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    fn body(signatures: &[&str]) -> Value {
        let signatures: Vec<Value> =
            signatures.iter().map(|pem| json!({"publicKey": STANDARD.encode(pem)})).collect();
        json!({
            "kind": "intoto",
            "apiVersion": "0.0.2",
            "spec": {"content": {"envelope": {"signatures": signatures}}},
        })
    }

    fn entry(body: &Value) -> LogEntry {
        LogEntry {
            index: 0,
            log_id: Vec::new(),
            kind: body["kind"].as_str().expect("text").into(),
            kind_version: body["apiVersion"].as_str().expect("text").into(),
            integrated_time: None,
            promise: None,
            proof: None,
            body: body.to_string().into_bytes(),
        }
    }

    #[test]
    fn an_intoto_entry_is_bound_to_the_whole_certificate() {
        let pem = |der: &[u8]| {
            let body = STANDARD.encode(der);
            format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
        };
        let (own, other) = (pem(b"own"), pem(b"other"));
        let check = |signatures: &[&str]| {
            let entry = entry(&body(signatures));
            check_body(&entry, Verifier::Certificate(b"own"))
        };
        assert_eq!(check(&[&own]), Ok(()));
        let key = own.replace("CERTIFICATE", "PUBLIC KEY");
        let both = format!("{own}{other}");
        for (name, signatures) in [
            ("another certificate", vec![&other[..]]),
            ("a bare key", vec![&key]),
            ("two certificates", vec![&both]),
            ("two signatures", vec![&own, &own]),
            ("no signature", vec![]),
        ] {
            let failure = check(&signatures).expect_err(name);
            assert_eq!(failure.cause, Cause::LogEntryNotBound, "{name}");
        }
    }
}
