use super::*;
use crate::media_type::{OCI_INDEX, OCI_MANIFEST};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use std::fs;

fn scratch() -> (tempfile::TempDir, LayoutWriter) {
    let directory = tempfile::tempdir().expect("a directory");
    let writer = LayoutWriter::open_or_create(directory.path()).expect("a new layout");
    (directory, writer)
}

fn content(pieces: &[&[u8]]) -> ByteStream {
    let pieces: Vec<_> = pieces.iter().map(|p| Ok(Bytes::copy_from_slice(p))).collect();
    stream::iter(pieces).boxed()
}

async fn read_from(source: &dyn BlobSource, blob: &Descriptor, offset: u64) -> Vec<u8> {
    let mut stream = source.open(blob, offset).await.expect("opens");
    let mut all = Vec::new();
    while let Some(piece) = stream.next().await {
        all.extend_from_slice(&piece.expect("a piece"));
    }
    all
}

fn blob_path(directory: &tempfile::TempDir, digest: &Digest) -> PathBuf {
    directory.path().join("blobs/sha256").join(digest.hex())
}

fn names_in_blobs(directory: &tempfile::TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path().join("blobs/sha256")).expect("blobs");
    entries.map(|e| e.expect("entry").file_name().to_string_lossy().into_owned()).collect()
}

