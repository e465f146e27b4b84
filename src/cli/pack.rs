//! `bundle pack`.

mod asked;
mod sealing;
mod summary;

use self::asked::asked;
use self::sealing::Sealing;
use self::summary::summary;
use super::carry::Carry;
use super::connection::{self, Connection};
use super::detail::Verbosity;
use super::exit::Status;
use super::failure::Failure;
use super::output::Output;
use super::pipes;
use super::progress::{Talk, progress};
use super::settings;
use super::signals::stopped;
use super::signers::Signers;
use super::standard_error::tell;
use super::text::safe;
use super::verdict;
use super::volume_size::{self, VolumeSize};
use bundle::archive::ArchiveError;
use bundle::archive::checksums::list_path;
use bundle::archive::geometry::Geometry;
use bundle::archive::limits::LEVEL;
use bundle::host::records::begun::BegunPlans;
use bundle::host::settings::Settings;
use bundle::host::{HostRoot, RegistriesD};
use bundle::oci::Platform;
use bundle::ownership::check_for_root;
use bundle::pack::{
    self, AttachmentErrors, FailedImages, Interrupted, Left, Location, NeedsFile, OtherFile,
    PackError, Request, SignatureRule, Wanted,
};
use bundle::progress::Waits;
use bundle::trust::{GivenScope, Pattern, Scoped};
use clap::{Args, ValueEnum};
use futures_util::FutureExt as _;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

/// Gather images, their signatures and keys into one file
#[derive(Args)]
pub(super) struct Options {
    /// REGISTRY/REPO:TAG, REGISTRY/REPO@sha256:…, oci:DIR[:REF]; REGISTRY/REPO:GLOB means all tags that match, such as 1.*;
    /// SOURCE=NAME says which image it logically is
    #[arg(required_unless_present = "file", value_name = "SOURCE[=NAME]")]
    sources: Vec<String>,
    /// Pack the images of a list too: one SOURCE or SOURCE=NAME in each line, # comments; - is standard input (repeatable)
    #[arg(short, long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// The file to write; - is standard output, and the report then goes to standard error
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Keep only these platforms of indexes, such as linux/amd64 (repeatable; default: all)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Vec<Platform>,
    #[command(flatten)]
    carry: Carry,
    /// required, if-present or none (default: if-present; required where a key covers)
    #[arg(long, value_name = "[SCOPE=]RULE")]
    signatures: Vec<Scoped<SignatureRule>>,
    /// Images that may come without a trusted signature: the bundle says so, and its seal then admits them in the enclave
    /// (repeatable)
    #[arg(long, value_name = "PATTERN", conflicts_with_all = ["policy", "host_policy"])]
    accept_unsigned: Vec<Pattern>,
    /// What a failed lookup of attachments does: fail the image, or carry it marked incomplete (exit status 4)
    #[arg(long, value_enum, default_value = "fail")]
    attachment_errors: OnAttachmentError,
    /// Where GPG signatures lie, as in containers-registries.d(5) [default: as podman and skopeo have it]
    #[arg(long, value_name = "DIR")]
    registries_d: Option<PathBuf>,
    /// Fetch non-distributable layers from the registry too
    #[arg(long)]
    include_foreign_layers: bool,
    /// Name of the series this bundle belongs to: letters, digits, . _ - (at most 64)
    #[arg(long, value_parser = series_name)]
    name: Option<String>,
    /// Cut the bundle into volumes FILE.001, FILE.002, … of at most this size: fat32, dvd, bd, 4GiB, …; with FILE.sha256
    #[arg(long, value_name = "SIZE")]
    volume_size: Option<VolumeSize>,
    /// Write FILE.sha256 for sha256sum -c too; it reads the whole archive once more (default for volumes)
    #[arg(long)]
    sha256: bool,
    /// Level of zstd for what is not compressed already: 1 is fast, 19 is small
    #[arg(long, value_name = "LEVEL", default_value_t = LEVEL,
        value_parser = clap::value_parser!(i32).range(1..=19))]
    compress: i32,
    /// Large blobs transferred at the same time [default: 4]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: Option<u16>,
    /// Leave out images that cannot be resolved, looked up or fetched, and name them (exit status 4); one whose
    /// signatures are refused still fails
    #[arg(long)]
    keep_going: bool,
    /// Replace the file at --output although it is not an earlier bundle
    #[arg(long)]
    force: bool,
    /// Begin anew, whatever an interrupted run has left; without it the same command goes on where it stopped
    #[arg(long)]
    restart: bool,
    /// Resolve, verify and print the plan; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// No progress on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    pub(super) verbosity: Verbosity,
    #[command(flatten)]
    sealing: Sealing,
    #[command(flatten)]
    signers: Signers,
    #[command(flatten)]
    connection: Connection,
}

