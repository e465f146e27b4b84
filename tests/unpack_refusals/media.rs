//! Archives that were damaged or tampered with on the way.

use crate::harness::frames::{Frame, frames};
use crate::harness::images;
use crate::harness::scene::{Connected, Enclave, HOST, names};
use crate::harness::signer::Signer;
use crate::unpacking::Carried;
use std::fs;
use std::path::PathBuf;

/// Places at which a bit is flipped in a short run, and with `BUNDLE_LONG` set.
const FLIPS: usize = 100;
const FLIPS_LONG: usize = 2_000;

/// A packed image and its archive's bytes, to be broken.
struct Broken {
    carried: Carried,
    bytes: Vec<u8>,
}

impl Broken {
    fn new() -> Self {
        let carried = Carried::new();
        let bytes = fs::read(carried.side.file()).expect("archive");
        Self { carried, bytes }
    }

    /// Writes these bytes to a file.
    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.carried.side.output("broken.tar.zst");
        fs::write(&path, bytes).expect("archive");
        path
    }

    /// Unpacking these bytes is refused as a damaged archive, and nothing is left of it.
    #[track_caller]
    fn expect_refused(&self, what: &str, bytes: &[u8]) {
        let enclave = Enclave::start();
        let key = &self.carried.key;
        let ran = enclave.unpack(&self.file(bytes), &["--install-keys", "--key", key]);
        assert_eq!(ran.code, Some(6), "{what}: {ran}");
        assert!(!ran.stderr.contains("panicked"), "{what}: {ran}");
        enclave.expect_untouched();
    }
}

#[test]
fn an_archive_that_ends_early_is_refused() {
    let broken = Broken::new();
    let whole = &broken.bytes;
    // The archive without its seek table is whole: the table is a hint.
    let table = frames(whole).pop().expect("seek table").bytes;
    let mut ends = vec![0, 1, 4, 100, 511, whole.len() / 3, whole.len() / 2, table.start - 1];
    ends.extend(frames(whole).iter().map(|frame| frame.bytes.start));
    ends.retain(|end| *end < table.start);
    for end in ends {
        broken.expect_refused(&format!("the first {end} bytes"), &whole[..end]);
    }
    let enclave = Enclave::start();
    let file = broken.file(&whole[..table.start]);
    enclave.unpack(&file, &["--key", &broken.carried.key]).expect_code(0);
    enclave.expect_all_of(&broken.carried.side, "team/app", "team/app");
}

#[test]
fn what_follows_the_end_is_refused() {
    let broken = Broken::new();
    let frame = frames(&broken.bytes).into_iter().find(|frame| !frame.skippable).expect("frame");
    for (what, tail) in [
        ("one byte", &b"x"[..]),
        ("zeros", &[0; 512]),
        ("a frame", &broken.bytes[frame.bytes]),
        ("the archive again", &broken.bytes),
    ] {
        broken.expect_refused(what, &[&broken.bytes, tail].concat());
    }
}

#[test]
fn frames_in_another_order_are_refused() {
    let side = Connected::start();
    let signer = Signer::p256();
    // Layers of one size, so that frames can be swapped without anything else moving.
    let image = images::image("swap", "linux/amd64", &[9_000, 9_000, 9_000]);
    image.push(&side.registry, "team/app", Some("1"));
    side.sign("team/app", &image.digest(), &signer);
    let key = side.key("release.pub", &signer);
    side.pack(&["team/app:1"], &["--key", &key]).expect_code(0);
    let bytes = fs::read(side.file()).expect("archive");
    let data: Vec<Frame> = frames(&bytes).into_iter().filter(|frame| !frame.skippable).collect();
    let enclave = Enclave::start();
    let file = side.output("broken.tar.zst");
    let mut swaps = 0;
    for pair in data.windows(2).filter(|pair| pair[0].bytes.len() == pair[1].bytes.len()) {
        let (first, second) = (pair[0].bytes.clone(), pair[1].bytes.clone());
        let swapped =
            [&bytes[..first.start], &bytes[second.clone()], &bytes[first], &bytes[second.end..]]
                .concat();
        fs::write(&file, swapped).expect("archive");
        let ran = enclave.unpack(&file, &["--key", &key]);
        assert_eq!(ran.code, Some(6), "{ran}");
        enclave.expect_untouched();
        swaps += 1;
    }
    assert!(swaps >= 2, "frames of one size were there: {data:?}");
    // Left out, or doubled.
    let last = data[data.len() - 2].bytes.clone();
    for changed in [
        [&bytes[..last.start], &bytes[last.end..]].concat(),
        [&bytes[..last.end], &bytes[last.start..]].concat(),
    ] {
        fs::write(&file, changed).expect("archive");
        enclave.unpack(&file, &["--key", &key]).expect_code(6);
        enclave.expect_untouched();
    }
    enclave.unpack(&side.file(), &["--key", &key]).expect_code(0);
}

