//! `--install-config`: what the host's configuration is to do, from what was verified and where it goes.

use super::at_target::AtTarget;
use super::enforcement::{Enforcement, NotEnforceable, Signers};
use super::error::UnpackError;
use super::key_paths::KeyPaths;
use super::plan::Planned;
use super::pulls;
use super::unenforced::{self, Remedies};
use crate::host::HostRoot;
use crate::host::containers::ChangeKind;
use crate::host::containers::apply::{
    ConfigError, ConfigPlan, Decided, Destination, HostConfig, LevelSource, Parsed, PlannedFile,
    RegistryCa, plan_config,
};
use crate::host::containers::policy::{EnforcedRepository, PolicyLevel, PolicyRequest, Rejected};
use crate::host::containers::registries_conf::{
    MirrorRequest, MirrorTransport, Mirrored, Upstream,
};
use crate::oci::Repository;
use crate::report::configuration::{
    ChangeReport, ConfigurationReport, FileOutcome, FileReport, LeftReport, ParserOutcome,
    ParserReport, RefusedPull, SubjectChange,
};
use crate::trust::{KeyUse, Scope};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How the host's configuration is changed.
#[derive(Debug)]
pub struct ConfigureOptions {
    /// Whose files are merged with.
    pub root: HostRoot,
    /// Where the result is written.
    pub destination: Destination,
    /// How new the hosts are; `None`: as the tools of this host are.
    pub level: Option<PolicyLevel>,
    /// What to do where the host rejects everything today.
    pub rejected: Rejected,
    /// What becomes of the sources.
    pub upstream: Upstream,
    /// How the target is reached.
    pub transport: MirrorTransport,
    /// CA of the target, in PEM.
    pub registry_ca: Option<Vec<u8>>,
    /// Repositories that are served although nothing demands their signatures.
    pub allow_unenforced: Vec<Scope>,
}

/// What will become of the configuration.
#[derive(Debug)]
pub(super) struct Configuration {
    plan: ConfigPlan,
    enforcement: Enforcement,
    refused_pulls: Vec<RefusedPull>,
    remedies: Remedies,
}

/// Refuses what can be told without the target. Nothing is contacted.
pub(super) fn check(
    options: Option<&ConfigureOptions>,
    planned: &Planned,
) -> Result<(), UnpackError> {
    let Some(options) = options else { return Ok(()) };
    if planned.plan.target().mapping().is_none() {
        return Err(UnpackError::LayoutIsNoMirror);
    }
    if matches!(options.destination, Destination::InPlace) && !options.root.may_install() {
        return Err(ConfigError::NotRoot.into());
    }
    unenforced::signed(&planned.verified, &options.allow_unenforced).map(drop)
}

/// Decides what is changed; refuses what can be refused. Nothing is changed.
pub(super) async fn plan(
    options: Option<ConfigureOptions>,
    planned: Planned,
    keys: KeyPaths,
    at_target: Arc<AtTarget>,
) -> Result<(Planned, Option<Configuration>), UnpackError> {
    let Some(options) = options else { return Ok((planned, None)) };
    // Verifies again, and runs the tools that will read the files.
    let work = move || {
        let configuration = decide(options, &planned, &keys, &at_target)?;
        Ok((planned, Some(configuration)))
    };
    tokio::task::spawn_blocking(work).await?
}

/// As [`plan`]. Blocks.
pub(super) fn decide(
    options: ConfigureOptions,
    planned: &Planned,
    keys: &KeyPaths,
    at_target: &AtTarget,
) -> Result<Configuration, UnpackError> {
    let Some(mapping) = planned.plan.target().mapping() else {
        return Err(UnpackError::LayoutIsNoMirror);
    };
    let host = mapping.host.clone();
    let enforcement = planned.verified.enforcement(&|key| keys.has(key), at_target)?;
    let ConfigureOptions { root, destination, level, rejected, upstream, transport, .. } = options;
    let request = HostConfig {
        policy: policy(&enforcement, keys, level.unwrap_or_default(), rejected),
        mirrors: MirrorRequest {
            mirrored: mirrored(planned),
            withheld: Vec::new(),
            upstream,
            transport,
        },
        ca: options.registry_ca.map(|content| RegistryCa { host, content }),
        level: level.map_or(LevelSource::Tools, |_| LevelSource::Request),
        signed: unenforced::signed(&planned.verified, &options.allow_unenforced)?,
    };
    let remedies = Remedies::new(planned, &request.policy);
    let plan = plan_config(root, destination, request)?;
    let mut files = plan.decided().files.iter();
    let refused_pulls = match files.find(|file| is_policy(file)) {
        Some(policy) => pulls::refused(planned, plan.root(), policy, keys, at_target)?,
        None => Vec::new(),
    };
    Ok(Configuration { plan, enforcement, refused_pulls, remedies })
}

