//! The container stack's files on the host, changed as [`containers`](super) decides: read, merged and checked before
//! anything is pushed, written after it.
//!
//! ```text
//! plan     existing files → merges → what skopeo and podman say of the result; nothing is changed
//! apply    the same once more, all of it staged beside its place, then renamed over, in this order:
//!          registries.d      signatures are looked for: demands nothing and admits nothing
//!          policy.json       signatures are demanded
//!          certs.d           the registry can be reached
//!          registries.conf.d sources are served by it
//! ```
//!
//! What demands comes before what opens a way: a power cut between two of them leaves a host on which pulls may fail,
//! never one that takes from the mirror what it would not verify. Keys that the policy names are installed earlier still.
//!
//! - `existing`: the files that are there
//! - `planned`: what becomes of each; `open` says what the host takes unsigned all the same
//! - `of_root`: files of root's own, which hide them
//! - `write`: staging, backup, renaming
//! - `parsers`: what the tools that will read the files say of them, each asked in a `home` of its own

mod error;
mod existing;
mod home;
mod of_root;
mod open;
mod parsers;
mod planned;
#[cfg(test)]
mod tests;
mod write;

pub use error::ConfigError;
pub use parsers::{Parsed, ParsedBy};
use planned::Planned;
pub use planned::{Left, PlannedFile};

use super::policy::{EnforcedRepository, Opening, PolicyRequest};
use super::registries_conf::MirrorRequest;
use crate::files::HostRoot;
use bundle_oci::Repository;
use existing::Existing;
use of_root::OfRoot;
use std::collections::BTreeMap;

/// Where the container stack has its files, below the root.
const CONTAINERS: [&str; 2] = ["etc", "containers"];
/// Where the lock of this tool lies.
const LOCKED: [&str; 2] = ["etc", "bundle"];

/// What a host's configuration is to do.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Whose signatures are demanded.
    pub policy: PolicyRequest,
    /// Which sources are served where. Signatures are looked for at the same places.
    pub mirrors: MirrorRequest,
    /// The CA of a registry.
    pub ca: Option<RegistryCa>,
    /// Where the level of the policy comes from.
    pub level: LevelSource,
    /// Repositories that a trusted signature admitted, each with what is to happen where no rule demands signatures of
    /// it afterwards.
    pub signed: BTreeMap<Repository, Unenforced>,
}

/// Where it is known from how new the hosts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelSource {
    /// The request says it.
    Request,
    /// The tools that are on this host tell; what the request says counts without any.
    Tools,
}

/// What becomes of a repository of which no rule demands signatures, although they were verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unenforced {
    /// It gets no mirror: what the mirror has in its place tomorrow would be taken unsigned.
    NotServed,
    /// The operator allows it: it is served all the same.
    Served,
}

/// A repository whose signatures were verified here and are not demanded by the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnenforcedRepository {
    /// The repository.
    pub repository: Repository,
    /// Whether it is served.
    pub serving: Serving,
    /// How it is taken unsigned.
    pub opening: Opening,
}

/// Whether a repository of which no rule demands signatures is served by the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serving {
    /// No mirror is configured for it.
    Withheld,
    /// It is, as the operator allows.
    Allowed,
    /// Nothing is added, but an earlier run's entry or another file has it served.
    Already,
}

/// The CA of a registry, which counts for that registry alone.
#[derive(Debug, Clone)]
pub struct RegistryCa {
    /// `host[:port]`.
    pub host: String,
    /// Certificates in PEM.
    pub content: Vec<u8>,
}

/// Where files are written.
#[derive(Debug)]
pub enum Destination {
    /// In the place of those that were read. The host's own only root may change.
    InPlace,
    /// Below another directory, for review or for a configuration management: all the files as they would be, changed
    /// or not, with what earlier runs have written there. Meant for one run at a time.
    Elsewhere(HostRoot),
}

/// What will become of the files. Nothing has been changed yet.
#[derive(Debug)]
pub struct ConfigPlan {
    root: HostRoot,
    destination: Destination,
    request: HostConfig,
    decided: Decided,
}

/// What becomes, or became, of the files.
#[derive(Debug)]
pub struct Decided {
    /// One entry for each file, in the order of writing.
    pub files: Vec<PlannedFile>,
    /// What the tools say that will read them; empty when nothing changes, or none is there.
    pub parsed: Vec<ParsedBy>,
    /// Whose signatures were verified and are not demanded.
    pub unenforced: Vec<UnenforcedRepository>,
}

/// Puts away what a question to a tool would leave behind. For a process that ends now: whoever asks waits for ever.
pub fn stop_asking() {
    home::clear();
}

