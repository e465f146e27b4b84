//! `bundle unpack`.

use super::connection::{self, Connection};
use super::exit::Status;
use super::failure::Failure;
use super::keys::{self, KeyFile};
use super::progress::{Talk, progress};
use super::text::{count, json, line, safe, size};
use bundle::host::{HostRoot, KeyName, installed_keys};
use bundle::inventory::{AttachmentKind, Lookup};
use bundle::oci::Digest;
use bundle::report::unpack::{ImageReport, KeyChange, TagChange, UnpackReport};
use bundle::trust::{
    Admission, Anchors, ChildStatus, Fingerprint, ImageVerdict, Pattern, Scope, Scoped, ScopedKey,
    SignatureCode,
};
use bundle::unpack::{
    self, Class, InstallOptions, OnExistingAttachment, Refused, Target, TrustInputs, UnpackError,
    UnpackOptions,
};
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

/// Verify a bundle offline, push it to a registry, install its keys
#[derive(Args)]
pub(super) struct Options {
    /// The bundle
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to: REGISTRY[/PREFIX], or oci:DIR
    #[arg(long, value_name = "TARGET")]
    to: Option<String>,
    #[command(flatten)]
    trust: Trust,
    /// Install the keys that verified something under /etc/pki/sigstore, for the repositories they verified
    #[arg(long)]
    install_keys: bool,
    /// Name of an installed key's file (repeatable; default: bundle- and 16 digits of its fingerprint)
    #[arg(long, value_name = "FINGERPRINT=NAME", requires = "install_keys")]
    install_keys_as: Vec<NamedKey>,
    /// Use this directory in place of / for installed keys
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// What to do where the target has another .sig, .att or .sbom for the same image
    #[arg(long, value_enum, default_value = "keep")]
    on_existing_attachment: ExistingAttachment,
    /// Large blobs transferred at the same time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
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
    connection: Connection,
}

/// What is trusted. Nothing inside the bundle is.
#[derive(Args)]
#[command(next_help_heading = "Trust")]
struct Trust {
    /// Images of SCOPE (default: all) may be signed by this public key (repeatable)
    #[arg(long, value_name = "[SCOPE=]FILE")]
    key: Vec<Scoped<PathBuf>>,
    /// Trust the carried key that has this fingerprint, for SCOPE (repeatable)
    #[arg(long, value_name = "[SCOPE=]sha256:…")]
    trust_fingerprint: Vec<Scoped<Fingerprint>>,
    /// The bundle digest that pack printed, received another way: names and verdicts in this bundle are then authentic
    #[arg(long, value_name = "sha256:…")]
    expect_bundle: Option<Digest>,
    /// Images that may come without a verified signature (repeatable)
    #[arg(long, value_name = "PATTERN")]
    allow_unsigned: Vec<Pattern>,
    /// Where signatures count that name no repository, although nothing binds the name (repeatable)
    #[arg(long, value_name = "SCOPE")]
    accept_unbound_names: Vec<Scope>,
}

#[derive(Clone, Copy, ValueEnum)]
enum ExistingAttachment {
    /// Keep it when it holds all that is carried, else stop
    Keep,
    /// Replace it
    Replace,
}

/// `FINGERPRINT=NAME`.
#[derive(Debug, Clone)]
struct NamedKey(Digest, KeyName);

impl FromStr for NamedKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (fingerprint, name) =
            text.split_once('=').ok_or_else(|| "expected FINGERPRINT=NAME".to_owned())?;
        let fingerprint =
            fingerprint.parse().map_err(|e: bundle::oci::digest::DigestError| e.to_string())?;
        let name = name.parse().map_err(|e| format!("{e}"))?;
        Ok(Self(fingerprint, name))
    }
}

pub(super) async fn run(options: Options) -> Result<Status, Failure> {
    let Some(to) = &options.to else {
        return Err(Failure::usage("where to? --to is missing")
            .hint("--to REGISTRY[/PREFIX] or --to oci:DIR"));
    };
    let target: Target = to.parse().map_err(|e| Failure::of(Status::Usage, &e))?;
    let client = options.connection.client()?;
    let unpack = UnpackOptions {
        target,
        trust: options.trust_inputs()?,
        install: options.install()?,
        on_existing_attachment: match options.on_existing_attachment {
            ExistingAttachment::Keep => OnExistingAttachment::KeepOrRefuse,
            ExistingAttachment::Replace => OnExistingAttachment::Replace,
        },
        jobs: options.jobs.into(),
        dry_run: options.dry_run,
    };
    let progress = progress(if options.quiet { Talk::Quiet } else { Talk::Progress });
    let unpacked = unpack::unpack(&options.file, unpack, &client, &progress).await;
    drop(progress);
    match unpacked {
        Ok(report) => {
            if options.json {
                print_json(&report)?;
            } else {
                print(&report);
            }
            let incomplete = |i: &ImageReport| i.attachment_lookup == Lookup::Incomplete;
            Ok(if report.images.iter().any(incomplete) { Status::Partial } else { Status::Done })
        }
        Err(error) => {
            if let (UnpackError::Refused(refused), true) = (&error, options.json) {
                print_json(refused)?;
            }
            Err(failed(&error, &options))
        }
    }
}

