//! `bundle keys list`.

use super::Root;
use crate::cli::exit::Status;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, say};
use crate::cli::text::{line, safe};
use bundle::host::installed_keys;
use bundle::report::keys::ListReport;
use clap::Args;

/// Keys that were installed, what each is good for, and files that grant nothing
#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    root: Root,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> Result<Status, Failure> {
    let installed = installed_keys(&options.root.open()?)
        .map_err(|error| Failure::of(Status::Other, &error))?;
    let report = ListReport::new(&installed);
    let output = if options.json { Output::json(&report)? } else { summary(&report) };
    output.write()?;
    Ok(Status::Done)
}

fn summary(report: &ListReport) -> Output {
    let mut out = Output::default();
    for key in &report.keys {
        say!(out, "{}: {} {}", safe(&key.name), key.usage, key.fingerprint);
        say!(out, "  {}", safe(&key.path.display().to_string()));
        say!(out, "  for {}", safe(&key.scopes.join(", ")));
        for holder in &key.holders {
            let scopes = holder.scopes.join(", ");
            let (identity, issuer) = (safe(&holder.identity), safe(&holder.issuer));
            say!(out, "  certificates of {identity} ({issuer}) for {}", safe(&scopes));
        }
        say!(out, "  installed {} from bundle {}", key.installed_at, key.bundle);
    }
    for file in &report.without_effect {
        let path = file.path.display().to_string();
        say!(out, "{} grants nothing: {}", safe(&path), line(&file.reason));
    }
    if report.keys.is_empty() {
        say!(out, "no key is installed");
    }
    out
}
