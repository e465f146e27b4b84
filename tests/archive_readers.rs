//! Ordinary tools read what `bundle pack` writes.

use crate::harness::command::{Program, Ran};
use crate::harness::images;
use crate::harness::scene::{Connected, HOST};
use crate::harness::signer::Signer;
use bundle_testing::peers;
use std::path::Path;

/// A bundle of a signed multi-platform image, an image with a blob that is not compressed yet, and one by digest.
fn several() -> (Connected, Vec<String>) {
    let side = Connected::start();
    let signer = Signer::p256();
    side.signed("team/app", &signer);
    let plain =
        images::Content::new("application/vnd.oci.image.layer.v1.tar", plain_tar(3_000_000));
    let config = serde_json::json!({
        "os": "linux", "architecture": "amd64", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [plain.digest()]},
    });
    let config = images::Content::new(images::CONFIG, config.to_string());
    let image = images::manifest(config, vec![plain], serde_json::json!({}));
    image.push(&side.registry, "plain", Some("v1.0"));
    let by_digest = images::image("digest", "linux/amd64", &[4_000]);
    by_digest.push(&side.registry, "pinned", None);
    let names = vec![
        "team/app:1".to_owned(),
        "plain:v1.0".to_owned(),
        format!("pinned@{}", by_digest.digest()),
    ];
    let references: Vec<_> = names.iter().map(String::as_str).collect();
    side.pack(&references, &[]).expect_code(0);
    (side, names)
}

/// A tar that compresses well.
fn plain_tar(size: usize) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_path("zeros").expect("path");
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut archive = tar::Builder::new(Vec::new());
    archive.append(&header, &vec![0; size][..]).expect("entry");
    archive.into_inner().expect("tar")
}

#[test]
fn zstd_tests_it_and_tar_lists_it() {
    let test = "zstd_tests_it_and_tar_lists_it";
    let Some([zstd, tar]) = peers::require_all(test, ["zstd", "tar"]) else {
        return;
    };
    let (side, _) = several();
    Program::new(&zstd).arg("-t").arg(side.file()).run().expect_code(0);
    let listed = Program::new(&tar).args(&["--zstd", "-tf"]).arg(side.file()).run().expect_code(0);
    assert_eq!(listed.stderr, "", "not a word of warning");
    let names: Vec<_> = listed.stdout.lines().collect();
    assert_eq!(names[..3], ["oci-layout", "bundle.json", "index.json"], "trust first");
    for name in &names[3..] {
        assert!(name.starts_with("blobs/sha256/") || name.starts_with("keys/"), "{name}");
    }
    // What tar takes out is what the names promise.
    let directory = tempfile::tempdir().expect("directory");
    Program::new(&tar)
        .args(&["--zstd", "-xf"])
        .arg(side.file())
        .arg("-C")
        .arg(directory.path())
        .run()
        .expect_code(0);
    let blobs = directory.path().join("blobs/sha256");
    let mut checked = 0;
    for name in crate::harness::scene::names(&blobs) {
        let bytes = std::fs::read(blobs.join(&name)).expect("blob");
        assert_eq!(bundle::oci::Digest::of(&bytes).hex(), name);
        checked += 1;
    }
    assert_eq!(side.inspect()["totals"]["blobs"], checked);
    // A flipped bit is found by zstd alone.
    let mut bytes = std::fs::read(side.file()).expect("archive");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let broken = side.output("broken.tar.zst");
    std::fs::write(&broken, bytes).expect("copy");
    assert_ne!(Program::new(&zstd).arg("-t").arg(&broken).run().code, Some(0));
}

fn skopeo_copy(skopeo: &Path, arguments: &[&str], from: &str, to: &Path) -> Ran {
    Program::new(skopeo)
        .args(&["--insecure-policy", "copy"])
        .args(arguments)
        .arg(from)
        .arg(format!("dir:{}", to.display()))
        .run()
}

#[test]
fn skopeo_copies_every_image_by_its_name() {
    let test = "skopeo_copies_every_image_by_its_name";
    let Some(skopeo) = peers::require(test, "skopeo-new") else {
        return;
    };
    let (side, names) = several();
    let report = side.inspect();
    for (number, name) in names.iter().enumerate() {
        let from = format!("oci-archive:{}:{HOST}/{name}", side.file().display());
        let target = tempfile::tempdir().expect("directory");
        skopeo_copy(&skopeo, &["--all", "--preserve-digests"], &from, target.path()).expect_code(0);
        let manifest = std::fs::read(target.path().join("manifest.json")).expect("manifest");
        let digest = bundle::oci::Digest::of(&manifest).to_string();
        assert_eq!(report["images"][number]["digest"], digest, "{name}");
    }
    let from = format!("oci-archive:{}:{HOST}/team/none:1", side.file().display());
    let target = tempfile::tempdir().expect("directory");
    assert_ne!(skopeo_copy(&skopeo, &[], &from, target.path()).code, Some(0));
}

#[test]
fn podman_loads_a_bundle_of_one_signed_image() {
    let test = "podman_loads_a_bundle_of_one_signed_image";
    let Some(podman) = peers::require(test, "podman") else {
        return;
    };
    let side = Connected::start();
    let signer = Signer::p256();
    let key = side.key("release.pub", &signer);
    side.signed("team/app", &signer);
    side.pack(&["team/app:1"], &["--key", &key, "--platform", "linux/amd64"]).expect_code(0);
    let store = tempfile::tempdir().expect("store");
    let podman = |arguments: &[&str]| {
        let at = |name: &str| store.path().join(name);
        Program::new(&podman)
            .args(&["--storage-driver", "vfs", "--events-backend", "none", "--root"])
            .arg(at("root"))
            .arg("--runroot")
            .arg(at("run"))
            .args(arguments)
            .run()
    };
    let file = side.file();
    let loaded = podman(&["load", "-i", file.to_str().expect("path")]).expect_code(0);
    assert!(format!("{loaded}").contains(&format!("{HOST}/team/app:1")), "{loaded}");
    let listed = podman(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]).expect_code(0);
    assert_eq!(listed.stdout.trim(), format!("{HOST}/team/app:1"));
}
