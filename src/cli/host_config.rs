//! Options about the configuration of the container stack, and what became of it, for people.

use super::connection::Connection;
use super::emission::Emission;
use super::exit::Status;
use super::failure::Failure;
use super::output::{Output, say};
use super::text::{line, safe};
use super::trust::Trust;
use bundle::host::HostRoot;
use bundle::host::containers::apply::Destination;
use bundle::host::containers::policy::{PolicyLevel, Rejected};
use bundle::host::containers::registries_conf::{MirrorTransport, Upstream};
use bundle::registry::is_loopback_host;
use bundle::report::configuration::{
    ConfigurationReport, FileOutcome, FileReport, ParserOutcome, SubjectChange,
};
use bundle::report::unpack::{EmissionReport, UnpackReport};
use bundle::signers::files;
use bundle::trust::Scope;
use bundle::unpack::{ConfigureOptions, Target};
use clap::Args;
use std::path::{Path, PathBuf};

/// How the host's configuration is changed, for every command that changes it.
#[derive(Args)]
#[command(next_help_heading = "Host configuration")]
pub(super) struct HostConfig {
    /// Write the files below DIR (DIR/etc/containers/…) instead, for review or a configuration management: merged with
    /// the host's, which are not touched, and with what earlier runs wrote there. Needs no root; written with --dry-run too
    #[arg(long, value_name = "DIR")]
    config_dir: Option<PathBuf>,
    /// The oldest containers/image among the hosts: 5.24 takes Rekor keys, 5.33 several keys for one repository
    /// [default: what skopeo and podman of this host take, else 5.22]
    #[arg(long, value_name = "VERSION", value_parser = super::parsed::<PolicyLevel>)]
    policy_level: Option<PolicyLevel>,
    /// Admit the bundle's repositories when signed, although the host's policy rejects by default
    #[arg(long)]
    admit_signed: bool,
    /// Never contact the sources: only what the mirror has can be pulled
    #[arg(long)]
    block_upstream: bool,
    /// Configure a mirror for what lies in SCOPE although no rule demands its signatures; with --emit, a mirror of its tags.
    /// Repeatable
    #[arg(long, value_name = "SCOPE", value_parser = super::parsed::<Scope>)]
    allow_unenforced: Vec<Scope>,
    /// End with status 4 when a verified repository stays unenforced, allowed or not
    #[arg(long)]
    require_enforcement: bool,
    /// CA certificates of the target registry, installed for it alone in certs.d (this run itself: --cert-dir)
    #[arg(long, value_name = "FILE")]
    registry_ca: Option<PathBuf>,
}

/// `--install-config` of unpack.
#[derive(Args)]
#[command(next_help_heading = "Host configuration")]
pub(super) struct InstallConfig {
    /// Make the host's container tools pull these images from the target and demand their signatures: policy.json,
    /// registries.d, registries.conf.d and certs.d in /etc/containers, merged with what is there
    #[arg(long)]
    install_config: bool,
    #[command(flatten)]
    host_config: HostConfig,
}

impl InstallConfig {
    /// What was asked for, if anything was. Some options are about what is emitted, too.
    pub(super) fn options(
        &self,
        trust: &Trust,
        connection: &Connection,
        target: &Target,
        emission: &Emission,
    ) -> Result<Option<ConfigureOptions>, Failure> {
        let given = &self.host_config;
        if !self.install_config && given.config_dir.is_none() {
            let is_alone = !emission.is_given();
            let alone = [
                (given.admit_signed, "--admit-signed"),
                (given.block_upstream, "--block-upstream"),
                (is_alone && !given.allow_unenforced.is_empty(), "--allow-unenforced"),
                (is_alone && given.require_enforcement, "--require-enforcement"),
                (given.registry_ca.is_some(), "--registry-ca"),
                (given.policy_level.is_some(), "--policy-level"),
            ];
            return match alone.iter().find(|(is_given, _)| *is_given) {
                None => Ok(None),
                Some((_, option)) => Err(Failure::usage(format!(
                    "{option} is about configuration, and none is to be written"
                ))
                .hint("add --install-config, or --config-dir DIR")),
            };
        }
        given.options(trust, connection.verifies_tls(), target).map(Some)
    }

    /// The repositories that may be mirrored without a rule.
    pub(super) fn allow_unenforced(&self) -> &[Scope] {
        &self.host_config.allow_unenforced
    }

    /// How a run with this outcome ends.
    pub(super) fn status(&self, report: &UnpackReport) -> Status {
        let is_open = report.emitted.as_ref().is_some_and(EmissionReport::leaves_open);
        if self.host_config.require_enforcement && is_open {
            return Status::Partial;
        }
        let configuration = report.configuration.as_ref();
        configuration.map_or(Status::Done, |report| self.host_config.status(report))
    }
}

