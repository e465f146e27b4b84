use super::*;
use crate::frame::raw_frame;
use crate::head::OCI_LAYOUT;
use crate::limits::{MAX_RECORD, RECOMPRESSED_WINDOW_LOG};
use crate::testing::{Builder, LAYER};
use bundle_inventory::Inventory;
use std::io::Cursor;

/// An archive in frames, the inventory, and where its cargo begins.
struct Written {
    bytes: Vec<u8>,
    inventory: Inventory,
    cargo_at: usize,
    table_at: usize,
}

fn written() -> Written {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("a.tar.zst");
    let mut builder = Builder::new();
    let layers = ["small ".repeat(10), "large ".repeat(50_000), "other ".repeat(700)];
    let layers = layers.map(|content| builder.blob(LAYER, content));
    let image = builder.image_of("amd64", &layers);
    builder.add_image("registry.example/app:1", &image, &[]);
    let archive = builder.open(&path);
    let inventory = archive.inventory().clone();
    let first = inventory.blobs.iter().find(|blob| blob.stored != Stored::Trust).expect("cargo");
    let cargo_at = archive.stored_frames(&first.digest).expect("its place")[0].0 as usize;
    let bytes = std::fs::read(&path).expect("archive");
    let table = &bytes[bytes.len() - 9..];
    let frames = u32::from_le_bytes(*table.first_chunk().expect("footer")) as usize;
    let table_at = bytes.len() - (8 + frames * 8 + 9);
    Written { bytes, inventory, cargo_at, table_at }
}

fn tar(archive: &[u8]) -> Vec<u8> {
    zstd::stream::decode_all(archive).expect("zstd reads it")
}

/// Reads everything; each blob must be what its digest says.
fn read_all(reader: impl Read + Send + 'static) -> Result<(Archive, Vec<Digest>), ArchiveError> {
    let (archive, mut stream) = open(Box::new(reader), Path::new("-"))?;
    let mut read = Vec::new();
    while let Some(blob) = stream.next_blob()? {
        let mut content = Vec::new();
        while let Some(piece) = stream.next_piece()? {
            content.extend_from_slice(&piece);
        }
        if Digest::of(&content) != blob.digest {
            return Err(ArchiveError::Blob { digest: blob.digest, what: "other content".into() });
        }
        read.push(blob.digest);
    }
    Ok((archive, read))
}

#[track_caller]
fn expect_all(written: &Written, bytes: Vec<u8>, form: Form) {
    let (archive, read) = read_all(Cursor::new(bytes)).expect("read");
    assert_eq!(archive.form(), form);
    assert_eq!(archive.length(), None, "nobody knows how long a pipe is");
    let digest = Digest::of(&written.inventory.to_bytes().expect("JSON"));
    assert_eq!(archive.bundle_digest(), digest);
    let (kept, passed): (Vec<&BlobEntry>, Vec<&BlobEntry>) =
        written.inventory.blobs.iter().partition(|blob| blob.stored == Stored::Trust);
    assert_eq!(read, passed.iter().map(|blob| blob.digest).collect::<Vec<_>>());
    for blob in kept {
        let content = archive.read(&blob.digest, blob.size).expect("it is held");
        assert_eq!(Digest::of(&content), blob.digest);
    }
    for blob in passed {
        let error = archive.read(&blob.digest, blob.size).expect_err("it passed");
        assert!(matches!(error, ArchiveError::PassesOnce(digest) if digest == blob.digest));
    }
}

#[test]
fn every_form_holds_the_same() {
    let written = written();
    let tar = tar(&written.bytes);
    expect_all(&written, written.bytes.clone(), Form::Frames);
    expect_all(&written, written.bytes[..written.table_at].to_vec(), Form::Frames);
    expect_all(&written, tar.clone(), Form::Tar);
    expect_all(&written, zstd::encode_all(&tar[..], 19).expect("zstd"), Form::Recompressed);
    let anew = zstd::encode_all(&tar[..], 1).expect("zstd");
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    expect_all(&written, [&skipped[..], &anew].concat(), Form::Recompressed);
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("zstd");
    encoder.window_log(RECOMPRESSED_WINDOW_LOG).expect("window");
    std::io::copy(&mut &tar[..], &mut encoder).expect("compressed");
    expect_all(&written, encoder.finish().expect("compressed"), Form::Recompressed);
}

