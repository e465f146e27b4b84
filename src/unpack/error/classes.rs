//! The kind of failure that each error is.

use super::UnpackError;
use crate::host::containers::apply::ConfigError;
use crate::host::{InstallError, ResourceDirectoryError};
use crate::oci::layout::LayoutError;
use crate::oci::source::{SourceError, Trouble};
use crate::registry::RegistryError;
use crate::unpack::class::Class;

impl UnpackError {
    /// What kind of failure it is.
    pub fn class(&self) -> Class {
        match self {
            Self::Archive(_) | Self::Catalogue(_) => Class::Medium,
            Self::Layout(error) => match error {
                LayoutError::Blob(source) => class_of_source(source),
                _ => Class::Medium,
            },
            Self::CarriedKey { .. }
            | Self::Fingerprint { .. }
            | Self::OtherBundle { .. }
            | Self::UnansweredPins(_)
            | Self::Sources(_)
            | Self::TagsBack(_)
            | Self::Disguised(_)
            | Self::KeyRemoved { .. }
            | Self::Tags(_)
            | Self::FirstUse { .. }
            | Self::FirstUseEverywhere
            | Self::PinnedLog(_)
            | Self::Refused(_) => Class::Refused,
            Self::IdleScopes(_)
            | Self::Naming(_)
            | Self::EmitWithoutRegistry
            | Self::Emit(ResourceDirectoryError::Foreign(_) | ResourceDirectoryError::List(_))
            | Self::Collision { .. }
            | Self::ReservedTag(_)
            | Self::LayoutIsNoMirror
            | Self::AllowsNothing(_)
            | Self::NothingSelected
            | Self::Configure(
                ConfigError::NotRoot | ConfigError::ReviewInPlace(_) | ConfigError::Ca(_),
            )
            | Self::Install(
                InstallError::NotRoot
                | InstallError::NameWithoutKey { .. }
                | InstallError::OtherName { .. }
                | InstallError::TwoNames { .. }
                | InstallError::ReplacesItself { .. }
                | InstallError::ReplacementNotTrusted { .. }
                | InstallError::NotTheOldKey { .. },
            ) => Class::Usage,
            Self::Seal(refusal) => refusal.class(),
            Self::Registry(error) => class_of(error),
            Self::ForeignLayers { source, .. } => class_of(source),
            Self::PassedBy { source, .. } => class_of(source),
            Self::TagsIncomplete(_, source) => source.class(),
            Self::AttachmentRefused { .. }
            | Self::SparseIndex { .. }
            | Self::TargetBlob { .. }
            | Self::ReadBack { .. } => Class::Network,
            Self::Blob(error) => class_of_source(error),
            Self::InstalledKey { .. }
            | Self::Install(_)
            | Self::NotInstalled(_)
            | Self::Configure(_)
            | Self::NotConfigured(_)
            | Self::NotRemembered(_)
            | Self::TagsNotRemembered(_)
            | Self::KeyRemovedLate { .. }
            | Self::Emit(_)
            | Self::NotEmitted(_)
            | Self::Resource(_)
            | Self::Host(_)
            | Self::Lookaside(_)
            | Self::Task(_) => Class::Other,
        }
    }
}

fn class_of(error: &RegistryError) -> Class {
    match error {
        RegistryError::Source(source) => class_of_source(source),
        // Files with credentials and certificates are the caller's.
        RegistryError::Setup { .. } | RegistryError::Credentials { .. } => Class::Usage,
        _ => Class::Network,
    }
}

/// The source of everything that is pushed is the archive.
fn class_of_source(error: &SourceError) -> Class {
    match error.trouble {
        Trouble::Network => Class::Network,
        Trouble::Medium | Trouble::Content | Trouble::Absent => Class::Medium,
    }
}
