//! Tells the program which commit it is built from, for `--version`.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=BUNDLE_COMMIT");
    println!("cargo:rerun-if-changed=build.rs");
    // A packager who builds without a repository says it.
    let commit = match std::env::var("BUNDLE_COMMIT") {
        Ok(commit) if is_commit(&commit) => commit,
        _ => commit_of_repository().unwrap_or_else(|| "unknown".to_owned()),
    };
    println!("cargo:rustc-env=BUNDLE_COMMIT={commit}");
}

/// The commit that is checked out where this package is the top of a repository.
fn commit_of_repository() -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    for name in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", name])?;
        if Path::new(&path).exists() {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"]).filter(|commit| is_commit(commit))
}

fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
