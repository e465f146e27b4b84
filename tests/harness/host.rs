//! A host of its own in a mount namespace: programs find scratch directories in the place of what a host keeps there.

use super::command::Program;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What is the scratch host's own.
const OWN: [&str; 3] = ["etc", "var/lib", "run"];
/// What programs need of the machine's `/etc` to start at all.
const FROM_MACHINE: [&str; 5] = ["passwd", "group", "hosts", "nsswitch.conf", "ld.so.cache"];
/// Gives a command the scratch directories; every one is a namespace that ends with the command.
const ENTER: &str = r#"scratch=$1; shift; for own in etc var/lib run; do mount --bind "$scratch/$own" "/$own" || exit 99; done; exec "$@""#;

/// A scratch host. Only root can make namespaces of this kind.
pub(crate) struct Host {
    directory: TempDir,
}

impl Host {
    /// `None` when no such host can be made here, and then `test` is named as left out.
    pub(crate) fn start(test: &str) -> Option<Self> {
        // Not where other tests' files are: programs of the host make what they like.
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("directory");
        let host = Self { directory };
        for own in OWN {
            // Whatever the umask: what others could write to is refused.
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(host.place(own))
                .expect("directory");
            fs::set_permissions(host.place(own), fs::Permissions::from_mode(0o755)).expect("mode");
        }
        for name in FROM_MACHINE {
            // What the machine does not have, the programs do without.
            let _ = fs::copy(Path::new("/etc").join(name), host.place("etc").join(name));
        }
        host.write("etc/this-host", "scratch");
        let ran = host.command("cat").arg("/etc/this-host").run();
        if ran.code == Some(0) && ran.stdout == "scratch" {
            return Some(host);
        }
        println!("left out: {test} needs root and mount namespaces");
        None
    }

    /// A file of the host, `etc/…`, as the test sees it.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file of the host.
    pub(crate) fn write(&self, name: &str, content: &str) {
        let place = self.place(name);
        fs::create_dir_all(place.parent().expect("parent")).expect("parents");
        fs::write(place, content).expect("file");
    }

    /// Reads a file of the host.
    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.place(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A program that runs on the host.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Program {
        Program::new(Path::new("unshare"))
            .args(&["--mount", "sh", "-c", ENTER, "sh"])
            .arg(self.directory.path())
            .arg(program.as_ref())
    }

    /// The product on the host.
    pub(crate) fn bundle(&self) -> Program {
        self.command(env!("CARGO_BIN_EXE_bundle"))
    }
}
