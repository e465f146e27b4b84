//! `bundle config`: which configuration counts, and from where. Its subcommand is in [`config_install`].

use super::exit::Status;
use super::failure::Failure;
use super::output::{Output, say};
use super::settings::Files;
use super::text::safe;
use super::{config_install, run_async};
use bundle::host::settings::Settings;
use bundle::host::{FoundSettings, HostRoot, SettingsFile};
use bundle::report::config::{
    ConfigFileReport, ConfigFound, ConfigLayer, ConfigReport, SettingReport,
};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Print which configuration counts, and from where: /etc/bundle/config.toml and ~/.config/bundle/config.toml
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    /// Use this directory in place of /
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Configure this host's container stack for the images of a bundle that another run pushed; verifies as unpack does
    Install(Box<config_install::Options>),
}

pub(super) fn run(options: Options) -> Result<Status, Failure> {
    match options.command {
        Some(Command::Install(install)) => run_async(config_install::run(*install)),
        None => print(&options),
    }
}

fn print(options: &Options) -> Result<Status, Failure> {
    let root = match &options.root {
        Some(directory) => HostRoot::under(directory),
        None => HostRoot::host(),
    };
    let files = Files::read(&root.map_err(|e| Failure::of(Status::Usage, &e))?)?;
    let report = report(&files)?;
    let output = if options.json { Output::json(&report)? } else { summary(&report) };
    output.write()?;
    Ok(Status::Done)
}

fn report(files: &Files) -> Result<ConfigReport, Failure> {
    let in_force = files.in_force(Settings::default());
    let policy = in_force.policy().map_err(|error| Failure::of(Status::Usage, &error))?;
    let setting = |row: bundle::host::settings::Row| SettingReport {
        key: row.key,
        value: row.value,
        from: row.origin.to_string(),
    };
    let user = files.user.iter().map(|file| (ConfigLayer::User, file));
    let all = std::iter::once((ConfigLayer::System, &files.system)).chain(user);
    Ok(ConfigReport {
        report_version: "1.0",
        files: all.map(|(layer, file)| file_report(layer, file)).collect(),
        settings: in_force.rows().into_iter().map(setting).collect(),
        decided_by: policy.map(|policy| policy.key()),
    })
}

fn file_report(layer: ConfigLayer, file: &SettingsFile) -> ConfigFileReport {
    let (found, why) = match &file.found {
        FoundSettings::Read(_) => (ConfigFound::Read, None),
        FoundSettings::Absent => (ConfigFound::Absent, None),
        FoundSettings::Ignored(error) => (ConfigFound::Ignored, Some(error.to_string())),
    };
    ConfigFileReport { file: file.path.clone(), layer, found, why }
}

fn summary(report: &ConfigReport) -> Output {
    let mut out = Output::default();
    for setting in &report.settings {
        say!(out, "{} = {} ({})", setting.key, safe(&setting.value), safe(&setting.from));
    }
    if let Some(policy) = report.decided_by {
        say!(out, "{policy} decides alone: keys of these files are not asked");
    }
    for file in &report.files {
        let path = file.file.display().to_string();
        let found = match file.found {
            ConfigFound::Read => "read".to_owned(),
            ConfigFound::Absent => "not there".to_owned(),
            ConfigFound::Ignored => {
                format!("does not count: {}", safe(file.why.as_deref().unwrap_or_default()))
            }
        };
        say!(out, "{}: {found}", safe(&path));
    }
    say!(out, "installed keys count besides, each within its scopes: bundle keys list");
    out
}