fn print_json(report: &impl serde::Serialize) -> Result<(), Failure> {
    let text = json(report).map_err(|e| Failure::of(Status::Other, &e))?;
    println!("{text}");
    Ok(())
}

impl Options {
    fn host_root(&self) -> Result<HostRoot, Failure> {
        let root = match &self.root {
            Some(directory) => HostRoot::under(directory),
            None => HostRoot::host(),
        };
        root.map_err(|e| Failure::of(Status::Usage, &e))
    }

    fn install(&self) -> Result<Option<InstallOptions>, Failure> {
        if !self.install_keys {
            return Ok(None);
        }
        let mut names = BTreeMap::new();
        for NamedKey(fingerprint, name) in &self.install_keys_as {
            if names.insert(*fingerprint, name.clone()).is_some() {
                return Err(Failure::usage(format!("{fingerprint} is given two names")));
            }
        }
        Ok(Some(InstallOptions { root: self.host_root()?, names }))
    }

    fn trust_inputs(&self) -> Result<TrustInputs, Failure> {
        let mut anchors = Anchors {
            allow_unsigned: self.trust.allow_unsigned.clone(),
            accept_unbound_names: self.trust.accept_unbound_names.clone(),
            ..Anchors::default()
        };
        for option in &self.trust.key {
            let KeyFile { key, name, scope } = keys::read_scoped(option)?;
            anchors.keys.push(ScopedKey { scope, key, name });
        }
        let installed = installed_keys(&self.host_root()?).map_err(|error| {
            Failure::of(Status::Refused, &error).hint("the store of installed keys cannot be trusted as it is: mend it, or name another with --root")
        })?;
        for skipped in &installed.skipped {
            let path = skipped.path.display().to_string();
            eprintln!(
                "warning: {} grants nothing: {}",
                safe(&path),
                safe(&skipped.reason.to_string())
            );
        }
        Ok(TrustInputs {
            anchors,
            installed: installed.keys,
            pins: self.trust.trust_fingerprint.clone(),
            expect_bundle: self.trust.expect_bundle,
        })
    }
}

/// An error with the ways out of it.
fn failed(error: &UnpackError, options: &Options) -> Failure {
    let status = match error.class() {
        Class::Other => Status::Other,
        Class::Usage => Status::Usage,
        Class::Network => Status::Network,
        Class::Medium => Status::Medium,
        Class::Refused => Status::Refused,
    };
    let mut failure = Failure::of(status, error);
    if let UnpackError::Refused(refused) = error {
        for verdict in refused.refusals() {
            eprintln!("refused: {}", line(&describe(verdict)));
        }
        for hint in ways_on(refused, &options.file.display().to_string()) {
            failure = failure.hint(hint);
        }
        return failure;
    }
    let mut hints = connection::hints(error);
    hints.extend(error.hint().map(str::to_owned).filter(|hint| !hints.contains(hint)));
    for hint in hints {
        failure = failure.hint(hint);
    }
    failure
}

/// What to do about refused images: which keys are carried, what to compare them with, which commands go on.
fn ways_on(refused: &Refused, file: &str) -> Vec<String> {
    let mut hints = Vec::new();
    for key in &refused.carried {
        let scopes = if key.scopes.is_empty() {
            String::new()
        } else {
            format!(", at pack for {}", key.scopes.join(", "))
        };
        hints.push(format!(
            "the bundle carries {} {} ({}{scopes})",
            key.file, key.fingerprint, key.algorithm
        ));
    }
    if refused.carried.is_empty() {
        hints.push(
            "the bundle carries no key: give the publisher's public key with --key SCOPE=FILE"
                .into(),
        );
    } else {
        hints.push(
            "a carried key proves nothing by itself: compare its fingerprint with what the publisher of the images \
             says by another way, then: --trust-fingerprint SCOPE=sha256:…"
                .into(),
        );
        hints.push(format!(
            "with the publisher's key at hand: bundle unpack {file} --key SCOPE=FILE --to …"
        ));
    }
    hints.push("with the bundle digest that pack printed, received by another way: --expect-bundle sha256:…".into());
    // Never offered where something claims to sign: letting it in unsigned would waive the check that failed.
    let unsigned = |v: &&ImageVerdict| !v.signatures().iter().any(|s| s.claims_to_sign());
    if let Some(verdict) = refused.refusals().find(unsigned) {
        hints.push(format!(
            "where an image may come unsigned: --allow-unsigned {}",
            verdict.source().repository()
        ));
    }
    hints
}

