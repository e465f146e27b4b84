//! What a person could do about an error.

use super::UnpackError;
use crate::host::containers::apply::ConfigError;
use crate::host::naming::MappingError;
use crate::host::{InstallError, ResourceDirectoryError, SourcesFileError, TagsFileError};

impl UnpackError {
    /// What a person could do about it, where that is one sentence.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Seal(refusal) => refusal.hint(),
            Self::Registry(error) => error.hint(),
            Self::IdleScopes(_) => Some(
                "correct the scope, or leave the option out; what is for every bundle belongs into config.toml",
            ),
            Self::Naming(error) => naming_hint(error),
            Self::Emit(ResourceDirectoryError::Foreign(_) | ResourceDirectoryError::List(_)) => {
                Some("name a directory of its own: oc apply would take whatever is in it")
            }
            Self::Collision { .. } => {
                Some("a tag names one image: pack the other one into a bundle of its own")
            }
            Self::Sources(SourcesFileError::OtherSource(_)) => Some(
                "if that is meant, say so: --map SOURCE=PATH; to keep both: --keep-host, or another prefix in --to",
            ),
            Self::Sources(SourcesFileError::Damaged { .. }) => Some(
                "restore the file, or remove it: then the next bundle decides what may fill each repository",
            ),
            Self::Sources(SourcesFileError::Path(_)) => Some(
                "find out what happened to it; moved away, the next bundle decides what may fill each repository",
            ),
            Self::TagsBack(_) => Some(
                "ask for a newer bundle, sealed in its series; to move these tags all the same, once: --allow-tag-rollback SCOPE",
            ),
            Self::Tags(TagsFileError::Damaged { .. } | TagsFileError::Path(_)) => Some(
                "find out what happened to it; with the file moved away, nothing is known of what filled the tags",
            ),
            Self::TargetBlob { .. } => Some(
                "remove that file and run the same command again: the blob is then written from the bundle",
            ),
            Self::TagsIncomplete(_, source) => source
                .hint()
                .or(Some("run the same command again: what has arrived is not sent a second time")),
            Self::PassedBy { .. } => Some(
                "run the same command again, with the archive from its start: what has arrived is not sent again",
            ),
            Self::NotInstalled(_)
            | Self::NotConfigured(_)
            | Self::NotRemembered(_)
            | Self::TagsNotRemembered(_)
            | Self::NotEmitted(_) => Some(
                "mend that and run the same command again: what is published is not sent a second time",
            ),
            Self::Install(InstallError::OtherName { .. }) => Some(
                "leave out --install-keys-as to keep the name; to change it, remove the key file and its record first",
            ),
            Self::FirstUse { .. } => Some(
                "a narrower scope that no anchor is for, or give the key itself: --key SCOPE=FILE",
            ),
            Self::Install(InstallError::DifferentKey { .. }) => Some(
                "to let one installed key take the place of another: --replace-key NAME=OLD:NEW; or give another name with --install-keys-as",
            ),
            Self::Install(InstallError::NotTheOldKey { .. }) => {
                Some("bundle keys list shows what is installed")
            }
            Self::Install(InstallError::ReplacementNotTrusted { .. }) => Some(
                "the new key must be trusted by itself, and have verified an image of this bundle: --key SCOPE=FILE or --trust-fingerprint",
            ),
            Self::Install(InstallError::NotRoot) => {
                Some("run it with sudo, or name a directory of your own: --root DIR")
            }
            Self::Configure(error) => hint_of(error),
            Self::KeyRemoved { .. } | Self::KeyRemovedLate { .. } => {
                Some("run it again: bundle keys list shows what is installed now")
            }
            Self::Sources(SourcesFileError::TooMany { .. }) => Some(
                "take out of that file what is not at the registry any more, or name another memory: --root DIR",
            ),
            Self::Disguised(_) => Some(
                "ask whoever made the bundle what that is; to leave out what nobody vouches for: --attachments verified",
            ),
            Self::LayoutIsNoMirror => Some("unpack into a registry: --to REGISTRY[/PREFIX]"),
            Self::AttachmentRefused { .. } => Some(
                "to publish the images without what the registry refuses, and have it named: --attachments-refused warn",
            ),
            Self::ForeignLayers { .. } => Some(
                "the registry decides which addresses layers may have; distribution does by its setting validation.manifests.urls",
            ),
            Self::SparseIndex { .. } => Some(
                "pack all platforms, or one alone; or unpack to a layout directory: --to oci:DIR",
            ),
            _ => None,
        }
    }
}

fn hint_of(error: &ConfigError) -> Option<&'static str> {
    match error {
        ConfigError::NotRoot => Some(
            "run it with sudo, or write the files elsewhere for review: --config-dir DIR; or name a directory in the place of /: --root DIR",
        ),
        ConfigError::ReviewInPlace(_) => {
            Some("name another directory; to change the files themselves: --install-config")
        }
        ConfigError::Unparsed { .. } => Some(
            "nothing was changed; where several keys are needed, the hosts may be older than --policy-level says",
        ),
        ConfigError::Policy(_) | ConfigError::Lookups(_) | ConfigError::Mirrors(_) => Some(
            "nothing was changed; mend that file first, or look at the result elsewhere: --config-dir DIR",
        ),
        _ => None,
    }
}

fn naming_hint(error: &MappingError) -> Option<&'static str> {
    match error {
        MappingError::Collisions(_) => Some(
            "keep them apart: --keep-host, --map SOURCE=PATH, or one after the other below different prefixes: --to REGISTRY/PREFIX",
        ),
        MappingError::Host(_) => Some("name its place: --map SOURCE=PATH"),
        MappingError::Name { .. } => {
            Some("a shorter prefix, or a shorter place: --map SOURCE=PATH")
        }
        MappingError::Twice { .. } => None,
    }
}
