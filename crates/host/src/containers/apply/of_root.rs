//! Files of root's own, which take the place of the host's wherever root runs the tools (containers-policy.json(5),
//! containers-registries.d(5), containers-registries.conf(5), containers-certs.d(5)).
//!
//! They are only read. Links are followed, as the tools do: what somebody else could have put there hides the host's files
//! all the same.

use crate::containers::certs_d;
use crate::containers::policy::{HostPolicy, Opening};
use crate::containers::registries_conf::{self, MirrorLeft, MirrorRequest, Mirrored, Upstream};
use crate::containers::registries_d::{self, LookupLeft};
use crate::containers::{ConfigFile, Outcome};
use bundle_oci::Repository;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

/// Where they are, below the root.
const HOME: &str = "root/.config/containers";
/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 4 << 20;
/// Most files of one directory.
const MAX_FILES: usize = 1024;

/// Content, or why it cannot be read; nothing where it is not there.
type Found<T> = Option<Result<T, String>>;

/// What root has of its own.
#[derive(Debug, Default)]
pub(super) struct OfRoot {
    policy: Found<Vec<u8>>,
    lookups: Found<Vec<ConfigFile>>,
    /// `registries.conf`. The host's directory beside its own is not read where it is there.
    main: Found<ConfigFile>,
    /// Entries of these take the place of the host's with the same prefix.
    mirrors: Found<Vec<ConfigFile>>,
    /// Registries whose certificates are taken from there alone.
    certificates: Vec<String>,
}

/// What a file of root's own hides.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hiding {
    /// The file, as the host sees it.
    pub(super) own: String,
    /// Name of the file that it hides.
    pub(super) hidden: &'static str,
}

impl OfRoot {
    /// Reads what is there below `root`.
    pub(super) fn read(root: &Path) -> Self {
        let home = root.join(HOME);
        let text = |path: &Path, name: String| {
            Ok(ConfigFile::new(name, String::from_utf8(file(path)?).map_err(io::Error::other)?))
        };
        let drop_ins = |name: &str, ending: &str| {
            found(&home.join(name), |directory| {
                let names = names(directory)?.into_iter().filter(|name| name.ends_with(ending));
                names.map(|name| text(&directory.join(&name), name.clone())).collect()
            })
        };
        let certificates = found(&home.join("certs.d"), names);
        Self {
            policy: found(&home.join("policy.json"), file),
            lookups: drop_ins("registries.d", ".yaml"),
            main: found(&home.join("registries.conf"), |path| {
                text(path, path_of("registries.conf"))
            }),
            mirrors: drop_ins("registries.conf.d", ".conf"),
            certificates: certificates.and_then(Result::ok).unwrap_or_default(),
        }
    }

    /// How root takes images of a repository unsigned. `apart` as in [`HostPolicy::narrower`].
    pub(super) fn opening(&self, repository: &Repository, apart: &[Repository]) -> Option<Opening> {
        let opening = |why: String| Opening::OfRoot { file: path_of("policy.json"), why };
        let content = match self.policy.as_ref()? {
            Ok(content) => content,
            Err(why) => return Some(opening(format!("it cannot be read: {why}"))),
        };
        let policy = HostPolicy::new(Some(content));
        // One that the tools refuse admits nothing.
        if !policy.is_known() {
            return None;
        }
        if policy.accepts(repository) {
            return Some(opening("it admits images without a signature".to_owned()));
        }
        let Opening::Narrower { place } = policy.narrower(repository, apart)? else { return None };
        Some(opening(format!("its {place} admits images without a signature")))
    }

    /// Sources whose signatures root would not find, with the reason.
    pub(super) fn unserved(&self, request: &MirrorRequest) -> Vec<(Repository, String)> {
        let lookups = self.lookups(request);
        let served = self.served(request);
        let unserved = |one: &Mirrored| {
            let of_lookups = lookups.as_ref().and_then(|said| lookup(said, &one.mirror));
            let why = of_lookups.or_else(|| self.place(served.as_ref()?, &one.source))?;
            Some((one.source.clone(), why))
        };
        request.mirrored.iter().filter_map(unserved).collect()
    }

    /// What hides a file of the host's.
    pub(super) fn hiding(&self, request: &MirrorRequest, ca: Option<&str>) -> Vec<Hiding> {
        let hiding = |own: &str, hidden| Hiding { own: path_of(own), hidden };
        let mut all = Vec::new();
        all.extend(self.policy.as_ref().map(|_| hiding("policy.json", "policy.json")));
        all.extend(self.lookups.as_ref().map(|_| hiding("registries.d", registries_d::FILE)));
        all.extend(self.main.as_ref().map(|_| hiding("registries.conf", registries_conf::FILE)));
        if self.main.is_none()
            && let Some(served) = self.served(request)
        {
            let mut files: Vec<String> = match &served {
                Err(_) => vec![path_of("registries.conf.d")],
                Ok(outcome) => {
                    outcome.left.iter().filter_map(|left| in_the_way(&left.reason)).collect()
                }
            };
            files.sort();
            files.dedup();
            let file = |own: String| Hiding { own, hidden: registries_conf::FILE };
            all.extend(files.into_iter().map(file));
        }
        let own_ca = ca.filter(|host| self.certificates.iter().any(|own| own == host));
        all.extend(own_ca.map(|host| hiding(&format!("certs.d/{host}"), certs_d::FILE)));
        all
    }