#[test]
fn a_flipped_bit_anywhere_is_refused_or_changes_nothing() {
    let broken = Broken::new();
    let whole = &broken.bytes;
    let frames = frames(whole);
    let number = if std::env::var_os("BUNDLE_LONG").is_some() { FLIPS_LONG } else { FLIPS };
    let target = tempfile::tempdir().expect("directory");
    let enclave = Enclave::start();
    let (mut refused, mut harmless) = (0, 0);
    // Data frames are what counts: slack and seek table get their share at the end.
    let data: Vec<usize> =
        frames.iter().filter(|frame| !frame.skippable).flat_map(|f| f.bytes.clone()).collect();
    let skipped: Vec<usize> =
        frames.iter().filter(|frame| frame.skippable).flat_map(|f| f.bytes.clone()).collect();
    let spread = |places: &[usize], number: usize| -> Vec<usize> {
        (0..number).map(|n| places[n * places.len() / number + n % 2]).collect()
    };
    let places = [spread(&data, number - number / 10), spread(&skipped, number / 10)].concat();
    for (n, place) in places.into_iter().enumerate() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (n % 8);
        let file = broken.file(&bytes);
        let layout = target.path().join(n.to_string());
        let to = format!("oci:{}", layout.display());
        let ran = enclave.unpack_to(&file, &to, &["--install-keys", "--key", &broken.carried.key]);
        let skippable = frames.iter().any(|f| f.skippable && f.bytes.contains(&place));
        match ran.code {
            Some(0) if skippable => {
                harmless += 1;
                assert!(layout.join("index.json").is_file());
                for path in enclave.installed() {
                    fs::remove_file(enclave.root().join(path)).expect("key");
                }
            }
            Some(6) => {
                refused += 1;
                let index = fs::read_to_string(layout.join("index.json")).unwrap_or_default();
                assert!(!index.contains(HOST), "byte {place}: {index}");
                assert_eq!(enclave.installed(), [""; 0], "byte {place}");
            }
            _ => panic!("byte {place} of {}, bit {}: {ran}", whole.len(), n % 8),
        }
        let _ = fs::remove_dir_all(&layout);
    }
    assert!(refused >= number - number / 10, "{refused} refused, {harmless} harmless");
}

#[test]
fn content_that_was_replaced_with_care_is_refused() {
    // An attacker who knows the format mends every checksum: only digests stop him.
    let broken = Broken::new();
    let mut caught = 0;
    for frame in frames(&broken.bytes).iter().filter(|frame| !frame.skippable) {
        let mut bytes = broken.bytes.clone();
        let range = frame.bytes.clone();
        let mut content =
            zstd::stream::decode_all(&bytes[range.clone()]).expect("a frame by itself");
        // Past the tar header, where content is; in a frame of one raw block, just before the checksum.
        let raw =
            content.len() > 512 && bytes[range.clone()].windows(100).any(|w| *w == content[..100]);
        if !raw || content.len() > 128 << 10 {
            continue;
        }
        content[512] ^= 1;
        let place = range.end - 4 - content.len() + 512;
        bytes[place] ^= 1;
        let mended = xxhash_rust::xxh64::xxh64(&content, 0).to_le_bytes();
        bytes[range.end - 4..range.end].copy_from_slice(&mended[..4]);
        assert_eq!(zstd::stream::decode_all(&bytes[range]).expect("sound to zstd"), content);
        broken.expect_refused(&format!("frame at {}", frame.bytes.start), &bytes);
        caught += 1;
    }
    assert!(caught >= 5, "{caught} frames were tampered with");
}

#[test]
fn what_is_no_bundle_is_called_so() {
    let broken = Broken::new();
    let (tar, zstd) = (b"not a tar".repeat(1_000), b"\x28\xb5\x2f\xfd");
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("text", b"hello".to_vec()),
        ("noise", crate::harness::layers::noise("noise", 100_000)),
        ("a magic number", zstd.to_vec()),
        ("zstd of something", zstd::stream::encode_all(&tar[..], 3).expect("zstd")),
    ] {
        let file = broken.file(&bytes);
        for command in ["inspect", "unpack"] {
            let mut program = crate::harness::command::Program::bundle().arg(command).arg(&file);
            if command == "unpack" {
                program = program.args(&["--to", "127.0.0.1:1"]);
            }
            let ran = program.run();
            assert_eq!(ran.code, Some(6), "{what}: {ran}");
        }
    }
    let left = names(broken.carried.side.file().parent().expect("directory"));
    assert_eq!(left, ["broken.tar.zst", "out.tar.zst"]);
}
