//! What became of the configuration of the container stack.

use crate::oci::Digest;
use crate::report::seal::SealReport;
use serde::Serialize;
use std::path::PathBuf;

/// The files of the container stack that a run wrote, or would write.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationReport {
    /// The directory below which they are written: `/`, or the one that was named.
    pub root: String,
    /// True when nothing was written.
    pub dry_run: bool,
    /// The files, in the order of writing.
    pub files: Vec<FileReport>,
    /// The tools that read the result before it was written; empty when nothing changes, or none is installed.
    pub checked_by: Vec<ParserReport>,
    /// Carried images that hosts with this policy refuse to pull.
    pub refused_pulls: Vec<RefusedPull>,
    /// Repositories that a trusted signature admitted, and whose signatures hosts with this policy do not demand.
    pub unenforced: Vec<UnenforcedReport>,
}

impl ConfigurationReport {
    /// What people have to know at the end: what stays unenforced, and how that is mended.
    pub fn warnings(&self) -> Vec<String> {
        self.unenforced.iter().map(UnenforcedReport::warning).collect()
    }

    /// True when something stays unenforced that the operator did not allow.
    pub fn is_partial(&self) -> bool {
        self.unenforced.iter().any(|one| one.mirror != UnenforcedMirror::Allowed)
    }
}

/// A repository that was verified here and is taken unsigned by the host.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnenforcedReport {
    /// The source repository.
    pub repository: String,
    /// Why, by a stable name: one of those for what is left alone in `policy.json`.
    pub code: &'static str,
    /// Why, in words.
    pub reason: String,
    /// Whether it is served by the target.
    pub mirror: UnenforcedMirror,
    /// The command that leads to a rule.
    pub enforce: String,
}

/// Whether a repository without a rule is served by the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnenforcedMirror {
    /// No mirror is configured for it.
    Withheld,
    /// It is served, as `--allow-unenforced` says.
    Allowed,
    /// Nothing was added; an earlier run or another file has it served.
    Already,
}

impl UnenforcedReport {
    fn warning(&self) -> String {
        let Self { repository, code, reason, enforce, .. } = self;
        let mirror = match self.mirror {
            UnenforcedMirror::Withheld => format!(
                "no mirror is configured for it (--allow-unenforced {repository} configures one)"
            ),
            UnenforcedMirror::Allowed => "it is served unsigned, as was allowed".to_owned(),
            UnenforcedMirror::Already => "an earlier entry has it served all the same".to_owned(),
        };
        format!(
            "{repository} stays unenforced ({code}): {reason}; {mirror}; to enforce it: {enforce}"
        )
    }
}

/// An image that was verified here and is refused by the host's own rules.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedPull {
    /// Its source.
    pub image: String,
    /// Why: a code of refusals, `covered-by-index` where only its index is signed as demanded, or `signatures-not-found`
    /// where hosts would not find its GPG signatures.
    pub code: &'static str,
}

/// One file.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileReport {
    /// Where it is as the host sees it.
    pub path: PathBuf,
    /// What became of it.
    pub outcome: FileOutcome,
    /// What is new in it.
    pub changes: Vec<ChangeReport>,
    /// What was not done in it, and why.
    pub left: Vec<LeftReport>,
    /// Where the content that was replaced is kept, as the host sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<PathBuf>,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileOutcome {
    /// It is new.
    Created,
    /// It was there and has other content now.
    Changed,
    /// It was there and stays as it is.
    Unchanged,
    /// It was not there, and nothing has to be in it.
    Absent,
}

/// One change of a file.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeReport {
    /// What it is about: a repository, a host.
    pub subject: String,
    /// What happened to it.
    pub change: SubjectChange,
    /// What it was before, or why it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What happened to the subject of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectChange {
    /// Nothing was said about it before.
    Added,
    /// An earlier run had written something else.
    Replaced,
    /// It was taken out of this program's own file.
    Removed,
}

/// Something that was not done.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftReport {
    /// What it is about: a repository, a host.
    pub subject: String,
    /// Why, by a stable name.
    pub code: &'static str,
    /// Why, in words.
    pub reason: String,
}

/// A tool that was given the result to read.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParserReport {
    /// Its name.
    pub tool: &'static str,
    /// What it made of it.
    pub outcome: ParserOutcome,
    /// What it said, unless it accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

/// What a tool made of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParserOutcome {
    /// It has read all of it.
    Accepted,
    /// It has read all of it, but cannot check what is demanded: it will refuse every image that has to be signed.
    ChecksNothing,
    /// It does not take it. On the host itself that stops the run; a directory for review is written all the same.
    Refused,
    /// It failed for another reason.
    Unclear,
}

/// What `bundle config install` did.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigInstallReport {
    /// Version of this report's shape.
    pub report_version: &'static str,
    /// The archive.
    pub file: String,
    /// SHA-256 of the bytes of `bundle.json`.
    pub bundle_digest: Digest,
    /// The registry that serves the images, as it was given.
    pub target: String,
    /// What became of the files.
    pub configuration: ConfigurationReport,
    /// What became of the operator's seal.
    pub seal: SealReport,
    /// What the operator has to know.
    pub warnings: Vec<String>,
}
