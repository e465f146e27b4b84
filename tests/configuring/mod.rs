//! `--install-config` and `bundle config install`: what becomes of a host's configuration, and what real tools then do.

mod elsewhere;
mod end_to_end;
mod merging;
mod obstacles;
mod of_root;
mod openings;
mod rehoming;
mod served;
mod unenforced;

use crate::harness::command::{Program, Ran};
use crate::harness::scene::Enclave;
use crate::unpacking::Carried;
use bundle_testing::peers;
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const POLICY: &str = "etc/containers/policy.json";
const LOOKUPS: &str = "etc/containers/registries.d/bundle.yaml";
const MIRRORS: &str = "etc/containers/registries.conf.d/bundle.conf";
const ACCEPT: &str = "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}\n";
const REJECT: &str = "{\"default\": [{\"type\": \"reject\"}]}\n";

/// A bundle, and an enclave whose host lies below a directory.
struct Scene {
    carried: Carried,
    enclave: Enclave,
    tools: Tools,
}

impl Scene {
    fn new() -> Self {
        let scene =
            Self { carried: Carried::new(), enclave: Enclave::start(), tools: Tools::none() };
        scene.write(POLICY, ACCEPT);
        scene
    }

    fn place(&self, name: &str) -> PathBuf {
        self.enclave.root().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::create_dir_all(self.place(name).parent().expect("parent")).expect("parents");
        fs::write(self.place(name), content).expect("file");
    }

    #[track_caller]
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.place(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// `bundle unpack` with the right key.
    fn unpack(&self, arguments: &[&str]) -> Ran {
        self.unpack_file(&self.carried.side.file(), arguments)
    }

    fn unpack_file(&self, file: &Path, arguments: &[&str]) -> Ran {
        self.run("unpack", file, &[&["-q", "--key", &self.carried.key], arguments].concat())
    }

    /// `bundle config install` with the right key.
    fn config_install(&self, arguments: &[&str]) -> Ran {
        let file = self.carried.side.file();
        self.run("config install", &file, &[&["--key", &self.carried.key], arguments].concat())
    }

    fn run(&self, command: &str, file: &Path, arguments: &[&str]) -> Ran {
        let words: Vec<&str> = command.split(' ').collect();
        let program = Program::bundle().env("PATH", self.tools.path()).args(&words).arg(file);
        let program = match arguments.contains(&"--to") {
            true => program,
            false => program.args(&["--to", self.enclave.address()]),
        };
        program.arg("--root").arg(self.enclave.root()).args(arguments).run()
    }

    /// The report on the configuration of an unpack that succeeds.
    #[track_caller]
    fn configured(&self, arguments: &[&str]) -> Value {
        self.configured_with(0, arguments)
    }

    /// The same of one that leaves something unenforced.
    #[track_caller]
    fn configured_partly(&self, arguments: &[&str]) -> Value {
        self.configured_with(4, arguments)
    }

    #[track_caller]
    fn configured_with(&self, code: i32, arguments: &[&str]) -> Value {
        let ran = self.unpack(&[&["--install-config", "--json"], arguments].concat());
        let report = ran.expect_code(code).json();
        crate::schemas::assert_described("unpack-report.schema.json", &report);
        report["configuration"].clone()
    }

    /// Files below the root, but for locks.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let names = self.enclave.installed().into_iter().filter(|name| !name.ends_with(".lock"));
        names.map(|name| (name.clone(), fs::read(self.place(&name)).unwrap_or_default())).collect()
    }

    /// The run ends so, for this reason, and has changed neither registry nor host.
    #[track_caller]
    fn expect_refused(&self, ran: Ran, code: i32, reasons: &[&str], before: &[(String, Vec<u8>)]) {
        ran.expect_code(code).expect_error(reasons);
        assert_eq!(self.enclave.tags(), [""; 0], "nothing is tagged");
        assert!(self.files() == before, "the host is as it was");
    }
}

/// The tools that the product finds, and no others.
struct Tools(TempDir);

impl Tools {
    fn none() -> Self {
        Self(tempfile::tempdir().expect("directory"))
    }

    /// A program of the machine, which itself finds all others: it may be a script.
    fn with(self, name: &str, program: &Path) -> Self {
        let path = std::env::var("PATH").unwrap_or_default();
        let script = format!("PATH='{path}' exec '{}' \"$@\"", program.display());
        self.saying(name, &script)
    }

    /// A program that says something and fails.
    fn saying(self, name: &str, text: &str) -> Self {
        let place = self.0.path().join(name);
        fs::write(&place, format!("#!/bin/sh\n{text}\nexit 1\n")).expect("script");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).expect("mode");
        self
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// These first, then those of the machine.
    fn and_others(&self) -> OsString {
        let others = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.path().to_owned()).chain(std::env::split_paths(&others));
        std::env::join_paths(all).expect("a path")
    }
}

/// A skopeo that checks Sigstore signatures.
fn skopeo(test: &str) -> Option<PathBuf> {
    peers::require(test, "skopeo-new")
}

/// The entry of one file in a report.
#[track_caller]
fn file<'r>(report: &'r Value, name: &str) -> &'r Value {
    let files = report["files"].as_array().expect("files");
    let path = format!("/{name}");
    let found = files.iter().find(|file| file["path"] == path.as_str());
    found.unwrap_or_else(|| panic!("{name} is not in {report}"))
}

/// What was left alone in a file: subject and code.
#[track_caller]
fn left(report: &Value, name: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let left = file(report, name)["left"].as_array().expect("left");
    left.iter().map(|left| (text(&left["subject"]), text(&left["code"]))).collect()
}
