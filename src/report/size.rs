//! How many bytes each image of a bundle takes.

use crate::archive::{Archive, Catalogue};
use crate::oci::Digest;
use serde::Serialize;
use std::collections::HashMap;

/// Bytes of content that an image needs, with its attachments, before any compression by this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageSize {
    /// All of it.
    pub bytes: u64,
    /// The part that no other image of the bundle needs.
    pub own_bytes: u64,
}

/// The sizes of so many images. Each blob comes once, with its size in bytes and the numbers of the images that need it.
pub fn sizes<'a>(
    images: usize,
    blobs: impl IntoIterator<Item = (u64, &'a [u32])>,
) -> Vec<ImageSize> {
    let mut sizes = vec![ImageSize::default(); images];
    for (bytes, needed_by) in blobs {
        for number in needed_by {
            let Some(size) = sizes.get_mut(*number as usize) else { continue };
            size.bytes = size.bytes.saturating_add(bytes);
            if needed_by.len() == 1 {
                size.own_bytes = size.own_bytes.saturating_add(bytes);
            }
        }
    }
    sizes
}

/// The sizes of the images of an archive, in the inventory's order.
pub fn of_archive(archive: &Archive, catalogue: &Catalogue) -> Vec<ImageSize> {
    let mut needed: HashMap<Digest, (u64, Vec<u32>)> = HashMap::new();
    for (number, image) in (0_u32..).zip(catalogue.images()) {
        let mut need = |digest: Digest, size: u64| {
            let (_, images) = needed.entry(digest).or_insert_with(|| (size, Vec::new()));
            if images.last() != Some(&number) {
                images.push(number);
            }
        };
        for manifest in catalogue.all_manifests(image) {
            need(manifest.digest, manifest.size);
            for blob in catalogue.blobs_of(archive, manifest) {
                need(blob.digest, blob.size);
            }
        }
        for signature in image.signatures() {
            need(signature.blob.digest, signature.blob.size);
        }
    }
    let blobs = needed.values().map(|(size, images)| (*size, images.as_slice()));
    sizes(catalogue.images().len(), blobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_blobs_count_for_each_image_and_as_nobodys_own() {
        let blobs: [(u64, &[u32]); 4] = [(10, &[0]), (7, &[0, 1]), (3, &[1]), (1, &[0, 1, 2])];
        let size = |bytes, own_bytes| ImageSize { bytes, own_bytes };
        assert_eq!(sizes(3, blobs), [size(18, 10), size(11, 3), size(1, 0)]);
        assert_eq!(sizes(1, [(u64::MAX, &[0][..]), (1, &[0])]), [size(u64::MAX, u64::MAX)]);
        assert_eq!(sizes(0, []), []);
    }
}
