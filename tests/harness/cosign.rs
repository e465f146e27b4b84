//! Real cosign, version 2 or 3, as a signer. It speaks to loopback only: whatever it would ask of anybody else fails at
//! once.

use super::command::{Program, Ran};
use super::peers;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Protects the private keys of the tests.
pub(crate) const PASSWORD: &str = "of the tests";
/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

/// The files of a key pair.
#[derive(Debug, Clone)]
pub(crate) struct KeyPair {
    pub(crate) private: PathBuf,
    pub(crate) public: PathBuf,
}

impl KeyPair {
    fn of(folder: &Path, name: &str) -> Self {
        let file = |ending: &str| folder.join(format!("{name}.{ending}"));
        Self { private: file("key"), public: file("pub") }
    }

    /// The file of the public key, as an argument.
    pub(crate) fn public(&self) -> &str {
        self.public.to_str().expect("path")
    }
}

/// How cosign is told not to look for services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Services {
    /// By `--tlog-upload=false`.
    NotLogged,
    /// By a signing config that names none, and an empty trusted root: of version 3 only.
    NoneConfigured,
}

/// A cosign with a folder for its files.
pub(crate) struct Cosign {
    program: PathBuf,
    version: u8,
    folder: TempDir,
}

impl Cosign {
    /// cosign 2, which attaches simple signatures under tags.
    pub(crate) fn two(test: &str) -> Option<Self> {
        Self::find(test, "cosign2", 2)
    }

    /// cosign 3, which attaches Sigstore bundles as referrers.
    pub(crate) fn three(test: &str) -> Option<Self> {
        Self::find(test, "cosign3", 3)
    }

    fn find(test: &str, name: &str, version: u8) -> Option<Self> {
        let program = peers::require(test, name)?;
        Some(Self { program, version, folder: tempfile::tempdir().expect("folder") })
    }

    /// cosign with these arguments, ready to run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Program {
        Program::new(&self.program)
            .env("COSIGN_PASSWORD", PASSWORD)
            .env("HTTPS_PROXY", NOWHERE)
            .args(arguments)
    }

    /// A new P-256 key, the only kind that cosign makes.
    pub(crate) fn generate(&self, name: &str) -> KeyPair {
        let pair = KeyPair::of(self.folder.path(), name);
        let prefix = self.folder.path().join(name);
        self.command(&["generate-key-pair", "--output-key-prefix"])
            .arg(prefix)
            .run()
            .expect_code(0);
        pair
    }

    /// Imports a private key in PEM, or gives what cosign says to it.
    pub(crate) fn import(&self, name: &str, pem: &Path) -> Result<KeyPair, Ran> {
        let prefix = self.folder.path().join(name);
        let ran = self
            .command(&["import-key-pair", "--output-key-prefix"])
            .arg(prefix)
            .arg("--key")
            .arg(pem)
            .run();
        if ran.code == Some(0) { Ok(KeyPair::of(self.folder.path(), name)) } else { Err(ran) }
    }

    /// Signs `reference`, which has a digest.
    pub(crate) fn sign(&self, key: &KeyPair, reference: &str, more: &[&str]) {
        self.signing("sign", Services::NotLogged, key)
            .args(more)
            .arg(reference)
            .run()
            .expect_code(0);
    }

    /// As [`Self::sign`], the way of avoiding services given, and the outcome not judged.
    pub(crate) fn sign_with(&self, services: Services, key: &KeyPair, reference: &str) -> Ran {
        self.signing("sign", services, key).arg(reference).run()
    }

    /// Attests `predicate` of `reference`, which has a digest.
    pub(crate) fn attest(
        &self,
        services: Services,
        key: &KeyPair,
        reference: &str,
        predicate: (&str, &str),
    ) {
        let file = self.file("predicate.json", predicate.1);
        self.signing("attest", services, key)
            .args(&["--type", predicate.0, "--predicate"])
            .arg(file)
            .arg(reference)
            .run()
            .expect_code(0);
    }

    /// What cosign itself says of `reference` under this key.
    pub(crate) fn verify(&self, key: &KeyPair, reference: &str) -> Ran {
        self.command(&["verify", "--insecure-ignore-tlog", "--allow-http-registry", "--key"])
            .arg(&key.public)
            .arg(reference)
            .run()
    }

    fn signing(&self, verb: &str, services: Services, key: &KeyPair) -> Program {
        let program =
            self.command(&[verb, "-y", "--allow-http-registry", "--key"]).arg(&key.private);
        match services {
            Services::NotLogged if self.version == 2 => program.arg("--tlog-upload=false"),
            Services::NotLogged => {
                program.args(&["--use-signing-config=false", "--tlog-upload=false"])
            }
            Services::NoneConfigured => {
                let config = self.file("signing-config.json", NO_SERVICES);
                let root = self.file("trusted-root.json", NO_ROOTS);
                program.arg("--signing-config").arg(config).arg("--trusted-root").arg(root)
            }
        }
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        fs::write(&file, content).expect("file");
        file
    }
}

const NO_SERVICES: &str = r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}"#;
const NO_ROOTS: &str =
    r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;

/// A new private key in PEM, made by openssl with these arguments of `genpkey`.
pub(crate) fn private_key(openssl: &Path, file: &Path, arguments: &[&str]) {
    let run = Program::new(openssl).args(&["genpkey", "-quiet"]).args(arguments).arg("-out");
    run.arg(file).run().expect_code(0);
}
