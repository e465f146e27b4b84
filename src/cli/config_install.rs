//! `bundle config install`: the part of unpack that needs root, alone.

use super::exit::Status;
use super::failure::Failure;
use super::host_config::{self, HostConfig};
use super::output::{Output, say};
use super::pipes;
use super::text::safe;
use super::trust::Trust;
use super::unpack::failed;
use bundle::report::configuration::ConfigInstallReport;
use bundle::unpack::{self, Input, Target};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// The configuration of the container stack
#[derive(Args)]
pub(super) struct Config {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Configure this host for the images of a bundle that another run pushed; verifies as unpack does
    Install(Box<Options>),
}

#[derive(Args)]
struct Options {
    /// The bundle; or its volumes, or folders that hold them; or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The registry that has the images, as unpack was told: REGISTRY[/PREFIX]. It is not contacted
    #[arg(long, value_name = "TARGET", value_parser = super::parsed::<Target>)]
    to: Target,
    /// =false: the registry is reached over plain HTTP, or with any certificate. On loopback it is anyway
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
    trust: Trust,
}

pub(super) fn run(config: Config) -> Result<Status, Failure> {
    let ConfigCommand::Install(options) = config.command;
    let configure = options.host_config.options(&options.trust, options.tls_verify, &options.to)?;
    let trust = options.trust.inputs()?;
    let input = match pipes::is_input(&options.files)? {
        true => Input::Stream(pipes::input()?, options.files[0].clone()),
        false => Input::Files(options.files.clone()),
    };
    let report = unpack::configure(input, options.to, trust, configure, options.dry_run)
        .map_err(|error| failed(&error, &options.files, false))?;
    let output = if options.json { Output::json(&report)? } else { summary(&report) };
    output.write()?;
    Ok(Status::Done)
}

fn summary(report: &ConfigInstallReport) -> Output {
    let mut out = Output::default();
    host_config::describe(&mut out, &report.configuration);
    let done = match report.configuration.dry_run {
        true => "dry run, nothing was written",
        false => "done",
    };
    say!(out, "configuration for {}: {done}", safe(&report.target));
    say!(out, "bundle digest: {}", report.bundle_digest);
    out
}
