//! `--keep-going`: what cannot be had is left out and named, and the archive of the others is as good as any.

use super::image;
use crate::harness::command::{Program, Ran};
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::images::TestImage;
use crate::harness::scene::{Connected, Enclave, FILE, HOST};
use crate::harness::signer::Signer;
use reqwest::Method;
use std::fs;

/// Three images, of which the second can be broken: its own layers of both kinds, and one that it shares.
struct Scene {
    side: Connected,
    proxy: FaultProxy,
    broken: TestImage,
    key: String,
}

const NAMES: [&str; 3] = ["team/one:1", "team/two:1", "team/three:1"];

impl Scene {
    fn new() -> Self {
        let mut side = Connected::start();
        let signer = Signer::p256();
        let one = image("shared", &[300_000, 4_000], &[200_000]);
        let two = image("two", &[1_200_000, 9_000], &[5_000_000, 100_000]);
        let three = image("three", &[40_000], &[2_700_000, 80_000]);
        // The second also has the first one's layer.
        let config = two.blobs[0].clone();
        let mut layers = two.blobs[1..].to_vec();
        layers.insert(1, one.blobs[1].clone());
        let two = crate::harness::images::manifest(config, layers, serde_json::json!({}));
        for (name, image) in [("one", &one), ("two", &two), ("three", &three)] {
            image.push(&side.registry, &format!("team/{name}"), Some("1"));
            side.sign(&format!("team/{name}"), &image.digest(), &signer);
        }
        let proxy = FaultProxy::start(side.address());
        side.through(proxy.address());
        let key = side.key("release.pub", &signer);
        Self { side, proxy, broken: two, key }
    }

    fn breaks(&self, path: String, fault: Fault) {
        self.proxy.add(Rule::new(Method::GET, move |asked| asked.ends_with(&path), fault));
    }

    fn breaks_layer(&self, number: usize, fault: Fault) {
        self.breaks(format!("two/blobs/{}", self.broken.blobs[number + 1].digest()), fault);
    }

    fn pack(&self, arguments: &[&str]) -> Ran {
        let arguments = [&["--key", &self.key, "--json"], arguments].concat();
        self.side.pack(&NAMES, &arguments)
    }

    /// The archive holds the first and third image, and is sound for everybody.
    #[track_caller]
    fn expect_the_others(&self, ran: &Ran) {
        let left_out = &ran.json()["leftOut"];
        assert_eq!(left_out[0]["source"], format!("{HOST}/team/two:1"), "{ran}");
        assert!(left_out[0]["why"].as_str().is_some_and(|why| !why.is_empty()));
        assert_eq!(left_out.as_array().map(Vec::len), Some(1));
        let report = self.side.inspect();
        assert_eq!(report["totals"]["images"], 2);
        assert_eq!(report["bundleDigest"], ran.json()["bundleDigest"]);
        let key = self.key.as_str();
        let verified = Program::bundle().arg("verify").arg(self.side.file());
        verified.args(&["--key", key]).run().expect_code(0);
        for tool in [&["zstd", "-tq"][..], &["tar", "--zstd", "-tf"]] {
            let ran = Program::new(tool[0].as_ref()).args(&tool[1..]).arg(self.side.file()).run();
            ran.expect_code(0);
        }
        let enclave = Enclave::start();
        enclave.unpack(&self.side.file(), &["--key", key]).expect_code(0);
        for name in ["team/one", "team/three"] {
            enclave.expect_all_of(&self.side, name, name);
        }
        assert!(enclave.registry.tags("team/two").is_empty());
        assert_eq!(self.side.left(), [FILE]);
        fs::remove_file(self.side.file()).expect("archive");
    }
}

#[test]
fn an_image_that_cannot_be_resolved_is_left_out() {
    let scene = Scene::new();
    for (path, fault) in [
        ("two/manifests/1", Fault::status(404)),
        ("two/manifests/1", Fault::status(403)),
        (".sig", Fault::status(403)),
    ] {
        scene.proxy.heal();
        let asked = move |asked: &str| asked.contains("team/two") && asked.ends_with(path);
        scene.proxy.add(Rule::new(Method::GET, asked, fault));
        scene.pack(&[]).expect_code(5).expect_error(&["hint: to pack the others", "--keep-going"]);
        assert_eq!(scene.side.left(), [""; 0]);
        let ran = scene.pack(&["--keep-going"]).expect_code(4);
        scene.expect_the_others(&ran);
        let ran = scene.pack(&["--keep-going", "--dry-run"]).expect_code(4);
        assert_eq!(ran.json()["leftOut"][0]["source"], format!("{HOST}/team/two:1"));
    }
}

