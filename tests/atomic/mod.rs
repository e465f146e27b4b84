//! GPG signatures: found beside a registry or in it, carried, published, and then believed by container tools.

mod lookups;
mod trips;

use crate::harness::gpg::registries_d;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// The file of a signature in a lookaside directory.
fn file_of(
    lookaside: &Path,
    repository: &str,
    digest: &bundle::oci::Digest,
    number: usize,
) -> std::path::PathBuf {
    lookaside.join(format!("{repository}@sha256={}/signature-{number}", digest.hex()))
}

/// Puts what begins as a signature does; nobody here believes it.
pub(crate) fn put(
    lookaside: &Path,
    repository: &str,
    digest: &bundle::oci::Digest,
    number: usize,
    content: &[u8],
) {
    let file = file_of(lookaside, repository, digest, number);
    fs::create_dir_all(file.parent().expect("folder")).expect("folder");
    fs::write(file, content).expect("signature");
}

/// A configuration that names one lookaside.
pub(crate) fn looking_at(url: &str) -> TempDir {
    registries_d(&json!({ "lookaside": url }))
}

/// Signatures that a report lists for the first image, sorted.
fn signatures(report: &Value) -> Vec<Value> {
    let image = &report["images"][0];
    let mut list = image["atomicSignatures"].as_array().cloned().unwrap_or_default();
    list.sort_by_key(|entry| entry["name"].as_str().map(str::to_owned));
    list
}

fn text(path: &Path) -> &str {
    path.to_str().expect("path")
}
