//! What becomes of each file.

use super::existing::Existing;
use super::{CONTAINERS, ConfigError, HostConfig};
use crate::host::config::certs_d::{self, CaFile};
use crate::host::config::policy::PolicyRequest;
use crate::host::config::registries_conf::MirrorLeft;
use crate::host::config::registries_d::LookupLeft;
use crate::host::config::{Change, ChangeKind, Outcome, policy, registries_conf, registries_d};
use crate::oci::{Digest, Repository};
use std::collections::BTreeMap;
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
    let (lookups, mirrors) = (&existing.lookups, &existing.mirrors);
    let looked_for = registries_d::merge(lookups.own.as_deref(), &lookups.others, &places)?;
    let (own, main) = (mirrors.own.as_deref(), existing.main.as_ref());
    let served = registries_conf::merge(own, main, &mirrors.others, &request.mirrors)?;
    let unserved = unserved(request, &looked_for, &served);
    let earlier = own.map(registries_conf::sources).transpose()?.unwrap_or_default();
    let policy = policy_file(existing, &policy_request(request, unserved, earlier))?;

    let lookups = drop_in(
        "registries.d",
        registries_d::FILE,
        lookups.own.as_ref(),
        looked_for,
        LookupLeft::code,
    );
    let mirrors = drop_in(
        "registries.conf.d",
        registries_conf::FILE,
        mirrors.own.as_ref(),
        served,
        MirrorLeft::code,
    );
    Ok([Some(lookups), Some(policy), ca(existing, request)?, Some(mirrors)]
        .into_iter()
        .flatten()
        .collect())
}

/// Sources whose signatures a host would not find, with the reason: a rule would make all their pulls fail. They are
/// looked for at the target alone, and only where no other file forbids it.
fn unserved(
    request: &HostConfig,
    looked_for: &Outcome<LookupLeft>,
    served: &Outcome<MirrorLeft>,
) -> BTreeMap<Repository, String> {
    let lookup = |mirror: &Repository| {
        let left = looked_for.left.iter().find(|left| left.subject == mirror.to_string())?;
        let is_off = !matches!(left.reason, LookupLeft::AlreadyEnabled { .. });
        is_off.then(|| left.reason.to_string())
    };
    let place = |source: &Repository| {
        let left = served.left.iter().find(|left| left.subject == source.to_string())?;
        let is_served = match left.reason {
            MirrorLeft::AlreadyMirrored { .. }
            | MirrorLeft::NotBlocked { .. }
            | MirrorLeft::SameName => true,
            MirrorLeft::OtherEntry { .. }
            | MirrorLeft::MirrorBlocked { .. }
            | MirrorLeft::ShortHost => false,
        };
        (!is_served).then(|| left.reason.to_string())
    };
    let mirrored = request.mirrors.mirrored.iter();
    mirrored
        .filter_map(|one| {
            let reason = lookup(&one.mirror).or_else(|| place(&one.source))?;
            Some((one.source.clone(), reason))
        })
        .collect()
}

/// What is asked of the policy, given what becomes of the other files. What earlier runs have served from a mirror is
/// pulled, and nothing is known of its signatures: no new rule may cover it.
fn policy_request(
    request: &HostConfig,
    unserved: BTreeMap<Repository, String>,
    earlier: Vec<Repository>,
) -> PolicyRequest {
    let is_carried =
        |name: &Repository| request.mirrors.mirrored.iter().any(|one| one.source == *name);
    let mut policy = PolicyRequest { unserved, ..request.policy.clone() };
    policy.unenforced.extend(earlier.into_iter().filter(|name| !is_carried(name)));
    policy
}

/// Files of root's own that take the place of these wherever root runs the tools, with the name of what they hide
/// (containers-policy.json(5), containers-registries.d(5)).
const OF_ROOT: [(&str, &str); 2] = [
    ("root/.config/containers/policy.json", "policy.json"),
    ("root/.config/containers/registries.d", registries_d::FILE),
];

/// Names what will have no effect for root.
pub(super) fn note_hidden(files: &mut [PlannedFile], root: &Path) {
    for (own, hidden) in OF_ROOT {
        if root.join(own).symlink_metadata().is_err() {
            continue;
        }
        let of_that = files.iter_mut().filter(|file| file.name == hidden);
        of_that.for_each(|file| {
            file.left.push(Left {
                subject: format!("/{own}"),
                code: "hidden-from-root",
                reason: "root's own takes the place of this one wherever root pulls".to_owned(),
            });
        });
    }
}

fn policy_file(existing: &Existing, request: &PolicyRequest) -> Result<PlannedFile, ConfigError> {
    let merged = policy::merge(existing.policy.as_deref(), request)?;
    let mut file = PlannedFile::new(&CONTAINERS, "policy.json", merged, policy::PolicyLeft::code);
    file.before.clone_from(&existing.policy);
    let replaced = file.before.as_deref().filter(|_| file.content.is_some());
    file.backup = replaced.map(backup_of);
    Ok(file)
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