#[test]
fn windows_beyond_what_zstd_reads_unasked_are_refused() {
    let tar = tar(&written().bytes);
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("zstd");
    encoder.window_log(RECOMPRESSED_WINDOW_LOG + 1).expect("window");
    std::io::copy(&mut &tar[..], &mut encoder).expect("compressed");
    let error = read_all(Cursor::new(encoder.finish().expect("compressed"))).expect_err("refused");
    assert!(error.to_string().contains("zstd refuses"), "{error}");
}

#[test]
fn records_may_be_filled_up_with_zeros_and_with_nothing_else() {
    let written = written();
    let tar = tar(&written.bytes);
    for (whole, form) in [(&tar, Form::Tar), (&written.bytes, Form::Frames)] {
        let with = |end: &[u8]| [whole, end].concat();
        expect_all(&written, with(&[0; 5120]), form);
        expect_all(&written, with(&vec![0; MAX_RECORD as usize]), form);
        let too_much = vec![0; MAX_RECORD as usize + 1];
        let hidden = [&[0; 512][..], b"x"].concat();
        for end in [&too_much[..], b"more", &hidden, whole] {
            let error = read_all(Cursor::new(with(end))).expect_err("refused").to_string();
            let known = error.contains("after the end") || error.contains("no zstd frame");
            assert!(known, "{form:?} {error}");
        }
    }
    let again = [&written.bytes[..], &raw_frame(b"hidden")].concat();
    let error = read_all(Cursor::new(again)).expect_err("refused").to_string();
    assert!(error.contains("content after the end"), "{error}");
}

#[test]
fn whatever_ends_early_is_refused() {
    let written = written();
    let tar = tar(&written.bytes);
    let anew = zstd::encode_all(&tar[..], 3).expect("zstd");
    for bytes in [&written.bytes[..written.table_at], &tar, &anew] {
        let places = (0..bytes.len()).step_by(509).chain(bytes.len() - 20..bytes.len());
        for length in places {
            let cut = bytes[..length].to_vec();
            assert!(read_all(Cursor::new(cut)).is_err(), "{length} of {}", bytes.len());
        }
    }
    for length in written.table_at + 1..written.bytes.len() {
        let cut = written.bytes[..length].to_vec();
        assert!(read_all(Cursor::new(cut)).is_err(), "half a seek table of {length}");
    }
}

#[test]
fn no_flipped_bit_changes_what_comes_out() {
    let written = written();
    let tar = tar(&written.bytes);
    let mut refused = 0;
    for bytes in [&written.bytes, &tar] {
        let places = (0..600).chain((600..bytes.len()).step_by(331));
        for at in places {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let Ok((archive, read)) = read_all(Cursor::new(flipped)) else {
                refused += 1;
                continue;
            };
            // Slack and seek table hold nothing; a tar has neither checksums nor a digest of its inventory.
            let digest = Digest::of(&written.inventory.to_bytes().expect("JSON"));
            if archive.form() == Form::Frames {
                assert_eq!(archive.bundle_digest(), digest, "byte {at}");
            }
            let stream = archive.inventory().blobs.iter().filter(|b| b.stored != Stored::Trust);
            assert_eq!(read, stream.map(|blob| blob.digest).collect::<Vec<_>>());
        }
    }
    assert!(refused > 1_000, "{refused}");
}

#[test]
fn a_damaged_bundle_is_never_taken_for_another_form() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("a.tar.zst");
    let written = written();
    let opened = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("file");
        open_any(std::slice::from_ref(&path))
    };
    let (archive, stream) = opened(&written.bytes).expect("as it was");
    assert!(archive.form() == Form::Frames && stream.is_none());
    for bit in 0..64 * 8 {
        let mut flipped = written.bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(opened(&flipped).is_err(), "bit {bit}");
    }
    let tar = tar(&written.bytes);
    let anew = zstd::encode_all(&tar[..], 3).expect("zstd");
    for (bytes, form) in [(&tar, Form::Tar), (&anew, Form::Recompressed)] {
        let (archive, stream) = opened(bytes).expect("another form");
        assert_eq!(archive.form(), form);
        assert_eq!(archive.length(), Some(bytes.len() as u64));
        assert!(stream.is_some());
    }
    let cut = opened(&tar[..tar.len() - 1]).expect_err("cut");
    assert!(
        matches!(cut, ArchiveError::Truncated { expected, .. } if expected == tar.len() as u64)
    );
    // Two frames are what nobody who compresses a file makes.
    assert!(opened(&[&anew[..], &anew].concat()).is_err());
}

