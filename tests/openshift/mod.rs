//! `unpack --emit openshift=DIR`: what a cluster is told, held against the schemas that the cluster has.

mod directory;
mod resources;
mod schema;

use crate::harness::command::{Program, Ran};
use crate::harness::scene::{Connected, Enclave, HOST};
use crate::harness::signer::Signer;
use schema::check;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A bundle, where it goes, and a directory for resources.
struct Scene {
    side: Connected,
    enclave: Enclave,
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("directory");
        Self { side: Connected::start(), enclave: Enclave::start(), folder }
    }

    /// With `team/app`, all of it signed by the key in the file that is given too; packed.
    fn signed() -> (Self, Signer, String) {
        let (scene, signer) = (Self::new(), Signer::p256());
        scene.side.signed("team/app", &signer);
        let key = scene.side.key("release.pub", &signer);
        scene.side.pack(&["team/app:1"], &["--key", &key]).expect_code(0);
        (scene, signer, key)
    }

    /// The directory for resources.
    fn directory(&self) -> PathBuf {
        self.folder.path().join("cluster")
    }

    fn option(&self) -> String {
        format!("openshift={}", self.directory().display())
    }

    /// Plans, and writes resources. Gives the report.
    #[track_caller]
    fn emit(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[&["--dry-run", "--json"], arguments].concat()).expect_code(0);
        crate::schemas::assert_described("unpack-report.schema.json", &ran.json());
        ran.json()["emitted"].clone()
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let option = self.option();
        let arguments = [&["--emit", &option], arguments].concat();
        self.enclave.unpack(&self.side.file(), &arguments)
    }

    /// A name at the target.
    fn target(&self, path: &str) -> String {
        format!("{}/{path}", self.enclave.address())
    }
}

/// Every document of a directory by its file's name; each is what the cluster's schemas admit.
#[track_caller]
fn documents(directory: &Path) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let name = entry.expect("entry").file_name().into_string().expect("a name");
        if !name.starts_with('.') {
            let text = fs::read_to_string(directory.join(&name)).expect("a file");
            let document: Value = serde_saphyr::from_str(&text).expect("YAML");
            let faults = check(&document);
            assert!(faults.is_empty(), "{name}: {faults:?}");
            let kind = document["kind"].as_str().expect("a kind").to_lowercase();
            let resource = document["metadata"]["name"].as_str().expect("a name");
            assert_eq!(name, format!("{kind}-{resource}.yaml"));
            all.insert(name, document);
        }
    }
    all
}

/// Reasons for what was left out, by its name.
fn left_out(emitted: &Value, kind: &str) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let all = emitted["leftOut"].as_array().expect("a list").iter();
    all.filter(|left| left["kind"] == kind)
        .map(|left| (text(&left["subject"]), text(&left["code"])))
        .collect()
}

/// Packs images of the connected side under full names, with more arguments.
fn pack(side: &Connected, images: &[(&str, &str)], arguments: &[&str]) {
    let source = |(image, name): &(&str, &str)| format!("{}/{image}={name}", side.address());
    let sources: Vec<String> = images.iter().map(source).collect();
    let program = Program::bundle().args(&["pack", "-q", "-o"]).arg(side.file());
    program.args(&sources).args(arguments).run().expect_code(0);
}

/// `HOST/path`.
fn named(path: &str) -> String {
    format!("{HOST}/{path}")
}
