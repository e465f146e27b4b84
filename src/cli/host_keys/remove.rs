//! `bundle keys remove`.

use super::Root;
use crate::cli::exit::Status;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, say};
use crate::cli::text::safe;
use bundle::host::{KeySelector, RemoveError, remove_keys};
use bundle::report::keys::{KeyFileOutcome, RemoveReport};
use clap::Args;

/// Take back keys that were installed: first what makes them anchors, then their files
#[derive(Args)]
pub(super) struct Options {
    /// Which keys, by name or by fingerprint (sha256:…, openpgp:…)
    #[arg(required = true, value_name = "NAME|FINGERPRINT")]
    keys: Vec<KeySelector>,
    #[command(flatten)]
    root: Root,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> Result<Status, Failure> {
    let removed =
        remove_keys(&options.root.open()?, &options.keys).map_err(|error| failed(&error))?;
    let report = RemoveReport::new(&removed);
    let output = if options.json { Output::json(&report)? } else { summary(&report) };
    output.write()?;
    Ok(Status::Done)
}

fn failed(error: &RemoveError) -> Failure {
    match error {
        RemoveError::NotRoot => Failure::of(Status::Usage, error)
            .hint("run it with sudo, or name a directory of your own: --root DIR"),
        RemoveError::NotInstalled(_) => {
            Failure::of(Status::Usage, error).hint("bundle keys list shows what is installed")
        }
        RemoveError::Path(_) | RemoveError::Record(_) => Failure::of(Status::Other, error),
    }
}

fn summary(report: &RemoveReport) -> Output {
    let mut out = Output::default();
    for key in &report.keys {
        let path = safe(&key.path.display().to_string());
        say!(out, "{}: removed, {} {}", safe(&key.name), key.usage, key.fingerprint);
        say!(out, "  was for {}", safe(&key.scopes.join(", ")));
        match key.key_file {
            KeyFileOutcome::Removed => say!(out, "  {path}: removed"),
            KeyFileOutcome::Missing => say!(out, "  {path}: was not there"),
            KeyFileOutcome::WasThere => {
                say!(out, "  {path}: left, it was there before the key was installed");
            }
            KeyFileOutcome::Changed => {
                say!(out, "  {path}: left, it is not the key that was recorded");
            }
        }
    }
    out
}
