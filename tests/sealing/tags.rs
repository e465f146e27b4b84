//! Tags that would go back in time: another series, no sequence, no seal, another target.

use super::scene::{LONG_AGO, Operator, everything};
use super::{PASSWORD, seal};
use crate::harness::command::{Program, Ran};
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::images::image;
use crate::harness::scene::{Enclave, inspect};
use reqwest::Method;
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LATER: u64 = 1_700_000_000;

/// An operator whose source tag is moved between bundles.
struct Moving {
    operator: Operator,
}

impl Moving {
    fn new() -> Self {
        Self { operator: Operator::new() }
    }

    /// A bundle, made so many seconds after [`LONG_AGO`], of an image that no other bundle has under this tag.
    fn packed(&self, name: &str, seconds: u64, arguments: &[&str]) -> PathBuf {
        let side = &self.operator.side;
        let moved = image(name, "linux/amd64", &[1_000]);
        moved.push(&side.registry, "team/app", Some("1"));
        side.sign("team/app", &moved.digest(), &self.operator.signer);
        let (program, file) = self.operator.packing(name, arguments);
        let time = (LATER + seconds).to_string();
        program.env("SOURCE_DATE_EPOCH", time).run().expect_code(0);
        file
    }

    /// The same, sealed with `ours`.
    fn sealed(&self, name: &str, seconds: u64, arguments: &[&str]) -> PathBuf {
        let key = self.operator.keys.private("ours").display().to_string();
        self.packed(name, seconds, &[arguments, &["--seal-key", &key]].concat())
    }

    /// A bundle of the series `org`.
    fn org(&self, sequence: u64, seconds: u64) -> PathBuf {
        let number = sequence.to_string();
        let name = format!("org-{sequence}-{seconds}");
        self.sealed(&name, seconds, &["--name", "org", "--sequence", &number])
    }

    fn taken(&self, enclave: &Enclave, file: &Path, more: &[&str]) -> Value {
        let report = self.operator.taken(enclave, "ours", file, more);
        crate::schemas::assert_described(crate::schemas::UNPACK_REPORT, &report);
        let tags = fs::read(enclave.root().join("var/lib/bundle/tags.json")).expect("a memory");
        let tags = serde_json::from_slice(&tags).expect("JSON");
        crate::schemas::assert_described("tag-memory.schema.json", &tags);
        report
    }

    fn refused(&self, enclave: &Enclave, file: &Path, more: &[&str], words: &[&str]) {
        self.operator.refused(enclave, "ours", file, more, words);
    }

    /// By the vendor's key alone.
    fn by_key(&self, enclave: &Enclave, file: &Path, more: &[&str]) -> Ran {
        enclave.unpack(file, &[&["--json", "--key", &self.operator.key], more].concat())
    }
}

#[test]
fn the_clock_of_these_tests_is_that_of_the_others() {
    assert_eq!(LONG_AGO.parse(), Ok(LATER));
}

#[test]
fn no_other_series_moves_a_tag_back() {
    let moving = Moving::new();
    let trial = moving.sealed("trial", 10, &["--name", "trial", "--sequence", "99"]);
    let same_second = moving.sealed("second", 20, &["--name", "second", "--sequence", "1"]);
    let later = moving.sealed("later", 30, &["--name", "later", "--sequence", "1"]);
    let (older, newest) = (moving.org(41, 15), moving.org(42, 20));
    let enclave = Enclave::start();
    moving.taken(&enclave, &newest, &[]);
    moving.refused(&enclave, &older, &[], &["it is older"]);
    let words =
        ["tag-older: ", "series \"org\", sequence 42", "series \"trial\"", "--allow-tag-rollback"];
    moving.refused(&enclave, &trial, &[], &words);
    moving.refused(&enclave, &trial, &["--dry-run"], &words);
    moving.refused(&enclave, &same_second, &[], &["tag-age-unknown: "]);
    let scope = format!("{}/team/app", crate::harness::scene::HOST);
    let report = moving.taken(&enclave, &trial, &["--allow-tag-rollback", &scope]);
    assert_eq!(report["images"][0]["tagAge"], "older");
    // Going back lowers nothing.
    moving.refused(&enclave, &trial, &[], &[]);
    moving.taken(&enclave, &newest, &[]);
    // What is newer moves it, whichever series it is of, and is then what others are compared with.
    let report = moving.taken(&enclave, &later, &[]);
    assert_eq!(report["images"][0]["tagAge"], "newer");
    assert!(report["warnings"].to_string().contains("--seal-name"), "{report}");
    let between = moving.sealed("between", 25, &["--name", "between", "--sequence", "1"]);
    moving.refused(&enclave, &between, &[], &["tag-older: "]);
    moving.refused(&enclave, &newest, &[], &["tag-older: "]);
}