/// A zstd frame of zeros that never ends, behind some bytes.
struct Endless(Cursor<Vec<u8>>);

impl Endless {
    fn behind(mut bytes: Vec<u8>) -> Self {
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[0, 0x38]);
        Self(Cursor::new(bytes))
    }
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        // A block that repeats one byte 131,072 times.
        let block = [&((BLOCK_OF_ZEROS << 3 | 2).to_le_bytes()[..3]), &[0]].concat();
        match self.0.read(buffer)? {
            0 => {
                let whole = buffer.len() / block.len() * block.len();
                for place in buffer[..whole].chunks_exact_mut(block.len()) {
                    place.copy_from_slice(&block);
                }
                Ok(whole)
            }
            count => Ok(count),
        }
    }
}

const BLOCK_OF_ZEROS: u32 = 128 << 10;

#[test]
fn what_expands_without_end_is_not_followed() {
    let written = written();
    assert!(read_all(Endless::behind(Vec::new())).is_err());
    let behind = Endless::behind(written.bytes[..written.table_at].to_vec());
    let error = read_all(behind).expect_err("refused").to_string();
    assert!(error.contains("content after the end"), "{error}");
    let behind = Endless::behind(written.bytes[..written.cargo_at].to_vec());
    assert!(read_all(behind).is_err(), "zeros in place of a blob");
    // An entry that says it goes on for long is refused before it does.
    for (name, size) in [("bundle.json", 64 << 20), ("keys/a", 1 << 20), ("index.json", 1 << 40)] {
        let first = entry::header(OCI_LAYOUT, head::OCI_LAYOUT_CONTENT.len() as u64, 0);
        let mut content = first.expect("header").to_vec();
        content.extend_from_slice(head::OCI_LAYOUT_CONTENT);
        content.resize(1024, 0);
        content.extend_from_slice(&entry::header(name, size + 1, 0).expect("header"));
        let error = read_all(Endless::behind(raw_frame(&content))).expect_err("refused");
        assert!(matches!(error, ArchiveError::Limit(_)), "{name}: {error}");
    }
}

/// Gives some bytes; whoever asks for more has gone too far.
struct Nothing;

impl Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("too far"))
    }
}

/// The same bytes over and over.
struct Over(Vec<u8>, usize);

impl Read for Over {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        for byte in &mut *buffer {
            *byte = self.0[self.1 % self.0.len()];
            self.1 += 1;
        }
        Ok(buffer.len())
    }
}

#[test]
fn frames_without_content_are_not_read_for_ever() {
    let written = written();
    let empty = zstd::stream::encode_all(&b""[..], 1).expect("a frame");
    for at in [0, written.cargo_at, written.table_at, written.bytes.len()] {
        let before = Cursor::new(written.bytes[..at].to_vec());
        assert!(read_all(before.chain(Over(empty.clone(), 0))).is_err(), "{at}");
    }
    // One or two are what joining leaves.
    let recompressed = zstd::stream::encode_all(&tar(&written.bytes)[..], 1).expect("compressed");
    expect_all(&written, [&recompressed[..], &empty, &empty].concat(), Form::Recompressed);
}

#[test]
fn verification_waits_for_nothing_behind_the_trust_section() {
    let written = written();
    let first = written.bytes[..written.cargo_at].to_vec();
    let (archive, mut stream) =
        open(Box::new(Cursor::new(first.clone()).chain(Nothing)), Path::new("-")).expect("opened");
    assert!(crate::Catalogue::read(&archive).is_ok());
    assert!(stream.next_blob().is_err_and(|error| matches!(error, ArchiveError::Io { .. })));
    let less = first[..first.len() - 5].to_vec();
    assert!(open(Box::new(Cursor::new(less).chain(Nothing)), Path::new("-")).is_err());
}

#[test]
fn other_files_are_named_for_what_they_are_not() {
    for (bytes, said) in [
        (&b""[..], "it is empty"),
        (b"{}", "neither as a zstd frame nor as a tar"),
        (&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0], "compressed by gzip"),
    ] {
        let error = read_all(Cursor::new(bytes)).expect_err("refused").to_string();
        assert!(error.contains(said), "{error}");
    }
    let marker = crate::volumes::marker(&Digest::of(b"bundle"), 2, None);
    let error = read_all(Cursor::new(marker.to_vec())).expect_err("refused").to_string();
    assert!(error.contains("volume 2"), "{error}");
}