/// Whether what a home directory says of registries counts. For root it is root's own, and another one is told of.
fn counts_as_home(home: &Path) -> bool {
    let directory = home.join(".config/containers/registries.d");
    let Err(distrust) = check_for_root(home).and_then(|()| check_for_root(&directory)) else {
        return true;
    };
    if directory.exists() {
        let (directory, why) = (directory.display().to_string(), distrust.to_string());
        tell!("warning: {} does not count for root: {}", safe(&directory), safe(&why));
        tell!("hint: name it to have it read: --registries-d {}", safe(&directory));
    }
    false
}

#[derive(Clone, Copy, ValueEnum)]
enum OnAttachmentError {
    Fail,
    Warn,
}

/// True for what is asked of a registry.
fn is_in_registry(wanted: &Wanted) -> bool {
    match wanted {
        Wanted::Image(source) => matches!(source.location, Location::Registry(_)),
        Wanted::Tags(..) => true,
    }
}

/// A name that later bundles of the series are compared by, so it is plain.
fn series_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.is_empty() || text.len() > 64 || !text.chars().all(plain) {
        return Err("expected 1 to 64 letters, digits, dots, underscores or dashes".into());
    }
    Ok(text.to_owned())
}

impl Options {
    /// What is given, else what the configuration says; of trust it says what holds in the enclave.
    fn jobs(&self) -> Result<usize, Failure> {
        let root = HostRoot::host().map_err(|e| Failure::of(Status::Other, &e))?;
        let options = Settings { jobs: self.jobs.and_then(NonZeroU16::new), ..Settings::default() };
        Ok(settings::jobs(&settings::Files::read(&root)?.in_force(options)))
    }

    /// Every scope of the command line, with its option.
    fn scopes(&self) -> Vec<GivenScope> {
        let mut scopes = self.signers.scopes();
        let rules = self.signatures.iter();
        scopes.extend(rules.map(|rule| GivenScope::new("--signatures", &rule.scope)));
        let unsigned = self.accept_unsigned.iter();
        scopes.extend(unsigned.map(|one| GivenScope::of_pattern("--accept-unsigned", one)));
        scopes
    }

