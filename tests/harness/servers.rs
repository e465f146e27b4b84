//! Registries of which each test has its own: on a free loopback port, over a directory of its own, gone afterwards.

use super::peers;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

/// Long enough for a cold start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// User that a registry with [`Access::Basic`] admits.
pub(crate) const USER: &str = "tester";
/// That user's password.
pub(crate) const PASSWORD: &str = "secret";
/// bcrypt of [`PASSWORD`], the only form that docker-registry takes.
const PASSWORD_HASH: &str = "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";

/// Who may use a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody.
    Open,
    /// [`USER`] with [`PASSWORD`], by basic authentication. For bearer tokens put a
    /// [`TokenGate`](super::tokens::TokenGate) in a proxy before an open one.
    Basic,
}

/// A process that is killed when it is dropped.
#[derive(Debug)]
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A docker-registry (distribution 2.8: no referrers API).
#[derive(Debug)]
pub(crate) struct DockerRegistry {
    address: String,
    directory: TempDir,
    _server: Server,
}

impl DockerRegistry {
    /// An open one, or `None` when it is not installed; then `test` is named as left out.
    pub(crate) fn start(test: &str) -> Option<Self> {
        Self::start_with(test, Access::Open)
    }

    /// One with access control.
    pub(crate) fn start_with(test: &str, access: Access) -> Option<Self> {
        let program = peers::require(test, "docker-registry")?;
        // Not where machines clean up while tests run.
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("directory");
        let root = directory.path().display();
        // JSON is YAML; the port is chosen by the system, and told in the log.
        let mut config = serde_json::json!({
            "version": 0.1,
            "log": { "level": "info" },
            "storage": {
                "filesystem": { "rootdirectory": format!("{root}/data") },
                "delete": { "enabled": true },
                "maintenance": { "uploadpurging": { "enabled": false } },
            },
            "http": { "addr": "127.0.0.1:0", "secret": "of the tests" },
        });
        if access == Access::Basic {
            let file = format!("{root}/htpasswd");
            fs::write(&file, format!("{USER}:{PASSWORD_HASH}\n")).expect("htpasswd");
            config["auth"] = serde_json::json!({ "htpasswd": { "realm": "tests", "path": file } });
        }
        let file = directory.path().join("config.yml");
        fs::write(&file, config.to_string()).expect("configuration");

        let mut command = Command::new(program);
        command.env_clear().arg("serve").arg(&file).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut server = Server(command.spawn().expect("docker-registry starts"));
        let log = server.0.stderr.take().expect("log");
        let address = wait_for(log, "listening on ").expect("docker-registry listens");
        Some(Self { address, directory, _server: server })
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Where it stores what it is given.
    pub(crate) fn storage(&self) -> std::path::PathBuf {
        self.directory.path().join("data")
    }
}

/// An nginx that hands out the files of a directory.
#[derive(Debug)]
pub(crate) struct Nginx {
    address: String,
    _directory: TempDir,
    _server: Server,
}

impl Nginx {
    /// Serves `root`; `None` when it is not installed, and then `test` is named as left out.
    pub(crate) fn start(test: &str, root: &Path) -> Option<Self> {
        let program = peers::require(test, "nginx")?;
        let directory = tempfile::tempdir().expect("directory");
        // It tells no port that the system chose, so a free one is looked for.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("address").to_string();
        drop(free);
        let own = directory.path().display();
        let (root, temporary) = (root.display(), "_temp_path .;\n");
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}{temporary}"))
            .concat();
        let config = format!(
            "daemon off;\nmaster_process off;\nerror_log stderr notice;\npid {own}/pid;\n\
             events {{}}\nhttp {{\naccess_log off;\n{temporary}\
             server {{ listen {address}; location / {{ root {root}; }} }}\n}}\n"
        );
        let file = directory.path().join("nginx.conf");
        fs::write(&file, config).expect("configuration");
        let mut command = Command::new(program);
        command.env_clear().args(["-e", "stderr", "-p"]).arg(directory.path()).arg("-c").arg(&file);
        command.stderr(Stdio::piped()).stdout(Stdio::null());
        let mut server = Server(command.spawn().expect("nginx starts"));
        // It listens before it says how it will wait for connections.
        wait_for(server.0.stderr.take().expect("log"), "event method").expect("nginx listens");
        Some(Self { address, _directory: directory, _server: server })
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

/// The product's own registry.
#[derive(Debug)]
pub(crate) struct BundleServe {
    address: String,
    _server: Server,
}

impl BundleServe {
    /// Serves the image layout in `store`, reading and writing.
    pub(crate) fn start(store: &Path) -> Self {
        Self::start_with(&["--store".as_ref(), store.as_os_str()])
    }

    /// Serves bundles, reading only.
    pub(crate) fn of_files(files: &[&Path]) -> Self {
        let files: Vec<_> = files.iter().map(|file| file.as_os_str()).collect();
        Self::start_with(&files)
    }

    fn start_with(arguments: &[&OsStr]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bundle"));
        command
            .env_clear()
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped());
        let mut server = Server(command.spawn().expect("bundle serve starts"));
        let output = server.0.stdout.take().expect("output");
        let address = wait_for(output, "listening on http://").expect("bundle serve listens");
        Self { address, _server: server }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

/// The word after `marker` in what a server says; the rest is read and forgotten, so that it never blocks.
fn wait_for(output: impl Read + Send + 'static, marker: &'static str) -> Option<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once(marker) {
                let end = |c: char| c.is_whitespace() || c == '"' || c == '/';
                let _ = sender.send(rest.split(end).next().unwrap_or_default().to_owned());
            }
        }
    });
    receiver.recv_timeout(START).ok()
}
