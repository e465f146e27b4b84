//! What becomes of each file.

use super::existing::Existing;
use super::of_root::OfRoot;
use super::open::Open;
use super::{CONTAINERS, ConfigError, HostConfig, Serving, UnenforcedRepository};
use crate::containers::certs_d::{self, CaFile};
use crate::containers::policy::PolicyRequest;
use crate::containers::registries_conf::{MirrorLeft, MirrorRequest};
use crate::containers::registries_d::LookupLeft;
use crate::containers::{Change, ChangeKind, Outcome, policy, registries_conf, registries_d};
use bundle_oci::{Digest, Repository};
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

/// What becomes of all files.
pub(super) struct Planned {
    /// One entry for each file, in the order of writing.
    pub(super) files: Vec<PlannedFile>,
    /// Whose signatures were verified and are not demanded.
    pub(super) unenforced: Vec<UnenforcedRepository>,
}

/// What serves the sources and where their signatures are looked for.
struct Ways {
    looked_for: Outcome<LookupLeft>,
    served: Outcome<MirrorLeft>,
}

impl Ways {
    fn to(existing: &Existing, request: &MirrorRequest) -> Result<Self, ConfigError> {
        let places: Vec<_> = request.mirrored.iter().map(|one| one.mirror.clone()).collect();
        let (lookups, mirrors) = (&existing.lookups, &existing.mirrors);
        let looked_for = registries_d::merge(lookups.own.as_deref(), &lookups.others, &places)?;
        let (own, main) = (mirrors.own.as_deref(), existing.main.as_ref());
        let served = registries_conf::merge(own, main, &mirrors.others, request)?;
        Ok(Self { looked_for, served })
    }
}

/// The files: first what is demanded, then ways to that alone.
pub(super) fn files(
    existing: &Existing,
    of_root: &OfRoot,
    keys_below: Option<&Path>,
    request: &HostConfig,
) -> Result<Planned, ConfigError> {
    let ways = Ways::to(existing, &request.mirrors)?;
    let (lookups, mirrors) = (&existing.lookups, &existing.mirrors);
    let mut unserved = unserved(request, &ways.looked_for, &ways.served);
    for (source, why) in of_root.unserved(&request.mirrors) {
        unserved.entry(source).or_insert(why);
    }
    let own = mirrors.own.as_deref();
    let earlier = own.map(registries_conf::sources).transpose()?.unwrap_or_default();
    let open = Open::of(existing, of_root, request, &ways.served, &earlier, keys_below);
    let mut pulled = registries_conf::sources_of_others(existing.main.as_ref(), &mirrors.others)?;
    pulled.extend(earlier);
    let policy = policy_file(existing, &policy_request(request, unserved, &open, &pulled))?;
    let unenforced = open.after(policy.after());
    let is_closed = |name: &Repository| {
        let of_that = |one: &UnenforcedRepository| one.repository == *name;
        unenforced.iter().any(|one| of_that(one) && one.serving != Serving::Allowed)
    };
    let Ways { looked_for, mut served } =
        match request.mirrors.mirrored.iter().any(|one| is_closed(&one.source)) {
            false => ways,
            true => {
                let mut open = request.mirrors.clone();
                (open.withheld, open.mirrored) =
                    open.mirrored.into_iter().partition(|one| is_closed(&one.source));
                let left = ways.served.left;
                let mut ways = Ways::to(existing, &open)?;
                ways.served.left = left;
                ways
            }
        };
    served.left.sort_by(|a, b| a.subject.cmp(&b.subject));

    let lookups = drop_in(
        "registries.d",
        registries_d::FILE,
        lookups.own.as_ref(),
        looked_for,
        LookupLeft::code,
    );
    let mut mirrors = drop_in(
        "registries.conf.d",
        registries_conf::FILE,
        mirrors.own.as_ref(),
        served,
        MirrorLeft::code,
    );
    let withheld = unenforced.iter().filter(|one| one.serving == Serving::Withheld);
    mirrors.left.extend(withheld.map(|one| Left {
        subject: one.repository.to_string(),
        code: "unenforced",
        reason: "its signatures were verified, and the host would take it unsigned".to_owned(),
    }));
    let files = [Some(lookups), Some(policy), ca(existing, request)?, Some(mirrors)];
    Ok(Planned { files: files.into_iter().flatten().collect(), unenforced })
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

/// What is asked of the policy, given what becomes of the other files. What earlier runs or other files have served
/// from somewhere is pulled, and nothing is known of its signatures: no new rule may cover it.
fn policy_request(
    request: &HostConfig,
    unserved: BTreeMap<Repository, String>,
    open: &Open<'_>,
    pulled: &[Repository],
) -> PolicyRequest {
    let is_carried =
        |name: &Repository| request.mirrors.mirrored.iter().any(|one| one.source == *name);
    let mut policy = PolicyRequest { unserved, open: open.withheld(), ..request.policy.clone() };
    policy.unenforced.extend(pulled.iter().filter(|name| !is_carried(name)).cloned());
    policy
}

/// Names what will have no effect for root.
pub(super) fn note_hidden(files: &mut [PlannedFile], of_root: &OfRoot, request: &HostConfig) {
    let ca = request.ca.as_ref().map(|ca| ca.host.as_str());
    for hiding in of_root.hiding(&request.mirrors, ca) {
        for file in files.iter_mut().filter(|file| file.name == hiding.hidden) {
            file.left.push(Left {
                subject: hiding.own.clone(),
                code: "hidden-from-root",
                reason: "root's own takes the place of this one wherever root pulls".to_owned(),
            });
        }
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
