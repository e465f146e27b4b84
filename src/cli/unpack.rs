//! `bundle unpack`.

mod summary;

use self::summary::summary;
use super::connection::{self, Connection};
use super::detail::Verbosity;
use super::emission::Emission;
use super::exit::Status;
use super::failure::Failure;
use super::first_use::{self, Typed};
use super::host_config::InstallConfig;
use super::inspect::damage_hint;
use super::key_naming::KeyNaming;
use super::naming::Naming;
use super::output::Output;
use super::pipes;
use super::progress::{Talk, progress};
use super::refusal::{self, Hints};
use super::settings;
use super::signals::stopped;
use super::standard_error::tell;
use super::text::line;
use super::trust::Trust;
use super::verdict;
use bundle::host::settings::InForce;
use bundle::host::settings::Settings;
use bundle::oci::layout::LayoutError;
use bundle::progress::Waits;
use bundle::registry::{Client, RegistryError};
use bundle::report::unpack::{ImageReport, TagAge, UnpackReport};
use bundle::trust::{GivenScope, Pattern, Scope};
use bundle::unpack::{
    self, AttachmentChoice, AttachmentsRefused, Class, ImageSelection, InstallOptions,
    OnExistingAttachment, RefusedImages, Request, Target, UnpackError,
};
use clap::{Args, ValueEnum};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

/// Verify a bundle offline, push it to a registry, install its keys
#[derive(Args)]
pub(super) struct Options {
    /// The bundle; or its volumes, or folders that hold them; or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Where to: REGISTRY[/PREFIX], or oci:DIR
    #[arg(long, value_name = "TARGET")]
    to: Option<String>,
    /// Install the keys that verified something under /etc/pki, for the repositories they verified
    #[arg(long)]
    install_keys: bool,
    #[command(flatten)]
    key_naming: KeyNaming,
    /// Write GPG signatures into this directory too, for a web server that podman and skopeo ask (registries.d lookaside)
    #[arg(long, value_name = "DIR")]
    lookaside: Option<PathBuf>,
    /// Which attachments to publish
    #[arg(long, value_enum, default_value = "all")]
    attachments: Attachments,
    /// What to do where the target has another .sig, .att or .sbom for the same image
    #[arg(long, value_enum, default_value = "keep")]
    on_existing_attachment: ExistingAttachment,
    /// What to do with signatures and other attachments that the registry does not take: stop, or publish the images
    /// without them and name them (exit status 4)
    #[arg(long, value_enum, default_value = "fail")]
    attachments_refused: RefusedAttachments,
    /// Images of SCOPE may move tags back in time: to what is older than the sealed or expected bundle that filled the tag
    /// here before, or may be (repeatable)
    #[arg(long, value_name = "SCOPE", help_heading = "Seal")]
    allow_tag_rollback: Vec<Scope>,
    /// Large blobs transferred at the same time [default: 4]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: Option<u16>,
    /// Unpack only images that PATTERN covers (repeatable)
    #[arg(long, value_name = "PATTERN")]
    only: Vec<Pattern>,
    /// Leave out images that PATTERN covers (repeatable)
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<Pattern>,
    /// Publish the other images where some are refused; nothing of the refused ones is published (exit status 4)
    #[arg(long)]
    skip_refused: bool,
    /// Verify and print what would be pushed; push nothing
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
    config: InstallConfig,
    #[command(flatten)]
    naming: Naming,
    #[command(flatten)]
    emission: Emission,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, ValueEnum)]
enum ExistingAttachment {
    /// Keep it; add what is carried and verified
    Keep,
    /// Replace it
    Replace,
}

#[derive(Clone, Copy, ValueEnum)]
enum RefusedAttachments {
    Fail,
    Warn,
}

#[derive(Clone, Copy, ValueEnum)]
enum Attachments {
    /// All of them; what nobody vouches for is reported as unverified
    All,
    /// Those that a trusted signer made or named, or that an authentic bundle holds
    Verified,
}

pub(super) async fn run(options: Options) -> Result<Status, Failure> {
    let stopped = stopped();
    tokio::select! {
        done = work(options) => done,
        ending = stopped => Err(Failure::interrupted(ending)
            .hint("run the same command again: content that arrived is not sent a second time")),
    }
}

async fn work(options: Options) -> Result<Status, Failure> {
    let target = options.naming.target(&options.in_force()?)?;
    let waits = Waits::default();
    let client = options.connection.client(&waits)?;
    let client = (&client, &waits);
    let first = options.attempt(&target, client, None).await?;
    let (unpacked, asked) = match first {
        Err(UnpackError::Refused(refused)) if first_use::may_ask(&refused) => {
            let typed = first_use::ask(&refused)?;
            (options.attempt(&target, client, Some(typed)).await?, true)
        }
        other => (other, false),
    };
    match unpacked {
        Ok(report) => {
            if options.install_keys && report.keys.is_empty() {
                tell!("warning: no key verified an image, so no key is installed");
            } else if options.install_keys {
                options.trust.warn_of_lone_keys();
            }
            let output = if options.json {
                Output::json(&report)?
            } else {
                summary(&report, options.verbosity.detail())
            };
            output.write()?;
            let unclear = |i: &ImageReport| i.tag_age == Some(TagAge::Unknown);
            let partial = |image: &ImageReport| !image.is_complete() || unclear(image);
            Ok(match !report.skipped.is_empty() || report.images.iter().any(partial) {
                true => Status::Partial,
                false => options.config.status(&report),
            })
        }
        Err(error) => {
            if let (UnpackError::Refused(refused), true) = (&error, options.json) {
                // The refusal outweighs whatever is wrong with standard output.
                let _ = Output::json(refused).and_then(Output::write);
            }
            Err(failed(&error, &options.files, Hints { command: "unpack", asked }))
        }
    }
}

