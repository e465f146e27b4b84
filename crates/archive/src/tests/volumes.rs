//! Archives in volumes, as sets and joined.

use super::*;
use crate::geometry::MARKER;
use crate::limits::MIN_VOLUME;
use crate::places::Places;
use crate::volume_set;
use crate::volumes::volume_path;
use std::path::PathBuf;

/// Four volumes or more, by name.
fn set(folder: &Path, seed: u8) -> Vec<PathBuf> {
    let mut blobs = vec![
        blob(900_000, seed, Stored::Trust),
        blob(2_000_001, seed ^ 3, Stored::Raw),
        blob(3_000_000, seed ^ 4, Stored::Compressed),
        blob(1_500_000, seed ^ 5, Stored::Raw),
    ];
    blobs.sort_by_key(|blob| blob.stored);
    let path = folder.join("a");
    let geometry = Geometry::volumes(1 << 20).expect("a size");
    let writer = ArchiveWriter::create(&path, cut_blueprint(&blobs, geometry)).expect("created");
    block_on(fill(writer, &blobs, false, 50_000)).expect("written");
    let archive = Archive::open(&path).expect("opened");
    archive.medium().expect("files").paths().map(Path::to_owned).collect()
}

#[test]
fn each_trouble_with_a_volume_is_named() {
    let (folder, other) = (folder(), self::folder());
    let (paths, others) = (set(folder.path(), 1), set(other.path(), 2));
    assert!(paths.len() >= 4, "{paths:?}");
    let open = || Archive::open(&paths[0]).map(|_| ()).map_err(|error| error.to_string());
    let keep = |path: &Path| std::fs::read(path).expect("volume");
    open().expect("whole");
    for (number, path) in paths.iter().enumerate() {
        let name = format!("a.{:03}", number + 1);
        let bytes = keep(path);
        std::fs::remove_file(path).expect("removed");
        let error = open().expect_err("missing");
        assert!(error.contains(&format!("{name} is missing")), "{error}");
        std::fs::write(path, keep(&others[number])).expect("written");
        let error = open().expect_err("another's");
        assert!(error.contains(&format!("{name} belongs to another bundle")), "{error}");
        std::fs::write(path, &bytes[..bytes.len() - 1]).expect("written");
        let error = open().expect_err("truncated");
        assert!(error.contains(&format!("{name} is truncated")), "{number}: {error}");
        std::fs::write(path, &bytes[..10]).expect("written");
        let error = open().expect_err("truncated");
        assert!(error.contains(&format!("{name} is truncated")), "{number}: {error}");
        std::fs::write(path, [&bytes[..], b"0"].concat()).expect("written");
        let error = open().expect_err("longer");
        assert!(error.contains("too many"), "{number}: {error}");
        std::fs::write(path, &bytes).expect("written");
    }
    std::fs::rename(&paths[1], folder.path().join("x")).expect("renamed");
    std::fs::rename(&paths[2], &paths[1]).expect("renamed");
    std::fs::rename(folder.path().join("x"), &paths[2]).expect("renamed");
    let error = open().expect_err("swapped");
    assert!(error.contains("a.002 holds volume 3 where volume 2 is expected"), "{error}");
    std::fs::rename(&paths[1], folder.path().join("x")).expect("renamed");
    std::fs::rename(&paths[2], &paths[1]).expect("renamed");
    std::fs::rename(folder.path().join("x"), &paths[2]).expect("renamed");
    open().expect("whole again");
    let next = volume_path(&folder.path().join("a"), paths.len() + 1);
    std::fs::copy(&paths[paths.len() - 1], next).expect("copied");
    let error = open().expect_err("one too many");
    assert!(error.contains("holds volume"), "{error}");
}

#[test]
fn joined_file_is_refused_when_short_or_out_of_order() {
    let folder = folder();
    let volumes: Vec<Vec<u8>> =
        set(folder.path(), 1).iter().map(|path| std::fs::read(path).expect("volume")).collect();
    let open = |bytes: Vec<u8>| {
        Archive::read_from("joined".into(), Medium::held(bytes.into())).map_err(|e| e.to_string())
    };
    let joined = volumes.concat();
    assert_eq!(open(joined.clone()).expect("whole").seek_table(), Some(SeekTable::Sound));
    let last = volumes.iter().take(volumes.len() - 1).map(Vec::len).sum::<usize>();
    for end in (0..last).step_by(99_991).chain([last - 1, last, last + 10]) {
        open(joined[..end].to_vec()).expect_err("it ends early");
    }
    let mut order: Vec<usize> = (0..volumes.len()).collect();
    order.swap(1, 2);
    let error = open(order.iter().flat_map(|n| volumes[*n].clone()).collect()).expect_err("order");
    assert!(error.contains("volume 2 "), "{error}");
    let without: Vec<u8> = [&volumes[..1], &volumes[2..]].concat().concat();
    let error = open(without).expect_err("one is missing");
    assert!(error.contains("volume 2 "), "{error}");
}

#[test]
fn a_new_set_leaves_nothing_of_an_earlier_one() {
    let folder = folder();
    let long = set(folder.path(), 1).len();
    let path = folder.path().join("a");
    let blobs = [blob(1_500_000, 9, Stored::Raw)];
    let geometry = Geometry::volumes(1 << 20).expect("a size");
    let writer = ArchiveWriter::create(&path, cut_blueprint(&blobs, geometry)).expect("created");
    block_on(fill(writer, &blobs, false, 50_000)).expect("written");
    let archive = Archive::open(&path).expect("the new set");
    let files = volume_set::files_of(&path, &geometry).expect("files");
    assert!(files.len() < long, "{files:?}");
    let lengths =
        archive.medium().expect("files").files().map(|(path, length)| (path.to_owned(), length));
    assert_eq!(lengths.collect::<Vec<_>>(), files);
    assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), files.len());
}

