//! Real gpg, with a home of its own and a clock that the tests set.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// When keys are made: 2024-01-01.
pub(super) const MADE: i64 = 1_704_067_200;
/// When messages are signed: 2024-02-01.
pub(super) const SIGNED: i64 = 1_706_745_600;
/// A day, in seconds.
pub(super) const DAY: i64 = 86_400;

/// A GnuPG home and the agent that belongs to it.
pub(super) struct Gpg {
    home: TempDir,
}

impl Gpg {
    /// None, and said so, where gpg is not installed.
    pub(super) fn find(test: &str) -> Option<Self> {
        bundle_testing::peers::require_all(test, ["gpg", "gpg-agent"])?;
        let home = TempDir::new().expect("a temporary folder");
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(home.path(), private).expect("permissions");
        Some(Self { home })
    }

    /// Runs gpg at a time; its standard output.
    pub(super) fn run(&self, at: i64, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new("gpg")
            .env("GNUPGHOME", self.home.path())
            .args(["--batch", "--no-tty", "--quiet", "--yes", "--pinentry-mode", "loopback"])
            .args(["--passphrase", "", "--ignore-time-conflict", "--trust-model", "always"])
            .args(["--faked-system-time", &format!("{at}!")])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("gpg");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.to_vec();
        let feeder = std::thread::spawn(move || {
            // gpg may have seen enough before the end.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().expect("gpg ends");
        feeder.join().expect("fed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "gpg {arguments:?}: {said}");
        output.stdout
    }

    /// Makes a primary key; its fingerprint in the hex that gpg writes.
    pub(super) fn key(&self, user: &str, algorithm: &str, usage: &str, expiry: &str) -> String {
        self.key_with(user, &[], algorithm, usage, expiry)
    }

    pub(super) fn key_with(
        &self,
        user: &str,
        options: &[&str],
        algorithm: &str,
        usage: &str,
        expiry: &str,
    ) -> String {
        let generate = ["--quick-generate-key", user, algorithm, usage, expiry];
        self.run(MADE, &[options, &generate].concat(), b"");
        self.fingerprints(user).remove(0)
    }

    /// Adds a signing subkey; its fingerprint.
    pub(super) fn subkey(&self, primary: &str, algorithm: &str, expiry: &str) -> String {
        self.run(MADE, &["--quick-add-key", primary, algorithm, "sign", expiry], b"");
        self.fingerprints(primary).pop().expect("a subkey")
    }

    /// Of the primary key, then of its subkeys.
    fn fingerprints(&self, name: &str) -> Vec<String> {
        let listed = self.run(MADE, &["--with-colons", "--list-keys", name], b"");
        let listed = String::from_utf8(listed).expect("text");
        let of =
            |line: &str| line.strip_prefix("fpr:").map(|rest| rest.trim_matches(':').to_owned());
        listed.lines().filter_map(of).collect()
    }

    pub(super) fn export(&self, name: &str) -> Vec<u8> {
        self.run(SIGNED, &["--export", name], b"")
    }

    pub(super) fn secret(&self, name: &str) -> Vec<u8> {
        self.run(SIGNED, &["--export-secret-keys", name], b"")
    }

    /// An inline-signed message by the key of this name.
    pub(super) fn sign(&self, name: &str, payload: &[u8]) -> Vec<u8> {
        self.sign_with(&["--local-user", name, "--sign"], payload)
    }

    pub(super) fn sign_with(&self, arguments: &[&str], payload: &[u8]) -> Vec<u8> {
        self.run(SIGNED, arguments, payload)
    }

    /// Revokes a key with the certificate that gpg keeps for it.
    pub(super) fn revoke(&self, primary: &str) {
        let kept = self.home.path().join(format!("openpgp-revocs.d/{primary}.rev"));
        let kept = std::fs::read_to_string(kept).expect("a revocation");
        // A colon keeps it from being imported by accident.
        let revocation = kept.replace(":-----BEGIN", "-----BEGIN");
        self.run(SIGNED, &["--import"], revocation.as_bytes());
    }

    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        // The agent of this home alone.
        let _ = Command::new("gpgconf")
            .env("GNUPGHOME", self.home())
            .args(["--kill", "gpg-agent"])
            .status();
    }
}
