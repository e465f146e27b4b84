//! Round trips through whole archives.

use super::form::SeekTable;
use super::geometry::Geometry;
use super::head;
use super::medium::Medium;
use super::read::Archive;
use super::testing::{self, blob_entry, inventory, layout_files};
use super::write::{ArchiveWriter, Blueprint};
use super::{ArchiveError, entry, frame, seek_table};
use bundle_inventory::{BlobEntry, Stored};
use bundle_oci::source::BlobSource as _;
use bundle_oci::{Descriptor, Digest};
use futures_util::StreamExt as _;
use proptest::prelude::*;
use std::path::Path;

mod planted;
mod volumes;

struct Blob {
    content: Vec<u8>,
    stored: Stored,
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes, {:?}", self.content.len(), self.stored)
    }
}

fn blob(length: usize, seed: u8, stored: Stored) -> Blob {
    let content = match stored {
        Stored::Compressed => (0..length).map(|n| (n / 1000) as u8 ^ seed).collect(),
        _ => (0..length).map(|n| (n * 31 % 251) as u8 ^ seed).collect(),
    };
    Blob { content, stored }
}

fn blueprint(blobs: &[Blob]) -> Blueprint {
    cut_blueprint(blobs, Geometry::WHOLE)
}

fn cut_blueprint(blobs: &[Blob], geometry: Geometry) -> Blueprint {
    let entries = blobs.iter().map(|blob| blob_entry(blob.stored, &blob.content)).collect();
    let files = layout_files(br#"{"schemaVersion":2,"manifests":[]}"#);
    let mut inventory = inventory(vec![], &files, entries);
    inventory.volume_size = geometry.volume_size();
    testing::blueprint(&inventory, files, geometry)
}

/// Writes the raw blobs in the given order, in pieces of `piece` bytes.
async fn write(
    path: &Path,
    blobs: &[Blob],
    reversed: bool,
    piece: usize,
) -> Result<u64, ArchiveError> {
    let writer = ArchiveWriter::create(path, blueprint(blobs))?;
    fill(writer, blobs, reversed, piece).await
}

async fn fill(
    writer: ArchiveWriter,
    blobs: &[Blob],
    reversed: bool,
    piece: usize,
) -> Result<u64, ArchiveError> {
    let mut order: Vec<usize> = (0..writer.raw_blobs()).collect();
    if reversed {
        order.reverse();
    }
    for number in order {
        let mut entry = writer.entry(number)?;
        for piece in blobs[number].content.chunks(piece) {
            entry.write(piece)?;
        }
        entry.finish()?;
    }
    let mut section = writer.compressed_section();
    for (blob, place) in blobs.iter().zip(writer.blobs()).skip(writer.raw_blobs()) {
        let mut entry = section.entry(*place)?;
        for piece in blob.content.chunks(piece) {
            entry.write(piece).await?;
        }
        entry.finish().await?;
    }
    section.drain().await?;
    writer.finish(section)
}

fn sample() -> Vec<Blob> {
    vec![
        blob(300, 1, Stored::Trust),
        blob(0, 0, Stored::Trust),
        blob(131_072 - 512, 2, Stored::Raw),
        blob(1_000_001, 3, Stored::Raw),
        blob((64 << 20) + 5, 4, Stored::Raw),
        blob(5_000_000, 5, Stored::Compressed),
        blob(7, 6, Stored::Compressed),
    ]
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("temporary folder")
}

#[tokio::test]
async fn every_blob_comes_back_from_any_offset() {
    let (folder, blobs) = (folder(), sample());
    let path = folder.path().join("a.tar.zst");
    write(&path, &blobs, true, 70_000).await.expect("written");
    let archive = Archive::open(&path).expect("opened");
    assert_eq!(archive.seek_table(), Some(SeekTable::Sound));
    for blob in &blobs {
        let digest = Digest::of(&blob.content);
        assert_eq!(archive.read(&digest, u64::MAX).expect("read"), blob.content);
        let size = blob.content.len() as u64;
        for from in [1, 511, 131_072, 2 << 20, size / 2, size.saturating_sub(1), size] {
            let from = from.min(size);
            let descriptor = Descriptor::new("x", digest, size);
            let mut stream = archive.open(&descriptor, from).await.expect("opened");
            let mut content = Vec::new();
            while let Some(piece) = stream.next().await {
                content.extend_from_slice(&piece.expect("piece"));
            }
            assert_eq!(content, blob.content[from as usize..], "{size} from {from}");
        }
    }
    assert!(matches!(archive.read(&Digest::of(b"other"), 9), Err(ArchiveError::Absent(_))));
}

#[tokio::test]
async fn order_and_piece_sizes_do_not_show_in_the_bytes() {
    let (folder, blobs) = (folder(), sample());
    let (one, two) = (folder.path().join("1"), folder.path().join("2"));
    write(&one, &blobs, false, 1 << 20).await.expect("written");
    write(&two, &blobs, true, 9_999).await.expect("written");
    assert_eq!(std::fs::read(one).expect("read"), std::fs::read(two).expect("read"));
}

#[tokio::test]
async fn zstd_and_tar_read_it() {
    let (folder, blobs) = (folder(), sample());
    let path = folder.path().join("a.tar.zst");
    write(&path, &blobs, false, 1 << 20).await.expect("written");
    let plain =
        zstd::stream::decode_all(std::fs::File::open(&path).expect("open")).expect("valid zstd");
    let mut tar = tar::Archive::new(&plain[..]);
    let names: Vec<String> = tar
        .entries()
        .expect("tar")
        .map(|entry| entry.expect("entry").path().expect("path").display().to_string())
        .collect();
    let expected: Vec<String> = [head::OCI_LAYOUT, head::INVENTORY, head::INDEX]
        .map(str::to_owned)
        .into_iter()
        .chain(blobs.iter().map(|blob| entry::blob_name(&Digest::of(&blob.content))))
        .collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn wrong_content_is_not_finished_and_leaves_no_file() {
    let folder = folder();
    let path = folder.path().join("a.tar.zst");
    let blobs = [blob(1000, 1, Stored::Raw), blob(1000, 2, Stored::Compressed)];
    let writer = ArchiveWriter::create(&path, blueprint(&blobs)).expect("created");
    for content in [&blobs[1].content[..], &blobs[0].content[..999]] {
        let mut entry = writer.entry(0).expect("entry");
        entry.write(content).expect("written");
        assert!(matches!(entry.finish(), Err(ArchiveError::Blob { .. })));
    }
    assert!(writer.entry(0).expect("entry").write(&[0; 1001]).is_err());
    let section = writer.compressed_section();
    assert!(matches!(writer.finish(section), Err(ArchiveError::Absent(_))));
    assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 0);
}

#[tokio::test]
async fn a_compressed_blob_that_fails_is_taken_back() {
    let folder = folder();
    let path = folder.path().join("a.tar.zst");
    let blobs = [
        blob(5_000_000, 1, Stored::Compressed),
        blob(40_000_001, 2, Stored::Compressed),
        blob(3_000_000, 3, Stored::Compressed),
    ];
    let writer = ArchiveWriter::create(&path, blueprint(&blobs)).expect("created");
    let mut section = writer.compressed_section();
    for (blob, place) in blobs.iter().zip(writer.blobs()) {
        // Once too short, once with another end: what was written of it meanwhile does not stay.
        for wrong in [&blob.content[1..], &[&blob.content[1..], b"x"].concat()] {
            let mut entry = section.entry(*place).expect("entry");
            for piece in wrong.chunks(1 << 20) {
                entry.write(piece).await.expect("written");
            }
            assert!(matches!(entry.finish().await, Err(ArchiveError::Blob { .. })));
        }
        let mut entry = section.entry(*place).expect("entry");
        entry.write(&blob.content).await.expect("written");
        entry.finish().await.expect("the right content");
    }
    section.drain().await.expect("drained");
    writer.finish(section).expect("finished");
    let plain = folder.path().join("b.tar.zst");
    write(&plain, &blobs, false, 1 << 20).await.expect("written");
    assert!(std::fs::read(&path).expect("read") == std::fs::read(plain).expect("read"));
    assert_holds(&Archive::open(&path).expect("opened"), &blobs);
}

#[tokio::test]
async fn the_seek_table_is_only_a_hint() {
    let (folder, blobs) = (folder(), sample());
    let path = folder.path().join("a.tar.zst");
    write(&path, &blobs, false, 1 << 20).await.expect("written");
    let bytes = std::fs::read(&path).expect("read");
    let table = {
        let footer: [u8; 9] = bytes[bytes.len() - 9..].try_into().expect("nine");
        super::seek_table::length_from_footer(&footer).expect("table") as usize
    };
    let start = bytes.len() - table;
    let reads = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("write");
        let archive = Archive::open(&path)?;
        for blob in &blobs {
            archive.read(&Digest::of(&blob.content), u64::MAX)?;
        }
        Ok::<_, ArchiveError>(archive.seek_table().expect("in frames"))
    };
    assert_eq!(reads(&bytes[..start]).expect("no table"), SeekTable::Missing);
    for at in (start..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        assert_eq!(reads(&damaged).expect("damaged table"), SeekTable::Wrong, "byte {at}");
    }
    assert!(matches!(reads(&bytes[..start + 5]), Err(ArchiveError::Truncated { .. })));
    assert!(matches!(reads(&bytes[..start - 1]), Err(ArchiveError::Truncated { .. })));
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(reads(&longer), Err(ArchiveError::Structure { .. })));
}

