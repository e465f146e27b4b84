//! Options that say which configuration is written for others to apply.

use bundle::host::openshift::MirrorSource;
use bundle::trust::Scope;
use bundle::unpack::{EarlierResources, EmitOptions};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;

/// Configuration for a cluster.
#[derive(Args)]
#[command(next_help_heading = "Configuration for a cluster")]
pub(super) struct Emission {
    /// Write resources for oc apply -f DIR: mirror sets, image policies, signatures of releases. Also with --dry-run. DIR
    /// may only hold what earlier runs wrote: this bundle adds to it
    #[arg(long, value_name = "openshift=DIR")]
    emit: Option<Emit>,
    /// Let DIR say what this bundle says alone: what earlier bundles brought is dropped, and named
    #[arg(long, requires = "emit")]
    replace_emitted: bool,
    /// What nodes do when no mirror has an image: never ask its source, or allow it
    #[arg(long, value_enum, default_value = "never", requires = "emit")]
    mirror_source_policy: MirrorSourcePolicy,
}

/// `openshift=DIR`.
#[derive(Debug, Clone)]
struct Emit(PathBuf);

#[derive(Clone, Copy, ValueEnum)]
enum MirrorSourcePolicy {
    /// NeverContactSource
    Never,
    /// AllowContactingSource
    Allow,
}

impl FromStr for Emit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some(("openshift", directory)) if !directory.is_empty() => Ok(Self(directory.into())),
            _ => Err("expected openshift=DIR"),
        }
    }
}

impl Emission {
    /// True when something is emitted.
    pub(super) fn is_given(&self) -> bool {
        self.emit.is_some()
    }

    /// The options for the library.
    pub(super) fn options(&self, allow_unenforced: &[Scope]) -> Option<EmitOptions> {
        let Emit(directory) = self.emit.as_ref()?;
        Some(EmitOptions {
            directory: directory.clone(),
            allow_unenforced: allow_unenforced.to_vec(),
            earlier: match self.replace_emitted {
                true => EarlierResources::Dropped,
                false => EarlierResources::Kept,
            },
            source: match self.mirror_source_policy {
                MirrorSourcePolicy::Never => MirrorSource::NeverContacted,
                MirrorSourcePolicy::Allow => MirrorSource::Allowed,
            },
        })
    }
}