fn policy(
    enforcement: &Enforcement,
    keys: &KeyPaths,
    level: PolicyLevel,
    rejected: Rejected,
) -> PolicyRequest {
    let rule = |repository: &Repository, signers: &Signers| EnforcedRepository {
        repository: repository.clone(),
        keys: keys.sources(KeyUse::Cosign, &signers.keys),
        log_keys: keys.sources(KeyUse::Rekor, &signers.logs),
    };
    let all = || enforcement.repositories();
    PolicyRequest {
        enforced: all()
            .filter_map(|(name, said)| said.as_ref().ok().map(|signers| rule(name, signers)))
            .collect(),
        unenforced: all().filter(|(_, said)| said.is_err()).map(|(name, _)| name.clone()).collect(),
        // What becomes of the other files decides that.
        unserved: BTreeMap::new(),
        open: BTreeMap::new(),
        level,
        rejected,
    }
}

/// Each source repository, and the one that its images go to.
fn mirrored(planned: &Planned) -> Vec<Mirrored> {
    let plan = &planned.plan;
    let all = plan.images().iter().filter_map(|image| {
        let mirror = plan.repositories().get(image.repository)?.clone();
        Some(Mirrored { source: image.source.repository().clone(), mirror })
    });
    all.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Writes what was planned, or says what would be written.
pub(super) async fn finish(
    configuration: Option<Configuration>,
    dry_run: bool,
) -> Result<Option<ConfigurationReport>, UnpackError> {
    let Some(configuration) = configuration else { return Ok(None) };
    let finished = tokio::task::spawn_blocking(move || configuration.finish(dry_run)).await?;
    finished.map(Some).map_err(UnpackError::NotConfigured)
}

impl Configuration {
    /// Writes the files. A dry run changes nothing on the host; a directory for review is written all the same. Blocks.
    pub(super) fn finish(self, dry_run: bool) -> Result<ConfigurationReport, ConfigError> {
        let Self { plan, enforcement, refused_pulls, remedies } = self;
        let root = plan.destination().path().display().to_string();
        let (report, open) = match dry_run && plan.is_in_place() {
            true => {
                let decided = plan.decided();
                (describe(root, decided, &enforcement, true), decided.unenforced.clone())
            }
            false => {
                let decided = plan.apply()?;
                (describe(root, &decided, &enforcement, false), decided.unenforced)
            }
        };
        let unenforced = unenforced::reports(open, &report.files, &remedies);
        Ok(ConfigurationReport { refused_pulls, unenforced, ..report })
    }
}

fn describe(
    root: String,
    decided: &Decided,
    enforcement: &Enforcement,
    dry_run: bool,
) -> ConfigurationReport {
    let files = decided
        .files
        .iter()
        .map(|file| describe_file(file, is_policy(file).then_some(enforcement)));
    let checked_by = decided.parsed.iter().map(|parsed| ParserReport {
        tool: parsed.tool,
        outcome: match &parsed.outcome {
            Parsed::Accepted => ParserOutcome::Accepted,
            Parsed::ChecksNothing(_) => ParserOutcome::ChecksNothing,
            Parsed::Refused(_) => ParserOutcome::Refused,
            Parsed::Unclear(_) => ParserOutcome::Unclear,
        },
        said: match &parsed.outcome {
            Parsed::Accepted => None,
            Parsed::ChecksNothing(said) | Parsed::Refused(said) | Parsed::Unclear(said) => {
                Some(said.clone())
            }
        },
    });
    ConfigurationReport {
        root,
        dry_run,
        files: files.collect(),
        checked_by: checked_by.collect(),
        refused_pulls: Vec::new(),
        unenforced: Vec::new(),
    }
}

fn is_policy(file: &PlannedFile) -> bool {
    file.path().ends_with("policy.json")
}

fn describe_file(file: &PlannedFile, enforcement: Option<&Enforcement>) -> FileReport {
    let changes = file.changes().iter().map(|change| {
        let (kind, detail) = match &change.kind {
            ChangeKind::Added => (SubjectChange::Added, None),
            ChangeKind::Replaced { was } => (SubjectChange::Replaced, Some(was.clone())),
            ChangeKind::Removed { because } => (SubjectChange::Removed, Some(because.clone())),
        };
        ChangeReport { subject: change.subject.clone(), change: kind, detail }
    });
    let unenforced = enforcement.into_iter().flat_map(|all| all.repositories());
    let unenforced = unenforced.filter_map(|(name, said)| {
        let reason: &NotEnforceable = said.as_ref().err()?;
        let (code, text) = (reason.code(), reason.to_string());
        Some(LeftReport { subject: name.to_string(), code, reason: text })
    });
    let left = file.left().iter().map(|left| LeftReport {
        subject: left.subject.clone(),
        code: left.code,
        reason: left.reason.clone(),
    });
    FileReport {
        path: file.path(),
        outcome: match (file.changes_file(), file.is_there()) {
            (true, true) => FileOutcome::Changed,
            (true, false) => FileOutcome::Created,
            (false, true) => FileOutcome::Unchanged,
            (false, false) => FileOutcome::Absent,
        },
        changes: changes.collect(),
        left: left.chain(unenforced).collect(),
        backup: file.backup(),
    }
}
