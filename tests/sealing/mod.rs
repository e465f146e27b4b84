//! The operator's seal: how it gets into a bundle, what cosign thinks of it and we of cosign's, and what an enclave takes
//! on its word.

mod admission;
mod archives;
mod keygen;
mod packing;
mod peers;
mod replay;
mod rotation;
mod scene;
mod swearing;
mod tags;
mod unsigned;

use crate::harness::command::{Program, Ran};
use crate::unpacking::Carried;
use bundle::archive::{Archive, head};
use bundle::seal::{SealError, verify};
use bundle::trust::{Fingerprint, PublicKey};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse";

/// A directory for keys.
struct Keys(TempDir);

impl Keys {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `bundle keygen` with a password.
    fn generate(&self, name: &str, password: &str) -> Ran {
        let program = Program::bundle().args(&["keygen", "--output-key-prefix"]);
        program.arg(self.path(name)).env("COSIGN_PASSWORD", password).run()
    }

    /// A pair made by `bundle keygen`.
    fn made(name: &str) -> Self {
        let keys = Self::new();
        keys.generate(name, PASSWORD).expect_code(0);
        keys
    }

    fn private(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.key"))
    }

    fn public_file(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.pub"))
    }

    fn public(&self, name: &str) -> PublicKey {
        let file = fs::read(self.public_file(name)).expect("public key");
        PublicKey::from_pem(&file).expect("public key")
    }
}

/// `bundle seal` with a password, of the very bundle that lies there.
fn seal_with(file: &Path, key: &Path, password: &str) -> Ran {
    let digest = Archive::open(file).map(|archive| archive.bundle_digest().to_string());
    let expected = digest.as_ref().map_or(vec![], |digest| vec!["--expect-bundle", digest]);
    sealing(file, key, &expected, password)
}

/// `bundle seal` with these options alone.
fn seal_given(file: &Path, key: &Path, options: &[&str]) -> Ran {
    sealing(file, key, options, PASSWORD)
}

/// On a machine on which nothing is installed.
fn sealing(file: &Path, key: &Path, options: &[&str], password: &str) -> Ran {
    let root = tempfile::tempdir().expect("root");
    let program = Program::bundle().args(&["seal", "-q"]).arg(file).arg("--seal-key").arg(key);
    let program = program.arg("--root").arg(root.path()).args(options);
    program.env("COSIGN_PASSWORD", password).run()
}

fn seal(file: &Path, key: &Path) -> Ran {
    seal_with(file, key, PASSWORD)
}

/// The entry of a bundle's head.
fn entry(file: &Path, name: &str) -> Option<Vec<u8>> {
    Archive::open(file).expect("archive").file(name).map(<[u8]>::to_vec)
}

/// What the seal in a bundle says under these keys.
fn verified(file: &Path, keys: &[PublicKey]) -> Result<Fingerprint, SealError> {
    let inventory = entry(file, head::INVENTORY).expect("inventory");
    verify(&inventory, &entry(file, head::SEAL).expect("a seal"), keys)
}

/// A bundle with one image.
fn bundle() -> (Carried, PathBuf) {
    let carried = Carried::new();
    let file = carried.side.file();
    (carried, file)
}
