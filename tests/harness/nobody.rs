//! A user without privileges, whoever runs the tests.

use super::command::Program;
use super::peers;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The user and group that own nothing.
pub(crate) const NOBODY: u32 = 65_534;

/// A directory that everybody can read, with the product in it, and the way to run it as nobody.
pub(crate) struct Nobody {
    directory: TempDir,
    setpriv: Option<PathBuf>,
}

impl Nobody {
    /// `None` where root cannot become somebody else; `test` is then named as left out.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let setpriv = match is_root() {
            true => Some(peers::require(test, "setpriv")?),
            false => None,
        };
        let nobody = Self { directory: tempfile::tempdir().expect("directory"), setpriv };
        nobody.mode("", 0o755);
        nobody.copy(env!("CARGO_BIN_EXE_bundle").as_ref(), "bundle");
        Some(nobody)
    }

    /// A place in the directory.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Gives a place in the directory a mode.
    pub(crate) fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.place(name), fs::Permissions::from_mode(mode)).expect("mode");
    }

    /// A copy that everybody can read. Made by another process: a program that this one had open for writing is busy as
    /// long as any child that was forked meanwhile has not become another program.
    pub(crate) fn copy(&self, from: &Path, name: &str) -> PathBuf {
        let place = self.place(name);
        Program::new(Path::new("cp")).arg(from).arg(&place).run().expect_code(0);
        self.mode(name, 0o755);
        place
    }

    /// A directory of nobody's own.
    pub(crate) fn own(&self, name: &str) -> PathBuf {
        let place = self.place(name);
        fs::create_dir(&place).expect("directory");
        if is_root() {
            std::os::unix::fs::chown(&place, Some(NOBODY), Some(NOBODY)).expect("owner");
        }
        place
    }

    /// The product, run by nobody.
    pub(crate) fn bundle(&self) -> Program {
        let program = self.place("bundle");
        let run = match &self.setpriv {
            Some(setpriv) => {
                let (user, group) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
                Program::new(setpriv).args(&[&user, &group, "--clear-groups"]).arg(&program)
            }
            None => Program::new(&program),
        };
        run.env("HOME", self.directory.path())
    }
}

/// Whether the tests are run by root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
