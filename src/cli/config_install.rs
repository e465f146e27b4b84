//! `bundle config install`: the part of unpack that needs root, alone.

use super::exit::Status;
use super::failure::Failure;
use super::host_config::{self, HostConfig};
use super::naming::Naming;
use super::output::{Output, say};
use super::pipes;
use super::refusal::Hints;
use super::sealed::say_seal;
use super::text::safe;
use super::trust::Trust;
use super::unpack::failed;
use bundle::host::settings::Settings;
use bundle::report::configuration::ConfigInstallReport;
use bundle::unpack;
use clap::Args;
use std::path::PathBuf;

/// Configure this host's container stack for the images of a bundle that another run pushed; verifies as unpack does
#[derive(Args)]
pub(super) struct Options {
    /// The bundle; or its volumes, or folders that hold them; or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The registry that has the images, as unpack was told: REGISTRY[/PREFIX]. It is not contacted
    #[arg(long, value_name = "TARGET")]
    to: Option<String>,
    /// =false: the registry is reached over plain HTTP, or with any certificate. On loopback it is anyway, without
    /// --registry-ca
    #[arg(long, value_name = "BOOL", default_value_t = true, default_missing_value = "true",
          num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    tls_verify: bool,
    /// Verify and print what would be written; change nothing on this host
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host_config: HostConfig,
    #[command(flatten)]
    naming: Naming,
    #[command(flatten)]
    trust: Trust,
}

pub(super) fn run(options: &Options) -> Result<Status, Failure> {
    let in_force = options.trust.in_force(Settings {
        to: options.to.clone(),
        mapping: options.naming.settings(),
        ..Settings::default()
    })?;
    let target = options.naming.target(&in_force)?;
    let configure = options.host_config.options(&options.trust, options.tls_verify, &target)?;
    let mut trust = options.trust.inputs()?;
    trust.given_scopes.extend(options.naming.scopes());
    let input = pipes::archive(&options.files)?;
    let report = unpack::configure(input, target, trust, configure, options.dry_run)
        .map_err(|error| failed(&error, &options.files, Hints::of("config install")))?;
    let output = if options.json { Output::json(&report)? } else { summary(&report) };
    output.write()?;
    Ok(options.host_config.status(&report.configuration))
}

fn summary(report: &ConfigInstallReport) -> Output {
    let mut out = Output::default();
    say_seal(&mut out, &report.seal);
    host_config::describe(&mut out, &report.configuration);
    for warning in &report.warnings {
        say!(out, "warning: {}", safe(warning));
    }
    let done = match report.configuration.dry_run {
        true => "dry run, nothing was written",
        false => "done",
    };
    say!(out, "configuration for {}: {done}", safe(&report.target));
    say!(out, "bundle digest: {}", report.bundle_digest);
    out
}
