//! How many bytes each image of a bundle takes.

use crate::archive::catalogue::SizeTally;

pub use crate::archive::catalogue::ImageSize;

/// The sizes of so many images. Each blob comes once, with its size in bytes and the numbers of the images that need it, in
/// order. Where that is more than is counted, all are 0.
pub fn sizes<'a>(
    images: usize,
    blobs: impl IntoIterator<Item = (u64, &'a [u32])>,
) -> Vec<ImageSize> {
    let mut tally = SizeTally::new(images);
    for (bytes, needed_by) in blobs {
        let by = &mut Default::default();
        for number in needed_by {
            if tally.mention(*number, bytes, by).is_none() {
                return vec![ImageSize::default(); images];
            }
        }
    }
    tally.sizes()
}