#[test]
fn tag_that_is_set_beside_a_refused_one_is_remembered() {
    let moving = Moving::new();
    let side = &moving.operator.side;
    side.signed("team/db", &moving.operator.signer);
    let db = side.source("team/db:1");
    let older = moving.sealed("older", 10, &["--name", "trial", "--sequence", "9", &db]);
    let newer = moving.sealed("newer", 20, &["--name", "org", "--sequence", "1", &db]);
    let enclave = Enclave::start();
    let proxy = FaultProxy::start(enclave.address());
    let is_tag = |path: &str| path.ends_with("team/db/manifests/1");
    proxy.add(Rule::new(Method::PUT, is_tag, Fault::status(403)));
    let public = moving.operator.public("ours");
    let unpack = |file: &Path| enclave.unpack_to(file, proxy.address(), &["--seal-pub", &public]);
    let set = format!("1 of 2 tags are set: {}/team/app:1", proxy.address());
    unpack(&newer).expect_code(5).expect_error(&[&set]);
    proxy.heal();
    let back = unpack(&older).expect_code(3).expect_error(&["tag-older: ", "team/app:1"]);
    assert!(!back.stderr.contains("team/db:1"), "{back}");
    unpack(&newer).expect_code(0);
}

#[test]
fn a_series_goes_on_whatever_the_clocks_of_its_bundles_say() {
    let moving = Moving::new();
    let enclave = Enclave::start();
    moving.taken(&enclave, &moving.org(42, 100), &[]);
    let next = moving.org(43, 50);
    let report = moving.taken(&enclave, &next, &[]);
    assert_eq!(report["images"][0]["tagAge"], "newer");
    // The very sequence allows its tags too.
    let report = moving.taken(&enclave, &moving.org(41, 40), &["--allow-rollback", "41"]);
    assert_eq!(report["images"][0]["tagAge"], "older");
    let tags = fs::read_to_string(enclave.root().join("var/lib/bundle/tags.json")).expect("memory");
    assert!(tags.contains("\"sequence\": 43"), "{tags}");
    moving.taken(&enclave, &next, &[]);
}

#[test]
fn a_bundle_without_a_sequence_is_refused_beside_numbered_ones() {
    let moving = Moving::new();
    let nameless = moving.sealed("nameless", 10, &[]);
    let named = moving.sealed("named", 40, &["--name", "org"]);
    let enclave = Enclave::start();
    moving.taken(&enclave, &moving.org(42, 20), &[]);
    moving.refused(
        &enclave,
        &nameless,
        &[],
        &["unnumbered-bundle: ", "\"org\"", "--allow-unnumbered"],
    );
    moving.refused(&enclave, &named, &[], &["has no sequence, and 42", "--allow-unnumbered"]);
    // That it may come so is no word about the tag.
    moving.refused(&enclave, &nameless, &["--allow-unnumbered"], &["tag-older: "]);
    let report = moving.taken(&enclave, &named, &["--allow-unnumbered"]);
    assert_eq!(
        (&report["seal"]["state"], &report["images"][0]["tagAge"]),
        (&"unnumbered".into(), &"newer".into())
    );
    // Where nothing is numbered, it comes as ever.
    let fresh = Enclave::start();
    moving.taken(&fresh, &nameless, &[]);
    let verify = |more: &[&str]| {
        let public = moving.operator.public("ours");
        let program = Program::bundle().args(&["verify", "-q"]).arg(&nameless).arg("--root");
        program.arg(enclave.root()).args(&["--seal-pub", &public]).args(more).run()
    };
    verify(&[]).expect_code(3).expect_error(&["unnumbered-bundle: "]);
    verify(&["--allow-unnumbered"]).expect_code(0);
}

