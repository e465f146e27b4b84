//! `scripts/read-archive.py`, a reader written from `docs/spec/format.md` alone, on archives of this program.

use crate::harness::command::{Program, Ran, run};
use crate::harness::scene::{Connected, HOST, inspect};
use crate::harness::signer::Signer;
use crate::volumes::Cut;
use bundle_testing::peers;
use std::fs;
use std::path::{Path, PathBuf};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/read-archive.py");

/// The reader, and bundles for it.
struct Scene {
    python: PathBuf,
    side: Connected,
    key: String,
}

impl Scene {
    fn new(test: &str) -> Option<Self> {
        let [python, _] = peers::require_all(test, ["python3", "zstd"])?;
        let side = Connected::start();
        let signer = Signer::p256();
        side.signed("team/app", &signer);
        side.signed("team/db", &signer);
        let key = side.key("release.pub", &signer);
        Some(Self { python, side, key })
    }

    fn pack(&self, arguments: &[&str]) {
        let key = ["--key", &self.key];
        self.side.pack(&["team/app:1", "team/db:1"], &[&key, arguments].concat()).expect_code(0);
    }

    fn read(&self, files: &[PathBuf]) -> Ran {
        let program = Program::new(&self.python).arg(SCRIPT);
        files.iter().fold(program, Program::arg).run()
    }

    fn expect_whole(&self, files: &[PathBuf], sealed: bool) {
        let ran = self.read(files).expect_code(0);
        let report = inspect(&files[0]);
        for image in report["images"].as_array().expect("images") {
            let part = |name: &str| image[name].as_str().expect("a text").to_owned();
            let line = format!("image {} {}", part("source"), part("digest"));
            assert!(ran.stdout.lines().any(|said| said == line), "{line}: {ran}");
        }
        assert!(ran.stdout.contains(report["bundleDigest"].as_str().expect("a digest")), "{ran}");
        assert_eq!(ran.stdout.contains("sealed (not verified)"), sealed, "{ran}");
    }

    /// Refuses the archive with one bit changed at each of these places.
    fn expect_refused_with(&self, file: &Path, places: impl Iterator<Item = usize>) {
        let bytes = fs::read(file).expect("archive");
        let damaged = self.side.output("damaged.tar.zst");
        for place in places {
            let mut other = bytes.clone();
            other[place] ^= 1;
            fs::write(&damaged, &other).expect("written");
            let ran = self.read(std::slice::from_ref(&damaged)).expect_code(1);
            assert!(ran.stderr.starts_with("refused: "), "{place}: {ran}");
        }
    }
}

#[test]
fn independent_reader_reads_an_archive_and_refuses_damage() {
    let test = "independent_reader_reads_an_archive_and_refuses_damage";
    let Some(scene) = Scene::new(test) else { return };
    scene.pack(&[]);
    let file = scene.side.file();
    scene.expect_whole(std::slice::from_ref(&file), false);
    assert!(scene.read(std::slice::from_ref(&file)).stdout.contains(&format!("{HOST}/team/app")));
    // All but the seek table, a hint, which has some hundred bytes here.
    let length = fs::metadata(&file).expect("archive").len() as usize;
    scene.expect_refused_with(&file, (0..length - 2000).step_by(length / 40));
    let bytes = fs::read(&file).expect("archive");
    for (name, other) in [
        ("cut", bytes[..length / 2].to_vec()),
        ("with a byte more", [&bytes[..], b"x"].concat()),
        ("twice", bytes.repeat(2)),
    ] {
        let damaged = scene.side.output("other.tar.zst");
        fs::write(&damaged, other).expect("written");
        let ran = scene.read(&[damaged]);
        assert_eq!(ran.code, Some(1), "{name}: {ran}");
    }
    scene.read(&[scene.side.output("missing.tar.zst")]).expect_code(2);
}

#[test]
fn independent_reader_reads_volumes_in_order_alone() {
    let Some(scene) = Scene::new("independent_reader_reads_volumes_in_order_alone") else { return };
    let cut = Cut::new();
    let mut volumes = cut.volumes.clone();
    assert!(volumes.len() >= 3, "{volumes:?}");
    scene.expect_whole(&volumes, false);
    let last = volumes.len() - 1;
    scene.read(&volumes[..last]).expect_code(1);
    volumes.swap(0, last);
    scene.read(&volumes).expect_code(1);
}

#[test]
fn independent_reader_reads_a_sealed_archive() {
    let Some(scene) = Scene::new("independent_reader_reads_a_sealed_archive") else { return };
    scene.pack(&[]);
    let file = scene.side.file();
    let prefix = scene.side.output("seal").display().to_string();
    let with_password = |arguments: &[&str]| {
        Program::bundle().env("COSIGN_PASSWORD", "a password").args(arguments).run()
    };
    with_password(&["keygen", "--output-key-prefix", &prefix]).expect_code(0);
    let (shown, private) = (file.display().to_string(), format!("{prefix}.key"));
    let root = tempfile::tempdir().expect("root");
    let root = root.path().display().to_string();
    let trust = ["--key", &*scene.key, "--root", &root];
    let seal = [&["seal", &*shown, "--seal-key", &private][..], &trust].concat();
    with_password(&seal).expect_code(0);
    scene.expect_whole(std::slice::from_ref(&file), true);
    run(&["inspect", &shown]).expect_code(0);
}
