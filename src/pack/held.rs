//! How much of manifests and signatures is held while images are resolved: they are kept until the archive is written,
//! and whoever serves them chooses how many and how long they are.

use super::PackError;
use crate::oci::{Manifest, Meaning, Reference};
use std::sync::atomic::{AtomicU64, Ordering};

/// Most bytes that are held for all images together. A thousand signed images of twenty platforms take some 120 MiB.
const MOST: u64 = 160 << 20;
/// What a descriptor takes beside its texts.
const DESCRIPTOR: u64 = 400;
/// What an annotation takes beside its texts.
const ANNOTATION: u64 = 128;

/// What is held for all images.
#[derive(Debug, Default)]
pub(super) struct Held {
    bytes: AtomicU64,
}

/// What is held for one image. When it is dropped the image is, unless it was [kept](Self::keep).
pub(super) struct Share<'a> {
    all: &'a Held,
    image: &'a Reference,
    bytes: AtomicU64,
}

impl Held {
    pub(super) fn share<'a>(&'a self, image: &'a Reference) -> Share<'a> {
        Share { all: self, image, bytes: AtomicU64::new(0) }
    }
}

impl Share<'_> {
    /// Counts bytes that are about to be held.
    ///
    /// # Errors
    /// When there are more than this program holds.
    pub(super) fn add(&self, bytes: u64) -> Result<(), PackError> {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        match self.all.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > MOST {
            true => Err(PackError::Usage(format!(
                "manifests and signatures take more than {} MiB with those of {}: pack fewer images \
                 in one bundle",
                MOST >> 20,
                self.image
            ))),
            false => Ok(()),
        }
    }

    /// Counts a manifest: its bytes, and what is made of them.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub(super) fn add_manifest(&self, manifest: &Manifest) -> Result<(), PackError> {
        self.add(size_of(manifest))
    }

    /// The image stays, and so does what was counted.
    pub(super) fn keep(mut self) {
        *self.bytes.get_mut() = 0;
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.all.bytes.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

/// Bytes that a manifest takes in memory, roughly.
fn size_of(manifest: &Manifest) -> u64 {
    let (descriptors, annotations) = match manifest.meaning() {
        Meaning::Image(image) => (&image.layers, &image.annotations),
        Meaning::Index(index) => (&index.manifests, &index.annotations),
    };
    let annotations =
        annotations.len() + descriptors.iter().map(|d| d.annotations.len()).sum::<usize>();
    let texts = 2 * manifest.bytes().len() as u64;
    texts + (descriptors.len() as u64 + 2) * DESCRIPTOR + annotations as u64 * ANNOTATION
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::media_type;

    fn image() -> Reference {
        "registry.example/a/b:1".parse().expect("a reference")
    }

    #[test]
    fn what_all_images_hold_together_is_bounded() {
        let (held, image) = (Held::default(), image());
        let first = held.share(&image);
        assert!(first.add(MOST - 10).is_ok());
        first.keep();
        let second = held.share(&image);
        assert!(second.add(10).is_ok());
        let refused = second.add(1).map_err(|error| error.to_string());
        assert!(refused.expect_err("too much").contains("pack fewer images"));
        // An image that is left out takes nothing from the others.
        drop(second);
        assert!(held.share(&image).add(10).is_ok());
    }

    #[test]
    fn a_manifest_counts_for_what_is_made_of_it() {
        let annotations: Vec<String> =
            (0..1000).map(|number| format!(r#""{number}":"""#)).collect();
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[],"annotations":{{{}}}}}"#,
            annotations.join(",")
        );
        let index = Manifest::parse(text.into(), media_type::OCI_INDEX).expect("an index");
        assert!(size_of(&index) > 1000 * ANNOTATION + index.bytes().len() as u64);
    }
}
