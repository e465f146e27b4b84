use super::*;

fn files() -> Vec<HeadFile> {
    let file = |name: &str, bytes: &[u8]| HeadFile { name: name.into(), bytes: bytes.into() };
    vec![
        file(OCI_LAYOUT, OCI_LAYOUT_CONTENT),
        file(INVENTORY, &vec![b'x'; 5 << 20]),
        file(INDEX, b"{}"),
        file("keys/a.pub", b"key"),
    ]
}

fn held(bytes: &[u8]) -> Medium {
    Medium::held(bytes.to_vec().into())
}

#[test]
fn a_head_reads_back() {
    let (bytes, extent) = encode(&files(), 7).expect("head");
    assert_eq!(bytes.len() as u64, extent.end);
    assert_eq!(extent.end % HEAD_ALIGNMENT, 0);
    let head = read(&held(&bytes)).expect("own head");
    assert_eq!((head.files, head.mtime, head.extent), (files(), 7, extent));
}

#[test]
fn a_head_can_grow_and_shrink_within_its_region() {
    let (_, extent) = encode(&files(), 0).expect("head");
    let mut more = files();
    more.insert(2, HeadFile { name: SEAL.into(), bytes: (0..=255).cycle().take(20_000).collect() });
    for changed in [more, files()[..2].to_vec()] {
        let (bytes, rewritten) = encode_within(&changed, 0, extent.end).expect("fits");
        assert_eq!((bytes.len() as u64, rewritten.end), (extent.end, extent.end));
        assert_eq!(read(&held(&bytes)).expect("head").files, changed);
    }
    let mut too_much = files();
    let noise: Vec<u8> =
        (0..4000_u32).flat_map(|n| *bundle_oci::Digest::of(&n.to_le_bytes()).as_bytes()).collect();
    too_much.push(HeadFile { name: "keys/noise".into(), bytes: noise });
    assert!(matches!(encode_within(&too_much, 0, extent.end), Err(ArchiveError::Limit(_))));
}

#[test]
fn names_that_do_not_belong_and_repeated_ones_are_refused() {
    for name in ["bundle.jsonx", "blobs/sha256/aa", "etc/passwd", INVENTORY] {
        let mut wrong = files();
        wrong.push(HeadFile { name: name.into(), bytes: vec![] });
        let (bytes, _) = encode(&wrong, 0).expect("head");
        assert!(read(&held(&bytes)).is_err(), "{name}");
    }
}

#[test]
fn every_flipped_byte_is_refused_or_moves_the_end() {
    let mut small = files();
    small[1].bytes.truncate(100);
    let (bytes, extent) = encode(&small, 0).expect("head");
    for at in (0..bytes.len()).filter(|at| *at < 700 || at % 97 == 0) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        if let Ok(head) = read(&held(&damaged)) {
            // Only the length of the slack is not covered here: what follows is then not where it must be.
            assert_ne!(head.extent.end, extent.end, "byte {at}");
        }
    }
    for length in (0..bytes.len()).step_by(61) {
        assert!(read(&held(&bytes[..length])).is_err(), "{length}");
    }
}

#[test]
fn a_head_has_no_more_frames_than_its_entries_need() {
    let made = |frames: usize| {
        let mut small = files();
        small[1].bytes.truncate(4096);
        let mut tar = Vec::new();
        for file in &small {
            let size = file.bytes.len() as u64;
            tar.extend_from_slice(&entry::header(&file.name, size, 0).expect("header"));
            tar.extend_from_slice(&file.bytes);
            tar.resize(tar.len() + entry::padding(size) as usize, 0);
        }
        // The first bytes in frames of their own, all others in one.
        let (single, rest) = tar.split_at(frames - 1);
        let pieces = single.chunks(1).chain([rest]);
        let mut bytes: Vec<u8> = pieces.flat_map(frame::raw_frame).collect();
        let end = (bytes.len() as u64 + SKIP_HEADER).next_multiple_of(HEAD_ALIGNMENT);
        bytes.extend_from_slice(&frame::skip_header(
            (end - bytes.len() as u64 - SKIP_HEADER) as u32,
        ));
        bytes.resize(end as usize, 0);
        read(&held(&bytes)).map(|head| head.extent.frames.len())
    };
    // With the slack, which is a frame too.
    assert_eq!(made(MAX_HEAD_FRAMES).expect("as many as there may be"), MAX_HEAD_FRAMES + 1);
    assert!(matches!(made(MAX_HEAD_FRAMES + 1), Err(ArchiveError::Limit(_))));
}

