//! How many bytes each image takes, and how many of them no other image does.

use super::Catalogue;
use crate::read::Archive;
use bundle_oci::Digest;
use serde::Serialize;
use std::collections::HashMap;

/// Mentions of manifests and blobs that are counted: a thousand images have a hundred thousand. Whoever writes an archive can
/// make each byte of it stand for many.
const MAX_MENTIONS: usize = 20_000_000;

/// Bytes of content that an image needs, with its attachments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageSize {
    /// All of it.
    pub bytes: u64,
    /// The part that no other image of the bundle needs.
    pub own_bytes: u64,
}

/// Sizes while content is mentioned, image after image.
#[derive(Debug)]
pub struct SizeTally {
    sizes: Vec<ImageSize>,
    /// Mentions that may follow.
    left: usize,
}

/// Who mentioned a piece of content.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mentioned(Option<(u32, bool)>);

impl SizeTally {
    /// A tally for so many images.
    pub fn new(images: usize) -> Self {
        Self { sizes: vec![ImageSize::default(); images], left: MAX_MENTIONS }
    }

    /// Image `number` needs content of `bytes`; `by` belongs to that content. Images come in order. `None` when there are more
    /// mentions than are counted.
    pub fn mention(&mut self, number: u32, bytes: u64, by: &mut Mentioned) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        let first = match by.0 {
            Some((last, _)) if last == number => return Some(()),
            Some((last, is_shared)) => (!is_shared).then_some(last),
            None => None,
        };
        // What a second image needs is no longer the first one's own.
        if let Some(first) = first.and_then(|first| self.sizes.get_mut(first as usize)) {
            first.own_bytes = first.own_bytes.saturating_sub(bytes);
        }
        let size = self.sizes.get_mut(number as usize)?;
        size.bytes = size.bytes.saturating_add(bytes);
        if by.0.is_none() {
            size.own_bytes = size.own_bytes.saturating_add(bytes);
        }
        *by = Mentioned(Some((number, by.0.is_some())));
        Some(())
    }

    /// The sizes, in the order of the images.
    pub fn sizes(self) -> Vec<ImageSize> {
        self.sizes
    }
}

impl Catalogue {
    /// The sizes of the images, in the inventory's order; `None` where that would take longer than anybody waits.
    pub fn sizes(&self, archive: &Archive) -> Option<Vec<ImageSize>> {
        let blobs = &archive.inventory().blobs;
        let mut tally = SizeTally::new(self.images.len());
        let mut of_manifests = vec![Mentioned::default(); self.manifests.len()];
        let mut of_blobs = vec![Mentioned::default(); blobs.len()];
        let mut of_signatures: HashMap<Digest, Mentioned> = HashMap::new();
        for (number, image) in (0_u32..).zip(&self.images) {
            let attached = image.attachments.iter().flat_map(|attachment| &attachment.manifests);
            for manifest in image.manifests.iter().chain(attached) {
                let record = &self.manifests[*manifest as usize];
                tally.mention(number, record.size, &mut of_manifests[*manifest as usize])?;
                for blob in &record.blobs {
                    let size = blobs[*blob as usize].size;
                    tally.mention(number, size, &mut of_blobs[*blob as usize])?;
                }
            }
            for signature in &image.signatures {
                let by = of_signatures.entry(signature.blob.digest).or_default();
                tally.mention(number, signature.blob.size, by)?;
            }
        }
        Some(tally.sizes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes of images that need these pieces, each by its place and its bytes.
    fn sizes(pieces: &[u64], images: &[&[usize]]) -> Vec<ImageSize> {
        let mut tally = SizeTally::new(images.len());
        let mut by = vec![Mentioned::default(); pieces.len()];
        for (number, needed) in (0..).zip(images) {
            for piece in *needed {
                tally.mention(number, pieces[*piece], &mut by[*piece]).expect("counted");
            }
        }
        tally.sizes()
    }

    #[test]
    fn shared_content_counts_for_each_image_and_is_nobodys_own() {
        let size = |bytes, own_bytes| ImageSize { bytes, own_bytes };
        let pieces = [10, 7, 3, 1];
        let images: [&[usize]; 3] = [&[0, 1, 3, 0, 1], &[1, 2, 3], &[3]];
        assert_eq!(sizes(&pieces, &images), [size(18, 10), size(11, 3), size(1, 0)]);
        assert_eq!(sizes(&[u64::MAX, 1], &[&[0, 1]]), [size(u64::MAX, u64::MAX)]);
        assert_eq!(sizes(&[], &[]), []);
    }

    #[test]
    fn mentions_are_counted_up_to_a_bound() {
        let mut tally = SizeTally::new(1);
        tally.left = 2;
        let by = &mut Mentioned::default();
        assert_eq!((tally.mention(0, 1, by), tally.mention(0, 1, by)), (Some(()), Some(())));
        assert_eq!(tally.mention(0, 1, by), None);
    }
}
