//! Signing certificates: the only reader of the annotations `dev.sigstore.cosign/certificate` and `…/chain`, and of the
//! names, the issuer and the key in a leaf, wherever it came from (docs/spec/verification.md §6).
//!
//! Under a policy `fulcio` or `pki` the path is looked for here, as containers/image image/signature/{fulcio,pki}_cert.go
//! decide; under a trusted root [`crate::sigstore_bundle`] sees to it.
//!
//! 1. [`Presented`]: a leaf certificate and intermediates as an annotation has them; nothing about them is proven
//! 2. `path`: the leaf leads to one of the [`Authorities`] at a given time, and is for code signing
//! 3. [`Fulcio`]: the issuer and the subject are the expected ones; [`Pki`]: the e-mail address or the `host_name` is
//! 4. [`Leaf`]: what then may verify a signature
//!
//! Stricter than Go's path validation, which the container stack uses: a root must be a version 3 authority, within its
//! own validity; a leaf that is an authority, or itself a root, is refused; a key usage must permit signing; e-mail
//! and directory name constraints refuse every such name; "any extended key usage" is not code signing.

mod authorities;
mod error;
mod fulcio;
mod host_name;
mod identity;
mod leaf;
mod path;
mod pki;
mod structure;

pub use authorities::{Authorities, AuthorityError};
pub use error::{CertificateError, Part};
pub use fulcio::Fulcio;
pub use identity::{Identity, Subject, SubjectError};
pub(crate) use leaf::is_self_issued;
pub use leaf::{Leaf, Presented};
pub use pki::Pki;

/// Most bytes of a leaf certificate's annotation. Real ones have 1 to 3 KiB.
pub const MAX_LEAF: usize = 64 << 10;
/// Most bytes of a chain's annotation.
pub const MAX_CHAIN: usize = 128 << 10;
/// Most certificates of a chain. Real ones have two or three; the cost of looking for a path grows with their factorial.
pub const MAX_CHAIN_CERTIFICATES: usize = 6;
/// Most bytes of a file of authorities. That of a whole operating system has 250 KiB.
pub const MAX_AUTHORITIES_FILE: usize = 1 << 20;
/// Most authorities in a file. An operating system has 150.
pub const MAX_AUTHORITIES: usize = 512;

#[cfg(test)]
mod tests;
