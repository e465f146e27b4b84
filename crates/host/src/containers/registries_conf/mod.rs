//! One file in `/etc/containers/registries.conf.d`: what was carried is pulled from the mirror, under its own name.
//!
//! Each source repository gets an entry of its own, so nothing else changes where it comes from. The longest prefix
//! decides (containers-registries.conf(5)), so an entry here takes the place of a wider one that is there already, for
//! that repository. What the wider one says is therefore carried over: its upstream, that it is blocked, its mirrors.
//!
//! A prefix that another file has is left alone and named: of two files with the same prefix the last one by name
//! counts, and the other is dead.
//!
//! - `apart`: entries without a mirror, for repositories below a mirrored one
//! - `entry`: entries as the container stack reads them, and which of them decides
//! - `own_file`: this tool's file, read and written

mod apart;
mod entry;
mod own_file;

use super::outcome::{Change, ChangeKind, ConfigFile, LeftAlone, Outcome};
use bundle_oci::Repository;
use bundle_oci::text::bounded;
use entry::{Entries, Entry, Mirror};
use std::collections::BTreeMap;
use std::fmt;

/// Name of the file.
pub const FILE: &str = "bundle.conf";

/// What is asked of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorRequest {
    /// Where each source repository is served.
    pub mirrored: Vec<Mirrored>,
    /// What fills the mirror and is not to be served from there.
    pub withheld: Vec<Mirrored>,
    /// What becomes of the source itself.
    pub upstream: Upstream,
    /// How the mirror is reached.
    pub transport: MirrorTransport,
}

/// A source repository and the repository at the mirror that holds its content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mirrored {
    /// The name that people pull.
    pub source: Repository,
    /// Where it is served.
    pub mirror: Repository,
}

/// What becomes of the source when the mirror does not have an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstream {
    /// As it was: contacted, unless something blocks it already.
    AsItWas,
    /// Never contacted. Mirrors still serve.
    Blocked,
}

/// How the mirror is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MirrorTransport {
    /// TLS with a certificate that is checked.
    Tls,
    /// Without TLS, or with a certificate that nobody checks.
    Insecure,
}

/// Why a repository gets no entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MirrorLeft {
    /// Another file has it served by this mirror.
    AlreadyMirrored {
        /// That file.
        file: String,
    },
    /// Another file has it served by this mirror and does not block the source.
    NotBlocked {
        /// That file.
        file: String,
    },
    /// Another file has an entry for it that says something else.
    OtherEntry {
        /// That file.
        file: String,
    },
    /// It has the same name at the mirror.
    SameName,
    /// The mirror's host would be taken for a namespace of docker.io.
    ShortHost,
    /// Another file blocks the mirror itself.
    MirrorBlocked {
        /// That file.
        file: String,
    },
}

/// The configuration cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum RegistriesConfError {
    /// A file that the container stack cannot read either: every pull of the host fails already.
    #[error("{file} cannot be read as registries.conf: {why}")]
    Unreadable {
        /// Its name.
        file: String,
        /// What the parser says, bounded.
        why: String,
    },
    /// Somebody edited this tool's own file.
    #[error("{FILE} was changed by hand; move what was added there to another file")]
    Edited,
}

/// The new content of [`FILE`], given its content of today, `registries.conf` itself (where there is one) and the other
/// `*.conf` files of the directory. Entries of earlier runs are kept; those of this run's sources are made anew, but a
/// source that was blocked stays so.
///
/// # Errors
/// [`RegistriesConfError`].
pub fn merge(
    own: Option<&str>,
    main: Option<&ConfigFile>,
    others: &[ConfigFile],
    request: &MirrorRequest,
) -> Result<Outcome<MirrorLeft>, RegistriesConfError> {
    let others = Entries::read(main, others)?;
    let before = own.map(own_file::read).transpose()?.unwrap_or_default();
    let mut after = before.clone();
    let mut outcome = Outcome { content: None, changes: Vec::new(), left: Vec::new() };
    let mut mirrored: Vec<&Mirrored> = request.mirrored.iter().collect();
    mirrored.sort();
    mirrored.dedup();
    for one in mirrored {
        let prefix = one.source.to_string();
        match entry_for(one, &others, before.get(&prefix), request) {
            Ok(entry) => drop(after.insert(prefix, entry)),
            Err(reason) => outcome.left.push(LeftAlone { subject: prefix, reason }),
        }
    }
    apart::keep(&mut after, &others, request);
    agree_by_location(&mut after);
    outcome.changes = changes(&before, &after);
    if !outcome.changes.is_empty() {
        outcome.content = Some(own_file::render(&after));
    }
    Ok(outcome)
}

/// The sources that earlier runs have entered into [`FILE`], given its content of today.
///
/// # Errors
/// [`RegistriesConfError::Edited`].
pub fn sources(own: &str) -> Result<Vec<Repository>, RegistriesConfError> {
    let entries = own_file::read(own)?;
    let served = entries.iter().filter(|(_, entry)| !entry.mirrors.is_empty());
    served.map(|(prefix, _)| prefix.parse().map_err(|_| RegistriesConfError::Edited)).collect()
}

