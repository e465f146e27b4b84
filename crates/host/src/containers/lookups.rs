//! containers-registries.d(5), as far as it says where GPG signatures lie.
//!
//! Read as containers/image reads it: every `*.yaml` of one directory; a scope, or `default-docker`, that two files have
//! is an error; keys that are not known are ignored; the value of the narrowest scope that has one counts. Stricter in
//! one point: a second document in a file is refused, not ignored.

use bundle_oci::Reference;
use bundle_oci::text::bounded;
use bundle_ownership::Distrust;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

/// The directory of the machine.
const SYSTEM: &str = "/etc/containers/registries.d";
/// The directory of a user, below the home; where it exists, the machine's is not read.
const OF_USER: &str = ".config/containers/registries.d";
/// Where signatures lie when nothing says where.
const SYSTEM_SIGNATURES: &str = "/var/lib/containers/sigstore";
/// The same of a user who is not root, below the home.
const SIGNATURES_OF_USER: &str = ".local/share/containers/sigstore";
/// Largest file that is read; real ones have less than 1 KiB.
const MAX_FILE: u64 = 1 << 20;
/// Most files: real directories have a handful.
const MAX_FILES: usize = 1024;
/// Deepest nesting of a file; its keys need three levels.
const MAX_DEPTH: usize = 16;
/// Most values, aliases included: an alias may not multiply what a file holds.
const MAX_NODES: usize = 100_000;
/// Most aliases.
const MAX_ALIASES: usize = 1_000;

/// Where the container stack looks for the signatures of which image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistriesD {
    /// By scope.
    docker: BTreeMap<String, Section>,
    default_docker: Option<Section>,
    /// Used where nothing else is configured.
    built_in: Option<String>,
}

/// Why the configuration cannot be read. None of it counts then, as in the container stack.
#[derive(Debug, thiserror::Error)]
pub enum RegistriesDError {
    /// A file or the directory.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// No file of this kind.
    #[error("{} is not read: {what}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Two files have the same key.
    #[error("{key:?} is configured both in {} and in {}", first.display(), second.display())]
    Twice {
        /// The scope, or `default-docker`.
        key: String,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
}

/// One file.
#[derive(Deserialize, Default)]
struct File {
    #[serde(rename = "default-docker")]
    default_docker: Option<Section>,
    docker: Option<BTreeMap<String, Option<Section>>>,
}

/// What is configured for one scope.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Section {
    lookaside: Option<String>,
    /// The old name of `lookaside`.
    sigstore: Option<String>,
    // The others decide nothing here; what has the wrong type makes the file invalid all the same.
    #[serde(rename = "lookaside-staging")]
    _lookaside_staging: Option<String>,
    #[serde(rename = "sigstore-staging")]
    _sigstore_staging: Option<String>,
    #[serde(rename = "use-sigstore-attachments")]
    _use_sigstore_attachments: Option<bool>,
}

impl Section {
    fn lookaside(&self) -> Option<&str> {
        let set = |value: &'_ Option<String>| value.as_ref().is_some_and(|text| !text.is_empty());
        let value = if set(&self.lookaside) { &self.lookaside } else { &self.sigstore };
        value.as_deref().filter(|text| !text.is_empty())
    }
}

impl RegistriesD {
    /// What this user's container tools go by: the directory below `home` where there is one, else the machine's.
    ///
    /// # Errors
    /// As [`RegistriesD::read`].
    pub fn of_user(home: Option<&Path>) -> Result<Self, RegistriesDError> {
        let own = home.map(|home| home.join(OF_USER)).filter(|own| own.exists());
        let directory = own.unwrap_or_else(|| PathBuf::from(SYSTEM));
        let read = match Self::read_where(&directory, bundle_ownership::check_for_root) {
            Err(RegistriesDError::Read { path, source })
                if path == directory && source.kind() == ErrorKind::NotFound =>
            {
                Self::default()
            }
            read => read?,
        };
        Ok(read.with_built_in(home))
    }

    /// Reads one directory, which has to be there.
    ///
    /// # Errors
    /// Any [`RegistriesDError`].
    pub fn read(directory: &Path) -> Result<Self, RegistriesDError> {
        Self::read_where(directory, |_| Ok(()))
    }

