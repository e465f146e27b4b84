#![no_main]
//! An archive read in order, from anything that could come through a pipe: wrapped in zstd or not.

use bundle::archive::sequential;
use bundle::oci::Digest;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|data: &[u8]| {
    let reader = Box::new(std::io::Cursor::new(data.to_vec()));
    let Ok((archive, mut cargo)) = sequential::open(reader, Path::new("fuzz")) else { return };
    for blob in &archive.inventory().blobs {
        if let Ok(content) = archive.read(&blob.digest, 1 << 20) {
            assert_eq!(Digest::of(&content), blob.digest);
        }
    }
    while let Ok(Some(blob)) = cargo.next_blob() {
        let mut length = 0;
        while let Ok(Some(piece)) = cargo.next_piece() {
            length += piece.len() as u64;
        }
        assert!(length <= blob.size);
    }
});