/// Merges `request` with the files below `root` and has the result read by the tools that are there. Runs programs.
///
/// # Errors
/// [`ConfigError`]. Whatever can be refused is refused here, and nothing is changed.
pub fn plan_config(
    root: HostRoot,
    destination: Destination,
    mut request: HostConfig,
) -> Result<ConfigPlan, ConfigError> {
    match &destination {
        Destination::InPlace if !root.may_install() => return Err(ConfigError::NotRoot),
        Destination::InPlace => write::check_writable(&root, &request)?,
        Destination::Elsewhere(directory) if directory.is_same(&root)? => {
            return Err(ConfigError::ReviewInPlace(directory.path().to_owned()));
        }
        Destination::Elsewhere(directory) => write::check_writable(directory, &request)?,
    }
    let policy = &mut request.policy;
    let is_asked = |rule: &EnforcedRepository| rule.level() > policy.level;
    if request.level == LevelSource::Tools && policy.enforced.iter().any(is_asked) {
        policy.level = parsers::level()?.unwrap_or(policy.level);
    }
    let (existing, planned) = decide(&root, &destination, &request)?;
    let Planned { files, unenforced } = planned;
    if matches!(destination, Destination::InPlace) {
        write::check_backups(&root, &files)?;
    }
    let parsed = ask(&existing, &files, &destination)?;
    Ok(ConfigPlan { root, destination, request, decided: Decided { files, parsed, unenforced } })
}

fn decide(
    root: &HostRoot,
    destination: &Destination,
    request: &HostConfig,
) -> Result<(Existing, Planned), ConfigError> {
    let ca = request.ca.as_ref();
    let existing = Existing::read(root, ca)?;
    let existing = match destination {
        Destination::InPlace => existing,
        Destination::Elsewhere(directory) => existing.with_earlier(directory, ca)?,
    };
    let (of_root, keys_below) = match destination {
        Destination::InPlace => (OfRoot::read(root.path()), Some(root.path())),
        // Other hosts have another root, and other users.
        Destination::Elsewhere(_) => (OfRoot::default(), None),
    };
    let mut planned = planned::files(&existing, &of_root, keys_below, request)?;
    let files = &mut planned.files;
    match destination {
        Destination::InPlace => planned::note_hidden(files, &of_root, request),
        // Nothing is replaced there that was read.
        Destination::Elsewhere(_) => files.iter_mut().for_each(|file| file.backup = None),
    }
    Ok((existing, planned))
}

/// Has the result read. What this host's tools do not take is not written for them; other hosts may have others.
fn ask(
    existing: &Existing,
    files: &[PlannedFile],
    destination: &Destination,
) -> Result<Vec<ParsedBy>, ConfigError> {
    let parsed = parsers::check(existing, files)?;
    for ParsedBy { tool, outcome } in &parsed {
        if let (Parsed::Refused(why), Destination::InPlace) = (outcome, destination) {
            return Err(ConfigError::Unparsed { tool, why: why.clone() });
        }
    }
    Ok(parsed)
}

impl ConfigPlan {
    /// What will be done.
    pub fn decided(&self) -> &Decided {
        &self.decided
    }

    /// Below which the files are that are read.
    pub fn root(&self) -> &HostRoot {
        &self.root
    }

    /// Whether the files that are read are the ones that are written.
    pub fn is_in_place(&self) -> bool {
        matches!(self.destination, Destination::InPlace)
    }

    /// Where it will be done.
    pub fn destination(&self) -> &HostRoot {
        match &self.destination {
            Destination::InPlace => &self.root,
            Destination::Elsewhere(directory) => directory,
        }
    }

    /// Writes the files, after reading and merging once more: what changed since planning counts.
    ///
    /// # Errors
    /// What came up since planning; then nothing is changed. When the system fails while files get their names, those
    /// whose turn had come are whole, and the others are as they were.
    pub fn apply(self) -> Result<Decided, ConfigError> {
        let in_place = self.is_in_place();
        let changes = self.decided.files.iter().any(PlannedFile::changes_file);
        if in_place && !changes {
            return Ok(self.decided);
        }
        let locked = in_place.then(|| self.root.create(&LOCKED)).transpose()?;
        let _lock = locked.as_ref().map(|directory| directory.lock()).transpose()?;
        let (existing, planned) = decide(&self.root, &self.destination, &self.request)?;
        let Planned { files, unenforced } = planned;
        let parsed = match files == self.decided.files {
            true => self.decided.parsed,
            false => ask(&existing, &files, &self.destination)?,
        };
        match &self.destination {
            Destination::InPlace => write::in_place(&self.root, &files)?,
            Destination::Elsewhere(directory) => write::elsewhere(directory, &files)?,
        }
        Ok(Decided { files, parsed, unenforced })
    }
}
