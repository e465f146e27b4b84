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

/// What a program of this machine makes of a file.
fn made_by(program: &str, arguments: &[&str]) -> Vec<u8> {
    let made = std::process::Command::new(program).args(arguments).output().expect("it is there");
    assert!(made.status.success(), "{program}");
    made.stdout
}

#[test]
fn what_is_no_bundle_is_named_with_a_way_out_that_works() {
    let carried = Carried::new();
    let (tar, _) = forms(&carried).pop().expect("the tar");
    let shown = tar.to_str().expect("path");
    let folder = tempfile::tempdir().expect("folder");
    let into = folder.path().to_str().expect("path");
    made_by("tar", &["-C", into, "-xf", shown]);
    let remade = made_by("tar", &["-C", into, "-cf", "-", "."]);
    let file = carried.side.output("strange");
    let shown_file = file.to_str().expect("path");
    let gzip = [format!("gzip -dc {shown_file} | bundle unpack - "), "| gzip -dc |".into()];
    let others = ["zstd -dc".to_owned(), "zstd -dc".into()];
    let size = ["compare its size".to_owned(), "compare its size".into()];
    let twice = [format!("zstd -dc {shown_file} | bundle unpack - "), "| zstd -dc |".into()];
    let archive = std::fs::read(carried.side.file()).expect("archive");
    let remade_anew = zstd::encode_all(&remade[..], 1).expect("zstd");
    for (bytes, what, [hint, hint_for_pipes]) in [
        (zstd::encode_all(&archive[..], 1).expect("zstd"), "compressed twice", twice),
        (remade_anew, "a tar that another tool made", others.clone()),
        (made_by("gzip", &["-c", shown]), "compressed by gzip", gzip),
        (remade, "a tar that another tool made", others),
        (Vec::new(), "it is empty", size),
    ] {
        std::fs::write(&file, &bytes).expect("file");
        let enclave = Enclave::start();
        let arguments = ["--key", &carried.key];
        let refused = [
            enclave.unpack(&file, &arguments),
            Program::bundle().arg("inspect").arg(&file).run(),
            Program::bundle().arg("verify").arg(&file).run(),
            Program::bundle().args(&["serve", "--listen", "127.0.0.1:0"]).arg(&file).run(),
        ];
        for ran in refused {
            ran.expect_code(6).expect_error(&[shown_file, "is not a bundle", what, &hint]);
        }
        let ran = unpack(&enclave, &bytes, &arguments);
        ran.expect_code(6).expect_error(&["is not a bundle", what, &hint_for_pipes]);
        enclave.expect_untouched();
    }
    std::fs::write(&file, made_by("gzip", &["-c", shown])).expect("file");
    let enclave = Enclave::start();
    let bytes = made_by("gzip", &["-dc", shown_file]);
    unpack(&enclave, &bytes, &["--key", &carried.key]).expect_code(0);
    enclave.expect_all_of(&carried.side, "team/app", "team/app");
}

#[test]
fn other_forms_are_not_served_and_the_way_on_is_named() {
    let carried = Carried::new();
    for (file, _) in forms(&carried) {
        let ran = Program::bundle().args(&["serve", "--listen", "127.0.0.1:0"]).arg(&file).run();
        let shown = file.display().to_string();
        let hint = format!("bundle unpack {shown} --to oci:DIR");
        ran.expect_code(6).expect_error(&[&shown, "read in order only", &hint]);
    }
}

#[test]
fn frames_behind_skippable_ones_are_unpacked_from_a_pipe() {
    let carried = Carried::new();
    let archive = std::fs::read(carried.side.file()).expect("archive");
    let tar = zstd::stream::decode_all(&archive[..]).expect("zstd reads it");
    // As parallel compressors do: before each frame a skippable one that states its length.
    let mut bytes = Vec::new();
    for piece in tar.chunks(300_000) {
        let frame = zstd::encode_all(piece, 3).expect("zstd");
        bytes.extend([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0]);
        bytes.extend((frame.len() as u32).to_le_bytes());
        bytes.extend(frame);
    }
    let enclave = Enclave::start();
    let report = unpack(&enclave, &bytes, &["--key", &carried.key, "--json"]).expect_code(0).json();
    assert_eq!(report["form"], "recompressed");
    enclave.expect_all_of(&carried.side, "team/app", "team/app");
}
