//! What `pack --volume-size` leaves behind.

use super::{Cut, MIB, on};
use crate::harness::command::Program;
use crate::harness::scene::FILE;
use bundle::oci::Digest;
use bundle_testing::peers;
use std::fs;
use std::path::Path;

fn digests(cut: &Cut) -> Vec<Digest> {
    cut.volumes().iter().map(|path| Digest::of(&fs::read(path).expect("volume"))).collect()
}

#[test]
fn volumes_keep_their_size_and_bytes_whatever_the_jobs() {
    let cut = Cut::new();
    let pack = |jobs: &str| {
        // Only the time is given: everything else is the same run.
        let file = cut.side.file();
        let sources = super::REPOSITORIES.map(|name| cut.side.source(&format!("{name}:1")));
        Program::bundle()
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .args(&["pack", "-q", "--volume-size", MIB, "--jobs", jobs, "-o"])
            .arg(file)
            .args(&sources)
            .run()
            .expect_code(0);
        digests(&cut)
    };
    let first = pack("1");
    assert_eq!(pack("8"), first);
    for volume in cut.volumes() {
        assert!(fs::metadata(&volume).expect("volume").len() <= 1 << 20, "{volume:?}");
    }
}

#[test]
fn the_report_and_the_summary_name_the_volumes() {
    let cut = Cut::new();
    let ran = cut.pack(&["--volume-size", MIB, "--json"]).expect_code(0);
    let report = ran.json();
    crate::schemas::assert_described("pack-report.schema.json", &report);
    let files = report["files"].as_array().expect("files");
    assert_eq!(files.len(), cut.volumes.len());
    let mut sum = 0;
    for (file, path) in files.iter().zip(&cut.volumes) {
        assert_eq!(file["file"], path.to_str().expect("path"));
        assert_eq!(file["size"], fs::metadata(path).expect("volume").len());
        sum += file["size"].as_u64().expect("size");
    }
    assert_eq!(report["fileSize"], sum);
    assert_eq!(report["file"], cut.side.file().to_str().expect("path"));
    assert_eq!(report["checksums"], format!("{}.sha256", cut.side.file().display()));
    let text = cut.pack(&["--volume-size", MIB]).expect_code(0).stdout;
    for path in &cut.volumes {
        assert!(text.contains(&format!("volume {} (", path.display())), "{text}");
    }
}

#[test]
fn sha256sum_takes_the_list_and_finds_a_damaged_volume() {
    let cut = Cut::new();
    let check = || {
        let script = format!("cd \"$1\" && sha256sum -c {FILE}.sha256");
        let folder = cut.side.file();
        let folder = folder.parent().expect("folder");
        Program::new("sh".as_ref()).args(&["-c", &script, "sh"]).arg(folder).run()
    };
    let ran = check().expect_code(0);
    assert_eq!(ran.stdout.lines().count(), cut.volumes.len(), "{ran}");
    let mut bytes = fs::read(&cut.volumes[1]).expect("volume");
    bytes[1000] ^= 1;
    fs::write(&cut.volumes[1], bytes).expect("volume");
    let ran = check().expect_code(1);
    assert!(ran.stdout.contains(&format!("{}: FAILED", cut.name(2))), "{ran}");
    // Readers need no list.
    fs::remove_file(cut.side.output(&format!("{FILE}.sha256"))).expect("removed");
    cut.pack(&["--volume-size", MIB]).expect_code(0);
    check().expect_code(0);
}

#[test]
fn one_file_has_a_list_only_when_asked() {
    let cut = Cut::new();
    for path in &cut.volumes {
        fs::remove_file(path).expect("removed");
    }
    let list = cut.side.output(&format!("{FILE}.sha256"));
    let ran = cut.pack(&[]).expect_code(0).expect_error(&["is about an earlier archive"]);
    assert!(!ran.stdout.contains("checksums"), "{ran}");
    fs::remove_file(&list).expect("removed");
    cut.pack(&[]).expect_code(0);
    assert!(!list.exists());
    let ran = cut.pack(&["--sha256"]).expect_code(0);
    assert!(ran.stdout.contains("checksums"), "{ran}");
    let digest = Digest::of(&fs::read(cut.side.file()).expect("archive"));
    assert_eq!(fs::read_to_string(list).expect("list"), format!("{}  {FILE}\n", digest.hex()));
}

