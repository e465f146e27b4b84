#![no_main]
//! Manifests and indexes.

use bundle::oci::Manifest;
use libfuzzer_sys::fuzz_target;

const TYPES: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

fuzz_target!(|data: &[u8]| {
    for media_type in TYPES {
        if let Ok(manifest) = Manifest::parse(data.to_vec().into(), media_type) {
            assert_eq!(manifest.bytes(), data);
            assert!(manifest.children().is_empty() || manifest.blobs().next().is_none());
            let _ = (manifest.subject(), manifest.effective_artifact_type());
        }
    }
});
