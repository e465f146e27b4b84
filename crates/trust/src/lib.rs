//! Decides offline what may be trusted. No I/O: keys, manifests and blobs are handed in.
//!
//! [`judge()`] takes an [`ImageUnderTest`], the [`Anchors`] and the [`Evidence`], and gives an [`ImageVerdict`]. Who
//! decides and in which order stands in [`judge::admission`]; each room uses only rooms below it:
//!
//! | room | holds |
//! |---|---|
//! | [`mod@judge`] | who decides: the image as a whole, each signature of it, each candidate who may have made it |
//! | [`anchors`] | what is trusted, and for which images; what stands protected at a target |
//! | [`policy`] | containers-policy.json(5): what it demands of an image and by which keys |
//! | [`sigstore_bundle`] | Sigstore bundles, and what else a trusted root verifies |
//! | [`trusted_root`] | certificate authorities, logs and timestamp authorities that are pinned in one file |
//! | [`vouched`] | what stands beside a signature in annotations, and whether it vouches for the key that signed |
//! | [`rekor`] | entries of a log, and the signed entry timestamp that proves them |
//! | [`certificate`] | signing certificates: names, issuer, key, and the way to an authority |
//! | [`outcome`] | what can be said: codes, findings, verdicts |
//! | [`openpgp`] | GPG signatures, and the keyrings that verify them |
//! | [`formats`] | what is signed: payloads, envelopes, statements |
//! | [`identity`] | how a signed name must relate to the source |
//! | [`scopes`] | which images something is for, and where they go |
//! | [`keys`] | public keys, fingerprints, signatures; private keys |
//! | [`reading`] | strict readers of JSON and PEM |

pub mod anchors;
pub mod certificate;
pub mod formats;
pub mod identity;
pub mod judge;
pub mod keys;
pub mod openpgp;
pub mod outcome;
pub mod policy;
pub mod reading;
pub mod rekor;
pub mod scopes;
pub mod sigstore_bundle;
pub mod trusted_root;
pub mod vouched;

pub use anchors::key_fingerprint::{KeyFingerprint, KeyFingerprintError};
pub use anchors::key_material::{KeyMaterial, KeyMaterialError, KeyUse};
pub use anchors::{Anchors, Authority, Log, LogAuthority, ScopedAuthority, ScopedKey};
pub use formats::predicate::PredicateType;
pub use formats::{dsse, payload, statement};
pub use identity::IdentityRule;
pub use judge::{AtomicSignature, Attached, Evidence, EvidenceError, ImageUnderTest, StatedAtPack};
pub use judge::{judge, runtimes_read, signature_tag, simple_signing};
pub use keys::{Algorithm, Fingerprint, Hashing, KeyError, PublicKey, SignatureError};
pub use keys::{SigningError, SigningKey};
pub use outcome::finding::{Form, Found, SignatureFinding};
pub use outcome::signer::{CertificateIdentity, LogEvidence, Signer};
pub use outcome::verdict::{Admission, ChildStatus, ChildVerdict, ImageVerdict, Refusal};
pub use outcome::vouching::{Verification, Vouching};
pub use outcome::{RefusalCode, SignatureCode, verdict};
pub use policy::{Policy, PolicyError, PreparedPolicy};
pub use reading::blocks::BlocksError;
pub use reading::fields::ShapeError;
pub use reading::{blocks, fields, pem, text};
pub use scopes::{GivenScope, IdleScope, Pattern, Scope, ScopeError, Scoped, Specificity};
pub use scopes::{OwnPlaces, Place, Places, SharedPath, UnknownPlaces, idle_scopes};

#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