/// The repositories that entries of other files are for, as far as they are pulled.
///
/// # Errors
/// [`RegistriesConfError::Unreadable`].
pub fn sources_of_others(
    main: Option<&ConfigFile>,
    others: &[ConfigFile],
) -> Result<Vec<Repository>, RegistriesConfError> {
    let entries = Entries::read(main, others)?;
    let repository = |(prefix, _): (&str, &Entry)| {
        let (host, path) = prefix.split_once('/')?;
        Repository::new(host, path).ok()
    };
    Ok(entries.iter().filter(|(_, entry)| !entry.blocked).filter_map(repository).collect())
}

fn entry_for(
    one: &Mirrored,
    others: &Entries,
    before: Option<&Entry>,
    request: &MirrorRequest,
) -> Result<Entry, MirrorLeft> {
    let (source, mirror) = (one.source.to_string(), one.mirror.to_string());
    if source == mirror {
        return Err(MirrorLeft::SameName);
    }
    let host = one.mirror.host();
    if !host.contains(['.', ':', '[']) && host != "localhost" {
        return Err(MirrorLeft::ShortHost);
    }
    // Entries count for mirrors too, as far as they block.
    if let Some((entry, file)) = others.covering(&mirror)
        && entry.blocked
    {
        return Err(MirrorLeft::MirrorBlocked { file: file.to_owned() });
    }
    let block = request.upstream == Upstream::Blocked;
    if let Some((entry, file)) = others.exactly(&source) {
        let file = file.to_owned();
        return Err(match entry.serves(&mirror) {
            true if block && !entry.blocked => MirrorLeft::NotBlocked { file },
            true => MirrorLeft::AlreadyMirrored { file },
            false => MirrorLeft::OtherEntry { file },
        });
    }
    let wider = others.covering(&source);
    if let Some((entry, file)) = &wider
        && entry.serves(&mirror)
        && (entry.blocked || !block)
        && before.is_none()
    {
        return Err(MirrorLeft::AlreadyMirrored { file: (*file).to_owned() });
    }
    let insecure = request.transport == MirrorTransport::Insecure;
    let own = Mirror { location: mirror, insecure, pull_from_mirror: String::new() };
    let wider = wider.map(|(entry, _)| entry);
    let inherited = wider.iter().flat_map(|entry| entry.restricted_mirrors());
    let others = inherited.filter(|other| other.location != own.location);
    Ok(Entry {
        location: wider.as_ref().map_or_else(|| source.clone(), |entry| entry.location.clone()),
        insecure: wider.as_ref().is_some_and(|entry| entry.insecure),
        blocked: block
            || wider.as_ref().is_some_and(|entry| entry.blocked)
            || before.is_some_and(|entry| entry.blocked),
        digest_only: false,
        mirrors: std::iter::once(own.clone()).chain(others).collect(),
    })
}

/// Within one file, entries of one location must agree on `blocked` and `insecure`, or the stack refuses the file. The
/// stricter setting counts.
fn agree_by_location(entries: &mut BTreeMap<String, Entry>) {
    let mut agreed: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for entry in entries.values() {
        let (blocked, insecure) = agreed.entry(entry.location.clone()).or_insert((false, true));
        *blocked |= entry.blocked;
        *insecure &= entry.insecure;
    }
    for entry in entries.values_mut() {
        if let Some((blocked, insecure)) = agreed.get(&entry.location) {
            (entry.blocked, entry.insecure) = (*blocked, *insecure);
        }
    }
}

fn changes(before: &BTreeMap<String, Entry>, after: &BTreeMap<String, Entry>) -> Vec<Change> {
    let change = |(prefix, entry): (&String, &Entry)| match before.get(prefix) {
        None => Some(Change::added(prefix)),
        Some(known) if known == entry => None,
        Some(known) => Some(Change {
            subject: prefix.clone(),
            kind: ChangeKind::Replaced { was: bounded(&known.to_string()) },
        }),
    };
    after.iter().filter_map(change).collect()
}

impl MirrorLeft {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlreadyMirrored { .. } => "already-mirrored",
            Self::NotBlocked { .. } => "not-blocked",
            Self::OtherEntry { .. } => "other-entry",
            Self::SameName => "same-name",
            Self::ShortHost => "short-host",
            Self::MirrorBlocked { .. } => "mirror-blocked",
        }
    }
}

impl fmt::Display for MirrorLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyMirrored { file } => write!(f, "{file} has it served by this mirror"),
            Self::NotBlocked { file } => {
                write!(f, "{file} has it served by this mirror and does not block the source")
            }
            Self::OtherEntry { file } => write!(f, "{file} has another entry for it"),
            Self::SameName => f.write_str("it has the same name at the mirror"),
            Self::MirrorBlocked { file } => write!(f, "{file} blocks the mirror"),
            Self::ShortHost => f.write_str(
                "the mirror's host has neither dot nor port and would be taken for a namespace of docker.io",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