impl Options {
    /// Unpacks once, with what the operator typed if anything. What was given on the command line is read anew.
    async fn attempt(
        &self,
        target: &Target,
        (client, waits): (&Client, &Waits),
        typed: Option<Typed>,
    ) -> Result<Result<UnpackReport, UnpackError>, Failure> {
        let mut trust = self.trust.inputs()?;
        match typed {
            Some(Typed::Key(pin)) => trust.first_use = Some(pin),
            Some(Typed::Bundle(digest)) => trust.expect_bundle = Some(digest),
            None => {}
        }
        trust.given_scopes.extend(self.naming.scopes());
        let rollbacks = self.allow_tag_rollback.iter();
        let rollbacks = rollbacks.map(|scope| GivenScope::new("--allow-tag-rollback", scope));
        trust.given_scopes.extend(rollbacks);
        for (option, patterns) in [("--only", &self.only), ("--exclude", &self.exclude)] {
            let scopes = patterns.iter().map(|pattern| GivenScope::of_pattern(option, pattern));
            trust.given_scopes.extend(scopes);
        }
        let request = Request::new(pipes::archive(&self.files)?, target.clone(), trust)
            .memory(self.trust.host_root()?)
            .allow_tag_rollback(self.allow_tag_rollback.clone())
            .emit(self.emission.options(self.config.allow_unenforced()))
            .install(self.install()?)
            .configure(self.config.options(
                &self.trust,
                &self.connection,
                target,
                &self.emission,
            )?)
            .selection(ImageSelection {
                only: self.only.clone(),
                exclude: self.exclude.clone(),
                refused: match self.skip_refused {
                    true => RefusedImages::Skip,
                    false => RefusedImages::Fail,
                },
            })
            .attachments(match self.attachments {
                Attachments::All => AttachmentChoice::All,
                Attachments::Verified => AttachmentChoice::Verified,
            })
            .on_existing_attachment(match self.on_existing_attachment {
                ExistingAttachment::Keep => OnExistingAttachment::Keep,
                ExistingAttachment::Replace => OnExistingAttachment::Replace,
            })
            .attachments_refused(match self.attachments_refused {
                RefusedAttachments::Fail => AttachmentsRefused::Fail,
                RefusedAttachments::Warn => AttachmentsRefused::Warn,
            })
            .lookaside(self.lookaside.clone())
            .jobs(settings::jobs(&self.in_force()?))
            .dry_run(self.dry_run);
        let progress = progress(if self.quiet { Talk::Quiet } else { Talk::Progress }, waits);
        Ok(unpack::unpack(request, client, &progress).await)
    }

    /// What counts of configuration and options.
    fn in_force(&self) -> Result<InForce, Failure> {
        self.trust.in_force(Settings {
            to: self.to.clone(),
            jobs: self.jobs.and_then(NonZeroU16::new),
            mapping: self.naming.settings(),
            ..Settings::default()
        })
    }

    fn install(&self) -> Result<Option<InstallOptions>, Failure> {
        if self.install_keys {
            return Ok(Some(self.key_naming.options(self.trust.host_root()?)?));
        }
        match self.key_naming.is_empty() {
            true => Ok(None),
            false => Err(Failure::usage(
                "--install-keys-as and --replace-key say how keys are installed, and --install-keys is missing",
            )),
        }
    }
}

/// The bundle as commands in hints name it.
fn shown(files: &[PathBuf]) -> String {
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    files.join(" ")
}

/// The exit status of an error.
pub(super) fn status_of(error: &UnpackError) -> Status {
    match error.class() {
        Class::Other => Status::Other,
        Class::Usage => Status::Usage,
        Class::Network => Status::Network,
        Class::Medium => Status::Medium,
        Class::Refused => Status::Refused,
    }
}

/// An error with the ways out of it, for the command that failed.
pub(super) fn failed(error: &UnpackError, files: &[PathBuf], hints_for: Hints) -> Failure {
    let mut failure = Failure::of(status_of(error), error);
    if let UnpackError::Refused(refused) = error {
        for image in refused.refusals() {
            tell!("refused: {}", line(&verdict::describe(image)));
        }
        for hint in refusal::ways_on(refused, &shown(files), hints_for) {
            failure = failure.hint(hint);
        }
        return failure;
    }
    let mut hints = connection::hints(error);
    hints.extend(error.hint().map(str::to_owned).filter(|hint| !hints.contains(hint)));
    if let UnpackError::Archive(error) = error {
        hints.extend(damage_hint(error, &files[0]));
    }
    hints.extend(damaged_cargo(error, &files[0]));
    for hint in hints {
        failure = failure.hint(hint);
    }
    failure
}

/// The way on from a blob of the archive that is not what it must be, which shows when it is to be pushed.
fn damaged_cargo(error: &UnpackError, path: &Path) -> Option<String> {
    let is_cargo = matches!(
        error,
        UnpackError::Blob(_)
            | UnpackError::Registry(RegistryError::Source(_))
            | UnpackError::Layout(LayoutError::Blob(_))
    );
    (is_cargo && status_of(error) == Status::Medium).then(|| match pipes::is_pipe(path) {
        true => "did all of it come, in order? compare its size and checksum with the sender's".into(),
        false => format!(
            "bundle verify {} names all that is damaged; with a whole copy, what has arrived is not sent again",
            path.display()
        ),
    })
}
