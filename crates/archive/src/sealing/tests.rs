//! Sealing archives that are whole, and every way to be interrupted.

use super::*;
use crate::frame;
use crate::geometry::Geometry;
use crate::limits::{COMPRESSED_FRAME_CONTENT, LEVEL};
use crate::testing::Builder;
use crate::volumes::volume_path;
use crate::write::{ArchiveWriter, Blueprint};
use bundle_inventory::{BlobEntry, FileEntry, Inventory, Stored};
use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};

struct Scene {
    folder: tempfile::TempDir,
    paths: Vec<PathBuf>,
}

impl Scene {
    /// One file with one image.
    fn one() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.tar.zst");
        let mut builder = Builder::new();
        let image = builder.simple_image("amd64", "content");
        builder.add_image("registry.example/app:1", &image, &[]);
        builder.write(&path);
        Self { folder, paths: vec![path] }
    }

    /// The archive of [`Self::one`] with an `index.json` of `length` bytes, cut into volumes of `volume` bytes.
    fn with_index(length: usize, volume: Option<u64>) -> Self {
        let scene = Self::one();
        let archive = Archive::open(&scene.paths[0]).expect("an archive");
        let mut inventory: Inventory = archive.inventory().clone();
        let large = vec![7; 3_000_000];
        let large_blob =
            BlobEntry { digest: Digest::of(&large), size: 3_000_000, stored: Stored::Raw };
        inventory.blobs.push(large_blob);
        inventory.totals.blobs += 1;
        inventory.totals.bytes += 3_000_000;
        inventory.volume_size = volume;
        let mut files = head::read(archive.medium().expect("a file")).expect("a head").files;
        let index = files.iter_mut().find(|file| file.name == head::INDEX).expect("an index");
        index.bytes.resize(length, b' ');
        let digest = Digest::of(&index.bytes);
        let listed = inventory.files.iter_mut().find(|file| file.name == head::INDEX);
        *listed.expect("listed") =
            FileEntry { name: head::INDEX.into(), size: length as u64, digest };
        files[1].bytes = inventory.to_bytes().expect("JSON");
        let path = scene.folder.path().join("b");
        let geometry = Geometry::recorded(volume).expect("a size");
        let blobs = inventory.blobs.clone();
        let blueprint = Blueprint { files, blobs, mtime: 0, geometry, level: LEVEL };
        let writer = ArchiveWriter::create(&path, blueprint).expect("created");
        for (number, blob) in inventory.blobs.iter().enumerate() {
            let content = match archive.blob(&blob.digest) {
                Some(_) => archive.read(&blob.digest, 1 << 20).expect("a blob").to_vec(),
                None => large.clone(),
            };
            let mut entry = writer.entry(number).expect("an entry");
            entry.write(&content).expect("written");
            entry.finish().expect("the right content");
        }
        let section = writer.compressed_section();
        writer.finish(section).expect("finished");
        let paths: Vec<PathBuf> = match volume {
            Some(_) => (1..=999).map(|n| volume_path(&path, n)).filter(|p| p.exists()).collect(),
            None => vec![path],
        };
        Self { folder: scene.folder, paths }
    }

    fn seal(&self, seal: &[u8]) -> Result<Sealed, SealingError> {
        super::seal(&self.paths, |_| Ok(seal.to_vec()))
    }

    fn open(&self) -> Result<Archive, ArchiveError> {
        Archive::open_all(&self.paths)
    }

    fn bytes(&self) -> Vec<Vec<u8>> {
        self.paths.iter().map(|path| fs::read(path).expect("a file")).collect()
    }

    fn put(&self, bytes: &[Vec<u8>]) {
        for (path, bytes) in self.paths.iter().zip(bytes) {
            fs::write(path, bytes).expect("a file");
        }
    }

    fn intent(&self) -> PathBuf {
        intent::path_beside(&self.paths[0])
    }

    /// What sealing with `seal` writes down and would do.
    fn rewrite(&self, seal: &[u8]) -> (Vec<u8>, Rewrite) {
        let prepared = prepare::<SealingError>(&self.paths, &self.paths, |_, _| Ok(seal.to_vec()));
        let rewrite = prepared.expect("prepared").rewrite;
        (intent::encode(&rewrite).expect("encoded"), rewrite)
    }

    #[track_caller]
    fn expect_seal(&self, seal: Option<&[u8]>) {
        let archive = self.open().expect("readable");
        assert_eq!(archive.file(head::SEAL), seal);
        assert_eq!(archive.seek_table(), Some(SeekTable::Sound));
        assert!(!self.intent().exists());
        let partial = partial::partial_path(&self.intent());
        assert!(!partial.exists());
    }
}

