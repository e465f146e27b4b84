//! A home directory for one question to a tool, and the tools that are asked in it.

use super::ConfigError;
use crate::quoting::quoted;
use bundle_ownership::find_program;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longer than a tool takes to read some files.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether a tool has ended.
const PAUSE: Duration = Duration::from_millis(10);
/// Most of what a tool says that is read, in bytes.
const MAX_SAID: u64 = 64 << 10;

/// A tool of the container stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    Skopeo,
    Podman,
}

impl Tool {
    /// Those that are asked. Without root, podman starts a process that stays.
    pub(super) fn all() -> &'static [Self] {
        match rustix::process::geteuid().is_root() {
            true => &[Self::Skopeo, Self::Podman],
            false => &[Self::Skopeo],
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Skopeo => "skopeo",
            Self::Podman => "podman",
        }
    }
}

/// A directory of this process alone, removed when dropped.
pub(super) struct Home {
    path: PathBuf,
    name: String,
}

impl Home {
    pub(super) fn make() -> Result<Self, ConfigError> {
        let failed = |source| ConfigError::Asking { doing: "make a directory", source };
        // Whoever can change the directory above could have other files written.
        let above = bundle_ownership::temporary_directory();
        let above = above.map_err(|distrust| failed(io::Error::other(distrust)))?;
        // Short: podman takes no directory for its state whose path has more than 50 characters.
        let made = tempfile::Builder::new()
            .prefix("bundle-")
            .rand_bytes(12)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(above);
        // Kept, because the list of homes removes it, also when nothing is dropped.
        let path = made.map_err(failed)?.keep();
        open().insert(path.clone(), None);
        // Part of a host's name, and those have no capitals.
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        Ok(Self { path, name })
    }

    /// A name that nobody knows beforehand.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where tools look for the configuration of the user whose home it is.
    pub(super) fn containers(&self) -> PathBuf {
        self.path.join(CONTAINERS)
    }

    /// A path in it, as an argument.
    pub(super) fn below(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Writes a file among the configuration.
    pub(super) fn configure(&self, name: &str, content: &[u8]) -> Result<(), ConfigError> {
        self.write(&format!("{CONTAINERS}/{name}"), content)
    }

    /// Writes a file.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<(), ConfigError> {
        let place = self.path.join(name);
        std::fs::create_dir_all(place.parent().unwrap_or(&self.path))
            .and_then(|()| std::fs::write(place, content))
            .map_err(|source| ConfigError::Asking { doing: "write files", source })
    }

    /// What `tool` says when it is told to fetch `source`; `None` when it is not there.
    pub(super) fn fetch(&self, tool: Tool, source: &str) -> Result<Option<String>, ConfigError> {
        let asking = |source| ConfigError::Asking { doing: "run a program", source };
        let said = self.path.join("said");
        let sink = File::create(&said).map_err(asking)?;
        let program = match find_program(tool.name()) {
            Ok(Some(program)) => program,
            Ok(None) => return Ok(None),
            Err(distrust) => return Ok(Some(format!("it is not run: {distrust}"))),
        };
        let mut command = Command::new(program);
        command.env_clear().env("HOME", &self.path).env("TMPDIR", &self.path).env("LC_ALL", "C");
        command.env("CONTAINERS_CONF", self.tool_settings().map_err(asking)?);
        command.env("PATH", bundle_ownership::search_path());
        command.current_dir(&self.path).args(self.arguments(tool, source));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(sink);
        // Whoever puts homes away waits until it is known who lives in this one.
        let mut homes = open();
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Ok(Some(error.to_string())),
        };
        homes.insert(self.path.clone(), Some(Pid::from_child(&child)));
        drop(homes);
        let ended = Self::wait_for(&mut child).map_err(asking);
        open().insert(self.path.clone(), None);
        if !ended? {
            return Ok(Some("it did not end".to_owned()));
        }
        let text = read(&said).map_err(asking)?;
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }

    /// False when the program had to be ended.
    fn wait_for(child: &mut Child) -> io::Result<bool> {
        let start = Instant::now();
        while child.try_wait()?.is_none() {
            if start.elapsed() > PATIENCE {
                child.kill()?;
                child.wait()?;
                return Ok(false);
            }
            std::thread::sleep(PAUSE);
        }
        Ok(true)
    }

    /// Settings of the tools themselves, in the place of the host's: podman makes its directory of networks, which is in
    /// `/etc/containers`, whatever it is told to do.
    fn tool_settings(&self) -> io::Result<PathBuf> {
        let file = self.path.join("containers.conf");
        let networks = quoted(&self.below("networks"));
        std::fs::write(&file, format!("[network]\nnetwork_config_dir = {networks}\n"))?;
        Ok(file)
    }

    fn arguments(&self, tool: Tool, source: &str) -> Vec<String> {
        match tool {
            Tool::Skopeo => {
                vec!["copy".to_owned(), source.to_owned(), format!("dir:{}", self.below("copied"))]
            }
            // Its storage and its notes lie here too, so that those of the host are not touched.
            Tool::Podman => [
                ["--root".to_owned(), self.below("storage")],
                ["--runroot".to_owned(), self.below("run")],
                ["--tmpdir".to_owned(), self.below("tmp")],
                ["--storage-driver".to_owned(), "vfs".to_owned()],
                ["--events-backend".to_owned(), "none".to_owned()],
                ["pull".to_owned(), source.to_owned()],
            ]
            .concat(),
        }
    }
}

/// The homes of this process, each with the program that runs in it.
static OPEN: Mutex<BTreeMap<PathBuf, Option<Pid>>> = Mutex::new(BTreeMap::new());

/// Whether they were put away: nobody gets them afterwards.
static IS_CLEARED: AtomicBool = AtomicBool::new(false);

fn open() -> MutexGuard<'static, BTreeMap<PathBuf, Option<Pid>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the programs that are being asked, and removes their homes: for a process that ends without dropping anything.
/// Who asks waits for that end.
pub(super) fn clear() {
    if IS_CLEARED.swap(true, Ordering::Relaxed) {
        return;
    }
    let mut open = open();
    for (path, program) in std::mem::take(&mut *open) {
        // Nothing more can be done about either.
        let _ = program.map(|program| kill_process(program, Signal::KILL));
        let _ = std::fs::remove_dir_all(path);
    }
    std::mem::forget(open);
}

const CONTAINERS: &str = ".config/containers";

fn read(file: &PathBuf) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(file)?.take(MAX_SAID).read_to_end(&mut text)?;
    Ok(text)
}

impl Drop for Home {
    fn drop(&mut self) {
        // What cannot be removed is a copy of public configuration.
        let _ = std::fs::remove_dir_all(&self.path);
        open().remove(&self.path);
    }
}
