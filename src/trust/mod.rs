//! Decides offline what may be trusted. No I/O: keys, manifests and blobs are handed in.
//!
//! [`judge`] takes an [`ImageUnderTest`], the [`Anchors`] and the [`Evidence`], and gives an [`ImageVerdict`]:
//!
//! - [`anchors`]: which keys are trusted for which images; [`scope`] and [`scoped`] are how that is written
//! - [`keys`]: public keys and fingerprints; [`pem`] reads them, [`crypto`] is the one door to the crypto library
//! - [`evidence`]: what the verifier is given
//! - [`cosign`]: simple signing; its [`payload`] and the [`identity`] in it
//! - [`openpgp`]: GPG atomic signatures, and the keyrings that verify them
//! - [`sigstore_bundle`]: Sigstore bundles; the [`dsse`] envelope and [`statement`] in them
//! - `signatures`: a finding for each attachment, in whichever form
//! - [`tree`] and `index`: every manifest of an image, and what covers it
//! - [`verdict`]: findings, statuses, admission, with stable codes

pub mod anchors;
mod codes;
pub mod cosign;
pub mod crypto;
pub mod dsse;
pub mod evidence;
mod fields;
pub mod identity;
mod index;
mod judgement;
mod keyring;
pub mod keys;
pub mod openpgp;
pub mod payload;
pub mod pem;
pub mod scope;
pub mod scoped;
mod signatures;
pub mod sigstore_bundle;
pub mod statement;
mod text;
pub mod tree;
pub mod verdict;
mod verifier;

pub use anchors::{Anchors, ScopedKey};
pub use crypto::{Algorithm, Hashing};
pub use evidence::{Attached, Evidence, EvidenceError, Found, ImageUnderTest};
pub use fields::ShapeError;
pub use identity::IdentityRule;
pub use keys::{Fingerprint, KeyError, PublicKey};
pub use scope::{Pattern, Scope, ScopeError, Specificity};
pub use scoped::Scoped;
pub use verdict::{
    Admission, ChildStatus, ChildVerdict, Form, ImageVerdict, Refusal, RefusalCode, SignatureCode,
    SignatureFinding,
};
pub use verifier::judge;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