#[test]
fn a_seal_is_added_replaced_and_nothing_else_changes() {
    for scene in [Scene::one(), Scene::with_index(5 << 20, None)] {
        let before = scene.bytes().remove(0);
        let digest = scene.open().expect("an archive").bundle_digest();
        let mut given = Vec::new();
        let sealed = super::seal::<SealingError>(&scene.paths, |inventory| {
            given = inventory.to_vec();
            Ok(b"first".to_vec())
        });
        let expected = Sealed {
            files: scene.paths.clone(),
            bundle_digest: digest,
            replaced: false,
            repaired: false,
        };
        assert_eq!(sealed.expect("sealed"), expected);
        assert_eq!(Digest::of(&given), digest, "the exact bytes of bundle.json");
        scene.expect_seal(Some(b"first"));
        let archive = scene.open().expect("an archive");
        let head = head::read(archive.medium().expect("a file")).expect("a head");
        assert_eq!(head.files[2].name, head::SEAL, "behind the inventory");
        let after = scene.bytes().remove(0);
        assert_eq!(after.len(), before.len());
        let region = head.extent.end as usize;
        let table = before.len() - 8 * 50;
        assert!(after[region..table] == before[region..table], "content is where it was");

        let long = vec![b'x'; 3000];
        let sealed = scene.seal(&long).expect("sealed");
        assert!(sealed.replaced);
        scene.expect_seal(Some(&long));
        scene.seal(b"first").expect("sealed");
        assert!(scene.bytes()[0] == after, "the same bytes for the same seal");
    }
}

#[test]
fn of_volumes_the_first_has_the_seal_and_the_last_the_table() {
    let scene = Scene::with_index(200_000, Some(1 << 20));
    let before = scene.bytes();
    assert!(before.len() >= 4);
    scene.seal(b"seal").expect("sealed");
    scene.expect_seal(Some(b"seal"));
    let after = scene.bytes();
    let changed: Vec<usize> = (0..before.len()).filter(|n| before[*n] != after[*n]).collect();
    assert_eq!(changed, [0, before.len() - 1]);
    // Joined into one file it is the same archive.
    let joined = scene.folder.path().join("joined");
    fs::write(&joined, before.concat()).expect("a file");
    super::seal::<SealingError>(std::slice::from_ref(&joined), |_| Ok(b"seal".to_vec()))
        .expect("sealed");
    assert!(fs::read(&joined).expect("a file") == after.concat());
}

#[test]
fn a_head_that_needs_one_frame_more_gets_it() {
    // The head's content ends just below the end of its first frame.
    let around = COMPRESSED_FRAME_CONTENT as usize;
    let measure = |scene: &Scene| {
        let archive = scene.open().expect("an archive");
        head::read(archive.medium().expect("a file")).expect("a head").extent.frames
    };
    let probe = Scene::with_index(1 << 20, None);
    let content = measure(&probe)[0].content as usize;
    let scene = Scene::with_index((1 << 20) + around - content, None);
    let frames = measure(&scene);
    assert_eq!((frames.len(), frames[0].content as usize), (2, around));
    let before = scene.bytes()[0].len();
    scene.seal(b"seal").expect("sealed");
    scene.expect_seal(Some(b"seal"));
    assert_eq!(measure(&scene).len(), 3);
    assert_eq!(scene.bytes()[0].len(), before + 8, "one frame more in the table");
    // Replacing it by a shorter or longer one keeps the number of frames.
    scene.seal(&vec![b'x'; 900]).expect("sealed");
    scene.expect_seal(Some(&vec![b'x'; 900]));
    assert_eq!(measure(&scene).len(), 3);
}

#[test]
fn a_seal_without_room_is_refused_and_nothing_is_written() {
    let scene = Scene::one();
    let before = scene.bytes();
    let noise: Vec<u8> = (0..40_000_u32).map(|n| (n * 31 % 251) as u8).collect();
    let error = scene.seal(&noise).expect_err("no room");
    assert!(matches!(error, SealingError::NoRoom { .. }), "{error:?}");
    assert!(scene.bytes() == before);
    scene.expect_seal(None);
    scene.seal(&noise[..30_000]).expect("the positive twin");
}

