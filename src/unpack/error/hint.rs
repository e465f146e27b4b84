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
                "correct the scope, or leave the option out; put scopes for every bundle into config.toml",
            ),
            Self::Naming(error) => naming_hint(error),
            Self::Emit(ResourceDirectoryError::Foreign(_) | ResourceDirectoryError::List(_)) => {
                Some("give --emit a directory of its own: oc apply takes every file in it")
            }
            Self::Collision { .. } => {
                Some("pack one of the two into a bundle of its own: a tag names one image")
            }
            Self::Sources(SourcesFileError::OtherSource(_)) => Some(
                "if that is meant, give --map SOURCE=PATH; to keep both, give --keep-host or another prefix in --to",
            ),
            Self::Sources(SourcesFileError::Damaged { .. }) => Some(
                "restore the file, or remove it: then the next bundle decides what may fill each repository",
            ),
            Self::Sources(SourcesFileError::Path(_)) => Some(
                "find out what happened to it; moved away, the next bundle decides what may fill each repository",
            ),
            Self::TagsBack(_) => Some(
                "ask for a newer bundle, sealed in its series; to move these tags once all the same, give --allow-tag-rollback SCOPE",
            ),
            Self::Tags(TagsFileError::Damaged { .. } | TagsFileError::Path(_)) => Some(
                "find out what happened to it; if you move it away, the next bundle may move tags back in time",
            ),
            Self::TargetBlob { .. } => Some(
                "remove that file and run the same command again: the blob is then written from the bundle",
            ),
            Self::TagsIncomplete(_, source) => source.hint().or(Some(
                "run the same command again: content that arrived is not sent a second time",
            )),
            Self::PassedBy { .. } => Some(
                "run the same command again, with the archive from its start: content that arrived is not sent again",
            ),
            Self::NotInstalled(_)
            | Self::NotConfigured(_)
            | Self::NotRemembered(_)
            | Self::TagsNotRemembered(_)
            | Self::NotEmitted(_) => Some(
                "mend the cause and run the same command again: published content is not sent a second time",
            ),
            Self::Install(InstallError::OtherName { .. }) => Some(
                "leave out --install-keys-as to keep the name; to change it, remove the key file and its record first",
            ),
            Self::FirstUse { .. } => Some(
                "type a narrower scope that no anchor covers, or give the key itself with --key SCOPE=FILE",
            ),
            Self::Install(InstallError::DifferentKey { .. }) => Some(
                "to replace the installed key, give --replace-key NAME=OLD:NEW; or give another name with --install-keys-as",
            ),
            Self::Install(InstallError::NotTheOldKey { .. }) => {
                Some("run bundle keys list: it shows the installed keys")
            }
            Self::Install(InstallError::ReplacementNotTrusted { .. }) => Some(
                "give the new key with --key SCOPE=FILE or --trust-fingerprint: it must have verified an image of this bundle",
            ),
            Self::Install(InstallError::NotRoot) => {
                Some("run it with sudo, or name a directory of your own: --root DIR")
            }
            Self::Configure(error) => hint_of(error),
            Self::KeyRemoved { .. } | Self::KeyRemovedLate { .. } => {
                Some("run it again; bundle keys list shows the keys that are installed now")
            }
            Self::Sources(SourcesFileError::TooMany { .. }) => Some(
                "remove from that file the entries that the registry no longer holds, or give another memory with --root DIR",
            ),
            Self::Disguised(_) => Some(
                "ask the sender about it, or leave out unverified attachments with --attachments verified",
            ),
            Self::LayoutIsNoMirror => Some("unpack into a registry: --to REGISTRY[/PREFIX]"),
            Self::AttachmentRefused { .. } => Some(
                "to publish the images without the refused attachments, give --attachments-refused warn",
            ),
            Self::ForeignLayers { .. } => Some(
                "allow these addresses of layers at the registry; in distribution the setting is validation.manifests.urls",
            ),
            Self::SparseIndex { .. } => Some(
                "pack all platforms or one alone, or unpack to a layout directory with --to oci:DIR",
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
            "nothing was changed; if several keys are needed, give a lower --policy-level: the hosts may be older",
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
            Some("give a shorter prefix in --to, or a shorter place with --map SOURCE=PATH")
        }
        MappingError::Twice { .. } => None,
    }
}
