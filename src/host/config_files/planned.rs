//! What becomes of each file.

use super::existing::Existing;
use super::{CONTAINERS, ConfigError, HostConfig};
use crate::host::config::certs_d::{self, CaFile};
use crate::host::config::{Change, ChangeKind, Outcome, policy, registries_conf, registries_d};
use crate::oci::Digest;
use std::fmt;
use std::path::{Path, PathBuf};

/// One file, before it is written or after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFile {
    pub(super) directory: Vec<String>,
    pub(super) name: String,
    pub(super) before: Option<Vec<u8>>,
    pub(super) content: Option<String>,
    pub(super) backup: Option<String>,
    changes: Vec<Change>,
    left: Vec<Left>,
}

/// Something that was asked of a file and not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// What it is about: a repository, a host.
    pub subject: String,
    /// Why, by a stable name.
    pub code: &'static str,
    /// Why, in words.
    pub reason: String,
}

/// The files, in the order of writing.
pub(super) fn files(
    existing: &Existing,
    request: &HostConfig,
) -> Result<Vec<PlannedFile>, ConfigError> {
    let places: Vec<_> = request.mirrors.mirrored.iter().map(|one| one.mirror.clone()).collect();
    let lookups = &existing.lookups;
    let lookups = drop_in(
        "registries.d",
        registries_d::FILE,
        lookups.own.as_ref(),
        registries_d::merge(lookups.own.as_deref(), &lookups.others, &places)?,
        registries_d::LookupLeft::code,
    );
    let merged = policy::merge(existing.policy.as_deref(), &request.policy)?;
    let mut policy = PlannedFile::new(&CONTAINERS, "policy.json", merged, policy::PolicyLeft::code);
    policy.before.clone_from(&existing.policy);
    let replaced = policy.before.as_deref().filter(|_| policy.content.is_some());
    policy.backup = replaced.map(backup_of);
    let mirrors = &existing.mirrors;
    let merged = registries_conf::merge(
        mirrors.own.as_deref(),
        existing.main.as_ref(),
        &mirrors.others,
        &request.mirrors,
    )?;
    let mirrors = drop_in(
        "registries.conf.d",
        registries_conf::FILE,
        mirrors.own.as_ref(),
        merged,
        registries_conf::MirrorLeft::code,
    );
    Ok([Some(lookups), Some(policy), ca(existing, request)?, Some(mirrors)]
        .into_iter()
        .flatten()
        .collect())
}

fn drop_in<R: fmt::Display>(
    directory: &str,
    name: &str,
    own: Option<&String>,
    merged: Outcome<R>,
    code: impl Fn(&R) -> &'static str,
) -> PlannedFile {
    let directory = [CONTAINERS[0], CONTAINERS[1], directory];
    let before = own.map(|content| content.clone().into_bytes());
    PlannedFile { before, ..PlannedFile::new(&directory, name, merged, code) }
}

fn ca(existing: &Existing, request: &HostConfig) -> Result<Option<PlannedFile>, ConfigError> {
    let Some(ca) = &request.ca else { return Ok(None) };
    let [directory @ .., name] = certs_d::place(&ca.host)?;
    let mut file = PlannedFile {
        directory: directory.to_vec(),
        name,
        before: existing.ca.clone(),
        content: None,
        backup: None,
        changes: Vec::new(),
        left: Vec::new(),
    };
    match certs_d::merge(existing.ca.as_deref(), &ca.content)? {
        CaFile::Written(content) => {
            file.changes.push(Change { subject: ca.host.clone(), kind: ChangeKind::Added });
            file.content = Some(content);
        }
        CaFile::AlreadyThere => {}
        CaFile::Differs => file.left.push(Left {
            subject: ca.host.clone(),
            code: "other-ca",
            reason: "the file holds other certificates; to change them, remove it first".to_owned(),
        }),
    }
    Ok(Some(file))
}

/// The name of the backup follows from the content: the same content is not backed up twice, and no backup takes the
/// place of another one.
fn backup_of(content: &[u8]) -> String {
    format!("policy.json.before-bundle-{}", &Digest::of(content).hex()[..16])
}

impl PlannedFile {
    fn new<R: fmt::Display>(
        directory: &[&str],
        name: &str,
        merged: Outcome<R>,
        code: impl Fn(&R) -> &'static str,
    ) -> Self {
        let left = merged.left.iter().map(|left| Left {
            subject: left.subject.clone(),
            code: code(&left.reason),
            reason: left.reason.to_string(),
        });
        Self {
            directory: directory.iter().map(ToString::to_string).collect(),
            name: name.to_owned(),
            before: None,
            content: merged.content,
            backup: None,
            left: left.collect(),
            changes: merged.changes,
        }
    }

    /// Where it is as the host sees it, whatever the root.
    pub fn path(&self) -> PathBuf {
        self.directory
            .iter()
            .fold(PathBuf::from("/"), |path, part| path.join(part))
            .join(&self.name)
    }

    /// True when it gets other content than it has, or is new.
    pub fn changes_file(&self) -> bool {
        self.content.is_some()
    }

    /// True when it is there already.
    pub fn is_there(&self) -> bool {
        self.before.is_some()
    }

    /// What is new in it. Empty when it does not change.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What was asked of it and is not done.
    pub fn left(&self) -> &[Left] {
        &self.left
    }

    /// Where the content that is replaced is kept, as the host sees it.
    pub fn backup(&self) -> Option<PathBuf> {
        let name = self.backup.as_deref()?;
        Some(self.path().parent().unwrap_or(Path::new("/")).join(name))
    }

    /// The whole of what is in it afterwards; `None` when there is no such file then.
    pub fn after(&self) -> Option<&[u8]> {
        self.content.as_ref().map(String::as_bytes).or(self.before.as_deref())
    }

    /// The directory that it is in, component by component.
    pub(super) fn components(&self) -> Vec<&str> {
        self.directory.iter().map(String::as_str).collect()
    }
}
