//! Decides offline what may be trusted. No I/O: keys, manifests and blobs are handed in.
//!
//! [`judge`] takes an [`ImageUnderTest`], the [`Anchors`] and the [`Evidence`], and gives an [`ImageVerdict`]:
//!
//! - [`anchors`]: which keys are trusted for which images; [`scope`] and [`scoped`] are how that is written, `overlap`
//!   compares scopes; `given_scope` finds those that cover nothing; [`place`] is where images go, `protection` what
//!   stands against permissions there
//! - [`keys`]: public keys and fingerprints; [`pem`] reads them, [`crypto`] is the one door to the crypto library
//! - [`key_material`] and [`key_fingerprint`]: keys of every use, as they are carried and installed
//! - [`signing`]: private keys, and the signatures that the product makes itself
//! - [`certificate`]: signing certificates under a policy `fulcio` or `pki`
//! - [`rekor`]: entries of a log, proven by a signed entry timestamp
//! - [`vouched`]: what stands beside a simple signature, and whether it vouches for its key
//! - [`policy`]: containers-policy.json(5), what it demands of an image and by which keys
//! - [`evidence`]: what the verifier is given
//! - [`cosign`]: simple signing; its [`payload`] and the [`identity`] in it
//! - [`openpgp`]: GPG atomic signatures, and the keyrings that verify them
//! - [`sigstore_bundle`]: Sigstore bundles; the [`dsse`] envelope and [`statement`] in them; with certificates and logs
//!   under a [`trusted_root`]
//! - `candidate` and `requirement`: what an image must satisfy, seen from that image; `distinct` counts signers
//! - `runtimes`: which signatures container runtimes get to see
//! - `signatures`: a [`finding`] for each attachment, in whichever form, and the [`signer`]; `examination_memory` bounds what is
//!   examined at once
//! - [`tree`] and `index`: every manifest of an image, and what covers it
//! - [`vouching`]: by what each attachment is verified
//! - [`verdict`]: statuses and admission; [`outcome`] has the stable codes

pub mod anchors;
mod attestation;
pub mod blocks;
mod candidate;
pub mod certificate;
mod checked;
mod codes;
pub mod cosign;
pub mod crypto;
mod distinct;
pub mod dsse;
pub mod evidence;
mod examination_memory;
mod failure;
pub mod fields;
pub mod finding;
mod given_scope;
pub mod identity;
mod index;
mod judgement;
pub mod key_fingerprint;
pub mod key_material;
mod keyring;
pub mod keys;
mod message;
pub mod openpgp;
pub mod outcome;
mod overlap;
pub mod payload;
pub mod pem;
pub mod place;
pub mod policy;
pub mod predicate;
mod protection;
pub mod rekor;
mod requirement;
mod runtimes;
pub mod scope;
pub mod scoped;
mod signatures;
pub mod signer;
pub mod signing;
pub mod sigstore_bundle;
pub mod statement;
pub mod text;
pub mod tree;
pub mod trusted_root;
pub mod verdict;
mod verifier;
pub mod vouched;
pub mod vouching;

pub use anchors::{Anchors, Authority, Log, LogAuthority, ScopedAuthority, ScopedKey};
pub use blocks::BlocksError;
pub use crypto::{Algorithm, Hashing};
pub use evidence::{AtomicSignature, Attached, Evidence, EvidenceError, Found, ImageUnderTest};
pub use fields::ShapeError;
pub use finding::{Form, SignatureFinding};
pub use given_scope::{GivenScope, IdleScope, idle_scopes};
pub use identity::IdentityRule;
pub use key_fingerprint::{KeyFingerprint, KeyFingerprintError};
pub use key_material::{KeyMaterial, KeyMaterialError, KeyUse};
pub use keys::{Fingerprint, KeyError, PublicKey, SignatureError};
pub use outcome::{RefusalCode, SignatureCode};
pub use place::{OwnPlaces, Place, Places, SharedPath, UnknownPlaces};
pub use policy::{Policy, PolicyError, PreparedPolicy};
pub use predicate::PredicateType;
pub use runtimes::{runtimes_read, signature_tag};
pub use scope::{Pattern, Scope, ScopeError, Specificity};
pub use scoped::Scoped;
pub use signer::{CertificateIdentity, LogEvidence, Signer};
pub use signing::{SigningError, SigningKey};
pub use verdict::{Admission, ChildStatus, ChildVerdict, ImageVerdict, Refusal};
pub use verifier::judge;
pub use vouching::{Verification, Vouching};

#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
