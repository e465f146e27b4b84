//! Installing below a scratch root, reading back, and everything that must be refused: each refusal beside the same
//! installation without the obstacle, which succeeds.

mod installing;
// Each of their tests is about all kinds of keys.
#[cfg(feature = "openpgp")]
mod kinds;
pub(crate) mod obstacles;
mod reading;
mod removing;
mod replacing;

use super::public_key::tests::key_file;
use super::*;
use crate::files::{HostRoot, Owners, PathError};
use bundle_oci::Digest;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use time::OffsetDateTime;

const KEY: &str = "etc/pki/sigstore/acme.pub";
const RECORD: &str = "etc/bundle/trust.d/acme.json";

fn scratch() -> TempDir {
    tempfile::tempdir().expect("scratch directory")
}

fn root(scratch: &TempDir) -> HostRoot {
    HostRoot::under(scratch.path()).expect("root")
}

fn key(content: &[u8], scopes: &[&str]) -> KeyToInstall {
    let (pem, fingerprint) = key_file(content);
    KeyToInstall {
        usage: KeyUse::Cosign,
        content: pem.into_bytes(),
        fingerprint: fingerprint.into(),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        holders: BTreeMap::new(),
        file: "keys/one.pub".into(),
    }
}

fn text(key: &KeyToInstall) -> String {
    String::from_utf8(key.content.clone()).expect("text")
}

fn named(keys: &[KeyToInstall]) -> Naming {
    let first = keys.iter().take(1);
    let names = first.map(|key| (key.fingerprint, "acme".parse().expect("name"))).collect();
    Naming { names, replacements: Vec::new() }
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).expect("time")
}

fn plan(scratch: &TempDir, keys: &[KeyToInstall]) -> Result<InstallPlan, InstallError> {
    plan_install(root(scratch), keys, &named(keys), Digest::of(b"bundle"))
}

/// Installs `keys`, the first of them as `acme`.
fn try_install(scratch: &TempDir, keys: &[KeyToInstall]) -> Result<Installed, InstallError> {
    install(plan(scratch, keys)?, now())
}

fn acme() -> KeyToInstall {
    key(b"acme", &["quay.io/acme/app"])
}

/// Every path below `scratch` with what it holds, so that "nothing changed" can be said exactly.
fn listing(scratch: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    walkdir::WalkDir::new(scratch)
        .into_iter()
        .map(|entry| entry.expect("entry"))
        .map(|entry| {
            let content = match entry.file_type() {
                kind if kind.is_file() => fs::read(entry.path()).expect("content"),
                kind => format!("{kind:?}").into_bytes(),
            };
            (entry.path().to_owned(), content)
        })
        .collect()
}

fn write(scratch: &TempDir, path: &str, content: &[u8]) {
    let path = scratch.path().join(path);
    fs::create_dir_all(path.parent().expect("parent")).expect("parents");
    fs::write(path, content).expect("write");
}

fn messages(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