#[test]
fn nothing_travels_unseen_in_skippable_frames() {
    let written = written();
    let (before, stream) = written.bytes.split_at(written.cargo_at);
    let (stream, table) = stream.split_at(written.table_at - written.cargo_at);
    let skippable = |magic: u32, content: &[u8]| {
        [&magic.to_le_bytes()[..], &(content.len() as u32).to_le_bytes(), content].concat()
    };
    let between = |frame: &[u8]| [before, frame, stream, table].concat();
    let zeros = skippable(frame::SKIP_MAGIC, &[0; 300_000]);
    expect_all(&written, between(&zeros), Form::Frames);
    let mut unlike = vec![0; 300_000];
    unlike[299_999] = 1;
    for (magic, content) in [
        (frame::SKIP_MAGIC, &unlike[..]),
        (frame::MARKER_MAGIC, &[0; 57]),
        (seek_table::FRAME_MAGIC, &table[8..]),
        (frame::SKIP_MAGIC + 7, &[]),
    ] {
        let error = read_all(Cursor::new(between(&skippable(magic, content)))).expect_err("hidden");
        assert!(matches!(error, ArchiveError::Structure { .. }), "{magic:x}: {error:?}");
    }

    // A table that is wrong is as good as none; what is longer than any table is none.
    let behind =
        |content: &[u8]| [before, stream, &skippable(seek_table::FRAME_MAGIC, content)].concat();
    expect_all(&written, behind(&vec![7; table.len() - 8]), Form::Frames);
    assert!(read_all(Cursor::new(behind(&[7; 100_000]))).is_err());

    // Other tools have no reason to hide something either.
    let tar = tar(&written.bytes);
    let (one, other) = tar.split_at(tar.len() / 2);
    let compress = |content: &[u8]| zstd::encode_all(content, 3).expect("zstd");
    let around = |frame: &[u8]| [&compress(one)[..], frame, &compress(other)].concat();
    expect_all(&written, around(&[]), Form::Recompressed);
    let error = read_all(Cursor::new(around(&zeros))).expect_err("hidden");
    assert!(matches!(error, ArchiveError::Structure { .. }), "{error:?}");
}

/// An archive whose trust section has so many bytes of nothing.
fn padded(length: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("a.tar.zst");
    let mut builder = Builder::new();
    let image = builder.simple_image("amd64", "an image");
    builder.add_image("registry.example/app:1", &image, &[]);
    for number in 0..length / (1 << 20) {
        let content = "0".repeat((1 << 20) - 8) + &format!("{number:08}");
        builder.gpg(0, image.digest, content.as_bytes());
    }
    builder.write(&path);
    std::fs::read(&path).expect("archive")
}

#[test]
fn a_stream_holds_no_more_than_what_came_may_expand_to() {
    let (few, many) = (padded(8 << 20), padded(40 << 20));
    let compressed = |bytes: &[u8]| zstd::encode_all(&tar(bytes)[..], 3).expect("compressed");
    for (bytes, is_read) in [
        (compressed(&few), true),
        (compressed(&many), false),
        // As it was made, and as the tar alone, it has its own length.
        (many.clone(), true),
        (tar(&many), true),
    ] {
        let length = bytes.len();
        match open(Box::new(Cursor::new(bytes)), Path::new("-")) {
            Ok(_) => assert!(is_read, "{length}"),
            Err(ArchiveError::Limit(what)) => assert!(!is_read, "{length}: {what}"),
            Err(other) => panic!("{length}: {other}"),
        }
    }
}

#[test]
fn cargo_expands_as_much_as_the_inventory_says() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("a.tar.zst");
    let mut builder = Builder::new();
    let layer = builder.blob(LAYER, vec![0; 40 << 20]);
    let image = builder.image_of("amd64", &[layer]);
    builder.add_image("registry.example/app:1", &image, &[]);
    builder.write(&path);
    let bytes = zstd::encode_all(&tar(&std::fs::read(&path).expect("archive"))[..], 3);
    assert!(read_all(Cursor::new(bytes.expect("compressed"))).is_ok());
}
