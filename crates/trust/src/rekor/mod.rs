//! Entries of a Rekor log, proven by a signed entry timestamp (SET): the annotation `dev.sigstore.cosign/bundle` of a
//! simple signature (docs/spec/verification.md §5). Nothing else reads that annotation, nor the `hashedrekord` of an
//! entry, nor the [`Verifier`] in one; [`crate::sigstore_bundle`] takes them from here.
//!
//! 1. [`SignedEntry`]: the annotation, read strictly, and the log's signature over it
//! 2. [`AuthenticEntry`]: what the log did sign; only now its body is parsed (`record`)
//! 3. [`AuthenticEntry::bind`]: it is about this payload, this signature and this verifier, and nothing else
//!
//! Stricter than containers/image: the log is chosen by its id, where the container stack tries every key and ignores
//! the id; the body's JSON is exact; nothing may stand beside the PEM block in it.

mod entry;
mod error;
mod log_key;
mod record;
mod verifier;

pub use entry::{AuthenticEntry, Entry, Logged, SignedEntry, verify};
pub use error::SetError;
pub use log_key::{LogKey, LogKeyError};
pub(crate) use record::Record;
pub use verifier::Verifier;

/// Largest annotation read. Real ones have 3 KiB; one with an RSA-4096 certificate in it has 8.
pub const MAX_ANNOTATION: usize = 128 << 10;
/// Latest integrated time accepted in both, in seconds since 1970: the end of the year 9999, beyond which no certificate can
/// be valid (RFC 5280 §4.1.2.5).
pub const MAX_TIME: u64 = 253_402_300_799;
/// Largest log index, in annotations and in Sigstore bundles: the largest integer that canonical JSON can write (RFC 8785 §3.2.2.3).
pub const MAX_INDEX: u64 = (1 << 53) - 1;

#[cfg(test)]
mod tests;