    /// What a merge with root's own directory of lookups comes to.
    fn lookups(&self, request: &MirrorRequest) -> Found<Outcome<LookupLeft>> {
        let places: Vec<_> = request.mirrored.iter().map(|one| one.mirror.clone()).collect();
        let merged = |files: &Vec<ConfigFile>| {
            registries_d::merge(None, files, &places).map_err(|error| error.to_string())
        };
        let files = self.lookups.as_ref()?;
        Some(files.as_ref().map_err(Clone::clone).and_then(merged))
    }

    /// What a merge with root's own entries comes to.
    fn served(&self, request: &MirrorRequest) -> Found<Outcome<MirrorLeft>> {
        if self.main.is_none() && self.mirrors.is_none() {
            return None;
        }
        let request = MirrorRequest { upstream: Upstream::AsItWas, ..request.clone() };
        let main = self.main.as_ref().map(Result::as_ref).transpose().map_err(Clone::clone);
        let mirrors = self.mirrors.as_ref().map(Result::as_ref).transpose().map_err(Clone::clone);
        Some(main.and_then(|main| {
            let named = |file: &ConfigFile| {
                ConfigFile::new(
                    path_of(&format!("registries.conf.d/{}", file.name)),
                    &*file.content,
                )
            };
            let files: Vec<_> = mirrors?.into_iter().flatten().map(named).collect();
            registries_conf::merge(None, main, &files, &request).map_err(|error| error.to_string())
        }))
    }

    /// Why root does not pull `source` from the mirror.
    fn place(
        &self,
        served: &Result<Outcome<MirrorLeft>, String>,
        source: &Repository,
    ) -> Option<String> {
        let outcome = match served {
            Ok(outcome) => outcome,
            Err(why) => return Some(format!("root's own registries cannot be read: {why}")),
        };
        let left = outcome.left.iter().find(|left| left.subject == source.to_string());
        match (left.map(|left| &left.reason), &self.main) {
            (
                Some(
                    MirrorLeft::AlreadyMirrored { .. }
                    | MirrorLeft::NotBlocked { .. }
                    | MirrorLeft::SameName,
                ),
                _,
            ) => None,
            (Some(reason), _) => Some(format!("wherever root pulls, {reason}")),
            (None, None) => None,
            (None, Some(_)) => {
                Some(format!("{} has root pull it from elsewhere", path_of("registries.conf")))
            }
        }
    }
}

/// Why root does not find signatures at the mirror.
fn lookup(said: &Result<Outcome<LookupLeft>, String>, mirror: &Repository) -> Option<String> {
    let file = path_of("registries.d");
    let outcome = match said {
        Ok(outcome) => outcome,
        Err(why) => return Some(format!("{file} cannot be read: {why}")),
    };
    let left = outcome.left.iter().find(|left| left.subject == mirror.to_string());
    match left.map(|left| &left.reason) {
        Some(LookupLeft::AlreadyEnabled { .. }) => None,
        _ => Some(format!("{file} has root look for no signatures at {mirror}")),
    }
}

/// The file of root's own that takes the place of an entry.
fn in_the_way(reason: &MirrorLeft) -> Option<String> {
    match reason {
        MirrorLeft::OtherEntry { file } | MirrorLeft::MirrorBlocked { file } => Some(file.clone()),
        MirrorLeft::AlreadyMirrored { .. }
        | MirrorLeft::NotBlocked { .. }
        | MirrorLeft::SameName
        | MirrorLeft::ShortHost => None,
    }
}

/// A file of root's own, as the host sees it.
fn path_of(name: &str) -> String {
    format!("/{HOME}/{name}")
}

fn found<T>(path: &Path, read: impl FnOnce(&Path) -> io::Result<T>) -> Found<T> {
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::metadata(path).is_err() => {
            None
        }
        content => Some(content.map_err(|error| error.to_string())),
    }
}

/// The content of a regular file.
fn file(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would keep this waiting when it is opened.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut content = Vec::new();
    fs::File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut content)?;
    match content.len() as u64 > MAX_FILE {
        true => Err(io::Error::other(format!("it is longer than {MAX_FILE} bytes"))),
        false => Ok(content),
    }
}

/// The names in a directory, sorted.
fn names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        names.push(name.into_string().map_err(|_| io::Error::other("a name is not UTF-8"))?);
        if names.len() > MAX_FILES {
            return Err(io::Error::other(format!("it has more than {MAX_FILES} files")));
        }
    }
    names.sort();
    Ok(names)
}
