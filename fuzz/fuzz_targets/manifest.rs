#![no_main]
//! Manifests and indexes.

use bundle::oci::Manifest;
use bundle::oci::media_type::{self, is_manifest};
use libfuzzer_sys::fuzz_target;

const TYPES: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

fuzz_target!(|data: &[u8]| {
    for announced in TYPES {
        if let Ok(manifest) = Manifest::parse(data.to_vec().into(), announced) {
            assert_eq!(manifest.bytes(), data);
            // An index lists manifests, which are its children, and others, which travel as blobs.
            assert!(manifest.children().iter().all(|child| is_manifest(&child.media_type)));
            if media_type::is_index(announced) {
                assert!(!manifest.blobs().any(|blob| is_manifest(&blob.media_type)));
            } else {
                assert!(manifest.children().is_empty() && manifest.blobs().next().is_some());
            }
            let _ = (manifest.subject(), manifest.effective_artifact_type());
        }
    }
});
