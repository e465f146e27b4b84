//! Media that are too small, or that take no long files: noticed before anything is fetched.

use crate::harness::command::{Program, Ran};
use crate::harness::scene::{Connected, names};
use std::path::Path;

/// A layout directory with an image whose one layer says that it has `size` bytes, and has: as a hole.
fn sparse_image(size: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    let blobs = folder.path().join("blobs/sha256");
    std::fs::create_dir_all(&blobs).expect("folder");
    let put = |bytes: &[u8]| {
        let digest = bundle::oci::Digest::of(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes).expect("blob");
        (digest.to_string(), bytes.len())
    };
    // Nobody reads as far as to find that it is another one.
    let layer = bundle::oci::Digest::of(b"a layer of zeros");
    let file = std::fs::File::create(blobs.join(layer.hex())).expect("blob");
    file.set_len(size).expect("a hole");
    let config =
        r#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let (config, config_size) = put(config.as_bytes());
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer.to_string(), "size": size}],
    });
    let (manifest, manifest_size) = put(manifest.to_string().as_bytes());
    let index = serde_json::json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest, "size": manifest_size,
            "annotations": {"org.opencontainers.image.ref.name": "registry.example/team/large:1"},
        }],
    });
    std::fs::write(folder.path().join("index.json"), index.to_string()).expect("index");
    std::fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
        .expect("layout");
    folder
}

/// Packs `source` into `folder` by a shell script that ends with `exec "$@"`.
fn pack_by(script: &str, folder: &Path, source: &str, arguments: &[&str]) -> Ran {
    Program::new("sh".as_ref())
        .args(&["-c", script, "sh"])
        .args(&[env!("CARGO_BIN_EXE_bundle"), "pack", "-q", source, "-o"])
        .arg(folder.join("a"))
        .args(arguments)
        .run()
}

fn layout(folder: &tempfile::TempDir) -> String {
    format!("oci:{}:registry.example/team/large:1", folder.path().display())
}

#[test]
fn more_than_is_free_is_refused_with_both_numbers() {
    // No file system that tests run on has 4 EB.
    let image = sparse_image(4 << 40);
    let folder = tempfile::tempdir().expect("folder");
    let ran = pack_by(r#"exec "$@""#, folder.path(), &layout(&image), &[]).expect_code(6);
    let shown = folder.path().display().to_string();
    ran.expect_error(&[
        &shown,
        " free, the archive needs up to 4.4 TB",
        "free space",
        "--volume-size",
    ]);
    assert_eq!(names(folder.path()), [""; 0], "nothing is left");
}

#[test]
fn a_limit_on_the_length_of_files_is_met_by_volumes() {
    let image = sparse_image(30 << 20);
    let folder = tempfile::tempdir().expect("folder");
    // In units of 512 bytes: 8 MiB.
    let script = r#"ulimit -f 16384; exec "$@""#;
    let ran = pack_by(script, folder.path(), &layout(&image), &[]).expect_code(6);
    ran.expect_error(&["more than a file may have there (8.4 MB)", "--volume-size 8MiB"]);
    assert_eq!(names(folder.path()), [""; 0], "nothing is left");
    let side = Connected::start();
    side.unsigned("team/app");
    let source = side.source("team/app:1");
    pack_by(script, folder.path(), &source, &["--volume-size", "8MiB"]).expect_code(0);
    let ran = pack_by(script, folder.path(), &layout(&image), &["--volume-size", "8MiB"]);
    // It goes as far as to fetch the layer, which is another one.
    assert!(ran.stderr.contains("hashes to"), "{ran}");
}

#[test]
fn medium_is_refused_only_when_it_is_too_small() {
    let test = "medium_is_refused_only_when_it_is_too_small";
    let folder = tempfile::tempdir().expect("folder");
    let (mount, at) = (folder.path().join("mount"), folder.path().display());
    std::fs::create_dir(&mount).expect("folder");
    let script =
        |size: &str| format!(r#"mount -t tmpfs -o size={size} none {at}/mount && exec "$@""#);
    let private = |size: &str, source: &str| {
        let script = format!(r#"exec unshare -m sh -c '{}' sh "$@""#, script(size));
        pack_by(&script, &mount, source, &[])
    };
    let able = Program::new("unshare".as_ref())
        .args(&["-m", "sh", "-c", &script("4m"), "sh", "true"])
        .run();
    if able.code != Some(0) {
        println!("left out: {test} may not mount: {}", able.stderr);
        return;
    }
    let image = sparse_image(30 << 20);
    let ran = private("4m", &layout(&image)).expect_code(6);
    ran.expect_error(&["mount has 4.2 MB free, the archive needs up to 31.5 MB"]);
    let side = Connected::start();
    side.unsigned("team/app");
    private("4m", &side.source("team/app:1")).expect_code(0);
}

#[test]
fn fat_takes_no_files_of_4_gib() {
    let test = "fat_takes_no_files_of_4_gib";
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path().display();
    let mount = folder.path().join("mount");
    std::fs::create_dir(&mount).expect("folder");
    let prepare = format!(
        "truncate -s 64M {at}/image && mkfs.vfat {at}/image >&2 && mount -t vfat -o loop {at}/image {at}/mount"
    );
    let able = Program::new("unshare".as_ref()).args(&["-m", "sh", "-c", &prepare]).run();
    if able.code != Some(0) {
        println!("left out: {test} has no FAT: {}", able.stderr);
        return;
    }
    let image = sparse_image(5 << 30);
    let script = format!(r#"exec unshare -m sh -c '{prepare} && exec "$@"' sh "$@""#);
    let ran = pack_by(&script, &mount, &layout(&image), &[]).expect_code(6);
    ran.expect_error(&[
        "more than a file may have there (4294967295 bytes)",
        "--volume-size fat32",
    ]);
    let ran = pack_by(&script, &mount, &layout(&image), &["--volume-size", "fat32"]);
    // Now it is the space that is missing.
    ran.expect_code(6).expect_error(&[" free, the archive needs up to 5.4 GB"]);
}