fn artifact(subject: Option<&Descriptor>, note: &str) -> Manifest {
    let empty = Descriptor::of(crate::media_type::OCI_EMPTY, b"{}");
    let subject = subject.map_or_else(String::new, |s| {
        format!(r#","subject":{}"#, serde_json::to_string(s).expect("a descriptor"))
    });
    let config = serde_json::to_string(&empty).expect("a descriptor");
    let text = format!(
        r#"{{"schemaVersion":2,"config":{config},"layers":[]{subject},"annotations":{{"note":"{note}"}}}}"#
    );
    Manifest::parse(text.into(), OCI_MANIFEST).expect("a manifest")
}

fn named(manifest: &Manifest, name: &str) -> Descriptor {
    let mut descriptor = manifest.descriptor();
    descriptor.annotations.insert(REF_NAME.into(), name.to_owned());
    descriptor
}

#[tokio::test]
async fn what_is_written_reads_back_from_every_offset() {
    let (_directory, writer) = scratch();
    let large: Vec<u8> = (0..600_000u32).map(|n| (n % 251) as u8).collect();
    let blob = Descriptor::of("x", &large);
    writer
        .write_blob(&blob, content(&[&large[..7], &large[7..400_000], &large[400_000..]]))
        .await
        .expect("written");
    for offset in [0, 1, 262_144, 599_999, 600_000] {
        let read = read_from(writer.layout(), &blob, offset).await;
        assert_eq!(read, large[offset as usize..], "from {offset}");
    }
    let beyond = writer.layout().open(&blob, 600_001).await;
    assert_eq!(beyond.err().map(|e| e.trouble), Some(Trouble::Content));

    let empty = Descriptor::of("x", b"");
    writer.write_blob(&empty, content(&[])).await.expect("written");
    assert_eq!(read_from(writer.layout(), &empty, 0).await, b"");
}

#[tokio::test]
async fn wrong_content_leaves_nothing_behind() {
    let (directory, writer) = scratch();
    let large = vec![7; 600_000];
    let blob = Descriptor::of("x", &large);
    let mut changed = large.clone();
    changed[599_999] ^= 1;
    for wrong in [&changed[..], &large[..599_999], b""] {
        let refused = writer.write_blob(&blob, content(&[wrong])).await;
        assert!(
            matches!(&refused, Err(LayoutError::Blob(e)) if e.trouble == Trouble::Content),
            "{refused:?}"
        );
        assert_eq!(names_in_blobs(&directory), Vec::<String>::new());
    }
    writer.write_blob(&blob, content(&[&large])).await.expect("the right content");
    assert_eq!(names_in_blobs(&directory), [blob.digest.hex()]);
}

#[tokio::test]
async fn present_blob_is_written_again_only_at_a_wrong_length() {
    let (directory, writer) = scratch();
    let blob = Descriptor::of("x", b"hello");
    let path = blob_path(&directory, &blob.digest);
    fs::write(&path, b"hel").expect("a torn file");
    writer.write_blob(&blob, content(&[b"hello"])).await.expect("written");
    assert_eq!(fs::read(&path).expect("read"), b"hello");
    let error = SourceError::new(Trouble::Network, "must not be read");
    let unread = stream::iter([Err(error)]).boxed();
    writer.write_blob(&blob, unread).await.expect("here already");
}

#[tokio::test]
async fn absence_wrong_length_and_links_are_told_apart() {
    let (directory, writer) = scratch();
    let layout = writer.layout();
    let blob = Descriptor::of("x", b"secret");
    let trouble = async |blob: &Descriptor| layout.open(blob, 0).await.err().map(|e| e.trouble);
    assert_eq!(trouble(&blob).await, Some(Trouble::Absent));
    assert!(!layout.has_blob(&blob.digest).expect("looked up"));

    let outside = tempfile::NamedTempFile::new().expect("a file");
    fs::write(outside.path(), b"secret").expect("written");
    let path = blob_path(&directory, &blob.digest);
    std::os::unix::fs::symlink(outside.path(), &path).expect("a link");
    assert_eq!(trouble(&blob).await, Some(Trouble::Medium));
    assert!(!layout.has_blob(&blob.digest).expect("looked up"));

    fs::remove_file(&path).expect("removed");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .expect("a fifo");
    assert_eq!(trouble(&blob).await, Some(Trouble::Medium));

    fs::remove_file(&path).expect("removed");
    fs::write(&path, b"secret!").expect("written");
    assert_eq!(trouble(&blob).await, Some(Trouble::Content));

    fs::write(&path, b"secret").expect("written");
    assert_eq!(trouble(&blob).await, None);
    assert_eq!(layout.blob_size(&blob.digest).expect("size"), Some(6));
}

#[test]
fn a_blobs_directory_that_is_a_link_is_refused() {
    let (directory, writer) = scratch();
    drop(writer);
    let outside = tempfile::tempdir().expect("a directory");
    let blobs = directory.path().join("blobs/sha256");
    fs::remove_dir(&blobs).expect("removed");
    std::os::unix::fs::symlink(outside.path(), &blobs).expect("a link");
    assert!(LayoutDirectory::open(directory.path()).is_err());
    assert!(LayoutWriter::open_or_create(directory.path()).is_err());
}

#[test]
fn an_index_or_marker_that_is_not_a_file_is_never_replaced() {
    for name in ["index.json", "oci-layout"] {
        for kind in ["link", "dangling link", "directory"] {
            let (directory, writer) = scratch();
            drop(writer);
            let (path, real) = (directory.path().join(name), directory.path().join("blobs/real"));
            fs::rename(&path, &real).expect("moved");
            match kind {
                "link" => std::os::unix::fs::symlink("blobs/real", &path).expect("a link"),
                "directory" => fs::create_dir(&path).expect("a directory"),
                _ => std::os::unix::fs::symlink("nowhere", &path).expect("a link"),
            }
            assert!(LayoutWriter::open_or_create(directory.path()).is_err(), "{name}: {kind}");
            assert!(!path.symlink_metadata().expect("there").is_file(), "{name}: {kind}");
            // As a file again it is the layout that it was.
            match kind {
                "directory" => fs::remove_dir(&path).expect("removed"),
                _ => fs::remove_file(&path).expect("removed"),
            }
            fs::rename(&real, &path).expect("moved back");
            assert!(LayoutWriter::open_or_create(directory.path()).is_ok(), "{name}: {kind}");
        }
    }
}

#[tokio::test]
async fn manifests_are_bounded_hashed_and_parsed() {
    let (directory, writer) = scratch();
    let manifest = artifact(None, "a");
    let descriptor = manifest.descriptor();
    let layout = writer.layout();
    assert!(layout.read_manifest(&descriptor).await.expect("absent").is_none());
    writer.write_manifest(&manifest).await.expect("written");
    let read = layout.read_manifest(&descriptor).await.expect("read");
    assert_eq!(read.expect("here").bytes(), manifest.bytes());

    let as_index = Descriptor::new(OCI_INDEX, descriptor.digest, descriptor.size);
    let error = layout.read_manifest(&as_index).await.expect_err("no index");
    assert!(matches!(error, LayoutError::Manifest { .. }), "{error:?}");

    let mut changed = manifest.bytes().to_vec();
    changed[40] ^= 1;
    fs::write(blob_path(&directory, &descriptor.digest), changed).expect("written");
    let error = layout.read_manifest(&descriptor).await.expect_err("changed");
    assert!(matches!(&error, LayoutError::Blob(e) if e.trouble == Trouble::Content), "{error:?}");
    let huge = Descriptor::new(OCI_MANIFEST, descriptor.digest, MAX_MANIFEST + 1);
    assert!(layout.read_manifest(&huge).await.is_err());
}

#[tokio::test]
async fn names_and_referrers_are_found_again_after_reopening() {
    let (directory, writer) = scratch();
    let (image, other) = (artifact(None, "image"), artifact(None, "other"));
    let signature = artifact(Some(&image.descriptor()), "signature");
    for manifest in [&image, &other, &signature] {
        writer.write_manifest(manifest).await.expect("written");
    }
    let entries = vec![
        named(&other, "quay.io/a/b:1"),
        named(&other, "quay.io/a/b:2"),
        signature.descriptor(),
    ];
    writer.put_entries(entries).await.expect("listed");
    writer.put_entries(vec![named(&image, "quay.io/a/b:1")]).await.expect("moved");
    drop(writer);

    let layout = LayoutDirectory::open(directory.path()).expect("opens");
    let digest = |name: &str| layout.tagged(name).map(|d| d.digest);
    assert_eq!(digest("quay.io/a/b:1"), Some(image.digest()));
    assert_eq!(digest("quay.io/a/b:2"), Some(other.digest()));
    assert_eq!(digest("quay.io/a/b"), None);
    assert_eq!(layout.entries().len(), 3);
    let referrers = layout.referrers(&image.digest()).await.expect("read");
    assert_eq!(referrers, [signature.descriptor()]);
    assert_eq!(layout.referrers(&other.digest()).await.expect("read"), []);

    fs::remove_file(blob_path(&directory, &signature.digest())).expect("removed");
    assert!(layout.referrers(&image.digest()).await.is_err());
    fs::write(blob_path(&directory, &signature.digest()), b"damaged").expect("written");
    assert!(layout.referrers(&image.digest()).await.is_err());
}

#[tokio::test]
async fn an_entry_without_its_blob_is_refused_and_the_index_stays() {
    let (directory, writer) = scratch();
    let before = fs::read(directory.path().join("index.json")).expect("an index");
    let absent = named(&artifact(None, "absent"), "a:1");
    assert!(writer.put_entries(vec![absent]).await.is_err());
    let after = fs::read(directory.path().join("index.json")).expect("an index");
    assert_eq!((before, writer.layout().entries().len()), (after, 0));
}

#[test]
fn there_is_one_writer_at_a_time_and_readers_beside_it() {
    let (directory, writer) = scratch();
    let second = LayoutWriter::open_or_create(directory.path());
    assert!(matches!(second, Err(LayoutError::Locked(_))), "{second:?}");
    assert!(LayoutDirectory::open(directory.path()).is_ok());
    drop(writer);
    assert!(LayoutWriter::open_or_create(directory.path()).is_ok());
}

#[test]
fn what_a_dead_writer_left_is_removed_and_nothing_else() {
    let (directory, writer) = scratch();
    drop(writer);
    let blobs = directory.path().join("blobs/sha256");
    fs::write(blobs.join(".partial-1-2"), b"half").expect("written");
    fs::write(directory.path().join(".partial-1-3"), b"half").expect("written");
    fs::write(blobs.join("other"), b"kept").expect("written");
    LayoutWriter::open_or_create(directory.path()).expect("opens");
    assert_eq!(names_in_blobs(&directory), ["other"]);
    assert!(!directory.path().join(".partial-1-3").exists());
}

#[test]
fn a_directory_that_is_no_layout_is_neither_read_nor_taken_over() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let read = LayoutDirectory::open(path);
    assert!(matches!(read, Err(LayoutError::NotALayout { .. })), "{read:?}");
    fs::write(path.join("letter.txt"), b"dear").expect("written");
    let taken = LayoutWriter::open_or_create(path);
    assert!(matches!(taken, Err(LayoutError::NotALayout { .. })), "{taken:?}");
    let names: Vec<_> = fs::read_dir(path).expect("listed").collect();
    assert_eq!(names.len(), 1, "{names:?}");

    fs::remove_file(path.join("letter.txt")).expect("removed");
    LayoutWriter::open_or_create(path).expect("an empty directory becomes one");
    for (marker, good) in [
        (r#"{"imageLayoutVersion":"1.0.0"}"#.to_owned(), true),
        (r#"{"imageLayoutVersion":"2.0.0"}"#.to_owned(), false),
        (r#"{"imageLayoutVersion":1}"#.to_owned(), false),
        ("{}".to_owned(), false),
        ("".to_owned(), false),
        (format!(r#"{{"imageLayoutVersion":"1.0.0"}}{}"#, " ".repeat(5000)), false),
    ] {
        fs::write(path.join("oci-layout"), &marker).expect("written");
        assert_eq!(LayoutDirectory::open(path).is_ok(), good, "{marker:.60}");
    }
}
