//! What the tools say of the files that would be written: whatever they refuse would stop every pull of the host.
//!
//! skopeo and podman take all of a user's configuration from below `$HOME/.config/containers` when it is there. So a
//! home is made with the files as they would be, and one more entry that blocks a host which does not exist. To pull
//! from that host fails without a request to anybody, and says that it is blocked, once policy, `registries.d` and
//! `registries.conf` have been read. (Tried with skopeo 1.22 and podman 4.3.)

use super::ConfigError;
use super::existing::{DropIns, Existing};
use super::planned::PlannedFile;
use crate::host::config::{registries_conf, registries_d};
use crate::oci::Digest;
use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than a tool takes to read some files.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether a tool has ended.
const PAUSE: Duration = Duration::from_millis(10);
/// Most of what a tool says that is read, in bytes.
const MAX_SAID: u64 = 64 << 10;
/// Most of it that a message repeats, in characters.
const MAX_SHOWN: usize = 600;
/// A policy for a host that has none: the tools do not start without.
const NO_POLICY: &str = r#"{"default": [{"type": "reject"}]}"#;

/// A tool that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedBy {
    /// Its name.
    pub tool: &'static str,
    /// What came of it.
    pub outcome: Parsed,
}

/// What a tool made of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// It has read them all.
    Accepted,
    /// It does not take them, for this reason.
    Refused(String),
    /// It failed for another reason, before or after.
    Unclear(String),
}

/// Has the files read by the tools that are on the `PATH`, when one of them changes.
pub(super) fn check(
    existing: &Existing,
    files: &[PlannedFile],
) -> Result<Vec<ParsedBy>, ConfigError> {
    if !files.iter().any(PlannedFile::changes_file) {
        return Ok(Vec::new());
    }
    let home =
        Home::make().map_err(|source| ConfigError::Asking { doing: "make a directory", source })?;
    home.fill(existing, files)
        .map_err(|source| ConfigError::Asking { doing: "write files", source })?;
    let mut parsed = Vec::new();
    for tool in tools() {
        if let Some(outcome) = home.ask(tool)? {
            parsed.push(ParsedBy { tool, outcome });
        }
    }
    Ok(parsed)
}

/// Without root, podman starts a process that stays.
fn tools() -> &'static [&'static str] {
    if rustix::process::geteuid().is_root() { &["skopeo", "podman"] } else { &["skopeo"] }
}

/// A directory of this process alone, removed when dropped.
struct Home {
    path: PathBuf,
    /// The blocked host, which has the directory's name.
    nowhere: String,
}

impl Home {
    fn make() -> io::Result<Self> {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_nanos());
        for number in 0..100u32 {
            // Short: podman takes no directory for its state whose path has more than 50 characters.
            let seed = format!("{} {now} {number}", std::process::id());
            let name = format!("bundle-{}", &Digest::of(seed.as_bytes()).hex()[..12]);
            let path = std::env::temp_dir().join(&name);
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self { path, nowhere: format!("{name}.invalid") }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    fn containers(&self) -> PathBuf {
        self.path.join(".config/containers")
    }

    fn fill(&self, existing: &Existing, files: &[PlannedFile]) -> io::Result<()> {
        let after = |name: &str| {
            let file = files.iter().find(|file| file.name == name);
            file.and_then(|file| file.after())
        };
        self.write("policy.json", after("policy.json").unwrap_or(NO_POLICY.as_bytes()))?;
        let main = existing.main.as_ref().map_or("", |file| &file.content);
        self.write("registries.conf", main.as_bytes())?;
        self.write_drop_ins("registries.d", &existing.lookups, (registries_d::FILE, after))?;
        self.write_drop_ins(
            "registries.conf.d",
            &existing.mirrors,
            (registries_conf::FILE, after),
        )?;
        let nowhere = &self.nowhere;
        let blocked = format!(
            "[[registry]]\nprefix = \"{nowhere}\"\nlocation = \"{nowhere}\"\nblocked = true\n"
        );
        self.write(&format!("registries.conf.d/{nowhere}.conf"), blocked.as_bytes())
    }

    fn write_drop_ins<'f>(
        &self,
        directory: &str,
        existing: &DropIns,
        (own, after): (&str, impl Fn(&str) -> Option<&'f [u8]>),
    ) -> io::Result<()> {
        let others =
            existing.others.iter().map(|file| (file.name.as_str(), file.content.as_bytes()));
        for (name, content) in others.chain(after(own).map(|content| (own, content))) {
            self.write(&format!("{directory}/{name}"), content)?;
        }
        Ok(())
    }

    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let place = self.containers().join(name);
        std::fs::create_dir_all(place.parent().unwrap_or(&self.path))?;
        std::fs::write(place, content)
    }

    /// What `tool` makes of the files; `None` when it is not there.
    fn ask(&self, tool: &'static str) -> Result<Option<Parsed>, ConfigError> {
        let asking = |source| ConfigError::Asking { doing: "run a program", source };
        let said = self.path.join(format!("said-by-{tool}"));
        let sink = File::create(&said).map_err(asking)?;
        let mut command = Command::new(tool);
        command.env_clear().env("HOME", &self.path).env("TMPDIR", &self.path).env("LC_ALL", "C");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.current_dir(&self.path).args(self.arguments(tool));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(sink);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Ok(Some(Parsed::Unclear(error.to_string()))),
        };
        let start = Instant::now();
        while child.try_wait().map_err(asking)?.is_none() {
            if start.elapsed() > PATIENCE {
                child.kill().map_err(asking)?;
                child.wait().map_err(asking)?;
                return Ok(Some(Parsed::Unclear("it did not end".to_owned())));
            }
            std::thread::sleep(PAUSE);
        }
        let mut text = Vec::new();
        File::open(&said)
            .and_then(|file| file.take(MAX_SAID).read_to_end(&mut text))
            .map_err(asking)?;
        Ok(Some(self.judge(&String::from_utf8_lossy(&text))))
    }

    fn arguments(&self, tool: &str) -> Vec<String> {
        let source = format!("docker://{}/image:1", self.nowhere);
        let below = |name: &str| self.path.join(name).display().to_string();
        match tool {
            "skopeo" => vec!["copy".to_owned(), source, format!("dir:{}", below("copied"))],
            // Its storage and its notes lie in the same directory, so that those of the host are not touched.
            _ => [
                ["--root".to_owned(), below("storage")],
                ["--runroot".to_owned(), below("run")],
                ["--tmpdir".to_owned(), below("tmp")],
                ["--storage-driver".to_owned(), "vfs".to_owned()],
                ["--events-backend".to_owned(), "none".to_owned()],
                ["pull".to_owned(), source],
            ]
            .concat(),
        }
    }

    fn judge(&self, said: &str) -> Parsed {
        let containers = self.containers().display().to_string();
        if said.contains(&format!("{} is blocked in", self.nowhere)) {
            return Parsed::Accepted;
        }
        let shown = said.trim().replace(&containers, "/etc/containers");
        let shown: String = shown.chars().take(MAX_SHOWN).collect();
        match said.contains(&containers) {
            true => Parsed::Refused(shown),
            false => Parsed::Unclear(shown),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What cannot be removed is a copy of public configuration.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