#[test]
fn shorter_set_of_volumes_replaces_a_longer_one_whole() {
    let cut = Cut::new();
    cut.pack(&["--volume-size", "4MiB"]).expect_code(0);
    let now = cut.volumes();
    assert!(now.len() < cut.volumes.len(), "{now:?}");
    on("verify", &[cut.side.file()], &["-q"]).expect_code(0);
    let mut expected: Vec<String> = (1..=now.len()).map(|number| cut.name(number)).collect();
    expected.push(format!("{FILE}.sha256"));
    assert_eq!(cut.side.left(), expected);
}

#[test]
fn files_named_like_the_archive_or_a_volume_are_in_the_way() {
    let cut = Cut::new();
    let packs = || cut.pack(&["--volume-size", MIB]);
    let before = digests(&cut);
    let notes = cut.side.output(&cut.name(77));
    fs::write(&notes, "notes").expect("file");
    packs().expect_code(2).expect_error(&[
        &cut.name(77),
        "named like a volume, but it is not one",
        "hint: move it away",
    ]);
    fs::remove_file(&notes).expect("removed");
    fs::write(cut.side.file(), "an archive").expect("file");
    packs().expect_code(2).expect_error(&["in the place of the volumes"]);
    assert_eq!(digests(&cut), before);
    fs::remove_file(cut.side.file()).expect("removed");
    let list = cut.side.output(&format!("{FILE}.sha256"));
    fs::remove_file(&list).expect("removed");
    std::os::unix::fs::symlink("/dev/null", &list).expect("link");
    packs().expect_code(2).expect_error(&["is a symbolic link"]);
    fs::remove_file(&list).expect("removed");
    packs().expect_code(0);
}

#[test]
fn zstd_reads_each_volume_and_tar_and_skopeo_all_joined() {
    let test = "zstd_reads_each_volume_and_tar_and_skopeo_all_joined";
    let cut = Cut::new();
    let joined = cut.side.output("joined.tar.zst");
    fs::write(&joined, cut.joined()).expect("joined");
    if let Some([zstd, tar]) = peers::require_all(test, ["zstd", "tar"]) {
        for file in cut.volumes.iter().chain([&joined]) {
            Program::new(&zstd).arg("-t").arg(file).run().expect_code(0);
        }
        let listed = Program::new(&tar).args(&["--zstd", "-tf"]).arg(&joined).run().expect_code(0);
        assert_eq!(listed.stderr, "", "not a word of warning");
        assert!(listed.stdout.starts_with("oci-layout\nbundle.json\n"), "{listed}");
    }
    if let Some(skopeo) = peers::require(test, "skopeo-new") {
        for name in super::REPOSITORIES {
            let host = crate::harness::scene::HOST;
            let target = tempfile::tempdir().expect("directory");
            Program::new(&skopeo)
                .args(&["--insecure-policy", "copy", "--all", "--preserve-digests"])
                .arg(format!("oci-archive:{}:{host}/{name}:1", joined.display()))
                .arg(format!("dir:{}", Path::new(target.path()).display()))
                .run()
                .expect_code(0);
        }
    }
}

#[test]
fn a_pipe_has_neither_volumes_nor_a_list_beside_it() {
    let side = crate::harness::scene::Connected::start();
    side.unsigned("team/app");
    let pack = |arguments: &[&str]| {
        let pack = Program::bundle().args(&["pack", "-q", "-o", "-"]);
        pack.arg(side.source("team/app:1")).args(arguments)
    };
    pack(&["--sha256"]).run().expect_code(2).expect_error(&["lists of checksums need a file"]);
    pack(&["--volume-size", MIB]).run().expect_code(2).expect_error(&["volumes and lists"]);
    pack(&[]).run().expect_code(0);
}
