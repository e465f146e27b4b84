//! Tools of other projects that the tests compare with.

use std::env;
use std::path::{Path, PathBuf};

/// Peers that every stable suite has: with `CI` set, a test that does without them has not been run.
const EXPECTED: [&str; 3] = ["docker-registry", "cosign2", "skopeo-new"];

/// The program `name`: from `$BUNDLE_PEERS`, else from `.peers/bin` in the checkout, else from `$PATH`.
///
/// When there is none, says that `test` was left out. With `CI` set that is a failure for [`EXPECTED`] ones.
pub(crate) fn require(test: &str, name: &str) -> Option<PathBuf> {
    let found = find(name);
    if found.is_none() {
        println!("left out: {test} needs {name}");
        let must = EXPECTED.contains(&name) && env::var_os("CI").is_some();
        assert!(!must, "{test} needs {name}, which has to be there when CI is set");
    }
    found
}

/// As [`require`], for several programs at once.
pub(crate) fn require_all<const N: usize>(test: &str, names: [&str; N]) -> Option<[PathBuf; N]> {
    let found: Option<Vec<_>> = names.iter().map(|name| require(test, name)).collect();
    found?.try_into().ok()
}

/// The program `name`, wherever peers lie.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let peers = match env::var_os("BUNDLE_PEERS") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join(".peers/bin"),
    };
    let path = env::var_os("PATH").unwrap_or_default();
    std::iter::once(peers)
        .chain(env::split_paths(&path))
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}
