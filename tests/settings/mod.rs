//! `config.toml`: defaults of the machine and of the user under the options, and what of them is believed.

mod believed;
mod policies;

use crate::harness::command::{Program, Ran};
use crate::harness::scene::{Enclave, HOST};
use crate::schemas::assert_described;
use crate::unpacking::Carried;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A bundle, an enclave whose root has a configuration, and a user who has one.
struct Scene {
    carried: Carried,
    enclave: Enclave,
    user: TempDir,
}

impl Scene {
    fn new() -> Self {
        let user = tempfile::tempdir().expect("directory");
        Self { carried: Carried::new(), enclave: Enclave::start(), user }
    }

    /// Writes a file below the root, with its directories.
    fn below_root(&self, path: &str, content: &str) -> PathBuf {
        write(&self.enclave.root().join(path), content)
    }

    /// The machine's configuration.
    fn system(&self, content: &str) -> PathBuf {
        self.below_root("etc/bundle/config.toml", content)
    }

    /// The user's configuration.
    fn user(&self, content: &str) -> PathBuf {
        write(&self.user.path().join("bundle/config.toml"), content)
    }

    /// The machine's configuration with the target and more.
    fn system_to(&self, more: &str) -> PathBuf {
        self.system(&format!("to = \"{}\"\n{more}", self.enclave.address()))
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let program = Program::bundle().env("XDG_CONFIG_HOME", self.user.path());
        program.args(arguments).arg("--root").arg(self.enclave.root()).run()
    }

    fn unpack(&self, arguments: &[&str]) -> Ran {
        let file = self.carried.side.file();
        let file = file.to_str().expect("path");
        self.run(&[&["unpack", "-q", file], arguments].concat())
    }

    /// A target in the enclave's registry.
    fn below(&self, prefix: &str) -> String {
        format!("{}/{prefix}", self.enclave.address())
    }
}

fn write(path: &Path, content: &str) -> PathBuf {
    fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
    fs::write(path, content).expect("a file");
    path.to_owned()
}

#[test]
fn a_configured_machine_needs_the_file_alone() {
    let scene = Scene::new();
    let key = fs::read_to_string(&scene.carried.key).expect("a key");
    scene.below_root("etc/bundle/keys/release.pub", &key);
    let trust = format!("[trust]\nkey = [\"{HOST}=/etc/bundle/keys/release.pub\"]\n");
    let names = "[mapping]\nmap = [\"registry.example/team=ours\"]";
    scene.system_to(&format!("jobs = 2\n{trust}{names}"));
    let ran = scene.unpack(&["--install-keys", "--json"]).expect_code(0);
    assert_eq!(ran.json()["target"], scene.enclave.address());
    assert_eq!(ran.json()["keys"][0]["scopes"], json!([format!("{HOST}/team/app")]));
    scene.enclave.expect_all_of(&scene.carried.side, "team/app", "ours/app");
    let verified =
        scene.run(&["verify", "-q", "--json", scene.carried.side.file().to_str().expect("path")]);
    assert_eq!(verified.expect_code(0).json()["anyAnchor"], true);

    // Without it nobody is trusted, and nobody knows where to.
    fs::remove_dir_all(scene.enclave.root().join("etc")).expect("removed");
    scene.unpack(&[]).expect_code(2).expect_error(&["--to is missing"]);
    scene.unpack(&["--to", scene.enclave.address()]).expect_code(3).expect_error(&["no-anchor"]);
}

