//! Manifests that a container runtime would unpack and run, by the types in them and by the beginnings of their layers.
//!
//! Runtimes do not look at the type of a layer under the config of an image: whatever is a tar there, compressed or not,
//! becomes part of a file system. So where the types say that a layer is something else, its first bytes have to be asked.

use super::manifest::Image;
use super::{Descriptor, Manifest, Meaning, media_type};

/// Config types of images. Docker runs the last three as well, which registries of 2017 gave to configs.
const IMAGE_CONFIGS: [&str; 5] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
    "application/octet-stream",
    "application/json",
    "text/html",
];
/// Beginnings of the types of file-system layers, compressed or not, foreign or not.
const FILE_SYSTEMS: [&str; 3] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.",
];
/// First bytes of what runtimes decompress: gzip, bzip2, xz, zstd.
const COMPRESSED: [&[u8]; 4] =
    [&[0x1f, 0x8b, 8], b"BZh", &[0xfd, b'7', b'z', b'X', b'Z', 0], &[0x28, 0xb5, 0x2f, 0xfd]];
/// A skippable frame of zstd (RFC 8878 §3.1.2), whose first byte has 16 values.
const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
/// Bytes of a layer that tell whether it is a file system: one header of a tar.
pub const BEGINNING: usize = 512;
/// The place of the sum of its bytes in a tar header (POSIX pax, ustar header block).
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// True for an image by its types: file-system layers under the config of an image.
pub fn is_runnable(manifest: &Manifest) -> bool {
    let is_file_system = |layer: &Descriptor| {
        FILE_SYSTEMS.iter().any(|beginning| layer.media_type.starts_with(beginning))
    };
    under_image_config(manifest).iter().any(is_file_system)
}

/// Layers that make the manifest runnable if they are file systems, whatever their types say; none where the config is
/// not an image's.
pub fn under_image_config(manifest: &Manifest) -> &[Descriptor] {
    match manifest.meaning() {
        Meaning::Image(image) if has_image_config(manifest.media_type(), image) => &image.layers,
        _ => &[],
    }
}

/// Under Docker's own manifest type no runtime looks at the type of the config.
fn has_image_config(manifest_type: &str, image: &Image) -> bool {
    manifest_type == media_type::DOCKER_MANIFEST
        || IMAGE_CONFIGS.contains(&image.config.media_type.as_str())
}

/// True when content that begins so is a tar, or what runtimes decompress into one. `start` are the first [`BEGINNING`]
/// bytes, or all there are.
pub fn begins_file_system(start: &[u8]) -> bool {
    COMPRESSED.iter().any(|magic| start.starts_with(magic))
        || start.get(1..4) == Some(&SKIPPABLE) && start[0] >> 4 == 5
        || start.get(..BEGINNING).is_some_and(is_tar_header)
}

/// Every tar has the sum of its first header in it, whichever of the formats it is of.
fn is_tar_header(header: &[u8]) -> bool {
    let stated = std::str::from_utf8(&header[CHECKSUM]).unwrap_or_default();
    let stated = stated.trim_matches(|c| c == ' ' || c == '\0');
    let Ok(stated) = i64::from_str_radix(stated, 8) else { return false };
    let blank = |at: usize, byte: u8| if CHECKSUM.contains(&at) { b' ' } else { byte };
    let bytes = || header.iter().enumerate().map(|(at, byte)| blank(at, *byte));
    // Some tars of the past have the sum of signed bytes.
    let unsigned: i64 = bytes().map(i64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    stated == unsigned || stated == signed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(format: &str) -> Vec<u8> {
        let mut header = match format {
            "ustar" => tar::Header::new_ustar(),
            "gnu" => tar::Header::new_gnu(),
            _ => tar::Header::new_old(),
        };
        header.set_size(3);
        let path = "bin/\u{e9}vil";
        let mut tar = tar::Builder::new(Vec::new());
        tar.append_data(&mut header, path, &b"sh\n"[..]).expect("a tar");
        tar.into_inner().expect("a tar")
    }

    #[test]
    fn file_systems_are_known_by_their_first_bytes() {
        for format in ["ustar", "gnu", "old"] {
            let tar = tar(format);
            assert!(begins_file_system(&tar[..BEGINNING]), "{format}");
            let zstd = zstd::encode_all(&tar[..], 1).expect("compressed");
            assert!(begins_file_system(&zstd), "{format}");
        }
        for compressed in
            [&[0x1f, 0x8b, 8, 0][..], b"BZh91AY", b"\xfd7zXZ\0\0", b"\x5a\x2a\x4d\x18"]
        {
            assert!(begins_file_system(compressed), "{compressed:?}");
        }
    }

    #[test]
    fn documents_are_no_file_systems() {
        let long = format!("{{\"spdxVersion\":\"SPDX-2.3\",\"name\":\"{}\"}}", "x".repeat(600));
        for document in [long.as_str(), "", "{}", "<bom/>", "BZ", "-----BEGIN PGP SIGNATURE-----"] {
            let start = document.as_bytes();
            let start = &start[..start.len().min(BEGINNING)];
            assert!(!begins_file_system(start), "{document}");
        }
        assert!(!begins_file_system(&[0; BEGINNING]), "the end of a tar");
        assert!(!begins_file_system(&[b'0'; BEGINNING]));
    }
}