#[test]
fn other_forms_and_other_files_are_refused_by_name() {
    let scene = Scene::one();
    let at = |name: &str| scene.folder.path().join(name);
    let tar = zstd::decode_all(&scene.bytes()[0][..]).expect("a tar");
    fs::write(at("a.tar"), &tar).expect("a file");
    fs::write(at("again.zst"), zstd::encode_all(&tar[..], 3).expect("compressed")).expect("a file");
    fs::write(at("text"), "text").expect("a file");
    symlink(&scene.paths[0], at("link")).expect("a link");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let pipe = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), pipe, mode, 0).expect("a pipe");
    let before = scene.bytes();
    for (name, message) in [
        ("a.tar", "is a plain tar, and only what bundle pack wrote"),
        ("again.zst", "is compressed anew by another tool, and only"),
        ("text", "is not a bundle"),
        ("link", "is a symbolic link"),
        ("pipe", "is a pipe"),
        ("nothing", "nothing"),
    ] {
        let bytes = |path: &Path| path.is_file().then(|| fs::read(path).expect("a file"));
        let held = bytes(&at(name));
        let error = super::seal::<SealingError>(&[at(name)], |_| Ok(b"seal".to_vec()));
        let error = error.expect_err(name).to_string();
        assert!(error.contains(message), "{name}: {error}");
        assert!(bytes(&at(name)) == held && !intent::path_beside(&at(name)).exists(), "{name}");
    }
    assert!(scene.bytes() == before);
    let refused = super::seal(&scene.paths, |_| Err(SealingError::Changed { path: "made".into() }));
    assert!(matches!(refused, Err(SealingError::Changed { path }) if path == "made"));
    assert!(scene.bytes() == before, "what makes the seal refuses before anything is written");
    scene.expect_seal(None);
}

/// Every state that a power cut can leave: what is written down in part, with the archive as it was; and all of it, with
/// any part of the archive written, front to back or in any other order of sectors.
#[test]
fn interrupted_sealing_leaves_a_bundle_or_can_be_repeated() {
    for scene in [Scene::one(), Scene::with_index(200_000, Some(1 << 20))] {
        scene.seal(b"old seal").expect("sealed");
        let before = scene.bytes();
        let (written, rewrite) = scene.rewrite(b"a new and longer seal");
        for part in 0..16 {
            let length = (written.len() - 1) * part / 15;
            fs::write(scene.intent(), &written[..length]).expect("a file");
            assert!(scene.bytes() == before);
            let sealed = scene.seal(b"old seal").expect("sealed again");
            assert!(!sealed.repaired && scene.bytes() == before, "{length} written down");
        }
        scene.expect_seal(Some(b"old seal"));

        let mut repaired = 0;
        let total: usize = rewrite.patches().iter().map(|patch| patch.bytes.len()).sum();
        for step in 0..=16 {
            for backwards in [false, true] {
                scene.put(&before);
                fs::write(scene.intent(), &written).expect("a file");
                partly(&scene, &rewrite, total * step / 16, backwards);
                match scene.open() {
                    // Readable: then with one of the two seals, never with something between.
                    Ok(archive) => assert!(
                        [&b"old seal"[..], b"a new and longer seal"]
                            .map(Some)
                            .contains(&archive.file(head::SEAL))
                    ),
                    Err(_) => repaired += 1,
                }
                let sealed = scene.seal(b"third").expect("sealed again");
                assert!(sealed.replaced);
                scene.expect_seal(Some(b"third"));
            }
        }
        assert!(repaired > 5, "{repaired} states had to be repaired");
    }
}

/// Writes so many bytes of a rewrite, from its start or from its end.
fn partly(scene: &Scene, rewrite: &Rewrite, mut count: usize, backwards: bool) {
    let mut patches: Vec<_> = rewrite.patches().iter().collect();
    if backwards {
        patches.reverse();
    }
    for patch in patches {
        let path = scene.paths.get(patch.file()).expect("a file");
        let file = fs::OpenOptions::new().write(true).open(path).expect("a file");
        let own = count.min(patch.bytes.len());
        let from = if backwards { patch.bytes.len() - own } else { 0 };
        let part = &patch.bytes[from..from + own];
        file.write_all_at(part, patch.offset + from as u64).expect("written");
        count -= own;
    }
}

