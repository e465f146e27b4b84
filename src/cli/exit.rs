//! Exit statuses (docs/reference/exit-codes.md).

use super::ending::Ending;
use bundle::archive::ArchiveError;
use bundle::oci::source::{SourceError, Trouble};
use bundle::pack::PackError;
use bundle::registry::RegistryError;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Everything that was asked for is done.
    Done,
    /// Anything that has no status of its own.
    Other,
    /// The call is wrong.
    Usage,
    /// Verification refused something.
    Refused,
    /// Done, but not all of it.
    Partial,
    /// A registry or the network.
    Network,
    /// An archive, a file or the medium it is on.
    Medium,
    /// Somebody ended it.
    Interrupted(Ending),
}

impl Status {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Other => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Partial => 4,
            Self::Network => 5,
            Self::Medium => 6,
            Self::Interrupted(ending) => ending.code(),
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        status.code().into()
    }
}

impl From<Trouble> for Status {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Medium => Self::Medium,
            // What a registry gives that is not what was asked for is the registry's fault.
            Trouble::Network | Trouble::Content | Trouble::Absent => Self::Network,
        }
    }
}

impl From<&SourceError> for Status {
    fn from(error: &SourceError) -> Self {
        error.trouble.into()
    }
}

impl From<&RegistryError> for Status {
    fn from(error: &RegistryError) -> Self {
        match error {
            // Files with credentials and certificates are the caller's.
            RegistryError::Setup { .. } | RegistryError::Credentials { .. } => Self::Usage,
            _ => Self::Network,
        }
    }
}

impl From<&ArchiveError> for Status {
    fn from(_: &ArchiveError) -> Self {
        Self::Medium
    }
}

impl From<&PackError> for Status {
    fn from(error: &PackError) -> Self {
        match error {
            PackError::Usage(_)
            | PackError::IdleScopes(_)
            | PackError::Begun { .. }
            | PackError::Output(_)
            | PackError::Occupied { .. }
            | PackError::NeedsFile(_) => Self::Usage,
            PackError::Unfinished(error) => error.as_ref().into(),
            PackError::SeveralMissing(missing) => missing.first().map_or(Self::Other, Self::from),
            PackError::NothingLeft { first, .. } => {
                first.as_deref().map_or(Self::Other, Self::from)
            }
            PackError::Attachment(error) => error.as_ref().into(),
            PackError::Registry { source, .. } => source.as_ref().into(),
            PackError::Missing { trouble, .. } => (*trouble).into(),
            PackError::Source { source, .. } | PackError::Blob { source, .. } => source.into(),
            PackError::Tags(_) => Self::Network,
            PackError::Refused(_)
            | PackError::Unsigned(_)
            | PackError::RunnableAttachment { .. } => Self::Refused,
            PackError::Archive(error) | PackError::Unlisted(error) => error.into(),
            PackError::NotSealed { .. } => Self::Medium,
            PackError::Json(_)
            | PackError::Task(_)
            | PackError::Seal(_)
            | PackError::Stopped(_) => Self::Other,
        }
    }
}