    /// What the library is asked for. This may ask for a password.
    fn request(&self) -> Result<Request, Failure> {
        let wanted = asked(&self.sources, &self.file)?;
        let is_remote = wanted.iter().any(is_in_registry);
        let seal_key = self.sealing.unlock()?;
        let signers = self.signers.files().read(Path::new("/"))?;
        let carried = self.carry.read()?;
        let place = self.sealing.place(seal_key.as_ref())?;
        let request = Request::new(wanted, self.output()?)
            .signers(signers)
            .carry(carried)
            .platforms(self.platform.clone())
            .signature_rules(self.signatures.clone())
            .accept_unsigned(self.accept_unsigned.clone())
            .attachment_errors(match self.attachment_errors {
                OnAttachmentError::Fail => AttachmentErrors::Fail,
                OnAttachmentError::Warn => AttachmentErrors::Warn,
            })
            .lookasides(self.lookasides(is_remote)?)
            .failed_images(match self.keep_going {
                true => FailedImages::LeaveOut,
                false => FailedImages::Fail,
            })
            .given_scopes(self.scopes())
            .foreign_layers(self.include_foreign_layers)
            .name(self.name.clone())
            .place(place)
            .geometry(self.volume_size.map_or(Geometry::WHOLE, |size| size.0))
            .level(self.compress)
            .jobs(self.jobs()?)
            .seal_key(seal_key)
            .begun_plans(begun_plans())
            .interrupted(match self.restart {
                true => Interrupted::Discarded,
                false => Interrupted::Resumed,
            })
            .other_file(if self.force { OtherFile::Replaced } else { OtherFile::Kept })
            .checksums(self.sha256)
            .dry_run(self.dry_run)
            .until(stopped().map(drop));
        match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(text) => match text.parse() {
                Ok(seconds) => Ok(request.source_date_epoch(seconds)),
                Err(_) => Err(Failure::usage(format!(
                    "SOURCE_DATE_EPOCH is {text:?}: expected seconds since 1970"
                ))),
            },
            Err(_) => Ok(request),
        }
    }

    fn output(&self) -> Result<pack::Output, Failure> {
        let name = self.output.clone();
        match (pipes::is_pipe(&name), self.dry_run) {
            (false, _) => Ok(pack::Output::File(name)),
            (true, true) => Ok(pack::Output::Stream(Box::new(std::io::sink()), name)),
            (true, false) => Ok(pack::Output::Stream(pipes::output()?, name)),
        }
    }

    /// Where signatures lie beside registries; nowhere for layout directories.
    fn lookasides(&self, is_remote: bool) -> Result<RegistriesD, Failure> {
        if !is_remote {
            return Ok(RegistriesD::default());
        }
        let home = std::env::home_dir().filter(|home| counts_as_home(home));
        let read = match &self.registries_d {
            Some(directory) => RegistriesD::read(directory)
                .map(|configured| configured.with_built_in(home.as_deref())),
            None => RegistriesD::of_user(home.as_deref()),
        };
        read.map_err(|error| {
            Failure::of(Status::Usage, &error)
                .hint("mend it, or name another directory: --registries-d DIR")
        })
    }

    /// An error with the ways out of it.
    async fn failed(&self, error: PackError) -> Failure {
        let (error, is_begun) = match error {
            PackError::Unfinished(error) => (*error, true),
            other => (other, false),
        };
        let is_of_one_image = matches!(
            error,
            PackError::Registry { .. }
                | PackError::Attachment(_)
                | PackError::Missing { .. }
                | PackError::SeveralMissing(_)
                | PackError::RunnableAttachment { .. }
                | PackError::Source { .. }
                | PackError::Blob { .. }
        );
        let others = (self.sources.len() > 1 || !self.file.is_empty())
            && !self.keep_going
            && !pipes::is_pipe(&self.output);
        let mut failure = match error {
            PackError::Stopped(left) => interrupted(left).await,
            PackError::NotSealed { path, source } => self.sealing.not_sealed(&path, &source),
            PackError::Output(error) => unwritable(&error, &self.output),
            error => failed(error),
        };
        if is_of_one_image && others {
            failure = failure.hint("to pack the others without it: --keep-going");
        }
        if is_begun { failure.hint(GO_ON) } else { failure }
    }
}

/// The way on from a pack that did not come to its end.
const GO_ON: &str = "run the same command again to resume";

/// The memory of what this user has begun to pack; `None` without a state directory.
fn begun_plans() -> Option<BegunPlans> {
    BegunPlans::below(&settings::state_directory()?).ok()
}

