//! Somebody who signs with GnuPG, and skopeo, which makes and checks signatures of images with it.

use super::command::{Program, Ran};
use super::peers;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A key pair in a home of its own, and the programs that use it.
pub(crate) struct Gpg {
    home: TempDir,
    gpg: PathBuf,
    skopeo: PathBuf,
    fingerprint: String,
}

impl Gpg {
    /// A new key; `None` where the programs are missing, and then `test` is named as left out.
    pub(crate) fn generate(test: &str) -> Option<Self> {
        let [gpg, skopeo] = peers::require_all(test, ["gpg", "skopeo-new"])?;
        // Short, because the agent's socket lies in it.
        let home = tempfile::Builder::new().prefix("gpg").tempdir().expect("directory");
        let mut own = Self { home, gpg, skopeo, fingerprint: String::new() };
        let make = ["--passphrase", "", "--quick-generate-key", "signer@example.org", "rsa2048"];
        own.gpg(&[&make[..], &["sign", "never"]].concat()).expect_code(0);
        let listed = own.gpg(&["--with-colons", "--list-keys"]).expect_code(0);
        let line = listed.stdout.lines().find(|line| line.starts_with("fpr:")).expect("key");
        own.fingerprint = line.split(':').nth(9).expect("fingerprint").to_owned();
        let file = own.public_key();
        let file = file.to_str().expect("path");
        own.gpg(&["--output", file, "--export", &own.fingerprint]).expect_code(0);
        Some(own)
    }

    fn gpg(&self, arguments: &[&str]) -> Ran {
        self.program(&self.gpg).args(&["--batch", "--quiet"]).args(arguments).run()
    }

    fn program(&self, program: &Path) -> Program {
        Program::new(program).env("GNUPGHOME", self.home.path())
    }

    /// The file with the public key.
    pub(crate) fn public_key(&self) -> PathBuf {
        self.home.path().join("public.gpg")
    }

    /// Signs `repository:tag` of a registry, and everything that it lists, as `identity`, by copying it onto itself.
    /// Signatures go where `registries_d` says.
    pub(crate) fn sign(&self, image: &str, identity: &str, registries_d: &Path) {
        let image = format!("docker://{image}");
        self.program(&self.skopeo)
            .args(&["--insecure-policy", "--registries.d"])
            .arg(registries_d)
            .args(&["copy", "--all", "--preserve-digests"])
            .args(&["--src-tls-verify=false", "--dest-tls-verify=false"])
            .args(&["--sign-by", &self.fingerprint, "--sign-identity", identity, &image, &image])
            .run()
            .expect_code(0);
    }

    /// Pulls `image` under a policy that demands a signature by this key for `identity`.
    pub(crate) fn pull(&self, image: &str, identity: &str, registries_d: &Path) -> Ran {
        let scratch = tempfile::tempdir().expect("directory");
        let policy = scratch.path().join("policy.json");
        let identity = json!({ "type": "exactReference", "dockerReference": identity });
        let key = self.public_key();
        let demand = json!({
            "type": "signedBy", "keyType": "GPGKeys", "keyPath": key, "signedIdentity": identity,
        });
        fs::write(&policy, json!({ "default": [demand] }).to_string()).expect("policy");
        self.program(&self.skopeo)
            .arg("--policy")
            .arg(&policy)
            .arg("--registries.d")
            .arg(registries_d)
            .args(&["--override-os", "linux", "--override-arch", "amd64"])
            .args(&["copy", "--src-tls-verify=false", &format!("docker://{image}")])
            .arg(format!("dir:{}", scratch.path().join("image").display()))
            .run()
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        // The agent that gpg started serves this home alone.
        let gpgconf = self.gpg.with_file_name("gpgconf");
        if gpgconf.is_file() {
            self.program(&gpgconf).args(&["--kill", "all"]).run();
        }
    }
}

/// A registries.d directory with one section for every registry.
pub(crate) fn registries_d(section: &Value) -> TempDir {
    let directory = tempfile::tempdir().expect("directory");
    // JSON is YAML.
    let file = json!({ "default-docker": section }).to_string();
    fs::write(directory.path().join("tests.yaml"), file).expect("file");
    directory
}

/// The URL of a directory.
pub(crate) fn file_url(directory: &Path) -> String {
    format!("file://{}", directory.display())
}
