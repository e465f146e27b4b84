//! `bundle keys`: what is installed on this host, what is installed alone, what is taken away.

mod install;
mod list;
mod remove;

use super::exit::Status;
use super::failure::Failure;
use bundle::host::HostRoot;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Show, install and remove the keys by which bundles are verified on this host
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "  bundle keys list
  sudo bundle keys install app.tar.zst --key quay.io/org=release.pub --dry-run
  sudo bundle keys install app.tar.zst --key quay.io/org=new.pub --replace-key release=sha256:…:sha256:…
  sudo bundle keys remove release";

#[derive(Subcommand)]
enum Command {
    /// Keys that were installed, what each is good for, and files that grant nothing
    List(list::Options),
    /// Verify a bundle as unpack does, push nothing, and install the keys that verified something
    Install(Box<install::Options>),
    /// Take back keys that were installed: first what makes them anchors, then their files
    Remove(remove::Options),
}

pub(super) fn run(options: &Options) -> Result<Status, Failure> {
    match &options.command {
        Command::List(options) => list::run(options),
        Command::Install(options) => install::run(options),
        Command::Remove(options) => remove::run(options),
    }
}

/// Where keys are installed.
#[derive(Args)]
struct Root {
    /// Use this directory in place of /
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

impl Root {
    fn open(&self) -> Result<HostRoot, Failure> {
        let root = match &self.root {
            Some(directory) => HostRoot::under(directory),
            None => HostRoot::host(),
        };
        root.map_err(|error| Failure::of(Status::Usage, &error))
    }
}
