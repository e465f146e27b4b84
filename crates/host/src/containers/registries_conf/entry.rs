//! `[[registry]]` entries as the container stack reads them (containers/image, `sysregistriesv2`).

use super::RegistriesConfError;
use crate::containers::outcome::ConfigFile;
use bundle_oci::text::bounded;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// An entry, without its prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) location: String,
    pub(super) insecure: bool,
    pub(super) blocked: bool,
    pub(super) digest_only: bool,
    pub(super) mirrors: Vec<Mirror>,
}

/// A mirror of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Mirror {
    #[serde(default)]
    pub(super) location: String,
    #[serde(default)]
    pub(super) insecure: bool,
    #[serde(default, rename = "pull-from-mirror")]
    pub(super) pull_from_mirror: String,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    registry: Vec<Wire>,
    #[serde(default)]
    registries: VersionOne,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Wire {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<Mirror>,
}

/// The older format, of `registries.conf` alone.
#[derive(Deserialize, Default)]
struct VersionOne {
    #[serde(default)]
    insecure: VersionOneList,
    #[serde(default)]
    block: VersionOneList,
}

#[derive(Deserialize, Default)]
struct VersionOneList {
    #[serde(default)]
    registries: Vec<String>,
}

/// The entries of one file by prefix. Keys that the stack does not know it ignores; of two entries with one prefix the
/// first counts.
pub(super) fn read(
    name: &str,
    content: &str,
) -> Result<BTreeMap<String, Entry>, RegistriesConfError> {
    let file: File = toml::from_str(content).map_err(|error| RegistriesConfError::Unreadable {
        file: bounded(name),
        why: bounded(error.message()),
    })?;
    let mut entries = BTreeMap::new();
    for wire in file.registry {
        let location = trimmed(&wire.location);
        let prefix = match trimmed(&wire.prefix) {
            prefix if prefix.is_empty() => location.clone(),
            prefix => prefix,
        };
        let of_mirror = |mirror: Mirror| Mirror { location: trimmed(&mirror.location), ..mirror };
        entries.entry(prefix).or_insert(Entry {
            location,
            insecure: wire.insecure,
            blocked: wire.blocked,
            digest_only: wire.mirror_by_digest_only,
            mirrors: wire.mirror.into_iter().map(of_mirror).collect(),
        });
    }
    let list = |list: VersionOneList| -> BTreeSet<String> {
        list.registries.iter().map(|name| trimmed(name)).collect()
    };
    let (insecure, block) = (list(file.registries.insecure), list(file.registries.block));
    for name in insecure.union(&block) {
        entries.entry(name.clone()).or_insert_with(|| Entry {
            location: name.clone(),
            insecure: insecure.contains(name),
            blocked: block.contains(name),
            digest_only: false,
            mirrors: Vec::new(),
        });
    }
    Ok(entries)
}

fn trimmed(name: &str) -> String {
    name.trim_end_matches('/').to_owned()
}

/// The entries of all files but this tool's own, each with the file that it is in.
pub(super) struct Entries(BTreeMap<String, (Entry, String)>);

impl Entries {
    /// Reads `registries.conf` and the drop-ins, in the order of their names: later ones take the place of earlier
    /// ones with the same prefix.
    pub(super) fn read(
        main: Option<&ConfigFile>,
        others: &[ConfigFile],
    ) -> Result<Self, RegistriesConfError> {
        let mut others: Vec<&ConfigFile> = others.iter().collect();
        others.sort_by(|a, b| a.name.cmp(&b.name));
        let mut all = BTreeMap::new();
        for file in main.into_iter().chain(others) {
            for (prefix, entry) in read(&file.name, &file.content)? {
                all.insert(prefix, (entry, bounded(&file.name)));
            }
        }
        Ok(Self(all))
    }

    /// Each prefix with its entry.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.0.iter().map(|(prefix, (entry, _))| (prefix.as_str(), entry))
    }

    /// True when an entry for `name` has a longer prefix than `wider`.
    pub(super) fn has_narrower(&self, wider: &str, name: &str) -> bool {
        let mut prefixes = self.0.keys().filter(|prefix| prefix.len() > wider.len());
        prefixes.any(|prefix| matched(prefix, name).is_some())
    }

    /// The entry with this very prefix, and its file.
    pub(super) fn exactly(&self, name: &str) -> Option<(&Entry, &str)> {
        self.0.get(name).map(|(entry, file)| (entry, file.as_str()))
    }

    /// What the longest prefix that covers `name` says of it: locations are those of `name`. And its file.
    pub(super) fn covering(&self, name: &str) -> Option<(Entry, &str)> {
        let covering = self.0.iter().filter_map(|(prefix, found)| {
            matched(prefix, name).map(|length| (prefix.len(), length, found))
        });
        // The first of the longest, as in the stack; the map is in the order of prefixes.
        let longest = covering.reduce(|a, b| if b.0 > a.0 { b } else { a });
        longest.map(|(_, length, (entry, file))| (entry.of(name, length), file.as_str()))
    }
}

/// How much of `name` the prefix stands for; `None` when it does not cover it.
pub(super) fn matched(prefix: &str, name: &str) -> Option<usize> {
    let ends = |length: usize| {
        matches!(name.as_bytes().get(length), None | Some(b':' | b'/' | b'@')).then_some(length)
    };
    match prefix.strip_prefix('*') {
        Some(domain) if domain.starts_with('.') => {
            let start = name.find(domain)?;
            let in_host = !name[..start].contains('/');
            in_host.then_some(start + domain.len()).and_then(ends)
        }
        _ if prefix.is_empty() => None,
        _ => name.strip_prefix(prefix).and_then(|_| ends(prefix.len())),
    }
}

impl Entry {
    /// This entry for one name below its prefix, of which it stands for `length` bytes.
    fn of(&self, name: &str, length: usize) -> Self {
        // Without a location, which only a wildcard may be, names stay what they are.
        let rewritten = |location: &str| match location {
            "" => name.to_owned(),
            _ => format!("{location}{}", &name[length..]),
        };
        let mirror =
            |mirror: &Mirror| Mirror { location: rewritten(&mirror.location), ..mirror.clone() };
        Self {
            location: rewritten(&self.location),
            mirrors: self.mirrors.iter().map(mirror).collect(),
            ..self.clone()
        }
    }

    /// True when every pull of what it is for may be served from `location`.
    pub(super) fn serves(&self, location: &str) -> bool {
        let always = |mirror: &Mirror| matches!(mirror.pull_from_mirror.as_str(), "" | "all");
        !self.digest_only
            && self.mirrors.iter().any(|mirror| mirror.location == location && always(mirror))
    }

    /// Its mirrors, each with the restriction that the entry puts on all.
    pub(super) fn restricted_mirrors(&self) -> impl Iterator<Item = Mirror> {
        let digest_only = self.digest_only;
        self.mirrors.iter().cloned().map(move |mirror| match digest_only {
            true => Mirror { pull_from_mirror: "digest-only".to_owned(), ..mirror },
            false => mirror,
        })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mirrors: Vec<&str> = self.mirrors.iter().map(|one| one.location.as_str()).collect();
        match mirrors.is_empty() {
            true => f.write_str("not served by a mirror"),
            false => write!(f, "served by {}", mirrors.join(", ")),
        }?;
        if self.location.is_empty() { Ok(()) } else { write!(f, ", from {}", self.location) }?;
        if self.blocked { f.write_str(" (blocked)") } else { Ok(()) }
    }
}