#[test]
fn a_whole_archive_named_like_a_volume_is_read_alone() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let blobs = [blob(1000, 1, Stored::Raw), blob(2000, 2, Stored::Raw)];
    for (number, name) in ["a.001", "a.002"].into_iter().enumerate() {
        block_on(write(&at(name), &blobs[number..=number], false, 500)).expect("written");
    }
    for (number, name) in ["a.001", "a.002"].into_iter().enumerate() {
        let archive = Archive::open(&at(name)).expect("opened");
        assert_holds(&archive, &blobs[number..=number]);
        assert_eq!(archive.medium().expect("files").files().count(), 1);
    }
    let error = Archive::open_all(&[at("a.001"), at("a.002")]).expect_err("two archives");
    assert!(matches!(error, ArchiveError::Volume { .. }), "{error:?}");
}

#[test]
fn what_lies_in_the_way_of_volumes_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("a");
    let geometry = Geometry::volumes(1 << 20).expect("a size");
    let create = || ArchiveWriter::create(&path, cut_blueprint(&[], geometry));
    std::fs::write(folder.path().join("a.009"), "notes").expect("written");
    assert!(matches!(create(), Err(ArchiveError::Output { .. })));
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("folder").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    std::fs::remove_file(folder.path().join("a.009")).expect("removed");
    create().expect("nothing is in the way");
}

/// How many volumes there are at most, and how long the last one is.
fn extent(blobs: &[Blob], geometry: Geometry) -> (usize, u64) {
    let Blueprint { files, blobs, .. } = cut_blueprint(blobs, geometry);
    let (_, head) = head::encode(&files, 0).expect("a head");
    let places = Places::new(geometry, head.end, head.frames.len(), &blobs, &[]).expect("places");
    let lengths = places.longest_volumes();
    (lengths.len(), lengths[lengths.len() - 1])
}

#[test]
fn an_archive_may_end_anywhere_around_the_end_of_a_volume() {
    let geometry = Geometry::volumes(MIN_VOLUME).expect("a size");
    let folder = folder();
    let (mut tables_alone, mut number) = (0, 0);
    for extra in (0..30).step_by(8) {
        let blobs = |last: usize| {
            let mut blobs: Vec<Blob> =
                (0..extra).map(|n| blob(100 + n, 1, Stored::Trust)).collect();
            blobs.push(blob(last, 2, Stored::Raw));
            blobs
        };
        let fits = |size: &usize| extent(&blobs(*size * 512), geometry).0 == 1;
        let sizes: Vec<usize> = (1000..2048).collect();
        let largest = sizes[sizes.partition_point(fits) - 1];
        for size in largest..largest + 4 {
            let blobs = blobs(size * 512);
            let (volumes, last) = extent(&blobs, geometry);
            number += 1;
            let path = folder.path().join(number.to_string());
            let writer = ArchiveWriter::create(&path, cut_blueprint(&blobs, geometry));
            block_on(fill(writer.expect("created"), &blobs, true, 70_000)).expect("written");
            let archive = Archive::open(&path).expect("opened");
            assert_eq!(archive.seek_table(), Some(SeekTable::Sound));
            assert_holds(&archive, &blobs);
            let files = volume_set::files_of(&path, &geometry).expect("files");
            assert_eq!((files.len(), files[files.len() - 1].1), (volumes, last), "as predicted");
            let joined: Vec<u8> =
                files.iter().flat_map(|(path, _)| std::fs::read(path).expect("volume")).collect();
            let footer: [u8; 9] = joined[joined.len() - 9..].try_into().expect("nine");
            let table = seek_table::length_from_footer(&footer).expect("table");
            let joined = Archive::read_from("joined".into(), Medium::held(joined.into()));
            assert_holds(&joined.expect("joined"), &blobs);
            if volumes == 2 && last == MARKER + table {
                tables_alone += 1;
                std::fs::remove_file(&files[1].0).expect("removed");
                let error = Archive::open(&path).expect_err("its volume is missing");
                assert!(matches!(error, ArchiveError::VolumeMissing { .. }), "{error:?}");
            }
        }
    }
    assert!(tables_alone > 0, "{tables_alone} of {number} have a volume for the table alone");
}

#[test]
fn no_more_volumes_are_made_than_names_have_digits_for() {
    let geometry = Geometry::volumes(MIN_VOLUME).expect("a size");
    let places = |size: u64| {
        let blob = BlobEntry { digest: Digest::of(b"x"), size, stored: Stored::Raw };
        Places::new(geometry, 36_864, 2, &[blob], &[])
    };
    // Seven frames of 128 KiB in a volume.
    let most = 999 * 7 * (128 << 10);
    assert!(places(most - (1 << 20)).is_ok());
    for size in (most - (1 << 20)..most + (2 << 20)).step_by(512) {
        match places(size) {
            Ok(places) => assert!(places.longest_volumes().len() <= 999, "{size}"),
            Err(error) => assert!(matches!(error, ArchiveError::Limit(_)), "{error:?}"),
        }
    }
    assert!(places(most + (2 << 20)).is_err());
}
