//! `bundle keys remove`.

use super::Root;
use crate::cli::exit::Status;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, say};
use crate::cli::text::{line, safe};
use bundle::host::{KeySelector, RemoveError, remove_keys};
use bundle::report::keys::{KeyFileOutcome, KeyNaming, RemoveReport, Removed};
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
        RemoveError::NotInstalled(_) => Failure::of(Status::Usage, error)
            .hint("run bundle keys list: it shows the installed keys"),
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
        describe_rules(&mut out, key);
    }
    out
}

/// The policy is the administrator's, so it is not changed here; what it does without the key has to be known.
fn describe_rules(out: &mut Output, key: &Removed) {
    let scopes = |naming: KeyNaming| {
        let rules = key.policy_rules.iter().filter(|rule| rule.named_by == naming);
        rules.map(|rule| line(&rule.scope)).collect::<Vec<_>>().join(", ")
    };
    let is_gone = matches!(key.key_file, KeyFileOutcome::Removed | KeyFileOutcome::Missing);
    let by_path = match is_gone {
        true => "names this file, so that every pull is refused, until the rule is changed",
        false => "names this file and keeps admitting its key until the rule is changed",
    };
    let inline =
        "holds the key itself and keeps admitting its signatures until the rule is changed";
    for (naming, what) in [(KeyNaming::Path, by_path), (KeyNaming::Content, inline)] {
        let scopes = scopes(naming);
        if !scopes.is_empty() {
            say!(out, "  /etc/containers/policy.json {what}: {scopes}");
        }
    }
    if let Some(why) = &key.policy_unread {
        say!(out, "  whether /etc/containers/policy.json rests on it is not known: {}", line(why));
    }
}
