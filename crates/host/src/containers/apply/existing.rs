//! The files that are there, read as everything else on the host: no links, and of the right owners.

use super::{CONTAINERS, ConfigError, RegistryCa};
use crate::containers::{ConfigFile, certs_d, policy, registries_conf, registries_d};
use crate::files::{Directory, HostRoot};
use std::os::unix::ffi::OsStrExt as _;

/// Largest configuration file that is read, in bytes: as large as policies may be here.
const MAX_FILE: u64 = 4 << 20;

/// Contents of files that are there.
#[derive(Debug)]
pub(super) struct Existing {
    pub(super) policy: Option<Vec<u8>>,
    pub(super) lookups: DropIns,
    /// `registries.conf` itself.
    pub(super) main: Option<ConfigFile>,
    pub(super) mirrors: DropIns,
    pub(super) ca: Option<Vec<u8>>,
}

/// A directory of files to which this tool adds one.
#[derive(Debug, Default)]
pub(super) struct DropIns {
    pub(super) own: Option<String>,
    pub(super) others: Vec<ConfigFile>,
}

impl Existing {
    pub(super) fn read(root: &HostRoot, ca: Option<&RegistryCa>) -> Result<Self, ConfigError> {
        let ca = match ca {
            None => None,
            Some(ca) => {
                let place = certs_d::place(&ca.host)?;
                let directory: Vec<&str> = place[..4].iter().map(String::as_str).collect();
                match root.existing(&directory)? {
                    Some(directory) => directory.read(certs_d::FILE, MAX_FILE)?,
                    None => None,
                }
            }
        };
        let mut existing = Self {
            policy: None,
            lookups: DropIns::default(),
            main: None,
            mirrors: DropIns::default(),
            ca,
        };
        if let Some(containers) = root.existing(&CONTAINERS)? {
            existing.policy = containers.read("policy.json", MAX_FILE)?;
            existing.lookups =
                DropIns::read(&containers, "registries.d", ".yaml", registries_d::FILE)?;
            let main = text(&containers, "registries.conf")?;
            existing.main = main.map(|content| ConfigFile::new("registries.conf", content));
            existing.mirrors =
                DropIns::read(&containers, "registries.conf.d", ".conf", registries_conf::FILE)?;
        }
        Ok(existing)
    }
}

impl Existing {
    /// The same with what an earlier run has written below `elsewhere`, so that one bundle takes nothing away that another
    /// one brought.
    pub(super) fn with_earlier(
        mut self,
        elsewhere: &HostRoot,
        ca: Option<&RegistryCa>,
    ) -> Result<Self, ConfigError> {
        let earlier = Self::read(elsewhere, ca)?;
        if let Some(rules) = &earlier.policy {
            self.policy = Some(policy::with_earlier(self.policy.as_deref(), rules)?);
        }
        self.lookups.own = earlier.lookups.own.or(self.lookups.own);
        self.mirrors.own = earlier.mirrors.own.or(self.mirrors.own);
        self.ca = earlier.ca.or(self.ca);
        Ok(self)
    }
}

impl DropIns {
    fn read(parent: &Directory, name: &str, ending: &str, own: &str) -> Result<Self, ConfigError> {
        let Some(directory) = parent.child(name)? else { return Ok(Self::default()) };
        let mut files = Self::default();
        let mut names = directory.all_names()?;
        names.retain(|name| name.as_bytes().ends_with(ending.as_bytes()));
        for name in names {
            let place = || directory.path().join(&name);
            let name = name.to_str().ok_or_else(|| ConfigError::NotText(place()))?;
            let Some(content) = text(&directory, name)? else { continue };
            match name == own {
                true => files.own = Some(content),
                false => files.others.push(ConfigFile::new(name, content)),
            }
        }
        Ok(files)
    }
}

fn text(directory: &Directory, name: &str) -> Result<Option<String>, ConfigError> {
    let not_text = |_| ConfigError::NotText(directory.path_of(name));
    let content = directory.read(name, MAX_FILE)?;
    content.map(|content| String::from_utf8(content).map_err(not_text)).transpose()
}
