//! Whose image a signature speaks of: the rules of containers-policy.json(5) `signedIdentity`.

use super::text::{bounded, explain};
use crate::oci::Reference;

/// How the reference in a signature must relate to the **source** reference of the image, never to the enclave's name
/// for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityRule {
    /// The same host and repository; tags and digests do not matter. What `--key` means, because plain cosign
    /// signatures name no tag.
    MatchRepository,
}

/// The signature speaks of something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// What it names is no reference.
    #[error("the signature names {claimed:?}, which is no image reference: {why}")]
    Unreadable {
        /// The text in the signature, bounded.
        claimed: String,
        /// Why it cannot be read.
        why: String,
    },
    /// It names another image.
    #[error("the signature is for {claimed}, the image comes from {source_reference}")]
    Other {
        /// The text in the signature, bounded.
        claimed: String,
        /// Where the image comes from.
        source_reference: String,
    },
}

impl IdentityRule {
    /// Compares what a signature claims with where the image comes from, both normalised.
    ///
    /// # Errors
    /// When they do not agree under this rule.
    pub fn check(self, claimed: &str, source: &Reference) -> Result<(), IdentityError> {
        let reference: Reference = claimed.parse().map_err(|error| IdentityError::Unreadable {
            claimed: bounded(claimed),
            why: explain(&error),
        })?;
        let agrees = match self {
            Self::MatchRepository => reference.repository() == source.repository(),
        };
        if agrees {
            Ok(())
        } else {
            Err(IdentityError::Other {
                claimed: bounded(claimed),
                source_reference: bounded(&source.to_string()),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn match_repository_compares_normalised_host_and_path_and_nothing_else() {
        let accepted = [
            ("quay.io/org/repo", "quay.io/org/repo:1"),
            ("quay.io/org/repo:other", "quay.io/org/repo:1"),
            ("index.docker.io/library/alpine", "alpine:3"),
            ("alpine", "docker.io/library/alpine:3"),
        ];
        for (claimed, source) in accepted {
            let source: Reference = source.parse().expect("a reference");
            assert_eq!(IdentityRule::MatchRepository.check(claimed, &source), Ok(()), "{claimed}");
        }
        let source: Reference = "quay.io/org/repo:1".parse().expect("a reference");
        for other in [
            "quay.io/org/repo-evil",
            "quay.io/org/rep",
            "quay.io/org/repo/sub",
            "quay.io:443/org/repo",
            "quay.io:5000/org/repo",
            "org/repo",
            "quay.io.evil.example/org/repo",
        ] {
            let error = IdentityRule::MatchRepository.check(other, &source);
            assert!(matches!(error, Err(IdentityError::Other { .. })), "{other}: {error:?}");
        }
        for unreadable in ["", "quay.io/Org/repo", "quay.io/org/repo@sha512:00", "\u{1b}[2J"] {
            let error = IdentityRule::MatchRepository.check(unreadable, &source);
            assert!(matches!(error, Err(IdentityError::Unreadable { .. })), "{unreadable:?}");
        }
    }
}
