//! A set is read as it lies.

use super::{Cut, REPOSITORIES, listing, move_to_other_folder, on};
use crate::harness::registry::Registry;
use crate::harness::scene::{Connected, Enclave};
use crate::harness::servers::BundleServe;
use std::fs;
use std::path::PathBuf;

/// Unpacks into a fresh enclave and compares everything.
#[track_caller]
fn arrives(cut: &Cut, enclave: &Enclave, files: &[PathBuf]) {
    let rest: Vec<_> = files[1..].iter().map(|path| path.to_str().expect("path")).collect();
    let arguments = [&["--key", &cut.key], &rest[..]].concat();
    enclave.unpack(&files[0], &arguments).expect_code(0);
    for name in REPOSITORIES {
        enclave.expect_all_of(&cut.side, name, name);
    }
}

#[test]
fn a_set_goes_from_one_registry_to_another_by_any_of_its_names() {
    let test = "a_set_goes_from_one_registry_to_another_by_any_of_its_names";
    let Some(side) = Connected::docker(test) else { return };
    let cut = Cut::from(side, "1500000");
    let Some(enclave) = Enclave::docker(test) else { return };
    arrives(&cut, &enclave, &[cut.side.file()]);
    let folder = cut.side.file().parent().expect("folder").to_owned();
    for files in [vec![cut.volumes[0].clone()], vec![cut.volumes[1].clone()], vec![folder]] {
        arrives(&cut, &Enclave::start(), &files);
    }
}

#[test]
fn a_set_may_lie_in_several_folders() {
    let cut = Cut::new();
    let (folder, moved) = move_to_other_folder(&cut.volumes[1..2]);
    let base = cut.side.file();
    let error =
        on("unpack", std::slice::from_ref(&base), &["--to", "oci:nowhere", "--key", &cut.key]);
    let hint = format!("name its folder too: {} /other/folder", base.display());
    error.expect_code(6).expect_error(&[&cut.name(2), "is missing", &hint]);
    for files in
        [vec![base.clone(), folder.path().to_owned()], vec![base.clone(), moved[0].clone()]]
    {
        arrives(&cut, &Enclave::start(), &files);
        on("verify", &files, &["-q"]).expect_code(0);
        let report = on("inspect", &files, &["--json"]).expect_code(0).json();
        crate::schemas::assert_described("inspect-report.schema.json", &report);
        let volumes = report["volumes"].as_array().expect("volumes");
        assert_eq!(volumes.len(), cut.volumes.len());
        assert_eq!(volumes[1]["file"], moved[0].to_str().expect("path"));
    }
    let text = on("inspect", &[base, folder.path().to_owned()], &[]).expect_code(0).stdout;
    assert!(text.contains(&format!("volume {} (", moved[0].display())), "{text}");
}

#[test]
fn joined_and_renamed_volumes_are_read_too() {
    let cut = Cut::new();
    let joined = cut.side.output("joined.tar.zst");
    fs::write(&joined, cut.joined()).expect("joined");
    arrives(&cut, &Enclave::start(), std::slice::from_ref(&joined));
    let report = on("inspect", &[joined], &["--json"]).expect_code(0).json();
    assert_eq!(report.get("volumes"), None);
    assert_eq!(report["seekTable"], "sound");

    let folder = tempfile::tempdir().expect("folder");
    let renamed = cut.volumes.iter().enumerate().rev().map(|(number, path)| {
        let name = folder.path().join(format!("disk{}", (number * 7 + 3) % 10));
        fs::copy(path, &name).expect("copied");
        name
    });
    let renamed: Vec<PathBuf> = renamed.collect();
    assert_eq!(listing(folder.path()).len(), cut.volumes.len());
    arrives(&cut, &Enclave::start(), &renamed);
    let without = [&renamed[..1], &renamed[2..]].concat();
    on("verify", &without, &["-q"]).expect_code(6).expect_error(&["is not among those named"]);
    let first = renamed.last().expect("first").clone();
    on("verify", &[first], &["-q"]).expect_code(6).expect_error(&["volume 2, which is missing"]);
    on("verify", &renamed[..1], &["-q"])
        .expect_code(6)
        .expect_error(&["where volume 1 is expected", "hint: name all volumes"]);
}

#[test]
fn a_shell_pattern_names_the_list_of_checksums_too() {
    let cut = Cut::new();
    let mut files = cut.volumes.clone();
    files.push(cut.side.output(&format!("{}.sha256", crate::harness::scene::FILE)));
    assert!(files.iter().all(|file| file.exists()));
    on("verify", &files, &["-q"]).expect_code(0);
}

#[test]
fn several_bundles_are_served_each_from_its_volumes() {
    let (cut, other) = (Cut::new(), super::super::unpacking::Carried::new());
    let (_folder, moved) = move_to_other_folder(&cut.volumes[2..]);
    // team/app:1 is in both; the later one counts.
    let files = [&[cut.volumes[0].clone()][..], &[other.side.file()], &moved[..1]].concat();
    let server = BundleServe::of_files(&files.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    let registry = Registry::at(server.address());
    assert_eq!(registry.repositories(), REPOSITORIES);
    let served = registry.manifest(REPOSITORIES[1], "1").expect("manifest").bytes;
    assert_eq!(served, cut.side.registry.manifest(REPOSITORIES[1], "1").expect("manifest").bytes);
    let served = registry.manifest(REPOSITORIES[0], "1").expect("manifest").bytes;
    assert_eq!(served, other.side.registry.manifest(REPOSITORIES[0], "1").expect("manifest").bytes);
    let ran = on("serve", &cut.volumes[..1], &["--listen", "127.0.0.1:0"]).expect_code(6);
    ran.expect_error(&[&cut.name(3), "is missing", "name its folder too"]);
}