#[tokio::test]
async fn nothing_hides_between_frames_behind_the_seek_table() {
    let (folder, blobs) = (folder(), [blob(5_000_000, 5, Stored::Compressed)]);
    let path = folder.path().join("a.tar.zst");
    write(&path, &blobs, false, 1 << 20).await.expect("written");
    let bytes = std::fs::read(&path).expect("read");
    let footer: [u8; 9] = bytes[bytes.len() - 9..].try_into().expect("nine");
    let table = seek_table::length_from_footer(&footer).expect("table") as usize;
    let start = bytes.len() - table;
    let frames = seek_table::decode(&bytes[start..], 0).expect("table");
    // Before the table: three frames of the blob and the tar's end.
    let first = frames.len() - 4;
    let end: u64 = frames[..=first].iter().map(|frame| u64::from(frame.length)).sum();
    let reads = |hidden: Option<u32>| {
        let (mut frames, mut made) = (frames.clone(), bytes[..end as usize].to_vec());
        if let Some(length) = hidden {
            made.extend_from_slice(&frame::skip_header(length));
            made.resize(made.len() + length as usize, 7);
            frames[first].length += length + frame::SKIP_HEADER as u32;
        }
        made.extend_from_slice(&bytes[end as usize..start]);
        made.extend_from_slice(&seek_table::encode(&frames));
        std::fs::write(&path, made).expect("write");
        let archive = Archive::open(&path)?;
        archive.read(&Digest::of(&blobs[0].content), u64::MAX)?;
        Ok::<_, ArchiveError>(archive.seek_table().expect("in frames"))
    };
    assert_eq!(reads(None).expect("as it was"), SeekTable::Sound);
    for length in [0, 1_000, 5 << 20] {
        let hidden = reads(Some(length));
        assert!(matches!(hidden, Err(ArchiveError::Structure { .. })), "{length}: {hidden:?}");
    }
}

