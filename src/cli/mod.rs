//! The command line: arguments in, reports and exit statuses out. Nothing here decides anything about content.
//!
//! - [`exit`]: statuses, and which error has which
//! - [`failure`]: what is printed when a command does not succeed
//! - [`first_use`]: asking on a terminal for a fingerprint that came another way
//! - [`output`], [`standard_error`]: text and lines for people and programs
//! - [`signals`]: being asked to end, by whom ([`ending`])
//! - [`terminal`]: its settings, put back whatever ends the program
//! - [`text`]: untrusted strings made safe, sizes for people
//! - [`short_help`]: what `-h` shows
//! - [`table`], [`image_row`]: a line for each image; [`detail`]: how much is told; [`colour`]: colours
//! - [`progress`]: bars on a terminal, lines elsewhere
//! - [`log`]: each request and retry
//! - [`waiting`]: lines about what is waited for
//! - [`refusal`]: why images are refused, and how to go on
//! - [`pipes`]: an archive on standard input or output
//! - [`connection`], [`emission`], [`naming`], [`signers`], [`trust`]: options that several commands share
//! - [`host_config`]: options and report of the container stack's configuration
//! - [`carry`]: keys that pack takes along
//! - [`key_naming`]: names of installed keys, and what people read of them
//! - [`volume_size`]: sizes of volumes as people give them
//! - [`settings`]: configuration files under the options
//! - [`password`]: passwords of private keys; [`sealed`]: seals that are demanded, and what is said of them
//! - [`pack`], [`unpack`], [`inspect`], [`verify`], [`seal`], [`keygen`], [`host_keys`], [`config`] with
//!   [`config_install`], [`serve`], [`completions`]: the commands; [`pages`] documents them

mod carry;
mod colour;
mod completions;
mod config;
mod config_install;
mod connection;
mod detail;
mod emission;
mod ending;
mod exit;
mod failure;
mod first_use;
mod host_config;
mod host_keys;
mod image_row;
mod inspect;
mod key_naming;
mod keygen;
mod log;
mod naming;
mod output;
mod pack;
mod pages;
mod password;
mod pipes;
mod progress;
mod refusal;
mod seal;
mod sealed;
mod serve;
mod settings;
mod short_help;
mod signals;
mod signers;
mod standard_error;
mod table;
mod terminal;
mod text;
mod trust;
mod unpack;
mod verdict;
mod verify;
mod volume_size;
mod waiting;

use bundle::inventory::FORMAT_VERSION;
use bundle::registry::secrets;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use exit::Status;
use short_help::Help;
use std::error::Error as _;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::LazyLock;

/// Carry container images, with everything that proves where they come from, across an air gap in one file.
#[derive(Parser)]
#[command(name = "bundle", version = VERSION.as_str(), propagate_version = true, after_help = AFTER_HELP)]
struct Arguments {
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    color: colour::When,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit status: 0 done, 2 usage, 3 verification refused, 4 partial, 5 registry or network, 6 archive or medium, \
1 anything else; 130 and 143 when Ctrl-C or the system ended it.

  bundle pack quay.io/org/app:1.0 --key quay.io/org=release.pub -o app.tar.zst
  bundle inspect app.tar.zst
  sudo bundle unpack --install-keys app.tar.zst --key release.pub --to registry.local:5000";

#[derive(Subcommand)]
enum Command {
    /// Gather images, their signatures and keys into one file
    Pack(Box<pack::Options>),
    /// Verify a bundle offline, push it to a registry, install its keys
    Unpack(Box<unpack::Options>),
    /// Show what is inside a bundle; no registry and no trust needed
    Inspect(inspect::Options),
    /// Read every byte of a bundle, and its signatures under the given trust; push nothing
    Verify(Box<verify::Options>),
    /// Verify a bundle and sign it as a whole with your own key
    Seal(Box<seal::Options>),
    /// Make a key pair to seal bundles with
    Keygen(keygen::Options),
    /// Print which configuration counts, and from where; configure this host's container stack
    Config(config::Options),
    /// Show, install and remove the keys by which bundles are verified on this host
    Keys(host_keys::Options),
    /// Serve a store or bundles as an OCI registry
    Serve(serve::Options),
    /// Print the completions of a shell
    Completions(completions::Options),
    /// Write manual pages, or print the reference page of the command line
    #[command(hide = true)]
    Pages(pages::Options),
}

/// Version of the program, the commit that it was built from, and the format that it writes.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let (version, commit) = (env!("CARGO_PKG_VERSION"), env!("BUNDLE_COMMIT"));
    format!("{version} (commit {commit}, format {FORMAT_VERSION})")
});

