//! `bundle pages`, which nobody needs to type: the manual pages and the page of the command line, out of the same source
//! as `--help`.

use super::exit::Status;
use super::failure::Failure;
use super::output::Output;
use anyhow::Context as _;
use clap::{Args, Command};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Columns of the help texts on the page.
const WIDTH: usize = 100;

/// Write manual pages, or print the reference page of the command line
#[derive(Args)]
pub(super) struct Options {
    /// Write one manual page for each command into this directory, instead of the page in Markdown
    #[arg(long, value_name = "DIR")]
    man: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<Status, Failure> {
    let mut program = super::command_line(super::Help::Whole);
    program.build();
    match &options.man {
        Some(directory) => {
            let written = write_manual(&program, directory).with_context(|| {
                format!("the manual pages cannot be written to {}", directory.display())
            });
            written.map_err(|error| Failure::new(Status::Other, &error))?;
        }
        None => Output::text(page(&program)).write()?,
    }
    Ok(Status::Done)
}

fn write_manual(command: &Command, directory: &Path) -> std::io::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    let name = full_name(command).replace(' ', "-");
    fs::write(directory.join(format!("{name}.1")), page)?;
    shown(command).try_for_each(|command| write_manual(command, directory))
}

/// All help texts, one after the other.
fn page(program: &Command) -> String {
    let mut page = String::from(
        "# Command line\n\nMade by the program itself, from the texts of `--help`. A test compares this page with them.\n",
    );
    add(program, &mut page);
    page
}

fn add(command: &Command, page: &mut String) {
    let help = command.clone().term_width(WIDTH).render_long_help().to_string();
    let help: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    // Writing to a text cannot fail.
    let _ = write!(page, "\n## {}\n\n```text\n{}\n```\n", full_name(command), help.join("\n"));
    shown(command).for_each(|command| add(command, page));
}

/// Commands below this one that people are told of.
fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help")
}

fn full_name(command: &Command) -> String {
    command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned()
}