#[tokio::test]
async fn no_flipped_byte_before_the_seek_table_passes() {
    let folder = folder();
    let path = folder.path().join("a.tar.zst");
    let blobs = [
        blob(700, 1, Stored::Trust),
        blob(30_000, 2, Stored::Raw),
        blob(150_000, 3, Stored::Compressed),
    ];
    write(&path, &blobs, false, 1 << 20).await.expect("written");
    let bytes = std::fs::read(&path).expect("read");
    let reads = |bytes: &[u8]| {
        let medium = Medium::held(bytes.to_vec().into());
        let archive = Archive::read_from(path.clone(), medium)?;
        blobs
            .iter()
            .try_for_each(|blob| archive.read(&Digest::of(&blob.content), u64::MAX).map(|_| ()))
    };
    reads(&bytes).expect("undamaged");
    let footer: [u8; 9] = bytes[bytes.len() - 9..].try_into().expect("nine");
    let table = seek_table::length_from_footer(&footer).expect("table") as usize;
    let raw = Archive::open(&path).expect("opened").stored_frames(&Digest::of(&blobs[2].content));
    let compressed = raw.expect("frames")[0].0 as usize;
    // Every bit of compressed frames: zstd ignores some of them.
    let bits = (compressed..bytes.len() - table).flat_map(|at| (0..8).map(move |bit| (at, bit)));
    for (at, bit) in (0..compressed).step_by(149).map(|at| (at, at % 8)).chain(bits) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << bit;
        assert!(reads(&damaged).is_err(), "byte {at}, bit {bit}");
    }
}

