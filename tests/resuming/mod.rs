//! `bundle pack` that was interrupted and is run again: it goes on at the byte where it stopped, never asks a tag again where the same user began it,
//! and the archive is the one that an uninterrupted run writes.

mod crashes;
mod journal;
mod leaving_out;

use crate::harness::command::{Program, Ran, Running};
use crate::harness::fault_proxy::{FaultProxy, Seen};
use crate::harness::faults::{Fault, Rule};
use crate::harness::images::{CONFIG, Content, LAYER, TestImage, manifest};
use crate::harness::layers::noise;
use crate::harness::scene::{Connected, FILE};
use bundle::oci::Digest;
use reqwest::Method;
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Media type of layers that are worth compressing.
const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A registry behind a proxy, and what an uninterrupted pack of it writes.
struct Scene {
    side: Connected,
    proxy: FaultProxy,
    image: TestImage,
    more: Vec<String>,
    whole: Vec<u8>,
    /// Where it is remembered what was begun.
    state: tempfile::TempDir,
}

/// An image of these layers: compressed already, or to be compressed.
fn image(seed: &str, compressed: &[usize], plain: &[usize]) -> TestImage {
    let layers = compressed
        .iter()
        .enumerate()
        .map(|(n, size)| Content::new(LAYER, noise(&format!("{seed}-{n}"), *size)));
    // Half of each KiB is noise, so that it shrinks and yet takes its time.
    let plain = plain.iter().enumerate().map(|(n, size)| {
        let mut bytes = noise(&format!("{seed}-plain-{n}"), *size);
        bytes.chunks_mut(1024).for_each(|piece| {
            let half = piece.len() / 2;
            piece[..half].fill(n as u8);
        });
        Content::new(TAR, bytes)
    });
    let config = json!({"architecture": "amd64", "os": "linux", "seed": seed}).to_string();
    manifest(Content::new(CONFIG, config), layers.chain(plain).collect(), json!({}))
}

impl Scene {
    fn new(compressed: &[usize], plain: &[usize], more: &[&str]) -> Self {
        let mut side = Connected::start();
        let image = image("resuming", compressed, plain);
        image.push(&side.registry, "team/app", Some("1"));
        let proxy = FaultProxy::start(side.address());
        side.through(proxy.address());
        let more = more.iter().map(|argument| (*argument).to_owned()).collect();
        let state = tempfile::tempdir().expect("a directory");
        let mut scene = Self { side, proxy, image, more, whole: Vec::new(), state };
        scene.pack().expect_code(0);
        scene.whole = scene.take_archive();
        scene.proxy.forget_seen();
        scene
    }

    fn program(&self) -> Program {
        Program::bundle()
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .env("XDG_STATE_HOME", self.state.path().join("state"))
            .args(&["pack", "-o"])
            .arg(self.side.file())
            .arg(self.side.source("team/app:1"))
            .args(&self.more)
    }

    fn pack(&self) -> Ran {
        self.program().run()
    }

    /// The bytes of all files of the archive, which are removed.
    fn take_archive(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for name in self.side.left() {
            assert!(!name.contains("partial"), "{name} is left");
            bytes.extend(fs::read(self.side.output(&name)).expect("archive"));
            fs::remove_file(self.side.output(&name)).expect("removed");
        }
        bytes
    }

    fn layer(&self, number: usize) -> Digest {
        self.image.blobs[number + 1].digest()
    }

    /// What was asked for a layer.
    fn asked_for(&self, number: usize) -> Vec<Seen> {
        let path = format!("/blobs/{}", self.layer(number));
        let seen = self.proxy.seen().into_iter();
        seen.filter(|seen| seen.method == Method::GET && seen.path.ends_with(&path)).collect()
    }

    fn breaks(&self, number: usize, fault: Fault) {
        let path = format!("/blobs/{}", self.layer(number));
        self.proxy.add(Rule::new(Method::GET, move |asked| asked.ends_with(&path), fault));
    }

    fn journal(&self) -> PathBuf {
        self.side.output(&format!("{FILE}.partial.journal"))
    }

    fn partial(&self) -> PathBuf {
        self.side.output(&format!("{FILE}.partial"))
    }

    /// Starts a pack, waits until its files say that it is far enough, and kills it.
    #[track_caller]
    fn kill_when(&self, is_far_enough: impl Fn() -> bool) {
        let running: Running = self.program().start();
        let started = Instant::now();
        while !is_far_enough() {
            assert!(started.elapsed() < PATIENCE, "it never got that far");
            std::thread::yield_now();
        }
        assert!(running.kill(), "it was at work");
    }

    /// The journal claims at least so many bytes of one blob.
    fn claims(&self, bytes: u64) -> bool {
        let text = fs::read_to_string(self.journal()).unwrap_or_default();
        text.lines().skip(2).any(|line| {
            let claim: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            claim["bytes"].as_u64().is_some_and(|claimed| claimed >= bytes)
        })
    }

