//! The operator who seals bundles on the connected side, and an enclave that trusts his seal.

use super::{Keys, PASSWORD};
use crate::harness::command::{Program, Ran};
use crate::harness::images::TestImage;
use crate::harness::scene::{Connected, Enclave};
use crate::harness::signer::Signer;
use bundle::archive::{Archive, head};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Seconds since 1970, in the past of every machine that runs tests.
pub(super) const LONG_AGO: &str = "1700000000";

/// One vendor's image, and seal keys.
pub(super) struct Operator {
    pub(super) side: Connected,
    pub(super) keys: Keys,
    pub(super) signer: Signer,
    pub(super) image: TestImage,
    /// The vendor's public key.
    pub(super) key: String,
}

impl Operator {
    /// With the seal key `ours`.
    pub(super) fn new() -> Self {
        let side = Connected::start();
        let signer = Signer::p256();
        let image = side.signed("team/app", &signer);
        let key = side.key("release.pub", &signer);
        Self { side, keys: Keys::made("ours"), signer, image, key }
    }

    /// `bundle pack` of the image with `arguments` to `NAME`, verified with the vendor's key.
    pub(super) fn packing(&self, name: &str, arguments: &[&str]) -> (Program, PathBuf) {
        let file = self.side.output(name);
        let program = Program::bundle().args(&["pack", "-q", "-o"]).arg(&file);
        let program = program.arg(self.side.source("team/app:1")).args(&["--key", &self.key]);
        (program.args(arguments).env("COSIGN_PASSWORD", PASSWORD), file)
    }

    /// The same, sealed with the private key of this name.
    pub(super) fn sealed_by(&self, seal_key: &str, name: &str, arguments: &[&str]) -> PathBuf {
        let (program, file) = self.packing(name, arguments);
        program.arg("--seal-key").arg(self.keys.private(seal_key)).run().expect_code(0);
        file
    }

    /// A bundle of the series `s` with this sequence, sealed with `ours`.
    pub(super) fn numbered(&self, sequence: u64) -> PathBuf {
        self.numbered_by("ours", sequence, &[])
    }

    /// The same, sealed with another key, and with more said.
    pub(super) fn numbered_by(&self, seal_key: &str, sequence: u64, more: &[&str]) -> PathBuf {
        let number = sequence.to_string();
        let arguments = [&["--name", "s", "--sequence", &number], more].concat();
        self.sealed_by(seal_key, &format!("{seal_key}-{sequence}"), &arguments)
    }

    /// A public seal key as an argument.
    pub(super) fn public(&self, name: &str) -> String {
        self.keys.public_file(name).to_str().expect("a path").to_owned()
    }

    pub(super) fn fingerprint(&self, name: &str) -> String {
        self.keys.public(name).fingerprint().to_string()
    }

    /// What `unpack` says to a bundle under the seal key of this name.
    pub(super) fn unpack(
        &self,
        enclave: &Enclave,
        seal_key: &str,
        file: &Path,
        more: &[&str],
    ) -> Ran {
        let public = self.public(seal_key);
        enclave.unpack(file, &[&["--json", "--seal-pub", &public], more].concat())
    }

    /// It must be taken; gives what the report says.
    #[track_caller]
    pub(super) fn taken(
        &self,
        enclave: &Enclave,
        seal_key: &str,
        file: &Path,
        more: &[&str],
    ) -> Value {
        self.unpack(enclave, seal_key, file, more).expect_code(0).json()
    }

    /// It must be refused, with these words, and change nothing.
    #[track_caller]
    pub(super) fn refused(
        &self,
        enclave: &Enclave,
        seal_key: &str,
        file: &Path,
        more: &[&str],
        words: &[&str],
    ) {
        let before = everything(enclave);
        self.unpack(enclave, seal_key, file, more).expect_code(3).expect_error(words);
        assert_eq!(everything(enclave), before, "a refusal changes nothing");
    }
}

/// Tags of the enclave's registry, and every file of its host with its content.
pub(super) fn everything(enclave: &Enclave) -> (Vec<String>, Vec<(String, Vec<u8>)>) {
    let files = enclave.files().into_iter();
    let files = files.map(|name| {
        let content = fs::read(enclave.root().join(&name)).expect("a file");
        (name, content)
    });
    (enclave.tags(), files.collect())
}

/// The files of what was seen of series.
pub(super) fn states(enclave: &Enclave) -> Vec<PathBuf> {
    let below = "var/lib/bundle/seals/";
    let files = enclave.files().into_iter();
    let files = files.filter(|name| name.starts_with(below) && name.ends_with(".json"));
    files.map(|name| enclave.root().join(name)).collect()
}

/// What is known of each series: its highest sequence, in order.
pub(super) fn recorded(enclave: &Enclave) -> Vec<u64> {
    let files = states(enclave).into_iter();
    let mut sequences: Vec<u64> = files
        .map(|file| {
            let state: Value =
                serde_json::from_slice(&fs::read(file).expect("a state")).expect("JSON");
            crate::schemas::assert_described("seal-state.schema.json", &state);
            state["sequence"].as_u64().expect("a number")
        })
        .collect();
    sequences.sort_unstable();
    sequences
}

/// The warnings of a report in one text.
pub(super) fn warnings(report: &Value) -> String {
    report["warnings"].to_string()
}

/// The bundle `file` with another inventory, without a seal, as somebody writes it who takes care: at `to`.
pub(super) fn forged(file: &Path, to: &Path, change: impl Fn(&mut Value)) {
    let archive = Archive::open(file).expect("archive");
    let read = head::read(archive.medium().expect("a file")).expect("head");
    let mut files = read.files.clone();
    files.retain(|file| file.name != head::SEAL);
    let own = files.iter_mut().find(|file| file.name == head::INVENTORY).expect("inventory");
    let mut inventory: Value = serde_json::from_slice(&own.bytes).expect("JSON");
    change(&mut inventory);
    own.bytes = serde_json::to_vec(&inventory).expect("JSON");
    let (bytes, _) = head::encode_within(&files, read.mtime, read.extent.end).expect("encoded");
    let mut changed = fs::read(file).expect("archive");
    changed[..bytes.len()].copy_from_slice(&bytes);
    fs::write(to, changed).expect("archive");
}
