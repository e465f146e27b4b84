//! Programs that are run: the first on the `PATH` that nobody else could have put there.

use super::{Distrust, Shared, resolve};
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Folders of programs where the environment names none.
const USUAL: &str = "/usr/local/bin:/usr/bin:/bin";

/// The program `name` of the `PATH`; `None` when there is none. Entries of the `PATH` that are not absolute do not count.
///
/// # Errors
/// [`Distrust`] when there are some, and none of them counts.
pub fn find_program(name: &str) -> Result<Option<PathBuf>, Distrust> {
    find_in(&path(), name)
}

/// The `PATH` for programs that are run: the directories that count.
pub fn search_path() -> OsString {
    let path = path();
    let counts = |directory: &PathBuf| {
        directory.is_absolute() && resolve(directory, Shared::Refused).is_ok()
    };
    let kept: Vec<PathBuf> = std::env::split_paths(&path).filter(counts).collect();
    std::env::join_paths(kept).unwrap_or_else(|_| USUAL.into())
}

fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| USUAL.into())
}

pub(super) fn find_in(path: &OsStr, name: &str) -> Result<Option<PathBuf>, Distrust> {
    let mut refused = None;
    for directory in std::env::split_paths(path).filter(|directory| directory.is_absolute()) {
        let program = directory.join(name);
        if !is_program(&program) {
            continue;
        }
        match resolve(&program, Shared::Refused) {
            // Under the name that was found: some programs go by it.
            Ok(_) => return Ok(Some(program)),
            Err(distrust) => {
                refused.get_or_insert(distrust);
            }
        }
    }
    refused.map_or(Ok(None), Err)
}

fn is_program(path: &Path) -> bool {
    let executable = |mode: u32| mode & 0o111 != 0;
    path.metadata().is_ok_and(|found| found.is_file() && executable(found.permissions().mode()))
}
