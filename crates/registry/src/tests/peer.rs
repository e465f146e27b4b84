//! Real servers, started on free loopback ports and gone with the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A user that [`DockerRegistry::with_password`] knows.
pub(super) const USER: &str = "tester";
/// The password of [`USER`].
pub(super) const PASSWORD: &str = "a-test-password";
/// bcrypt of [`PASSWORD`], the one form that docker-registry reads.
const HASH: &str = "$2b$05$abcdefghijklmnopqrstuukvYklUfnuUBF63ESy2SqVoti7eMfK2C";

/// A docker-registry over a temporary directory.
pub(super) struct DockerRegistry {
    pub(super) address: String,
    _server: Running,
}

impl DockerRegistry {
    /// `None`, and said, where the program is not there or does not work.
    pub(super) async fn start() -> Option<Self> {
        Self::configured("").await
    }

    pub(super) async fn with_password() -> Option<Self> {
        Self::configured("auth: {htpasswd: {realm: test, path: DIR/htpasswd}}\n").await
    }

    async fn configured(extra: &str) -> Option<Self> {
        let directory = TempDir::new().expect("a directory");
        let path = directory.path().to_str().expect("text").to_owned();
        let address = free_address();
        let config = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: DIR/data}}}}\nhttp: {{addr: '{address}'}}\n{extra}"
        );
        let write = |name: &str, text: &str| {
            std::fs::write(directory.path().join(name), text).expect("written");
        };
        write("config.yml", &config.replace("DIR", &path));
        write("htpasswd", &format!("{USER}:{HASH}\n"));
        let config = directory.path().join("config.yml");
        let mut command = Command::new(require("docker-registry")?);
        command.arg("serve").arg(config);
        let server = Running::start(command, directory, &address).await;
        Some(Self { address, _server: server })
    }
}

/// The program `name`; `None` where it does not work, and then the running test is named as left out.
pub(super) fn require(name: &str) -> Option<PathBuf> {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    bundle_testing::peers::require(&test, name)
}

/// A process, ended when dropped, and the directory it works in.
pub(super) struct Running {
    child: Child,
    directory: TempDir,
}

impl Running {
    /// Starts a server and waits until it accepts connections.
    pub(super) async fn start(mut command: Command, directory: TempDir, address: &str) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("a server starts");
        let running = Self { child, directory };
        for _ in 0..1000 {
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                return running;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?} does not listen on {address}", command.get_program());
    }

    /// Where it works.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A loopback address that nothing listens on.
pub(super) fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

/// Writes a containers auth.json with one entry.
pub(super) fn authfile(path: &Path, key: &str, user: &str, password: &str) {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let auth = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let text = format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}}}}"#);
    std::fs::write(path, text).expect("written");
}