impl HostConfig {
    /// The options for the library.
    pub(super) fn options(
        &self,
        trust: &Trust,
        verifies_tls: bool,
        target: &Target,
    ) -> Result<ConfigureOptions, Failure> {
        let registry_ca = self.registry_ca.as_deref().map(files::read).transpose()?;
        let destination = match &self.config_dir {
            None => Destination::InPlace,
            Some(directory) => Destination::Elsewhere(made(directory)?),
        };
        // A registry on loopback speaks plain HTTP, unless a CA is given for it.
        let is_loopback = target.mapping().is_some_and(|mapping| is_loopback_host(&mapping.host));
        let is_plain = is_loopback && registry_ca.is_none();
        Ok(ConfigureOptions {
            root: trust.host_root()?,
            destination,
            level: self.policy_level,
            rejected: match self.admit_signed {
                true => Rejected::BecomesSigned,
                false => Rejected::StaysRejected,
            },
            upstream: if self.block_upstream { Upstream::Blocked } else { Upstream::AsItWas },
            transport: match verifies_tls && !is_plain {
                true => MirrorTransport::Tls,
                false => MirrorTransport::Insecure,
            },
            registry_ca: registry_ca.map(|(content, _)| content),
            allow_unenforced: self.allow_unenforced.clone(),
        })
    }

    /// How a run with this outcome ends.
    pub(super) fn status(&self, report: &ConfigurationReport) -> Status {
        let is_demanded = self.require_enforcement && !report.unenforced.is_empty();
        if is_demanded || report.is_partial() { Status::Partial } else { Status::Done }
    }
}

/// The directory for review, made when it is not there.
fn made(directory: &Path) -> Result<HostRoot, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("--config-dir {} cannot be used: {error}", directory.display()))
    };
    HostRoot::made(directory).map_err(|error| failed(&error))
}

/// The report for people.
pub(super) fn describe(out: &mut Output, report: &ConfigurationReport) {
    if report.root != "/" {
        say!(out, "configuration below {}:", safe(&report.root));
    }
    for file in &report.files {
        describe_file(out, file, report.dry_run);
    }
    for parser in &report.checked_by {
        let (tool, said) = (parser.tool, line(parser.said.as_deref().unwrap_or_default()));
        match parser.outcome {
            ParserOutcome::Accepted => say!(out, "  read by {tool}"),
            ParserOutcome::ChecksNothing => say!(
                out,
                "  read by {tool}, which cannot check such signatures and will refuse these images: {said}"
            ),
            ParserOutcome::Refused => say!(out, "  refused by {tool} of this machine: {said}"),
            ParserOutcome::Unclear => say!(out, "  {tool} could not be asked: {said}"),
        }
    }
    for refused in &report.refused_pulls {
        let image = line(&refused.image);
        say!(out, "  pulls of {image} are refused by the policy of this host: {}", refused.code);
    }
    let is_changed = |file: &FileReport| !file.changes.is_empty();
    if report.checked_by.is_empty() && report.files.iter().any(is_changed) {
        say!(out, "  neither skopeo nor podman is there to read it first");
    }
}

fn describe_file(out: &mut Output, file: &FileReport, dry_run: bool) {
    let path = file.path.display().to_string();
    let outcome = match (file.outcome, dry_run) {
        (FileOutcome::Created, false) => "new",
        (FileOutcome::Created, true) => "would be new",
        (FileOutcome::Changed, false) => "changed",
        (FileOutcome::Changed, true) => "would change",
        (FileOutcome::Unchanged, _) => "unchanged",
        (FileOutcome::Absent, _) if file.left.is_empty() => "not needed",
        (FileOutcome::Absent, _) => "not there, and nothing is written",
    };
    say!(out, "{}: {outcome}", safe(&path));
    for change in &file.changes {
        let what = match change.change {
            SubjectChange::Added => "added",
            SubjectChange::Replaced => "replaced, was",
            SubjectChange::Removed => "removed,",
        };
        let detail = change.detail.as_ref().map(|detail| format!(" {}", line(detail)));
        say!(out, "  {}: {what}{}", line(&change.subject), detail.unwrap_or_default());
    }
    for left in &file.left {
        let (subject, reason) = (line(&left.subject), line(&left.reason));
        say!(out, "  {subject}: left alone ({}): {reason}", left.code);
    }
    if let Some(backup) = &file.backup {
        say!(out, "  backup: {}", safe(&backup.display().to_string()));
    }
}
