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
        Self::of_kind(test, "rsa2048")
    }

    /// The same, of a kind that gpg names so.
    pub(crate) fn of_kind(test: &str, kind: &str) -> Option<Self> {
        let [gpg, skopeo] = peers::require_all(test, ["gpg", "skopeo-new"])?;
        // Short, because the agent's socket lies in it.
        let home = tempfile::Builder::new().prefix("gpg").tempdir().expect("directory");
        let mut own = Self { home, gpg, skopeo, fingerprint: String::new() };
        own.fingerprint = own.add_key(&[], "signer@example.org", &[kind, "sign", "never"]);
        own.export(&own.fingerprint, &own.public_key());
        Some(own)
    }

    /// Makes one more key with these options: of which kind, for what and until when, as gpg is told. Gives its
    /// fingerprint.
    pub(crate) fn add_key(&self, options: &[&str], name: &str, how: &[&str; 3]) -> String {
        let make = ["--passphrase", "", "--quick-generate-key", name];
        self.gpg(&[options, &make[..], how].concat()).expect_code(0);
        let listed = self.gpg(&["--with-colons", "--list-keys", name]).expect_code(0);
        let line = listed.stdout.lines().find(|line| line.starts_with("fpr:")).expect("key");
        line.split(':').nth(9).expect("fingerprint").to_owned()
    }

    /// The fingerprint of the first key.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Writes a public key, as it is now, to a file.
    pub(crate) fn export(&self, fingerprint: &str, file: &Path) {
        let file = file.to_str().expect("path");
        self.gpg(&["--output", file, "--export", fingerprint]).expect_code(0);
    }

    /// Revokes a key, with the certificate that gpg made for it at its birth.
    pub(crate) fn revoke(&self, fingerprint: &str) {
        let made = self.home.path().join(format!("openpgp-revocs.d/{fingerprint}.rev"));
        let text = fs::read_to_string(made).expect("revocation certificate");
        // A colon keeps people from importing it by mistake.
        let ready = self.home.path().join("revocation");
        fs::write(&ready, text.replace("\n:-----", "\n-----")).expect("file");
        self.gpg(&["--import", ready.to_str().expect("path")]).expect_code(0);
    }

    /// An OpenPGP message with a signature by the key `by` over `payload`; `how` goes to gpg.
    pub(crate) fn message(&self, by: &str, payload: &str, how: &[&str]) -> Vec<u8> {
        let [content, signed] = ["payload", "message"].map(|name| self.home.path().join(name));
        fs::write(&content, payload).expect("file");
        let [content, output] = [&content, &signed].map(|file| file.to_str().expect("path"));
        let sign = ["--yes", "--local-user", by, "--output", output];
        self.gpg(&[how, &sign[..], &["--sign", content]].concat()).expect_code(0);
        fs::read(&signed).expect("message")
    }

    /// Runs gpg.
    pub(crate) fn gpg(&self, arguments: &[&str]) -> Ran {
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
        self.sign_by(&self.fingerprint, image, identity, registries_d);
    }

    /// The same with any key of this home.
    pub(crate) fn sign_by(&self, key: &str, image: &str, identity: &str, registries_d: &Path) {
        let image = format!("docker://{image}");
        self.program(&self.skopeo)
            .args(&["--insecure-policy", "--registries.d"])
            .arg(registries_d)
            .args(&["copy", "--all", "--preserve-digests"])
            .args(&["--src-tls-verify=false", "--dest-tls-verify=false"])
            .args(&["--sign-by", key, "--sign-identity", identity, &image, &image])
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
