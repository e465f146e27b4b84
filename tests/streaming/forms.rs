//! An archive that another tool compressed anew, or unpacked to the tar, is the same archive.

use super::{feed, unpack};
use crate::harness::command::Program;
use crate::harness::scene::Enclave;
use crate::unpacking::Carried;
use std::path::{Path, PathBuf};

/// The archive in other forms, each with the word for it.
fn forms(carried: &Carried) -> Vec<(PathBuf, &'static str)> {
    let archive = std::fs::read(carried.side.file()).expect("archive");
    let tar = zstd::stream::decode_all(&archive[..]).expect("zstd reads it");
    let mut long = zstd::Encoder::new(Vec::new(), 3).expect("zstd");
    long.window_log(27).expect("window");
    long.long_distance_matching(true).expect("matching");
    std::io::copy(&mut &tar[..], &mut long).expect("compressed");
    let made = [
        ("anew.tar.zst", zstd::encode_all(&tar[..], 19).expect("zstd"), "recompressed"),
        ("long.tar.zst", long.finish().expect("compressed"), "recompressed"),
        ("plain.tar", [&tar[..], &[0; 7 * 512]].concat(), "tar"),
    ];
    made.into_iter()
        .map(|(name, bytes, form)| {
            let path = carried.side.output(name);
            std::fs::write(&path, bytes).expect("file");
            (path, form)
        })
        .collect()
}

#[test]
fn every_form_is_unpacked_and_named() {
    let carried = Carried::new();
    for (file, form) in forms(&carried) {
        let (enclave, piped) = (Enclave::start(), Enclave::start());
        let arguments = ["--key", &carried.key, "--json"];
        let report = enclave.unpack(&file, &arguments).expect_code(0).json();
        assert_eq!(report["form"], form);
        enclave.expect_all_of(&carried.side, "team/app", "team/app");
        let bytes = std::fs::read(&file).expect("file");
        let report = unpack(&piped, &bytes, &arguments).expect_code(0).json();
        assert_eq!(report["form"], form);
        piped.expect_all_of(&carried.side, "team/app", "team/app");
        let said = enclave.unpack(&file, &["--key", &carried.key]).expect_code(0).stdout;
        assert!(said.starts_with("form: "), "{said}");
    }
}

#[test]
fn every_form_is_inspected_and_verified() {
    let carried = Carried::new();
    let usual = (carried.side.file(), "frames");
    for (file, form) in forms(&carried).into_iter().chain([usual]) {
        let run = |command: &str, file: &Path| {
            Program::bundle().args(&[command, "--json"]).arg(file).run()
        };
        let report = run("inspect", &file).expect_code(0).json();
        assert_eq!(report["form"], form);
        assert_eq!(report["fileSize"], std::fs::metadata(&file).expect("file").len());
        let whole = run("verify", &file).expect_code(0).json();
        let bytes = std::fs::read(&file).expect("file");
        let piped = feed(Program::bundle().args(&["verify", "--json", "-"]), &bytes);
        let piped = piped.expect_code(0).json();
        for key in ["bundleDigest", "blobs", "bytes", "damaged"] {
            assert_eq!(whole[key], piped[key], "{form} {key}");
        }
        let piped = feed(Program::bundle().args(&["inspect", "--json", "-"]), &bytes);
        let piped = piped.expect_code(0).json();
        assert_eq!(piped["form"], form);
        assert_eq!(piped["bundleDigest"], report["bundleDigest"]);
        assert_eq!(piped["seekTable"], "unused");
        assert!(piped.get("fileSize").is_none());
    }
}

#[test]
fn damage_in_a_tar_is_refused_and_named() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let (tar, _) = forms(&carried).pop().expect("the tar");
    let whole = std::fs::read(&tar).expect("tar");
    let last = whole.len() - 7 * 512 - 1024 - 600;
    let mut flipped = whole.clone();
    flipped[last] ^= 1;
    std::fs::write(&tar, &flipped).expect("tar");
    enclave.unpack(&tar, &["--key", &carried.key, "--install-keys"]).expect_code(6);
    enclave.expect_untouched();
    let report = Program::bundle().args(&["verify", "--json"]).arg(&tar).run().expect_code(6);
    let damaged = report.json()["damaged"].as_array().cloned().expect("damaged");
    assert_eq!(damaged.len(), 1, "{report}");
    assert_eq!(damaged[0]["images"][0], "registry.example/team/app:1");
    std::fs::write(&tar, &whole[..last]).expect("tar");
    enclave.unpack(&tar, &["--key", &carried.key]).expect_code(6);
    enclave.expect_untouched();
    std::fs::write(&tar, &whole).expect("tar");
    enclave.unpack(&tar, &["--key", &carried.key]).expect_code(0);
}