/// One line about a verdict.
pub(super) fn describe(verdict: &ImageVerdict) -> String {
    let Admission::Refused(refusal) = verdict.admission() else {
        return format!("{}: {}", verdict.source(), verdict.admission().as_str());
    };
    let detail = refusal.detail.as_ref().map(|d| format!("; {d}")).unwrap_or_default();
    let mut line =
        format!("{}: {}: {}{detail}", verdict.source(), refusal.code, refusal.code.meaning());
    // Why each signature does not count, each reason once.
    let mut reasons: Vec<&str> = Vec::new();
    for finding in verdict.signatures().iter().filter(|finding| finding.claims_to_sign()) {
        if finding.code != SignatureCode::Verified && !reasons.contains(&finding.code.as_str()) {
            reasons.push(finding.code.as_str());
        }
    }
    if !reasons.is_empty() {
        line.push_str(&format!(" (signatures: {})", reasons.join(", ")));
    }
    line
}

/// The report for people.
fn print(report: &UnpackReport) {
    for image in &report.images {
        println!("{} -> {}", safe(&image.source.to_string()), safe(&image.target));
        println!("  {}", image.digest);
        match image.tag {
            TagChange::Created => println!("  tag: new"),
            TagChange::Moved { from } => println!("  tag: moved from {from}"),
            TagChange::Unchanged => println!("  tag: unchanged"),
            TagChange::ByDigest => println!("  by digest, no tag"),
        }
        let keys: Vec<String> =
            image.verdict.verifying_keys().iter().map(ToString::to_string).collect();
        let by = if keys.is_empty() { String::new() } else { format!(" by {}", keys.join(", ")) };
        println!("  verified: {}{by}", image.verdict.admission().as_str());
        if image.verdict.tag_unbound() {
            println!("  tag-unbound: nothing authentic says that this tag means this digest");
        }
        let statuses = image.verdict.children().iter().map(|child| child.status);
        let left_out = statuses.filter(|status| *status == ChildStatus::Omitted).count();
        if left_out > 0 {
            println!("  left out: {} by platform", count(left_out as u64, "manifest"));
        }
        print_attachments(image);
    }
    for key in &report.keys {
        let path = key.path.display().to_string();
        let change = match key.change {
            KeyChange::Created => "installed",
            KeyChange::Recorded => "made an anchor",
            KeyChange::Widened => "scopes added",
            KeyChange::Unchanged => "was installed already",
        };
        println!(
            "key {}: {change}, {} for {}",
            safe(&path),
            key.fingerprint,
            safe(&key.scopes.join(", "))
        );
    }
    for warning in &report.warnings {
        println!("warning: {}", safe(warning));
    }
    let blobs = report.blobs;
    println!(
        "{} to {}: {} uploaded ({}), {} mounted, {} there already",
        count(report.images.len() as u64, "image"),
        safe(&report.target),
        count(blobs.uploaded, "blob"),
        size(blobs.bytes_uploaded),
        blobs.mounted,
        blobs.already_there
    );
    if report.dry_run {
        println!("dry run: nothing was pushed, nothing was installed");
    }
    println!("bundle digest: {}", report.bundle_digest);
}

fn print_attachments(image: &ImageReport) {
    let mut counts: BTreeMap<AttachmentKind, u64> = BTreeMap::new();
    for attachment in &image.attachments {
        *counts.entry(attachment.kind).or_default() += 1;
    }
    let kinds: Vec<String> = counts.iter().map(|(kind, n)| count(*n, kind.as_str())).collect();
    match image.attachment_lookup {
        Lookup::Complete if kinds.is_empty() => println!("  attachments: none"),
        Lookup::Complete => println!("  attachments: {}", kinds.join(", ")),
        Lookup::Incomplete => println!("  attachments: incomplete ({} carried)", kinds.join(", ")),
        Lookup::Skipped => println!("  attachments: not looked up at pack"),
    }
}
