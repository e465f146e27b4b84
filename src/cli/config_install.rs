//! `bundle config install`: the part of unpack that needs root, alone.

use super::connection::Connection;
use super::exit::Status;
use super::failure::Failure;
use super::host_config::{self, HostConfig};
use super::naming::Naming;
use super::output::{Output, say};
use super::pipes;
use super::progress::{Talk, progress};
use super::refusal::Hints;
use super::sealed::say_seal;
use super::text::safe;
use super::trust::Trust;
use super::unpack::failed;
use bundle::host::settings::Settings;
use bundle::progress::Waits;
use bundle::report::configuration::ConfigInstallReport;
use bundle::unpack::{self, Request};
use clap::Args;
use std::path::PathBuf;

/// Configure this host's container stack for the images of a bundle that another run pushed; verifies as unpack does
#[derive(Args)]
pub(super) struct Options {
    /// The bundle; or its volumes, or folders that hold them; or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The registry that has the images, as unpack was told: REGISTRY[/PREFIX]. It is asked what it has; nothing is sent
    #[arg(long, value_name = "TARGET")]
    to: Option<String>,
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
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(options: Options) -> Result<Status, Failure> {
    let in_force = options.trust.in_force(Settings {
        to: options.to.clone(),
        mapping: options.naming.settings(),
        ..Settings::default()
    })?;
    let target = options.naming.target(&in_force)?;
    let configure =
        options.host_config.options(&options.trust, options.connection.verifies_tls(), &target)?;
    let mut trust = options.trust.inputs()?;
    trust.given_scopes.extend(options.naming.scopes());
    let input = pipes::archive(&options.files)?;
    let waits = Waits::default();
    let client = options.connection.client(&waits)?;
    let request = Request::new(input, target, trust).dry_run(options.dry_run);
    let _shown = progress(Talk::Progress, &waits);
    let report = unpack::configure(request, configure, &client)
        .await
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