#[test]
fn a_repair_is_said_and_nothing_of_another_archive_is_repaired() {
    let (scene, other) = (Scene::one(), Scene::with_index(5000, None));
    let (written, rewrite) = scene.rewrite(b"seal");
    let total: usize = rewrite.patches().iter().map(|patch| patch.bytes.len()).sum();
    fs::write(scene.intent(), &written).expect("a file");
    partly(&scene, &rewrite, total / 3, false);
    assert!(scene.open().is_err());
    let torn = scene.bytes();
    // What is written down for another archive is not written into this one.
    fs::write(scene.intent(), other.rewrite(b"seal").0).expect("a file");
    let error = scene.seal(b"seal").expect_err("refused");
    assert!(matches!(error, SealingError::OtherArchive { .. }), "{error:?}");
    assert!(scene.bytes() == torn);
    // Nor what was changed.
    let mut changed = written.clone();
    *changed.last_mut().expect("a byte") ^= 1;
    fs::write(scene.intent(), changed).expect("a file");
    assert!(matches!(scene.seal(b"seal"), Err(SealingError::Archive(_))));
    assert!(scene.bytes() == torn);
    fs::write(scene.intent(), &written).expect("a file");
    assert!(scene.seal(b"seal").expect("sealed").repaired);
    scene.expect_seal(Some(b"seal"));
}

#[test]
fn what_others_could_have_written_down_is_not_read() {
    let scene = Scene::one();
    let (written, _) = scene.rewrite(b"seal");
    let before = scene.bytes();
    fs::write(scene.intent(), &written).expect("a file");
    fs::set_permissions(scene.intent(), fs::Permissions::from_mode(0o666)).expect("mode");
    let error = scene.seal(b"seal").expect_err("refused").to_string();
    assert!(error.contains("a file that others may write"), "{error}");
    assert!(scene.bytes() == before);
    // Where they may write the archive itself it makes no difference.
    fs::set_permissions(&scene.paths[0], fs::Permissions::from_mode(0o666)).expect("mode");
    scene.seal(b"seal").expect("sealed");
    fs::set_permissions(&scene.paths[0], fs::Permissions::from_mode(0o644)).expect("mode");

    let victim = scene.folder.path().join("victim");
    fs::write(&victim, "victim").expect("a file");
    symlink(&victim, scene.intent()).expect("a link");
    let error = scene.seal(b"seal").expect_err("refused").to_string();
    assert!(error.contains("a symbolic link"), "{error}");
    fs::remove_file(scene.intent()).expect("removed");
    // A second name of somebody's file is given up, not written to.
    fs::hard_link(&victim, scene.intent()).expect("a link");
    scene.seal(b"again").expect("sealed");
    assert_eq!(fs::read(&victim).expect("a file"), b"victim");
    scene.expect_seal(Some(b"again"));
}

#[test]
fn two_runs_do_not_seal_at_once() {
    let scene = Scene::one();
    let held = Work::begin(&scene.paths).expect("taken");
    let error = scene.seal(b"seal").expect_err("busy").to_string();
    assert!(error.contains("being written by another run"), "{error}");
    held.discard().expect("given up");
    scene.seal(b"seal").expect("sealed");
}

#[test]
fn two_seals_in_one_head_are_refused_and_so_is_a_flipped_bit() {
    let scene = Scene::one();
    scene.seal(b"seal").expect("sealed");
    let archive = scene.open().expect("an archive");
    let head = head::read(archive.medium().expect("a file")).expect("a head");
    let sound = scene.bytes().remove(0);
    let used: u64 = head.extent.frames[0].length.into();
    for at in (0..used as usize + frame::SKIP_HEADER as usize).step_by(23) {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x04;
        scene.put(&[damaged]);
        assert!(scene.open().is_err(), "byte {at}");
    }
    let mut twice = head.files.clone();
    twice.push(head::HeadFile { name: head::SEAL.into(), bytes: b"other".to_vec() });
    let (bytes, _) = head::encode_like(&twice, head.mtime, &head.extent).expect("encoded");
    scene.put(&[[&bytes, &sound[bytes.len()..]].concat()]);
    let error = scene.open().expect_err("two seals").to_string();
    assert!(error.contains("comes twice"), "{error}");
    // The twin: taken out again, it is the archive without a seal.
    let none: Vec<_> = head.files.into_iter().filter(|file| file.name != head::SEAL).collect();
    let (bytes, _) = head::encode_like(&none, head.mtime, &head.extent).expect("encoded");
    scene.put(&[[&bytes, &sound[bytes.len()..]].concat()]);
    assert_eq!(scene.open().expect("an archive").file(head::SEAL), None);
}