    /// Nothing is broken any more, but tags are gone.
    fn heal_without_tags(&self) {
        self.proxy.heal();
        self.proxy.forget_seen();
        for method in [Method::GET, Method::HEAD] {
            let tag = |path: &str| path.contains("/manifests/") && !path.contains("sha256:");
            self.proxy.add(Rule::new(method, tag, Fault::status(404)));
        }
    }

    /// The next run completes the archive, and it is the one of an uninterrupted run.
    #[track_caller]
    fn expect_completed(&self) -> Ran {
        let ran = self.pack().expect_code(0);
        assert!(self.take_archive() == self.whole, "other bytes: {ran}");
        ran
    }
}

#[test]
fn a_killed_pack_goes_on_at_the_byte_where_it_stopped() {
    let scene = Scene::new(&[6_000_000, 50_000, 3_000], &[], &[]);
    scene.breaks(0, Fault::HangAfter(4_500_000));
    scene.kill_when(|| scene.claims(4 << 20));
    scene.heal_without_tags();
    let ran = scene.expect_completed();
    ran.expect_error(&["resuming ", &format!("{FILE}: ")]);
    let asked = scene.asked_for(0);
    assert!(asked.len() == 1 && asked[0].from > 3_700_000, "{asked:?}");
    let manifests = scene.proxy.count(&Method::GET, |path| path.contains("/manifests/"));
    assert_eq!(manifests, 0, "no manifest is asked for again");
}

#[test]
fn volumes_go_on_as_well() {
    let scene = Scene::new(&[6_000_000], &[3_000_000], &["--volume-size", "2000000"]);
    scene.breaks(0, Fault::HangAfter(4_500_000));
    scene.kill_when(|| scene.claims(4 << 20));
    scene.heal_without_tags();
    scene.expect_completed();
    let asked = scene.asked_for(0);
    assert!(asked.len() == 1 && asked[0].from > 3_700_000, "{asked:?}");
}

#[test]
fn what_was_compressed_already_is_not_fetched_again() {
    for more in [&[][..], &["--volume-size", "2500000"]] {
        let scene = Scene::new(&[], &[3_000_000, 14_000_000, 2_000_000], more);
        scene.breaks(1, Fault::HangAfter(12_900_000));
        // The first layer, and more than a frame of the second, at half their length.
        let written = || {
            let files = scene.side.left().into_iter().filter(|name| name.ends_with(".partial"));
            let bytes = files.flat_map(|name| fs::read(scene.side.output(&name)).expect("read"));
            bytes.filter(|byte| *byte != 0).count()
        };
        scene.kill_when(|| written() > 3_400_000);
        scene.heal_without_tags();
        scene.expect_completed();
        assert!(scene.asked_for(0).is_empty(), "the first one is whole");
        let asked = scene.asked_for(1);
        assert!(asked.len() == 1 && asked[0].from > 2_000_000, "{asked:?}");
        assert_eq!(scene.asked_for(2).len(), 1);
    }
}

#[test]
fn a_lost_network_is_gone_on_after() {
    let scene = Scene::new(&[6_000_000, 700_000], &[1_500_000], &[]);
    let path = format!("/blobs/{}", scene.layer(0));
    let layer = path.clone();
    let cut_once = Fault::CloseAfter(3_000_000);
    let rule = Rule::new(Method::GET, move |path| path.ends_with(&layer), cut_once);
    scene.proxy.add(rule.first(1));
    scene.breaks(0, Fault::CloseAfter(0));
    let ran = scene.pack().expect_code(5).expect_error(&["run the same command again"]);
    assert!(ran.stderr.contains(path.trim_start_matches("/blobs/")), "{ran}");
    assert!(!scene.side.left().contains(&FILE.to_owned()));
    scene.heal_without_tags();
    scene.expect_completed();
    let asked = scene.asked_for(0);
    assert!(asked.len() == 1 && asked[0].from > 1_700_000, "{asked:?}");
}

#[test]
fn a_full_disk_is_gone_on_after() {
    let scene = Scene::new(&[6_000_000], &[], &[]);
    scene.breaks(0, Fault::HangAfter(3_500_000));
    scene.kill_when(|| scene.claims(3 << 20));
    scene.heal_without_tags();
    // No write beyond 5 MB succeeds, as on a disk that is full where space cannot be taken beforehand.
    let script = "trap '' XFSZ; ulimit -f 4882; exec \"$@\"";
    let ran = Program::new("bash".as_ref())
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .env("XDG_STATE_HOME", scene.state.path().join("state"))
        .args(&["-c", script, "bash", env!("CARGO_BIN_EXE_bundle"), "pack", "-o"])
        .arg(scene.side.file())
        .arg(scene.side.source("team/app:1"))
        .run();
    ran.expect_code(6).expect_error(&["run the same command again"]);
    assert!(!scene.side.left().contains(&FILE.to_owned()));
    scene.expect_completed();
}
