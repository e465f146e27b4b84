//! skopeo under a policy, with the logical names that the exhibits have.

use super::exhibits::{Exhibit, HOSTS};
use super::written;
use crate::harness::command::Program;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// skopeo, told that all of [`HOSTS`] is to be had from one registry, and to look for signatures where `registries_d` says.
pub(super) struct Stack {
    skopeo: PathBuf,
    home: TempDir,
    registries_d: PathBuf,
}

impl Stack {
    pub(super) fn new(skopeo: PathBuf, address: &str, registries_d: PathBuf) -> Self {
        let home = tempfile::tempdir().expect("home");
        let configuration = home.path().join(".config/containers");
        fs::create_dir_all(&configuration).expect("folder");
        let registries: String = HOSTS
            .iter()
            .map(|host| {
                format!(
                    "[[registry]]\nprefix = \"{host}\"\nlocation = \"{address}\"\ninsecure = true\n"
                )
            })
            .collect();
        written(&configuration, "registries.conf", &registries);
        Self { skopeo, home, registries_d }
    }

    /// For each manifest of `exhibit` that a machine could choose, whether skopeo copies it under the policy in this file.
    /// Signatures are read for the policy only. Whatever else keeps it from copying fails the test.
    pub(super) fn copies(&self, policy: &Path, exhibit: &Exhibit) -> Vec<bool> {
        exhibit.architectures.iter().map(|name| self.copies_one(policy, exhibit, name)).collect()
    }

    fn copies_one(&self, policy: &Path, exhibit: &Exhibit, architecture: &str) -> bool {
        let target = tempfile::tempdir().expect("folder");
        let ran = Program::new(&self.skopeo)
            .env("HOME", self.home.path())
            .arg("--registries.d")
            .arg(&self.registries_d)
            .args(&["--override-os", "linux", "--override-arch", architecture, "--policy"])
            .arg(policy)
            .args(&["copy", "--quiet", "--remove-signatures", "--src-tls-verify=false"])
            .arg(format!("docker://{}", exhibit.reference))
            .arg(format!("dir:{}", target.path().display()))
            .run();
        match ran.code {
            Some(0) => true,
            _ => {
                assert!(ran.stderr.contains("Source image rejected"), "{}: {ran}", exhibit.name);
                false
            }
        }
    }
}