#[test]
fn a_series_that_is_pinned_by_name_is_the_only_one() {
    let moving = Moving::new();
    let trial = moving.sealed("trial", 30, &["--name", "trial", "--sequence", "1"]);
    let nameless = moving.sealed("nameless", 40, &["--sequence", "1"]);
    let org = moving.org(42, 20);
    let enclave = Enclave::start();
    let pinned = ["--seal-name", "org"];
    for other in [&trial, &nameless] {
        let words = ["series-not-expected: ", "\"org\" is expected", "--seal-name"];
        moving.refused(&enclave, other, &pinned, &words);
    }
    moving.taken(&enclave, &org, &pinned);
    // Each command that verifies, and the digest that binds as a seal does.
    let public = moving.operator.public("ours");
    let root = enclave.root().display().to_string();
    let given = ["--seal-pub", &public, "--root", &root, "--seal-name", "org"];
    for command in
        [&["verify", "-q"][..], &["keys", "install"], &["config", "install", "--to", "127.0.0.1:1"]]
    {
        let run = |file: &Path| Program::bundle().args(command).arg(file).args(&given).run();
        run(&trial).expect_code(3).expect_error(&["series-not-expected: "]);
        // The seal lets it in, and no key of a signer is given that hosts could demand.
        let taken = if command[0] == "config" { 4 } else { 0 };
        run(&org).expect_code(taken);
    }
    let digest = inspect(&trial)["bundleDigest"].as_str().expect("digest").to_owned();
    let expecting = ["--expect-bundle", &digest, "--seal-name", "org"];
    enclave.unpack(&trial, &expecting).expect_code(3).expect_error(&["series-not-expected: "]);
    // Without either, the name is anybody's text.
    moving.by_key(&enclave, &org, &pinned).expect_code(2).expect_error(&["--seal-pub FILE"]);
    // The configuration pins it too, by one name or several; '' is a bundle without one.
    let configured = |names: &str| {
        let trust = format!("[trust]\nseal_pub = \"/operator.pub\"\nseal_name = {names}\n");
        fs::create_dir_all(enclave.root().join("etc/bundle")).expect("folder");
        fs::write(enclave.root().join("etc/bundle/config.toml"), trust).expect("configuration");
        fs::copy(&public, enclave.root().join("operator.pub")).expect("key");
    };
    configured("\"org\"");
    enclave.unpack(&trial, &[]).expect_code(3).expect_error(&["series-not-expected: "]);
    enclave.unpack(&trial, &["--seal-name", "trial"]).expect_code(0);
    configured("[\"org\", \"\"]");
    enclave.unpack(&nameless, &["--dry-run"]).expect_code(0);
    enclave.unpack(&trial, &[]).expect_code(3);
}

#[test]
fn tag_of_a_sealed_bundle_is_not_moved_without_a_seal() {
    let moving = Moving::new();
    let old = moving.packed("old", 10, &[]);
    let new = moving.packed("new", 90, &[]);
    let enclave = Enclave::start();
    moving.taken(&enclave, &moving.org(42, 20), &[]);
    for stripped in [&old, &new] {
        let before = everything(&enclave);
        let words = ["tag-age-unknown: ", "nothing authenticates"];
        moving.by_key(&enclave, stripped, &[]).expect_code(3).expect_error(&words);
        assert_eq!(everything(&enclave), before);
    }
    // The expected digest makes its time authentic.
    let digest = |file: &Path| inspect(file)["bundleDigest"].as_str().expect("digest").to_owned();
    let expecting =
        |file: &Path| moving.by_key(&enclave, file, &["--expect-bundle", &digest(file)]);
    expecting(&old).expect_code(3).expect_error(&["tag-older: "]);
    assert_eq!(expecting(&new).expect_code(0).json()["images"][0]["tagAge"], "newer");
    // And is remembered as a seal is.
    moving.refused(&enclave, &moving.org(43, 80), &[], &["tag-older: "]);
    let allowing = ["--allow-tag-rollback", "*"];
    let report = moving.by_key(&enclave, &old, &allowing).expect_code(4).json();
    assert_eq!(report["images"][0]["tagAge"], "unknown");
    // Where no authentic bundle filled the tag, nothing changes.
    let fresh = Enclave::start();
    moving.by_key(&fresh, &new, &[]).expect_code(0);
    moving.by_key(&fresh, &old, &[]).expect_code(0);
}

#[test]
fn moved_tag_of_unknown_age_shows_in_the_exit_status() {
    let moving = Moving::new();
    let (first, other) = (moving.packed("first", 10, &[]), moving.org(42, 20));
    let enclave = Enclave::start();
    moving.by_key(&enclave, &first, &[]).expect_code(0);
    let ran = moving.operator.unpack(&enclave, "ours", &other, &[]).expect_code(4);
    let report = ran.json();
    assert_eq!(report["images"][0]["tagAge"], "unknown");
    assert!(report["warnings"].to_string().contains("goes back in time"), "{report}");
    // The next of the series is known to be newer.
    moving.taken(&enclave, &moving.org(43, 30), &[]);
}

