//! Writes the seed corpus of every target below the folder that is named.

use bundle::archive::geometry::Geometry;
use bundle_fuzz::{
    ARTIFACT, INDEX, MANIFEST, OPENPGP_KEY, OPENPGP_MESSAGES, archive, contents, inventory,
};
use std::path::Path;

fn main() {
    let folder = std::env::args().nth(1).expect("usage: seeds FOLDER");
    let put = |target: &str, name: &str, bytes: &[u8]| {
        let folder = Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(name), bytes).expect("a seed");
    };
    let whole = Geometry::WHOLE;
    let (bytes, compressed) = archive(whole);
    put("head", "whole", &bytes[..compressed.min(64 << 10)]);
    put("tar_header", "layout", &bytes[13..13 + 512]);
    let large = bundle::archive::entry::header("blobs/sha256/aa", 9 << 30, 7).expect("a header");
    put("tar_header", "large", &large);
    let plain = zstd_decoded(&bytes);
    put("sequential", "frames", &bytes);
    put("sequential", "tar", &plain);
    put("sequential", "recompressed", &zstd::bulk::compress(&plain, 3).expect("compressed"));
    let cut = Geometry::volumes(1 << 20).expect("a size");
    put("frames", "tail", &bytes[compressed..]);
    put("frames", "no-table", &bytes[compressed..bytes.len() - 100]);
    for (name, geometry) in [("whole", whole), ("volumes", cut)] {
        let inventory = inventory(&contents(), b"{}", geometry);
        put("inventory", name, &inventory.to_bytes().expect("JSON"));
    }
    for (name, document) in [("manifest", MANIFEST), ("index", INDEX), ("artifact", ARTIFACT)] {
        put("manifest", name, document.as_bytes());
    }
    put("openpgp_keyring", "key", OPENPGP_KEY);
    for (name, message) in ["open", "zip"].into_iter().zip(OPENPGP_MESSAGES) {
        put("openpgp_message", name, message);
    }
}

fn zstd_decoded(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::decode_all(bytes).expect("a bundle is a zstd stream")
}