#[test]
fn an_image_that_cannot_be_fetched_is_left_out() {
    let scene = Scene::new();
    // A raw layer, a compressed one in the middle of the section, the last one; missing, wrong and cut off.
    for (layer, fault) in [
        (0, Fault::status(404)),
        (0, Fault::FlipBit(1_000_000)),
        (3, Fault::status(403)),
        (3, Fault::FlipBit(4_900_000)),
        (4, Fault::status(404)),
    ] {
        scene.proxy.heal();
        scene.breaks_layer(layer, fault.clone());
        let ran = scene.pack(&["--keep-going"]).expect_code(4);
        scene.expect_the_others(&ran);
        let failed = scene.pack(&[]).expect_code(5);
        assert!(!scene.side.left().contains(&FILE.to_owned()), "{failed}");
        // What the run without the flag left, the run with it goes on with.
        let ran = scene.pack(&["--keep-going"]).expect_code(4);
        scene.expect_the_others(&ran);
    }
    scene.proxy.heal();
    let ran = scene.pack(&["--keep-going"]).expect_code(0);
    assert!(ran.json().get("leftOut").is_none());
}

#[test]
fn volumes_with_an_image_left_out_are_sound() {
    let scene = Scene::new();
    scene.breaks_layer(0, Fault::status(404));
    let ran = scene.pack(&["--keep-going", "--volume-size", "1200000"]).expect_code(4);
    assert_eq!(ran.json()["leftOut"].as_array().map(Vec::len), Some(1));
    let first = scene.side.output(&format!("{FILE}.001"));
    let verified = Program::bundle().arg("verify").arg(&first).args(&["--key", &scene.key]).run();
    verified.expect_code(0);
    let enclave = Enclave::start();
    enclave.unpack(&first, &["--key", &scene.key]).expect_code(0);
    enclave.expect_all_of(&scene.side, "team/three", "team/three");
}

#[test]
fn an_image_that_verification_refuses_is_never_just_left_out() {
    let scene = Scene::new();
    let other = scene.side.key("other.pub", &Signer::p256());
    let scoped = format!("{HOST}/team/two={other}");
    let sources: Vec<String> = NAMES.iter().map(|name| scene.side.source(name)).collect();
    let ran = Program::bundle()
        .args(&["pack", "--keep-going", "--key", &scoped, "-o"])
        .arg(scene.side.file())
        .args(&sources)
        .run();
    ran.expect_code(3).expect_error(&["refused: ", "team/two"]);
    assert_eq!(scene.side.left(), [""; 0]);
}

#[test]
fn a_stream_cannot_be_gone_back_in() {
    let ran = Program::bundle().args(&["pack", "--keep-going", "a.example/b:1", "-o", "-"]).run();
    ran.expect_code(2).expect_error(&["--keep-going needs a file"]);
}

#[test]
fn without_any_image_there_is_no_archive() {
    let scene = Scene::new();
    scene.proxy.add(Rule::new(
        Method::GET,
        |path| path.ends_with("manifests/1"),
        Fault::status(403),
    ));
    let ran = scene.pack(&["--keep-going"]).expect_code(5);
    ran.expect_error(&["no image is left", "team/one:1", "team/three:1"]);
    assert_eq!(scene.side.left(), [""; 0]);
    scene.proxy.heal();
    scene.proxy.add(Rule::new(Method::GET, |path| path.contains("/blobs/"), Fault::status(404)));
    let sources = ["team/one:1"];
    let ran = scene.side.pack(&sources, &["--signatures", "none", "--restart"]).expect_code(5);
    assert!(!ran.stderr.contains("--keep-going"), "there are no others: {ran}");
    let ran = scene.side.pack(&sources, &["--keep-going", "--signatures", "none"]).expect_code(5);
    ran.expect_error(&["no image is left", "team/one:1"]);
    assert!(!scene.side.left().contains(&FILE.to_owned()));
    scene.proxy.heal();
    scene.side.pack(&sources, &["--keep-going", "--signatures", "none"]).expect_code(0);
}
