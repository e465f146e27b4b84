//! Peers of one test: programs that it needs, servers that end with it, files with credentials.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

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

/// Writes a containers auth.json with one entry.
pub(super) fn authfile(path: &Path, key: &str, user: &str, password: &str) {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let auth = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let text = format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}}}}"#);
    std::fs::write(path, text).expect("written");
}
