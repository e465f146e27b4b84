//! Options that say what images are called at the target.

use super::exit::Status;
use super::failure::Failure;
use bundle::host::naming::{MapRule, SourceHost};
use bundle::host::settings::MappingSettings;
use bundle::host::settings::{InForce, Origin};
use bundle::trust::{GivenScope, Scope};
use bundle::unpack::Target;
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
    /// What is asked for, as a file would say it.
    pub(super) fn settings(&self) -> MappingSettings {
        MappingSettings { keep_host: self.keep_host, map: self.map.clone() }
    }

    /// The sources of the rules on the command line.
    pub(super) fn scopes(&self) -> impl Iterator<Item = GivenScope> {
        let scopes = self.map.iter().filter_map(|rule| rule.source().parse().ok());
        scopes.map(|scope: Scope| GivenScope::new("--map", &scope))
    }

    /// The target in force with its names. Those of a configuration file are for registries.
    pub(super) fn target(&self, in_force: &InForce) -> Result<Target, Failure> {
        let Some(to) = &in_force.to else {
            return Err(Failure::usage("where to? --to is missing")
                .hint("--to REGISTRY[/PREFIX] or --to oci:DIR"));
        };
        let target: Target = to.value.parse().map_err(|error| match &to.origin {
            Origin::CommandLine => Failure::of(Status::Usage, &error),
            file => Failure::usage(format!("{file}: to cannot be used: {error}")),
        })?;
        if target.mapping().is_none() && (self.keep_host.is_some() || !self.map.is_empty()) {
            return Err(Failure::usage(
                "--map and --keep-host are for registries: a layout directory keeps the full names",
            ));
        }
        let source_host = match in_force.keep_host.as_ref().is_some_and(|keep| keep.value) {
            true => SourceHost::FirstComponent,
            false => SourceHost::LeftOut,
        };
        let rules = in_force.map.iter().map(|rule| rule.value.clone()).collect();
        target.with_names(source_host, rules).map_err(|e| Failure::of(Status::Usage, &e))
    }
}