pub(super) async fn run(options: Options) -> Result<Status, Failure> {
    let request = options.request()?;
    let waits = Waits::default();
    let client = options.connection.client(&waits)?;
    let progress = progress(if options.quiet { Talk::Quiet } else { Talk::Progress }, &waits);
    let packed = pack::pack(request, &client, &progress).await;
    drop(progress);
    let report = match packed {
        Ok(report) => report,
        Err(error) => return Err(options.failed(error).await),
    };
    let is_pipe = pipes::is_pipe(&options.output);
    if !is_pipe && report.file.is_some() && report.checksums.is_none() {
        let list = list_path(&options.output);
        if list.exists() {
            tell!("warning: {} is about an earlier archive", safe(&list.display().to_string()));
        }
    }
    let output = if options.json {
        Output::json(&report)?
    } else {
        summary(&report, options.verbosity.detail())
    };
    match is_pipe && !options.dry_run {
        true => output.write_aside(),
        false => output.write()?,
    }
    Ok(if report.is_incomplete() { Status::Partial } else { Status::Done })
}

/// Somebody ended the pack, which has left this.
async fn interrupted(left: Left) -> Failure {
    let failure = Failure::interrupted(stopped().await);
    match left {
        Left::Nothing => failure,
        Left::Beginning => failure.hint(GO_ON),
        Left::Archive => {
            failure.hint("the archive is whole, the list of its checksums is not there")
        }
    }
}

fn failed(error: PackError) -> Failure {
    let mut failure = Failure::of((&error).into(), &error);
    if let PackError::Archive(error) = &error {
        failure = volume_size::hint(error).into_iter().fold(failure, Failure::hint);
    }
    for hint in connection::hints(&error) {
        failure = failure.hint(hint);
    }
    match &error {
        PackError::Refused(verdicts) => {
            for image in verdicts {
                tell!("refused: {}", safe(&verdict::describe(image)));
            }
            for source in verdicts.iter().filter_map(verdict::signed_source).take(3) {
                failure = failure.hint(format!("pack it under the name that was signed: {source}"));
            }
            if verdicts.iter().all(|verdict| verdict::signed_source(verdict).is_some()) {
                return failure;
            }
            failure.hint("give the key that signed them, or --signatures SCOPE=if-present to carry them as they are")
        }
        PackError::Tags(faults) => {
            for fault in faults.iter().skip(1) {
                tell!("{}", safe(fault));
            }
            failure
        }
        PackError::SeveralMissing(missing) => {
            for image in missing {
                tell!("missing: {}", safe(&image.to_string()));
            }
            failure
        }
        PackError::NeedsFile(NeedsFile::LeavingOut) => {
            failure.hint("name a file: -o NAME.tar.zst")
        }
        PackError::NeedsFile(NeedsFile::Beside) => failure
            .hint("leave out --volume-size and --sha256, or name a file: -o NAME.tar.zst"),
        PackError::Occupied { .. } => {
            failure.hint("name another file with -o, or replace this one with --force")
        }
        PackError::IdleScopes(_) => failure.hint("correct the scope, or leave the option out"),
        PackError::Begun { .. } => {
            failure.hint("give the same arguments to resume, or --restart to discard it and begin anew")
        }
        PackError::Unsigned(image) => failure.hint(format!(
            "where signatures are optional: --signatures {}=if-present",
            image.repository()
        )),
        PackError::Attachment(error) => match error.as_ref() {
            PackError::RunnableAttachment { image, digest, .. } => failure.hint(format!(
                "--attachment-errors warn carries the image without it; as an image of its own it is {}@{digest}",
                image.repository()
            )),
            _ => failure.hint(
                "--attachment-errors warn carries the image marked incomplete; --signatures none looks nothing up",
            ),
        },
        _ => failure,
    }
}

/// A place where no archive can be written, noticed before any work.
fn unwritable(error: &ArchiveError, output: &Path) -> Failure {
    match error {
        // A file is no obstacle where the archive goes, only where something else does.
        ArchiveError::Output { path, .. }
            if Path::new(path) != output || output.is_file() && !output.is_symlink() =>
        {
            Failure::of(Status::Usage, error).hint("move it away, or name another file with -o")
        }
        ArchiveError::Output { .. } => {
            Failure::of(Status::Usage, error).hint("name a file: -o DIR/NAME.tar.zst")
        }
        _ => Failure::of(error.into(), error),
    }
}
