//! What log entries must be beyond what the library checks.
//!
//! The library verifies proofs, checkpoints and promises, and that hash, signature and key in the entry are those of the
//! bundle. It leaves open which of the trusted logs signed a checkpoint, lets entries without any proof ride along with
//! others, does not compare the entry's kind with what its body says, and binds `intoto` entries to the certificate's key
//! only, not to the certificate: then the log would show another identity than the one that is accepted.

use super::material::LogEntry;
use super::proof::LogRecord;
use super::{Bundle, BundleFailure, Cause};
use crate::trust::fields::{Fields, ShapeError, document};
use crate::trust::pem;
use crate::trust::text::bounded;
use crate::trust::trusted_root::{TrustedLog, TrustedRoot};
use serde_json::Value;
use sigstore_types::Checkpoint;

/// Checks every entry of a bundle that the library has verified; `times` are the verified times of its timestamps, in
/// seconds.
pub(super) fn check(
    bundle: &Bundle,
    root: &TrustedRoot,
    times: &[i64],
) -> Result<Vec<LogRecord>, BundleFailure> {
    let certificate = bundle.material.certificates.first().map(Vec::as_slice);
    bundle.material.entries.iter().map(|entry| record(entry, root, certificate, times)).collect()
}

fn record(
    entry: &LogEntry,
    root: &TrustedRoot,
    certificate: Option<&[u8]>,
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
    check_body(entry, certificate)?;
    let proven_as_stated = entry.promise.is_some() || entry.kind_version == "0.0.2";
    let index = match &entry.proof {
        Some(proof) if !proven_as_stated => proof.index,
        _ => entry.index,
    };
    let promised = entry.promise.as_ref().and(entry.integrated_time);
    let integrated_time = promised.and_then(|seconds| i64::try_from(seconds).ok());
    Ok(LogRecord { log_id, index, integrated_time })
}

/// The checkpoint is signed by the log that the entry names, not by another trusted one.
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
    if by_log {
        Ok(())
    } else {
        Err(invalid("the checkpoint is not signed by the entry's own log"))
    }
}

/// Without a promise the log does not say when it took the entry in. Then the signature was made, and timestamped,
/// while the log was trusted; a retired log's key proves nothing about later signatures.
fn check_times(log: &TrustedLog, times: &[i64]) -> Result<(), BundleFailure> {
    let Some(period) = log.valid_for else {
        return Ok(());
    };
    let within = |time: &i64| {
        *time >= period.start.as_second() && period.end.is_none_or(|end| *time <= end.as_second())
    };
    if times.iter().all(within) {
        return Ok(());
    }
    let detail = "it was signed at a time for which its log is not trusted";
    Err(BundleFailure::new(Cause::LogEntryInvalid, detail))
}

fn check_body(entry: &LogEntry, certificate: Option<&[u8]>) -> Result<(), BundleFailure> {
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
    match certificate {
        Some(certificate) if kind == "intoto" => check_intoto(&body, certificate),
        _ => Ok(()),
    }
}

/// The one signature of an `intoto` entry was logged with this very certificate.
fn check_intoto(body: &Value, certificate: &[u8]) -> Result<(), BundleFailure> {
    let logged = (|| {
        let content = Fields::open("content", body.get("spec")?.get("content")?, &[]).ok()?;
        let envelope = Fields::open("envelope", content.get("envelope")?, &[]).ok()?;
        let [signature] = envelope.list("signatures").ok()? else {
            return None;
        };
        let pem = Fields::open("signature", signature, &[]).ok()?.bytes("publicKey").ok()?;
        pem::certificate_blocks(&pem).ok()
    })();
    match logged.as_deref() {
        Some([only]) if only == certificate => Ok(()),
        _ => Err(BundleFailure::new(
            Cause::LogEntryNotBound,
            "it was logged with another certificate, or with a bare key",
        )),
    }
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
        json!({"spec": {"content": {"envelope": {"signatures": signatures}}}})
    }

    #[test]
    fn an_intoto_entry_is_bound_to_the_whole_certificate() {
        let pem = |der: &[u8]| {
            let body = STANDARD.encode(der);
            format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
        };
        let (own, other) = (pem(b"own"), pem(b"other"));
        assert_eq!(check_intoto(&body(&[&own]), b"own"), Ok(()));
        let key = own.replace("CERTIFICATE", "PUBLIC KEY");
        let both = format!("{own}{other}");
        for (name, signatures) in [
            ("another certificate", vec![&other[..]]),
            ("a bare key", vec![&key]),
            ("two certificates", vec![&both]),
            ("two signatures", vec![&own, &own]),
            ("no signature", vec![]),
        ] {
            let failure = check_intoto(&body(&signatures), b"own").expect_err(name);
            assert_eq!(failure.cause, Cause::LogEntryNotBound, "{name}");
        }
    }
}
