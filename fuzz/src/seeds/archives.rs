//! Archives, and the documents in them.

use bundle::archive::geometry::Geometry;
use bundle_fuzz::archives::{ARTIFACT, INDEX, MANIFEST, archive, contents, files, inventory};

/// Hands over every seed: target, name, content.
pub fn put_all(put: &mut dyn FnMut(&str, &str, &[u8])) {
    let whole = Geometry::WHOLE;
    let (bytes, compressed) = archive(whole);
    put("head", "whole", &bytes[..compressed.min(64 << 10)]);
    put("tar_header", "layout", &bytes[13..13 + 512]);
    let large = bundle::archive::entry::header("blobs/sha256/aa", 9 << 30, 7).expect("a header");
    put("tar_header", "large", &large);
    let plain = zstd::stream::decode_all(&bytes[..]).expect("a bundle is a zstd stream");
    put("sequential", "frames", &bytes);
    put("sequential", "tar", &plain);
    put("sequential", "recompressed", &zstd::bulk::compress(&plain, 3).expect("compressed"));
    let cut = Geometry::volumes(1 << 20).expect("a size");
    put("frames", "tail", &bytes[compressed..]);
    put("frames", "no-table", &bytes[compressed..bytes.len() - 100]);
    for (name, geometry) in [("whole", whole), ("volumes", cut)] {
        let inventory = inventory(&contents(), &files(), geometry);
        put("inventory", name, &inventory.to_bytes().expect("JSON"));
    }
    for (name, document) in [("manifest", MANIFEST), ("index", INDEX), ("artifact", ARTIFACT)] {
        put("manifest", name, document.as_bytes());
    }
}
