//! `bundle completions`.

use super::exit::Status;
use super::failure::Failure;
use super::output::Output;
use clap::Args;
use clap_complete::Shell;

/// Print the completions of a shell
#[derive(Args)]
#[command(
    after_help = "  bundle completions bash > ~/.local/share/bash-completion/completions/bundle"
)]
pub(super) struct Options {
    /// The shell that reads them
    shell: Shell,
}

pub(super) fn run(options: &Options) -> Result<Status, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        options.shell,
        &mut super::command_line(super::Help::Whole),
        "bundle",
        &mut script,
    );
    Output::text(String::from_utf8_lossy(&script).into_owned()).write()?;
    Ok(Status::Done)
}
