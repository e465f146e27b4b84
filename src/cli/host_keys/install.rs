//! `bundle keys install`.

use crate::cli::exit::Status;
use crate::cli::failure::Failure;
use crate::cli::key_naming::{KeyNaming, add_keys};
use crate::cli::output::{Output, say};
use crate::cli::pipes;
use crate::cli::refusal::Hints;
use crate::cli::sealed::say_seal;
use crate::cli::standard_error::tell;
use crate::cli::text::{count, line};
use crate::cli::trust::Trust;
use crate::cli::unpack;
use crate::cli::verdict;
use bundle::report::keys::InstallReport;
use bundle::unpack::{InstallRequest, UnpackError, install_keys};
use clap::Args;
use std::path::PathBuf;

/// Verify a bundle as unpack does, push nothing, and install the keys that verified something
#[derive(Args)]
pub(super) struct Options {
    /// The bundle; or its volumes, or folders that hold them; or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    naming: KeyNaming,
    /// Verify and print what would be installed; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    trust: Trust,
}

pub(super) fn run(options: &Options) -> Result<Status, Failure> {
    let install = options.naming.options(options.trust.host_root()?)?;
    let trust = options.trust.inputs()?;
    let input = pipes::archive(&options.files)?;
    let request = InstallRequest::new(input, trust, install).dry_run(options.dry_run);
    let report = match install_keys(request) {
        Ok(report) => report,
        Err(error) => {
            if let (UnpackError::Refused(refused), true) = (&error, options.json) {
                // The refusal outweighs whatever is wrong with standard output.
                let _ = Output::json(refused).and_then(Output::write);
            }
            return Err(unpack::failed(&error, &options.files, Hints::of("keys install")));
        }
    };
    if report.keys.is_empty() {
        tell!("warning: no key verified an image, so no key is installed");
    } else {
        options.trust.warn_of_lone_keys();
    }
    let output = if options.json { Output::json(&report)? } else { summary(&report) };
    output.write()?;
    Ok(Status::Done)
}

fn summary(report: &InstallReport) -> Output {
    let mut out = Output::default();
    say_seal(&mut out, &report.seal);
    for image in &report.verdicts {
        say!(out, "verified: {}", line(&verdict::describe(image)));
    }
    add_keys(&mut out, &report.keys);
    for warning in &report.warnings {
        say!(out, "warning: {}", line(warning));
    }
    let keys = count(report.keys.len() as u64, "key");
    match report.dry_run {
        true => say!(out, "{keys}: dry run, nothing was installed"),
        false => say!(out, "{keys}; nothing was pushed"),
    }
    say!(out, "bundle digest: {}", report.bundle_digest);
    out
}
