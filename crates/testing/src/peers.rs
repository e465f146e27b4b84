//! Programs of other projects that the tests compare with.

use std::env;
use std::path::{Path, PathBuf};

/// Peers that every stable suite has: with `CI` set, a test that does without them has not been run.
const EXPECTED: [&str; 6] =
    ["docker-registry", "cosign2", "skopeo-new", "podman", "nginx", "openssl"];

/// The program `name`: from `$BUNDLE_PEERS`, else from `.peers/bin` in the checkout, else from `$PATH`.
///
/// When there is none that works, says that `test` was left out. With `CI` set that is a failure for those that every stable suite has.
pub fn require(test: &str, name: &str) -> Option<PathBuf> {
    let found = find(name);
    if found.is_none() {
        let why = unusable(name).map(|why| format!(" ({why})")).unwrap_or_default();
        println!("left out: {test} needs {name}{why}");
        let must = EXPECTED.contains(&name) && env::var_os("CI").is_some();
        assert!(!must, "{test} needs {name}{why}, which has to work when CI is set");
    }
    found
}

/// As [`require`], for several programs at once.
pub fn require_all<const N: usize>(test: &str, names: [&str; N]) -> Option<[PathBuf; N]> {
    let found: Option<Vec<_>> = names.iter().map(|name| require(test, name)).collect();
    found?.try_into().ok()
}

/// The program `name`, wherever peers lie, unless it was tried and does not work.
pub fn find(name: &str) -> Option<PathBuf> {
    if unusable(name).is_some() {
        return None;
    }
    let peers = match env::var_os("BUNDLE_PEERS") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.peers/bin"),
    };
    let path = env::var_os("PATH").unwrap_or_default();
    std::iter::once(peers)
        .chain(env::split_paths(&path))
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// Why `scripts/try-peers` found that the program does not work: `$BUNDLE_UNUSABLE_PEERS` has a line `NAME REASON` each.
fn unusable(name: &str) -> Option<String> {
    let tried = env::var("BUNDLE_UNUSABLE_PEERS").ok()?;
    let mut lines = tried.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(peer, _)| *peer == name).map(|(_, why)| why.to_owned())
}
