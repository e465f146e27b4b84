//! The seal: the operator's signature over `bundle.json`, and what may be concluded from it
//! (docs/spec/verification.md §9).
//!
//! `bundle.json` lists every other entry of the head and every blob by digest, so a signature over its exact bytes
//! covers the whole bundle: names, completeness, sequence and age. It is a Sigstore bundle with a key and without a log,
//! which `cosign verify-blob` of cosign 3 accepts too. No I/O here.
//!
//! - [`key_file`]: cosign's encrypted private keys
//! - [`signature`]: [`sign`] and [`verify`]
//! - [`lineage`](mod@lineage): which keys seal one series
//! - [`making`]: [`make`] seals a bundle that may be sealed
//! - [`expiry`]: whether a sealed bundle is still to be used
//! - [`sequence`]: whether it is older than one that was used already
//! - [`age`]: the same where bundles may be of different series
//! - [`rotation`]: how one seal key takes over from another
//!
//! The seal is put into an archive by `bundle_archive::sealing`, and what was seen last is kept by
//! `bundle_host::records::seals`.

pub mod age;
pub mod expiry;
pub mod key_file;
pub mod lineage;
pub mod making;
pub mod rotation;
pub mod sequence;
pub mod signature;

pub use expiry::{ExpiryError, check_expiry};
pub use key_file::{KeyFile, KeyFileError};
pub use lineage::{heirs, lineage};
pub use making::{MakingError, make};
pub use rotation::{Rotation, RotationError, Standing};
pub use sequence::{Exceptions, Known, MAX_SEQUENCE, SequenceError, Verdict};
pub use signature::{Claim, MAX_SEAL, SealError, claim, fingerprint_of, sign, verify};
