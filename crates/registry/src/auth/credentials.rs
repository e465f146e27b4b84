//! Credentials that people already have: docker's `config.json`, containers' `auth.json`, credential helpers.

use super::helper;
use super::secret::{Credentials, Secret};
use crate::{RegistryError, SetAside};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bundle_oci::Repository;
use serde::Deserialize;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use tokio::sync::{Mutex, OnceCell};

/// Largest credentials file read; real ones have a few KiB.
const MAX_FILE: u64 = 4 << 20;
/// Most values of its JSON: an entry has two to six, and other programs keep their settings beside them.
const MAX_VALUES: usize = 100_000;

/// All places that credentials may come from, read when a registry first asks for some.
#[derive(Debug)]
pub(crate) struct CredentialStore {
    places: Places,
    /// What is there and does not count.
    set_aside: Vec<SetAside>,
    files: OnceCell<Vec<File>>,
    /// Answers of helpers, each asked once: they can be slow, and may ask the person in front of them.
    helped: Mutex<HashMap<(String, String), Option<Credentials>>>,
}

/// Where credentials files lie.
#[derive(Debug)]
enum Places {
    /// Named by the user: it must be there, and no other is read.
    Named(PathBuf),
    /// The usual places, those that exist.
    Usual(Vec<PathBuf>),
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    /// Normalised key → entry.
    auths: HashMap<String, Entry>,
    /// Normalised key → helper's name.
    helpers: HashMap<String, String>,
    store: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Wire {
    auths: HashMap<String, Entry>,
    cred_helpers: HashMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Whether there are credentials for a registry, without asking anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// An entry or a helper is there for it.
    Some,
    /// A helper that is asked about every registry may have some, or a file cannot be read.
    Unclear,
    /// There are none.
    None,
}

impl CredentialStore {
    /// A store over the file that the user named, else over the usual places as `variable` (the environment) and
    /// `uid` give them: containers-auth.json(5), then docker's.
    pub(crate) fn new(
        named: Option<&Path>,
        variable: impl Fn(&str) -> Option<OsString>,
        uid: u32,
    ) -> Self {
        let set = |name: &str| variable(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let mut set_aside = Vec::new();
        let places = match named.map(Path::to_owned).or_else(|| set("REGISTRY_AUTH_FILE")) {
            Some(path) => Places::Named(path),
            None => {
                let home = set("HOME");
                let below_home = |name: &str| home.as_ref().map(|home| home.join(name));
                let runtime = set("XDG_RUNTIME_DIR").map(|dir| dir.join("containers"));
                let runtime = runtime.unwrap_or_else(|| format!("/run/containers/{uid}").into());
                let config = set("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
                let docker = set("DOCKER_CONFIG").or_else(|| below_home(".docker"));
                let places = [
                    Some(runtime.join("auth.json")),
                    config.map(|dir| dir.join("containers/auth.json")),
                    docker.map(|dir| dir.join("config.json")),
                ];
                let counts = |path: &PathBuf| SetAside::is_kept(path, "--authfile", &mut set_aside);
                Places::Usual(places.into_iter().flatten().filter(counts).collect())
            }
        };
        Self { places, set_aside, files: OnceCell::new(), helped: Mutex::default() }
    }

    /// Files in the usual places that do not count.
    pub(crate) fn set_aside(&self) -> &[SetAside] {
        &self.set_aside
    }

    /// The credentials for a repository; the most specific entry of the first file that has one.
    ///
    /// # Errors
    /// A file that is there but cannot be read or understood, a helper that fails. Having none is no error.
    pub(crate) async fn find(
        &self,
        repository: &Repository,
    ) -> Result<Option<Credentials>, RegistryError> {
        let files = self.files.get_or_try_init(|| async { self.read_files() }).await?;
        let whole = format!("{}/{}", repository.host(), repository.path());
        // Longest first: host/a/b/c, host/a/b, host/a, host.
        let keys: Vec<&str> = std::iter::successors(Some(whole.as_str()), |key| {
            key.rsplit_once('/').map(|(parent, _)| parent)
        })
        .collect();
        for file in files {
            if let Some((key, name)) = first(&keys, &file.helpers)
                && let Some(found) = self.ask_helper(name, key).await?
            {
                return Ok(Some(found));
            }
            for key in &keys {
                let entry = file.auths.get(*key).map(Entry::credentials).transpose();
                if let Some(found) = entry.map_err(|what| file.unusable(what))?.flatten() {
                    return Ok(Some(found));
                }
            }
            if let Some(name) = &file.store
                && let Some(found) = self.ask_helper(name, repository.host()).await?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Whether there are credentials for anything on a host.
    pub(crate) async fn held_for(&self, host: &str) -> Held {
        let Ok(files) = self.files.get_or_try_init(|| async { self.read_files() }).await else {
            return Held::Unclear;
        };
        let is_on_host = |key: &str| {
            key.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let has_any = |file: &File| {
            let holds = |entry: &Entry| !matches!(entry.credentials(), Ok(None));
            file.helpers.keys().any(|key| is_on_host(key))
                || file.auths.iter().any(|(key, entry)| is_on_host(key) && holds(entry))
        };
        if files.iter().any(has_any) {
            Held::Some
        } else if files.iter().any(|file| file.store.is_some()) {
            Held::Unclear
        } else {
            Held::None
        }
    }

    async fn ask_helper(
        &self,
        name: &str,
        key: &str,
    ) -> Result<Option<Credentials>, RegistryError> {
        let mut helped = self.helped.lock().await;
        let question = (name.to_owned(), key.to_owned());
        if let Some(known) = helped.get(&question) {
            return Ok(known.clone());
        }
        let server = if key == "docker.io" { "https://index.docker.io/v1/" } else { key };
        let answer = helper::get(name, server)
            .await
            .map_err(|what| RegistryError::Credentials { host: key.to_owned(), what })?;
        helped.insert(question, answer.clone());
        Ok(answer)
    }

    fn read_files(&self) -> Result<Vec<File>, RegistryError> {
        let (paths, must_exist) = match &self.places {
            Places::Named(path) => (std::slice::from_ref(path), true),
            Places::Usual(paths) => (paths.as_slice(), false),
        };
        let mut files = Vec::new();
        for path in paths {
            match File::read(path) {
                Ok(file) => files.push(file),
                Err(RegistryError::Setup { source: Some(cause), .. })
                    if !must_exist && is_absent(cause.as_ref()) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }
}

fn is_absent(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let cause = cause.downcast_ref::<std::io::Error>();
    cause.is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound)
}

fn first<'a>(keys: &[&'a str], helpers: &'a HashMap<String, String>) -> Option<(&'a str, &'a str)> {
    keys.iter().find_map(|key| Some((*key, helpers.get(*key)?.as_str())))
}

impl File {
    fn read(path: &Path) -> Result<Self, RegistryError> {
        let unusable = |what: &str, cause: Option<std::io::Error>| RegistryError::Setup {
            path: path.to_owned(),
            what: what.to_owned(),
            source: cause.map(Into::into),
        };
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path)
            .map_err(|e| unusable("the file with credentials cannot be opened", Some(e)))?;
        file.take(MAX_FILE + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| unusable("the file with credentials cannot be read", Some(e)))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(unusable("the file with credentials is too large", None));
        }
        // Docker takes an empty file for one without entries; `/dev/null` is how people say "no credentials".
        if bytes.is_empty() {
            bytes.extend_from_slice(b"{}");
        }
        // The parser's own words could quote a secret; where it stopped is enough.
        let wire: Wire = bundle_oci::json::parse_within(&bytes, MAX_VALUES)
            .and_then(serde_json::from_value)
            .map_err(|e| {
                let (line, column) = (e.line(), e.column());
                let what = format!("not a file with credentials (line {line}, column {column})");
                unusable(&what, None)
            })?;
        Ok(Self {
            path: path.to_owned(),
            auths: normalised(wire.auths),
            helpers: normalised(wire.cred_helpers),
            store: wire.creds_store.filter(|name| !name.is_empty()),
        })
    }

    fn unusable(&self, what: &str) -> RegistryError {
        RegistryError::Setup { path: self.path.clone(), what: what.to_owned(), source: None }
    }
}

fn normalised<T>(entries: HashMap<String, T>) -> HashMap<String, T> {
    entries.into_iter().map(|(key, entry)| (normal_key(&key), entry)).collect()
}

/// `https://index.docker.io/v1/` and its like, as old docker wrote them, to `docker.io`; `host/namespace` stays.
fn normal_key(key: &str) -> String {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let key = match bare {
        Some(url) => url.split('/').next().unwrap_or_default(),
        None => key.trim_end_matches('/'),
    };
    let (host, rest) = key.split_once('/').map_or((key, None), |(h, r)| (h, Some(r)));
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    };
    match rest {
        Some(rest) if rest != "v1" && rest != "v2" => format!("{host}/{rest}"),
        _ => host.to_owned(),
    }
}

impl Entry {
    /// What the entry holds; docker leaves empty ones for hosts whose credentials a helper keeps.
    fn credentials(&self) -> Result<Option<Credentials>, &'static str> {
        let given = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
        if let Some(token) = given(&self.identitytoken) {
            return Ok(Some(Credentials::Identity(Secret::new(token))));
        }
        if let Some(token) = given(&self.registrytoken) {
            return Ok(Some(Credentials::Bearer(Secret::new(token))));
        }
        if let Some(auth) = given(&self.auth) {
            let broken = "an \"auth\" entry is not base64 of user:password";
            let bytes = BASE64_STANDARD.decode(auth.trim()).map_err(|_| broken)?;
            let text = String::from_utf8(bytes).map_err(|_| broken)?;
            let (user, password) = text.split_once(':').ok_or(broken)?;
            return Ok(Some(Credentials::Password {
                user: user.to_owned(),
                password: Secret::new(password.trim_end_matches('\0')),
            }));
        }
        let pair = given(&self.username).zip(given(&self.password));
        Ok(pair.map(|(user, password)| Credentials::Password {
            user,
            password: Secret::new(password),
        }))
    }
}
