//! Servers for one test each: on a free loopback port, over a directory of its own, gone afterwards.

use crate::peers;
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
pub const USER: &str = "tester";
/// That user's password.
pub const PASSWORD: &str = "secret";
/// bcrypt of [`PASSWORD`], the only form that docker-registry takes.
const PASSWORD_HASH: &str = "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";

/// Who may use a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// [`USER`] with [`PASSWORD`], by basic authentication.
    Basic,
}

/// A process that is killed when it is dropped.
#[derive(Debug)]
pub struct Server(Child);

/// The stream that a server tells its address on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Standard output.
    OnOutput,
    /// Standard error.
    OnError,
}

impl Server {
    /// Starts a server and waits until it says `marker`; gives the word after that.
    pub fn start(mut command: Command, said: Said, marker: &'static str) -> (Self, String) {
        match said {
            Said::OnOutput => command.stdout(Stdio::piped()),
            Said::OnError => command.stderr(Stdio::piped()).stdout(Stdio::null()),
        };
        let mut server = Self(command.spawn().expect("a server starts"));
        let (output, error) = (server.0.stdout.take(), server.0.stderr.take());
        let word = match (said, output, error) {
            (Said::OnOutput, Some(output), _) => wait_for(output, marker),
            (Said::OnError, _, Some(error)) => wait_for(error, marker),
            _ => None,
        };
        let word = word.unwrap_or_else(|| panic!("{:?} listens", command.get_program()));
        (server, word)
    }
}

/// A directory beside the build, where no machine cleans up while tests run.
fn scratch() -> TempDir {
    let program = std::env::current_exe().expect("the test's program");
    // target/PROFILE/deps/PROGRAM
    let target = program.ancestors().nth(3).expect("a target folder").join("tmp");
    fs::create_dir_all(&target).expect("a folder");
    tempfile::tempdir_in(target).expect("a directory")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A docker-registry (distribution 2.8: no referrers API).
#[derive(Debug)]
pub struct DockerRegistry {
    address: String,
    directory: TempDir,
    _server: Server,
}

impl DockerRegistry {
    /// An open one, or `None` when it is not installed; then `test` is named as left out.
    pub fn start(test: &str) -> Option<Self> {
        Self::start_with(test, Access::Open)
    }

    /// One with access control.
    pub fn start_with(test: &str, access: Access) -> Option<Self> {
        let program = peers::require(test, "docker-registry")?;
        let directory = scratch();
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
        command.env_clear().arg("serve").arg(&file);
        let (server, address) = Server::start(command, Said::OnError, "listening on ");
        Some(Self { address, directory, _server: server })
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where it stores what it is given.
    pub fn storage(&self) -> std::path::PathBuf {
        self.directory.path().join("data")
    }
}

/// An nginx that hands out the files of a directory.
#[derive(Debug)]
pub struct Nginx {
    address: String,
    _directory: TempDir,
    _server: Server,
}

impl Nginx {
    /// Serves `root`; `None` when it is not installed, and then `test` is named as left out.
    pub fn start(test: &str, root: &Path) -> Option<Self> {
        let program = peers::require(test, "nginx")?;
        let directory = tempfile::tempdir().expect("directory");
        // It tells no port that the system chose, so a free one is looked for.
        let address = free_address();
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
        // It listens before it says how it will wait for connections.
        let (server, _) = Server::start(command, Said::OnError, "event method");
        Some(Self { address, _directory: directory, _server: server })
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// A loopback address that nothing listens on.
pub fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
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
