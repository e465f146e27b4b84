//! Layers that are what they claim: a tar in gzip, of any size, the same bytes every time.

use bundle::oci::Digest;
use std::sync::LazyLock;

/// A layer and the digest of the tar in it.
pub(crate) struct Layer {
    /// gzip of the tar.
    pub(crate) bytes: Vec<u8>,
    /// Digest of the tar, the config's `diff_id`.
    pub(crate) diff_id: Digest,
}

/// A layer with one file of `size` bytes that do not repeat and follow from `seed`.
pub(crate) fn layer(seed: &str, size: usize) -> Layer {
    let content = noise(seed, size);
    let mut header = tar::Header::new_ustar();
    header.set_path(format!("{seed}.bin")).expect("path");
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_cksum();
    let mut archive = tar::Builder::new(Vec::new());
    archive.append(&header, &content[..]).expect("entry");
    let archive = archive.into_inner().expect("tar");
    Layer { bytes: gzip(&archive), diff_id: Digest::of(&archive) }
}

/// `size` bytes that follow from `seed` and look like nothing (xorshift64*).
pub(crate) fn noise(seed: &str, size: usize) -> Vec<u8> {
    let digest = Digest::of(seed.as_bytes());
    let mut state = u64::from_le_bytes(digest.as_bytes()[..8].try_into().expect("8 bytes")) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend(state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// gzip (RFC 1952) of stored blocks (RFC 1951 §3.2.4): valid everywhere, and no compressor is needed.
fn gzip(content: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 65_535;
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let last = content.len().div_ceil(BLOCK).max(1) - 1;
    for number in 0..=last {
        let block = &content[number * BLOCK..content.len().min((number + 1) * BLOCK)];
        let length = u16::try_from(block.len()).expect("at most 65,535");
        bytes.push(u8::from(number == last));
        bytes.extend(length.to_le_bytes());
        bytes.extend((!length).to_le_bytes());
        bytes.extend(block);
    }
    bytes.extend(crc32(content).to_le_bytes());
    bytes.extend(u32::try_from(content.len()).expect("less than 4 GiB").to_le_bytes());
    bytes
}

fn crc32(content: &[u8]) -> u32 {
    static TABLE: LazyLock<[u32; 256]> = LazyLock::new(|| {
        std::array::from_fn(|index| {
            (0..8).fold(u32::try_from(index).expect("a byte"), |value, _| {
                if value & 1 == 1 { value >> 1 ^ 0xEDB8_8320 } else { value >> 1 }
            })
        })
    });
    !content.iter().fold(u32::MAX, |value, byte| {
        value >> 8 ^ TABLE[usize::from(value.to_le_bytes()[0] ^ byte)]
    })
}