#[test]
fn options_outweigh_user_settings_and_these_the_machines() {
    let scene = Scene::new();
    let target = |arguments: &[&str]| {
        let arguments = [&["--json", "--key", &scene.carried.key], arguments].concat();
        let ran = scene.unpack(&arguments).expect_code(0);
        ran.json()["images"][0]["target"].as_str().expect("a name").to_owned()
    };
    let name = |path: &str| format!("{}:1", scene.below(path));
    scene.system(&format!("to = \"{}\"\n[mapping]\nkeep_host = true", scene.below("machine")));
    assert_eq!(target(&[]), name("machine/registry.example/team/app"));
    assert_eq!(target(&["--keep-host=false"]), name("machine/team/app"));
    scene.user(&format!("to = \"{}\"", scene.below("user")));
    assert_eq!(target(&[]), name("user/registry.example/team/app"));
    scene.user(&format!("to = \"{}\"\n[mapping]\nkeep_host = false", scene.below("user")));
    assert_eq!(target(&[]), name("user/team/app"));
    let given = scene.below("given");
    assert_eq!(target(&["--to", &given, "--keep-host"]), name("given/registry.example/team/app"));
    // Names are for registries; a layout that is asked for needs none of them.
    let layout = format!("oci:{}", scene.user.path().join("layout").display());
    scene.unpack(&["--key", &scene.carried.key, "--to", &layout]).expect_code(0);
}

#[test]
fn keys_of_files_and_options_are_joined() {
    let scene = Scene::new();
    let other = scene.carried.side.key("other.pub", &crate::harness::signer::Signer::p256());
    scene.system_to(&format!("[trust]\nkey = [\"{HOST}=/etc/bundle/keys/release.pub\"]"));
    let key = fs::read_to_string(&scene.carried.key).expect("a key");
    scene.below_root("etc/bundle/keys/release.pub", &key);
    scene.unpack(&["--key", &other, "--dry-run"]).expect_code(0);
    scene.user(&format!("[trust]\nkey = [\"{other}\"]"));
    scene.unpack(&["--dry-run"]).expect_code(0);
    // A key that a file names and that is not there is no key less, but an error.
    fs::remove_file(scene.enclave.root().join("etc/bundle/keys/release.pub")).expect("removed");
    scene.unpack(&["--dry-run"]).expect_code(2).expect_error(&["etc/bundle/keys/release.pub"]);
}

#[test]
fn what_counts_is_printed_with_its_origin() {
    let scene = Scene::new();
    let system = scene.system("to = \"r.example\"\njobs = 2\n[trust]\nkey = [\"quay.io=/k\"]");
    let user = scene.user("jobs = 3\n[trust]\npolicy = \"/p\"");
    let (system, user) = (system.display().to_string(), user.display().to_string());
    let key = scene.enclave.root().join("k").display().to_string();
    let ran = scene.run(&["config"]).expect_code(0);
    let expected = format!(
        "to = r.example ({system})\njobs = 3 ({user})\ntrust.key = quay.io={key} ({system})\n\
         trust.policy = /p ({user})\ntrust.policy decides alone: keys of these files are not asked\n\
         {system}: read\n{user}: read\ninstalled keys count besides, each within its scopes: bundle keys list\n"
    );
    assert_eq!(ran.stdout, expected);
    let report = scene.run(&["config", "--json"]).expect_code(0).json();
    assert_described("config-report.schema.json", &report);
    assert_eq!(report["settings"][1], json!({ "key": "jobs", "value": "3", "from": user }));
    assert_eq!(report["decidedBy"], "trust.policy");

    fs::remove_file(&system).expect("removed");
    fs::remove_file(&user).expect("removed");
    let none = scene.run(&["config", "--json"]).expect_code(0).json();
    assert_described("config-report.schema.json", &none);
    assert_eq!(none["settings"], json!([]));
    assert_eq!(none["files"][0], json!({ "file": system, "layer": "system", "found": "absent" }));
}

#[test]
fn pack_reads_the_configuration_too() {
    let scene = Scene::new();
    let pack = || {
        let program = Program::bundle().env("XDG_CONFIG_HOME", scene.user.path());
        let output = scene.carried.side.output("again.tar.zst");
        let source = scene.carried.side.source("team/app:1");
        program.args(&["pack", "-q", "--dry-run", &source, "-o"]).arg(output).run()
    };
    scene.user("jobs = 1\n[trust]\nkey = [\"/nowhere\"]");
    pack().expect_code(0);
    scene.user("jobs = 100");
    pack().expect_code(2).expect_error(&["bundle/config.toml, line 1: jobs", "1..=64"]);
}