/// A frame of `content` in raw blocks: empty ones at the places in `empty`, counted in blocks of content.
fn frame_with_empty_blocks(content: &[u8], empty: &[usize]) -> Vec<u8> {
    let mut frame = frame::raw_header(content.len() as u64).to_vec();
    let blocks = content.chunks(100);
    let last = blocks.len();
    for (number, block) in blocks.enumerate() {
        if empty.contains(&number) {
            frame.extend_from_slice(&frame::raw_block_header(0, false));
        }
        let is_last = number + 1 == last && !empty.contains(&last);
        frame.extend_from_slice(&frame::raw_block_header(block.len() as u64, is_last));
        frame.extend_from_slice(block);
    }
    if empty.contains(&last) {
        frame.extend_from_slice(&frame::raw_block_header(0, true));
    }
    frame.extend_from_slice(&frame::checksum(xxhash_rust::xxh64::xxh64(content, 0)));
    frame
}

#[test]
fn empty_block_is_refused_by_place_as_it_is_in_a_walk() {
    let content = [7; 1000];
    let both = |frame: &[u8]| {
        let by_place = decode_small_frame(frame, 1000, 0);
        let walked = measure_small_frame(&held(frame), 0);
        (by_place.map_err(|error| error.to_string()), walked.map_err(|error| error.to_string()))
    };
    for empty in [&[][..], &[10]] {
        let frame = frame_with_empty_blocks(&content, empty);
        let (by_place, walked) = both(&frame);
        assert_eq!(by_place.expect("a frame"), content, "{empty:?}");
        assert_eq!(walked.expect("a frame"), (1000, frame.len() as u64), "{empty:?}");
    }
    for empty in [&[0][..], &[5], &[0, 3, 9], &[9, 10]] {
        let frame = frame_with_empty_blocks(&content, empty);
        assert_eq!(zstd::bulk::decompress(&frame, 1000).expect("zstd reads it"), content);
        let (by_place, walked) = both(&frame);
        for refused in [by_place.expect_err("by place"), walked.expect_err("in a walk")] {
            assert!(refused.contains("an empty block that is not the last"), "{refused}");
        }
    }
}

#[test]
fn longest_frame_of_a_walk_is_that_of_a_seek_table() {
    let longest = COMPRESSED_FRAME_LENGTH - frame::TRAILER;
    // Raw blocks of one byte each make a frame long; one block of the right length fills it up.
    let frame_of = |length: u64| {
        let room = length - frame::RAW_HEADER - frame::CHECKSUM;
        let short = 22_000;
        let rest = room - short * 4;
        let long = rest.div_ceil(100_003);
        let mut lengths = vec![1; short as usize];
        lengths.extend((0..long).map(|n| rest / long + u64::from(n < rest % long) - 3));
        let content: u64 = lengths.iter().sum();
        let mut frame = frame::raw_header(content).to_vec();
        for (number, length) in lengths.iter().enumerate() {
            frame.extend(frame::raw_block_header(*length, number + 1 == lengths.len()));
            frame.resize(frame.len() + *length as usize, 0);
        }
        frame.extend(frame::checksum(xxhash_rust::xxh64::xxh64(&vec![0; content as usize], 0)));
        assert_eq!((frame.len() as u64, content <= COMPRESSED_FRAME_CONTENT), (length, true));
        frame
    };
    let (_, length) = measure_small_frame(&held(&frame_of(longest)), 0).expect("the longest");
    assert_eq!(length, longest);
    let refused = measure_small_frame(&held(&frame_of(longest + 1)), 0).expect_err("one more");
    assert!(refused.to_string().contains("does not end"), "{refused}");
}