/// The command line: what is parsed, documented and completed.
fn command_line(help: Help) -> clap::Command {
    short_help::with_screens(Arguments::command(), help)
}

/// Parses an option's value; the error has its causes in it, since clap shows one line.
fn parsed<T: FromStr<Err: std::error::Error + 'static>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| {
        secrets::remember_user_info(text);
        let mut line = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            let cause_text = cause.to_string();
            if !line.contains(&cause_text) {
                line = format!("{line}: {cause_text}");
            }
            next = cause.source();
        }
        line
    })
}

/// Prints what is wrong with a call, without passwords that were given in it.
fn tell_usage(error: &clap::Error) {
    let rendered = error.render();
    let plain = rendered.to_string();
    match secrets::hide(&plain, 0) {
        same if same == plain => drop(error.print()),
        hidden => standard_error::tell!("{}", hidden.trim_end()),
    }
}

/// Runs the command line of this process.
pub(crate) fn run() -> ExitCode {
    let is_short = std::env::args_os().any(|argument| argument == "-h");
    let parsed = command_line(if is_short { Help::Short } else { Help::Whole }).try_get_matches();
    let arguments = match parsed.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers, everything else is a wrong call.
            let status = if error.use_stderr() { Status::Usage } else { Status::Done };
            match error.use_stderr() {
                true => tell_usage(&error),
                false => drop(error.print()),
            }
            return status.into();
        }
    };
    colour::decide(arguments.color);
    log::start(match &arguments.command {
        Command::Pack(options) => options.verbosity.level(),
        Command::Unpack(options) => options.verbosity.level(),
        Command::Verify(options) => options.verbosity.level(),
        Command::Inspect(options) => options.verbosity.level(),
        _ => 0,
    });
    signals::listen();
    let outcome = match arguments.command {
        Command::Pack(options) => run_async(pack::run(*options)),
        Command::Unpack(options) => run_async(unpack::run(*options)),
        Command::Inspect(options) => inspect::run(&options),
        Command::Verify(options) => verify::run(&options),
        Command::Seal(options) => seal::run(&options),
        Command::Keygen(options) => keygen::run(&options),
        Command::Config(options) => config::run(options),
        Command::Keys(options) => host_keys::run(&options),
        Command::Serve(options) => run_async(serve::run(options)),
        Command::Completions(options) => completions::run(&options),
        Command::Pages(options) => pages::run(&options),
    };
    match outcome {
        Ok(status) => status.into(),
        Err(failure) => {
            failure.print();
            failure.status.into()
        }
    }
}

/// Runs a command whose tasks end with it: what still blocks a thread when it is over is not waited for.
fn run_async(
    command: impl Future<Output = Result<Status, failure::Failure>>,
) -> Result<Status, failure::Failure> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(command);
    bundle::host::containers::apply::stop_asking();
    runtime.shutdown_background();
    outcome
}

/// Tasks read and write files without leaving their thread, so there are some threads more than cores.
fn runtime() -> Result<tokio::runtime::Runtime, failure::Failure> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores + 2)
        .enable_all()
        .build()
        .map_err(|error| failure::Failure::new(Status::Other, &anyhow::Error::from(error)))
}
