#![no_main]
//! Compressed frames, the tar's end and the seek table behind a genuine head: whatever opens has the right content.

use bundle::archive::Archive;
use bundle::archive::frame;
use bundle::archive::geometry::Geometry;
use bundle::archive::medium::Medium;
use bundle::archive::seek_table;
use bundle::oci::Digest;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static BEFORE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (mut bytes, compressed) = bundle_fuzz::archives::archive(Geometry::WHOLE);
    bytes.truncate(compressed);
    bytes
});

fuzz_target!(|data: &[u8]| {
    let _ = frame::parse_header(data, 0);
    let _ = seek_table::decode(data, 0);
    let bytes = [&BEFORE[..], data].concat();
    if let Ok(archive) = Archive::read_from("fuzz".into(), Medium::held(bytes.into())) {
        for blob in &archive.inventory().blobs {
            if let Ok(content) = archive.read(&blob.digest, 1 << 20) {
                assert_eq!(Digest::of(&content), blob.digest);
            }
        }
    }
});
