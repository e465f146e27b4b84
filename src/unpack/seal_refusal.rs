//! Why a bundle is refused for its seal.

use super::class::Class;
use crate::host::StateError;
use crate::oci::Digest;
use crate::seal::{ExpiryError, RotationError, SealError, SequenceError};
use crate::trust::{KeyError, ScopeError};

/// Why a bundle is refused for its seal, or for what the sealed inventory says.
#[derive(Debug, thiserror::Error)]
pub enum SealRefusal {
    /// Something was asked of a seal, and no key that could have made it was given.
    #[error("{0}, and no key of it is given")]
    NoKey(&'static str),
    /// A seal is demanded.
    #[error("the bundle has no seal")]
    Absent,
    /// It is not the seal of a trusted key over this bundle.
    #[error("the seal of the bundle does not count")]
    Invalid(#[from] SealError),
    /// Its key does not seal this sequence, or announces what it may not.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// A rotation without the key that succeeds.
    #[error("the bundle announces the seal key {successor} and does not carry it")]
    SuccessorMissing {
        /// The key that succeeds.
        successor: Digest,
    },
    /// The key that succeeds cannot be read.
    #[error("the announced seal key {successor} cannot be used")]
    SuccessorUnusable {
        /// The key that succeeds.
        successor: Digest,
        /// What is wrong with it.
        #[source]
        source: KeyError,
    },
    /// Its time has passed, or nobody can say.
    #[error(transparent)]
    Expired(#[from] ExpiryError),
    /// It is of a series that was not named.
    #[error(
        "series-not-expected: the bundle is of the series {found:?}, and {expected} is expected"
    )]
    OtherSeries {
        /// Its name, bounded; empty for a bundle without one.
        found: String,
        /// The names that were given.
        expected: String,
    },
    /// It is older than one that was used.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    /// What is known of the series cannot be read safely.
    #[error("the record of this series cannot be read")]
    State(#[from] StateError),
    /// A carried key is to be introduced for what is no scope.
    #[error("the carried key {file:?} cannot be introduced")]
    Scope {
        /// Its file in the bundle, bounded.
        file: String,
        /// What is wrong with its scope.
        #[source]
        source: ScopeError,
    },
}

impl SealRefusal {
    /// What kind of failure it is.
    pub fn class(&self) -> Class {
        match self {
            Self::NoKey(_) => Class::Usage,
            _ => Class::Refused,
        }
    }

    /// What a person could do about it, where that is one sentence.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoKey(_) => Some("the public key of the operator's seal: --seal-pub FILE"),
            Self::Absent => Some(
                "it was never sealed, or somebody removed the seal: ask for the bundle as it was sealed",
            ),
            Self::Invalid(SealError::OtherKey { .. }) => Some(
                "a new seal key is made known by a bundle that the old one sealed (pack --successor), or by --seal-pub",
            ),
            Self::Sequence(SequenceError::Older { .. } | SequenceError::Ambiguous { .. }) => Some(
                "to use this very sequence all the same, once: --allow-rollback with its number",
            ),
            Self::Sequence(SequenceError::LongStep { .. }) => Some(
                "if the jump is meant, give --allow-sequence-jump; every bundle of the series below it counts as old then",
            ),
            Self::Sequence(SequenceError::Missing { .. } | SequenceError::Unnumbered { .. }) => {
                Some(
                    "ask for the bundle with its sequence; to use one whose age cannot be told, once: --allow-unnumbered",
                )
            }
            Self::OtherSeries { .. } => Some(
                "ask for a bundle of that series; if another one is meant, name it as well: --seal-name NAME",
            ),
            Self::Rotation(RotationError::RetiredElsewhere { .. }) => Some(
                "a new series is sealed by the key that succeeded: --seal-pub names it; one that the old key began has to announce its own successor",
            ),
            Self::State(StateError::Damaged { .. } | StateError::Path(_)) => Some(
                "find out what happened to it; with the file moved away, the next bundle counts as the first of its series",
            ),
            _ => None,
        }
    }
}