    /// Reads a directory that `check` lets count, with all files in it.
    fn read_where(
        directory: &Path,
        check: impl Fn(&Path) -> Result<(), Distrust>,
    ) -> Result<Self, RegistriesDError> {
        let counts = |path: &Path| {
            let refuse = |distrust: Distrust| RegistriesDError::File {
                path: path.to_owned(),
                what: distrust.to_string(),
            };
            check(path).map_err(refuse)
        };
        counts(directory)?;
        let unreadable = |source| RegistriesDError::Read { path: directory.to_owned(), source };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            if name.as_encoded_bytes().ends_with(b".yaml") {
                paths.push(directory.join(name));
            }
            if paths.len() > MAX_FILES {
                let what = format!("it has more than {MAX_FILES} files");
                return Err(RegistriesDError::File { path: directory.to_owned(), what });
            }
        }
        paths.sort();
        let mut merged = Self::default();
        let mut origins: BTreeMap<String, PathBuf> = BTreeMap::new();
        for path in paths {
            counts(&path)?;
            let Some(text) = read_file(&path)? else { continue };
            let file =
                parse(&text).map_err(|what| RegistriesDError::File { path: path.clone(), what })?;
            let mut claim = |key: &str| match origins.insert(key.to_owned(), path.clone()) {
                None => Ok(()),
                Some(first) => {
                    let (key, second) = (bounded(key), path.clone());
                    Err(RegistriesDError::Twice { key, first, second })
                }
            };
            if let Some(section) = file.default_docker {
                // No scope is called so: a scope names a host.
                claim("default-docker")?;
                merged.default_docker = Some(section);
            }
            for (scope, section) in file.docker.unwrap_or_default() {
                claim(&format!("docker: {scope}"))?;
                merged.docker.insert(scope, section.unwrap_or_default());
            }
        }
        Ok(merged)
    }

    /// The same, with the directory that is used where nothing is configured.
    #[must_use]
    pub fn with_built_in(mut self, home: Option<&Path>) -> Self {
        let directory = match rustix::process::geteuid().is_root() {
            true => Some(PathBuf::from(SYSTEM_SIGNATURES)),
            false => home.map(|home| home.join(SIGNATURES_OF_USER)),
        };
        let absolute = directory.filter(|directory| directory.is_absolute());
        // What a URL gives a meaning to is written by its code.
        let escape = |path: &Path| {
            let text = path.to_str()?;
            Some(text.replace('%', "%25").replace('?', "%3F").replace('#', "%23"))
        };
        let path = absolute.as_deref().and_then(escape);
        self.built_in = path.map(|path| format!("file://{path}"));
        self
    }

    /// The URL below which signatures of the image lie that is fetched from `reference`; nothing when none is known.
    pub fn lookaside(&self, reference: &Reference) -> Option<&str> {
        let configured = scopes(reference)
            .iter()
            .filter_map(|scope| self.docker.get(scope))
            .chain(&self.default_docker)
            .find_map(Section::lookaside);
        configured.or(self.built_in.as_deref())
    }
}

/// The scopes that cover an image, the narrowest first: itself, its repository, every namespace, its host with the port,
/// and the domains above.
fn scopes(reference: &Reference) -> Vec<String> {
    let name = reference.repository().to_string();
    let own = match (reference.digest(), reference.tag()) {
        (Some(digest), _) => Some(format!("{name}@{digest}")),
        (None, Some(tag)) => Some(format!("{name}:{tag}")),
        (None, None) => None,
    };
    let namespaces = std::iter::successors(Some(name.as_str()), |name| {
        name.rsplit_once('/').map(|(above, _)| above)
    });
    let host = reference.repository().host();
    let host = host.split(':').next().unwrap_or(host);
    let domains = std::iter::successors(host.split_once('.'), |(_, domain)| domain.split_once('.'));
    let domains = domains.map(|(_, domain)| format!("*.{domain}"));
    own.into_iter().chain(namespaces.map(str::to_owned)).chain(domains).collect()
}

/// The text of a file; nothing when it was removed since the directory was listed.
fn read_file(path: &Path) -> Result<Option<String>, RegistriesDError> {
    let unreadable = |source| RegistriesDError::Read { path: path.to_owned(), source };
    let unusable = |what: String| RegistriesDError::File { path: path.to_owned(), what };
    // A pipe would keep us waiting when it is opened.
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(unusable("it is not a regular file".into())),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    }
    let mut content = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > MAX_FILE {
        return Err(unusable(format!("it is longer than {MAX_FILE} bytes")));
    }
    String::from_utf8(content).map(Some).map_err(|_| unusable("it is not UTF-8".into()))
}

/// Reads one file. The error ends the sentence "it is not read: …".
fn parse(text: &str) -> Result<File, String> {
    let mut budget = serde_saphyr::Budget::default();
    budget.max_depth = MAX_DEPTH;
    budget.max_nodes = MAX_NODES;
    budget.max_events = 2 * MAX_NODES;
    budget.max_recorded_anchor_events = MAX_NODES;
    budget.max_recorded_anchor_bytes = 8 * MAX_FILE as usize;
    budget.max_aliases = MAX_ALIASES;
    budget.max_anchors = MAX_ALIASES;
    budget.max_documents = 1;
    let mut options = serde_saphyr::Options::default();
    options.budget = Some(budget);
    let file: Option<File> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| bounded(&error.to_string()))?;
    Ok(file.unwrap_or_default())
}

#[cfg(test)]
mod tests;
