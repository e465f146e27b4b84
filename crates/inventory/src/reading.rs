//! Reading `bundle.json`: bounded before it is built, its version before its shape, its sums before its use.
//!
//! It is read before anything in the bundle is trusted. Memory: no more than three times the length that the longest
//! may have, whatever is in it; the document itself not counted.

use super::{
    AtomicSignature, FORMAT, FORMAT_VERSION, Found, ImageEntry, Inventory, Rotation, Stored,
    Totals, UNDERSTOOD,
};
use bundle_oci::atomic::MAX_SIGNATURES;
use bundle_oci::digest::DigestError;
use bundle_oci::json::{self, Bounds, Object};
use bundle_oci::text::bounded_to;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::marker::PhantomData;

/// Most blobs in a bundle.
pub const MAX_BLOBS: usize = 500_000;
/// Most images: in memory one takes several times its shortest JSON.
pub const MAX_IMAGES: usize = 100_000;
/// Most platforms of one image: no index lists as many.
pub const MAX_PLATFORMS: usize = 4096;
/// Most platforms of all images together: a thousand images of twenty have 20,000. In memory one takes five times its
/// shortest JSON, and reports repeat it.
pub const MAX_ALL_PLATFORMS: usize = 1 << 18;
/// Most keys, and most files: the head has no more entries.
pub const MAX_FILES: usize = 1024;
/// Most features that a reader can be asked to understand: one that is not known is enough to refuse.
pub const MAX_FEATURES: usize = 64;

/// Bounds of the whole document. [`MAX_BLOBS`] make two million values in 55 of the 64 MB that it may have; what is
/// left has room for half a million more. Objects have a dozen members, and the longest text is a path.
const BOUNDS: Bounds = Bounds { values: 3 << 20, members: 4096, text: 64 << 10 };

/// Longest message of the JSON reader that is passed on: it quotes what it found.
const MESSAGE: usize = 300;

/// The reason why bytes are not an inventory this tool can act on.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// Not strict JSON of this shape, or more of it than there may be.
    #[error("bundle.json cannot be read")]
    Json(#[source] serde_json::Error),
    /// Not a bundle at all.
    #[error("bundle.json says format {0:?}, expected {FORMAT:?}")]
    Format(String),
    /// Another major version.
    #[error(
        "this bundle has format {0}, written by a newer bundle program; this one reads {FORMAT_VERSION}"
    )]
    Version(String),
    /// A feature that must not be ignored.
    #[error("this bundle needs {0:?}, which this version does not understand")]
    MustUnderstand(String),
    /// Its own sums do not add up.
    #[error("bundle.json contradicts itself: {0}")]
    Contradiction(String),
    /// A digest in it is not one.
    #[error("bundle.json names content that cannot be carried")]
    Digest(#[from] DigestError),
}

impl From<serde_json::Error> for InventoryError {
    /// Keeps what the reader said, and where, at a length that can be shown.
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        if text.chars().count() <= MESSAGE {
            return Self::Json(error);
        }
        let start: String = text.chars().take(MESSAGE).collect();
        // The place stands at the end.
        let place = text.rfind(" at line ").map_or("", |at| &text[at..]);
        Self::Json(serde_json::Error::custom(format_args!("{start}…{place}")))
    }
}

impl Inventory {
    /// Reads and checks `bundle.json`.
    ///
    /// # Errors
    /// Any [`InventoryError`]. The version is looked at before the rest, so a newer bundle is named as such.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InventoryError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            format: String,
            format_version: String,
            #[serde(default, deserialize_with = "at_most::<MAX_FEATURES, _, _>")]
            must_understand: Vec<String>,
        }
        json::check(bytes, BOUNDS)?;
        let Object(version): Object<Version> = serde_json::from_slice(bytes)?;
        let bounded = |text: &str| bounded_to(text, 80);
        if version.format != FORMAT {
            return Err(InventoryError::Format(bounded(&version.format)));
        }
        if version.format_version.split('.').next() != FORMAT_VERSION.split('.').next() {
            return Err(InventoryError::Version(bounded(&version.format_version)));
        }
        if let Some(feature) =
            version.must_understand.iter().find(|f| !UNDERSTOOD.contains(&f.as_str()))
        {
            return Err(InventoryError::MustUnderstand(bounded(feature)));
        }
        let Object(inventory): Object<Self> = serde_json::from_slice(bytes)?;
        inventory.check()?;
        Ok(inventory)
    }

    fn check(&self) -> Result<(), InventoryError> {
        let contradiction = |what: String| Err(InventoryError::Contradiction(what));
        let mut seen = HashSet::with_capacity(self.blobs.len());
        let mut section = Stored::Trust;
        let mut bytes = 0_u64;
        for blob in &self.blobs {
            if !seen.insert(blob.digest) {
                return contradiction(format!("blob {} is listed twice", blob.digest));
            }
            if blob.stored < section {
                return contradiction(format!("blob {} is out of order", blob.digest));
            }
            section = blob.stored;
            bytes = match bytes.checked_add(blob.size) {
                Some(sum) => sum,
                None => return contradiction("the sizes of its blobs overflow".into()),
            };
        }
        let attachments: usize = self.images.iter().map(|image| image.attachments.len()).sum();
        let totals = Totals {
            images: self.images.len() as u64,
            attachments: attachments as u64,
            blobs: self.blobs.len() as u64,
            bytes,
        };
        if totals != self.totals {
            return contradiction("its totals are not the sums of its lists".into());
        }
        let mut sources = HashSet::new();
        for image in &self.images {
            if image.source.tag().is_none() && image.source.digest().is_none() {
                return contradiction(format!("image {} has neither tag nor digest", image.source));
            }
            if !sources.insert(&image.source) {
                return contradiction(format!("image {} is listed twice", image.source));
            }
            check_signatures(image).or_else(contradiction)?;
        }
        Ok(())
    }
}