fn any_blobs() -> impl Strategy<Value = Vec<Blob>> {
    let sizes = proptest::collection::btree_map(0_usize..400_000, (0_u8..3, any::<u8>()), 0..12);
    sizes.prop_map(|sizes| {
        let stored = |kind| [Stored::Trust, Stored::Raw, Stored::Compressed][usize::from(kind)];
        let mut blobs: Vec<Blob> =
            sizes.iter().map(|(size, (kind, seed))| blob(*size, *seed, stored(*kind))).collect();
        blobs.sort_by_key(|blob| blob.stored);
        blobs
    })
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("runtime").block_on(work)
}

fn assert_holds(archive: &Archive, blobs: &[Blob]) {
    for blob in blobs {
        let read = archive.read(&Digest::of(&blob.content), u64::MAX).expect("read");
        assert!(read == blob.content, "{} bytes", blob.content.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_set_of_blobs_makes_the_trip(blobs in any_blobs(), piece in 1_usize..300_000) {
        let folder = folder();
        let path = folder.path().join("a");
        let length = block_on(write(&path, &blobs, piece % 2 == 0, piece)).expect("written");
        let archive = Archive::open(&path).expect("opened");
        prop_assert_eq!(archive.length(), Some(length));
        assert_holds(&archive, &blobs);
    }

    #[test]
    fn any_set_of_blobs_makes_the_trip_in_volumes(
        blobs in any_blobs(),
        size in (1_u64 << 20)..(3 << 20),
        reversed in any::<bool>(),
    ) {
        let folder = folder();
        let path = folder.path().join("a");
        let blueprint = cut_blueprint(&blobs, Geometry::volumes(size).expect("a size"));
        let writer = ArchiveWriter::create(&path, blueprint).expect("created");
        let length = block_on(fill(writer, &blobs, reversed, 50_000)).expect("written");
        let archive = Archive::open(&path).expect("opened");
        prop_assert_eq!(archive.length(), Some(length));
        prop_assert_eq!(archive.seek_table(), Some(SeekTable::Sound));
        assert_holds(&archive, &blobs);
        let paths: Vec<_> = archive.medium().expect("files").paths().map(Path::to_owned).collect();
        prop_assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), paths.len());
        let mut joined = Vec::new();
        for volume in &paths {
            let bytes = std::fs::read(volume).expect("volume");
            prop_assert!(bytes.len() as u64 <= size);
            zstd::stream::decode_all(&bytes[..]).expect("a zstd stream of its own");
            joined.extend_from_slice(&bytes);
        }
        let footer: [u8; 9] = joined[joined.len() - 9..].try_into().expect("nine");
        let table = seek_table::length_from_footer(&footer).expect("table") as usize;
        let whole = Medium::held(joined.clone().into());
        let whole = Archive::read_from("joined".into(), whole).expect("joined");
        prop_assert_eq!(whole.seek_table(), Some(SeekTable::Sound));
        assert_holds(&whole, &blobs);
        let last = joined.len() - 1;
        joined[last] ^= 1;
        let whole = Archive::read_from("joined".into(), Medium::held(joined.clone().into()));
        prop_assert_eq!(whole.expect("walked").seek_table(), Some(SeekTable::Wrong));
        joined.truncate(joined.len() - table);
        match Archive::read_from("joined".into(), Medium::held(joined.into())) {
            Ok(archive) => assert_holds(&archive, &blobs),
            // A table that has a volume of its own takes that volume with it.
            Err(error) => prop_assert!(matches!(error, ArchiveError::Volume { .. } | ArchiveError::Truncated { .. }), "{:?}", error),
        }
    }
}

#[test]
fn a_pipe_is_refused_at_once() {
    let folder = folder();
    let path = folder.path().join("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).expect("pipe");
    // Opening it to read would wait for a writer that never comes.
    let error = Archive::open(&path).expect_err("no archive");
    assert!(matches!(error, ArchiveError::Io { action: "open", .. }), "{error:?}");
}