/// What an earlier version of this program wrote down is read as ever.
#[test]
fn a_host_without_a_memory_of_tags_goes_on() {
    let moving = Moving::new();
    let enclave = Enclave::start();
    moving.taken(&enclave, &moving.org(42, 20), &[]);
    let memory = enclave.root().join("var/lib/bundle/tags.json");
    fs::remove_file(&memory).expect("removed");
    moving.taken(&enclave, &moving.org(43, 30), &[]);
    fs::write(&memory, "{}").expect("damaged");
    moving.refused(&enclave, &moving.org(44, 40), &[], &["tags.json is damaged", "hint: "]);
}

#[test]
fn a_tag_in_a_layout_does_not_go_back_either() {
    let moving = Moving::new();
    let trial = moving.sealed("trial", 10, &["--name", "trial", "--sequence", "9"]);
    let org = moving.org(42, 20);
    let enclave = Enclave::start();
    let directory = moving.operator.side.output("layout");
    let layout = format!("oci:{}", directory.display());
    let public = moving.operator.public("ours");
    let unpack =
        |file: &Path, target: &str| enclave.unpack_to(file, target, &["--seal-pub", &public]);
    unpack(&org, &layout).expect_code(0);
    let before = fs::read(directory.join("index.json")).expect("index");
    let roundabout = format!("oci:{}/../layout", directory.display());
    for target in [&layout, &roundabout] {
        unpack(&trial, target).expect_code(3).expect_error(&["tag-older: "]);
    }
    assert_eq!(fs::read(directory.join("index.json")).expect("index"), before);
    let other = format!("oci:{}", moving.operator.side.output("other").display());
    unpack(&trial, &other).expect_code(0);
}

/// A pipe takes as long as its sender likes: meanwhile something newer may fill the tag.
#[test]
fn a_tag_that_was_moved_while_it_streamed_does_not_go_back() {
    let moving = Moving::new();
    let trial = moving.sealed("trial", 10, &["--name", "trial", "--sequence", "9"]);
    let org = moving.org(42, 20);
    let public = moving.operator.public("ours");
    let bytes = fs::read(&trial).expect("archive");
    let (most, rest) = bytes.split_at(bytes.len() - 100);
    let enclave = Enclave::start();
    let (reader, mut writer) = std::io::pipe().expect("pipe");
    let program = enclave.unpack_pipe(enclave.address(), &["--json", "--seal-pub", &public]);
    let running = program.stdin(reader).start();
    writer.write_all(most).expect("most of it");
    std::thread::sleep(Duration::from_secs(1));
    moving.taken(&enclave, &org, &[]);
    let _ = writer.write_all(rest);
    drop(writer);
    running.end().expect_code(3).expect_error(&["tag-older: "]);
    moving.taken(&enclave, &org, &[]);
}

/// Volumes, and an archive that was compressed anew, are the same bundle.
#[test]
fn other_forms_of_an_older_bundle_move_no_tag_back() {
    let moving = Moving::new();
    let arguments = ["--name", "trial", "--sequence", "9"];
    let trial = moving.sealed("trial", 10, &arguments);
    let cut = moving.sealed("cut", 11, &[&arguments[..], &["--volume-size", "1MiB"]].concat());
    let enclave = Enclave::start();
    moving.taken(&enclave, &moving.org(42, 20), &[]);
    let tar = zstd::decode_all(&fs::read(&trial).expect("archive")[..]).expect("tar");
    let anew = moving.operator.side.output("anew");
    fs::write(&anew, zstd::encode_all(&tar[..], 3).expect("compressed")).expect("file");
    for file in [&cut, &anew] {
        moving.refused(&enclave, file, &[], &["tag-older: "]);
    }
}

/// The sealing machine names the series that it means.
#[test]
fn another_series_than_the_one_that_is_meant_is_not_sealed() {
    let moving = Moving::new();
    let file = moving.packed("plain", 10, &["--name", "trial"]);
    let private = moving.operator.keys.private("ours");
    let sealing = |name: &str| {
        let root = tempfile::tempdir().expect("root");
        let program = Program::bundle().args(&["seal", "-q", "--json"]).arg(&file);
        let program = program.arg("--seal-key").arg(&private).arg("--root").arg(root.path());
        let program = program.args(&["--key", &moving.operator.key, "--seal-name", name]);
        program.env("COSIGN_PASSWORD", PASSWORD).run()
    };
    let refused = sealing("org").expect_code(3).json();
    assert_eq!(refused["refusals"][0]["code"], "series-not-expected");
    sealing("trial").expect_code(0);
    seal(&file, &private).expect_code(0);
}