/// GPG signatures of an image: named once each, after what they sign, and no more than anybody reads.
fn check_signatures(image: &ImageEntry) -> Result<(), String> {
    let (mut names, mut counts) = (HashSet::new(), HashMap::new());
    for signature in &image.atomic_signatures {
        let AtomicSignature { name, subject, .. } = signature;
        if name.subject() != *subject {
            return Err(format!("signature {name} is listed for {subject}"));
        }
        if !names.insert(name) {
            return Err(format!("signature {name} is listed twice"));
        }
        let count = counts.entry(subject).or_insert(0);
        *count += 1;
        if *count > MAX_SIGNATURES {
            return Err(format!("{subject} has more than {MAX_SIGNATURES} GPG signatures"));
        }
    }
    Ok(())
}

/// A rotation: an object with exactly its members. A null does not stand for its absence.
pub(super) fn exact_rotation<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Rotation>, D::Error> {
    json::object(deserializer).map(Some)
}

/// The place where an attachment was found: the text `referrer`, or an object with a tag.
pub(super) fn found<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Found, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Word {
        Referrer,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Tagged {
        tag: String,
    }
    struct TextOrObject;
    impl<'de> Visitor<'de> for TextOrObject {
        type Value = Found;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the text \"referrer\" or an object with a tag")
        }

        fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Found, E> {
            let Word::Referrer = Word::deserialize(word.into_deserializer())?;
            Ok(Found::Referrer)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Found, A::Error> {
            let Tagged { tag } = Tagged::deserialize(MapAccessDeserializer::new(map))?;
            Ok(Found::Tag(tag))
        }
    }
    deserializer.deserialize_any(TextOrObject)
}

/// A name that need not be there.
pub(super) fn optional_name<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    struct Optional<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Optional<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or null")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(
            self,
            deserializer: D,
        ) -> Result<Self::Value, D::Error> {
            json::name(deserializer).map(Some)
        }
    }
    deserializer.deserialize_option(Optional(PhantomData))
}

/// The images, refused while they are read when they name too many platforms together.
pub(super) fn images<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<ImageEntry>, D::Error> {
    struct Images;
    impl<'de> Visitor<'de> for Images {
        type Value = Vec<ImageEntry>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MAX_IMAGES} elements")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let (mut images, mut platforms) = (Vec::new(), 0);
            while let Some(Object(image)) = list.next_element::<Object<ImageEntry>>()? {
                if images.len() == MAX_IMAGES {
                    return Err(A::Error::invalid_length(MAX_IMAGES + 1, &self));
                }
                platforms += image.platforms.len();
                if platforms > MAX_ALL_PLATFORMS {
                    let what = format_args!("images with more than {MAX_ALL_PLATFORMS} platforms");
                    return Err(A::Error::custom(what));
                }
                images.push(image);
            }
            Ok(images)
        }
    }
    deserializer.deserialize_seq(Images)
}

/// A list that is refused while it is read when it has more than `MOST` elements.
pub(super) fn at_most<'de, const MOST: usize, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct List<const MOST: usize, T>(PhantomData<T>);
    impl<'de, const MOST: usize, T: Deserialize<'de>> Visitor<'de> for List<MOST, T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MOST} elements")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut elements = Vec::new();
            while let Some(element) = list.next_element()? {
                if elements.len() == MOST {
                    return Err(A::Error::invalid_length(MOST + 1, &self));
                }
                elements.push(element);
            }
            Ok(elements)
        }
    }
    deserializer.deserialize_seq(List::<MOST, T>(PhantomData))
}

/// A list of objects that is refused while it is read when it has more than `MOST` elements.
pub(super) fn objects<'de, const MOST: usize, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let objects = at_most::<MOST, D, Object<T>>(deserializer)?;
    Ok(objects.into_iter().map(|Object(element)| element).collect())
}
