//! Options that say what images are called at the target.

use super::exit::Status;
use super::failure::Failure;
use bundle::host::config::mapping::{MapRule, SourceHost};
use bundle::unpack::{Target, UnpackError};
use clap::Args;

/// What images are called at a registry.
#[derive(Args)]
#[command(next_help_heading = "Names at the target")]
pub(super) struct Naming {
    /// Keep the source's host as first component: quay.io/org/app becomes TARGET/quay.io/org/app; =false drops it
    #[arg(long, value_name = "BOOL", default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    keep_host: Option<bool>,
    /// What is SRC or lies below it (HOST, HOST/NAMESPACE, HOST/REPOSITORY) becomes TARGET/DST and what followed; the
    /// narrowest counts (repeatable). It also lets SRC take the place of another source
    #[arg(long, value_name = "SRC=DST", value_parser = super::parsed::<MapRule>)]
    map: Vec<MapRule>,
}

impl Naming {
    /// The target with the names that are asked for.
    pub(super) fn target(&self, to: &str) -> Result<Target, Failure> {
        let target: Target = to.parse().map_err(|e| Failure::of(Status::Usage, &e))?;
        if target.mapping().is_none() && (self.keep_host.is_some() || !self.map.is_empty()) {
            return Err(Failure::usage(
                "--map and --keep-host are for registries: a layout directory keeps the full names",
            ));
        }
        let source_host = match self.keep_host.unwrap_or_default() {
            true => SourceHost::FirstComponent,
            false => SourceHost::LeftOut,
        };
        target.with_names(source_host, self.map.clone()).map_err(|error| {
            let error = UnpackError::from(error);
            Failure::of(Status::Usage, &error)
        })
    }
}
