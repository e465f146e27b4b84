//! Whose image a signature speaks of: the rules of containers-policy.json(5) `signedIdentity`, compared as
//! containers/image compares them (`signature/policy_reference_match.go`).
//!
//! - [`named`]: names as distribution/reference reads and normalises them
//! - [`remap`]: the substitution of `remapIdentity`
//! - `written`: the rules as command lines and reports write them

pub mod named;
pub mod remap;
mod written;

use crate::reading::text::bounded;
use bundle_oci::Reference;
use named::{Named, NamedError};
use remap::{Remap, RemapError};
pub use written::RuleError;

/// How the reference in a signature must relate to the **source** reference of the image, never to the enclave's name
/// for it; or to a reference that the policy names itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityRule {
    /// The same text after normalisation, with a tag or a digest in both.
    MatchExact,
    /// As [`Self::MatchExact`]; but where the image was asked for by digest alone, the same host and repository with
    /// any tag or digest. The default of containers-policy.json(5). A signature without tag and digest, such as plain
    /// cosign makes, never satisfies it.
    MatchRepoDigestOrExact,
    /// The same host and repository; tags and digests do not matter. What `--key` means, because plain cosign
    /// signatures name no tag.
    MatchRepository,
    /// The signature names exactly this reference, wherever the image comes from.
    ExactReference(Pinned),
    /// The signature names this repository with any tag or digest, wherever the image comes from.
    ExactRepository(Named),
    /// [`Self::MatchRepoDigestOrExact`] after the prefix of the source was replaced.
    RemapIdentity(Remap),
}

/// A name with a tag, a digest or both: what [`IdentityRule::ExactReference`] needs to be able to match anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned(Named);

impl Pinned {
    /// The name itself.
    pub fn named(&self) -> &Named {
        &self.0
    }
}

impl TryFrom<Named> for Pinned {
    type Error = NamedError;

    fn try_from(named: Named) -> Result<Self, NamedError> {
        if named.is_name_only() { Err(NamedError::Unpinned) } else { Ok(Self(named)) }
    }
}

/// The signature speaks of something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// What it names is no reference.
    #[error("the signature names {claimed:?}, which is not an image reference: {why}")]
    Unreadable {
        /// The text in the signature, bounded.
        claimed: String,
        /// Why it cannot be read.
        why: NamedError,
    },
    /// It names a repository only, and the rule wants more.
    #[error(
        "the signature is for {claimed} without tag or digest, which the rule {rule} never accepts"
    )]
    NameOnly {
        /// The text in the signature, bounded.
        claimed: String,
        /// The rule, as command lines write it, bounded.
        rule: String,
    },
    /// It names another image than the one that was asked for.
    #[error("the signature is for {claimed}, the image comes from {source_reference}")]
    Other {
        /// The text in the signature, bounded.
        claimed: String,
        /// Where the image comes from.
        source_reference: String,
    },
    /// It names another image than the policy does, or than the source becomes by it.
    #[error("the signature is for {claimed}, the policy wants one for {wanted}")]
    NotTheConfigured {
        /// The text in the signature, bounded.
        claimed: String,
        /// What the policy wants, bounded.
        wanted: String,
    },
    /// The source cannot be remapped.
    #[error("the source {source_reference} cannot be remapped: {why}")]
    Remap {
        /// Where the image comes from.
        source_reference: String,
        /// Why not.
        why: RemapError,
    },
}

impl IdentityError {
    /// Host and path of the image that the signature is for, where it can be read and is another one.
    pub(super) fn signed_name(&self) -> Option<String> {
        let claimed = match self {
            Self::NameOnly { claimed, .. }
            | Self::Other { claimed, .. }
            | Self::NotTheConfigured { claimed, .. } => claimed,
            Self::Unreadable { .. } | Self::Remap { .. } => return None,
        };
        // One that was cut short is no name.
        Some(Named::of_signature(claimed).ok()?.name().to_owned())
    }
}

impl IdentityRule {
    /// Compares what a signature claims with where the image comes from, both normalised.
    ///
    /// # Errors
    /// When they do not agree under this rule.
    pub fn check(&self, claimed: &str, source: &Reference) -> Result<(), IdentityError> {
        let signed = Named::of_signature(claimed)
            .map_err(|why| IdentityError::Unreadable { claimed: bounded(claimed), why })?;
        let source = Named::from(source);
        let (agrees, wanted) = match self {
            Self::MatchExact => (is_exactly(&signed, &source), None),
            Self::MatchRepoDigestOrExact => (is_repo_digest_or_exact(&signed, &source), None),
            Self::MatchRepository => (signed.name() == source.name(), None),
            Self::ExactReference(Pinned(named)) => {
                (is_exactly(&signed, named), Some(named.clone()))
            }
            Self::ExactRepository(named) => {
                (signed.name() == named.name(), Some(named.without_pins()))
            }
            Self::RemapIdentity(remap) => {
                let remapped = remap.apply(&source).map_err(|why| IdentityError::Remap {
                    source_reference: bounded(&source.to_string()),
                    why,
                })?;
                (is_repo_digest_or_exact(&signed, &remapped), Some(remapped))
            }
        };
        if agrees {
            return Ok(());
        }
        let claimed = bounded(claimed);
        if signed.is_name_only() && self.wants_pins() {
            return Err(IdentityError::NameOnly { claimed, rule: bounded(&self.to_string()) });
        }
        Err(match wanted {
            Some(wanted) => {
                IdentityError::NotTheConfigured { claimed, wanted: bounded(&wanted.to_string()) }
            }
            None => {
                let source_reference = bounded(&source.to_string());
                IdentityError::Other { claimed, source_reference }
            }
        })
    }

    /// True when a signature that names no tag and no digest cannot satisfy the rule, whatever the image.
    pub fn wants_pins(&self) -> bool {
        match self {
            Self::MatchRepository | Self::ExactRepository(_) => false,
            Self::MatchExact
            | Self::MatchRepoDigestOrExact
            | Self::ExactReference(_)
            | Self::RemapIdentity(_) => true,
        }
    }
}

fn is_exactly(signed: &Named, wanted: &Named) -> bool {
    !wanted.is_name_only() && signed == wanted
}

/// An image asked for by digest alone is bound to its content already, so that the tag in the signature may be any;
/// that there is one is still demanded.
fn is_repo_digest_or_exact(signed: &Named, wanted: &Named) -> bool {
    if signed.is_name_only() || wanted.is_name_only() {
        return false;
    }
    match wanted.tag() {
        Some(_) => signed == wanted,
        None => signed.name() == wanted.name(),
    }
}

#[cfg(test)]
mod tests;
