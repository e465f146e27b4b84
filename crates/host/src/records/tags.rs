//! Which authentic bundle filled each tag at the target last: `/var/lib/bundle/tags.json`, as a value.
//!
//! A series alone does not tell whether a tag goes back in time: another series of the same key, or a bundle without a
//! sequence, could move it. So the age of what filled a tag is remembered by target repository and tag.

use bundle_oci::{Digest, json};
use bundle_seal::age::{Age, Order, Place};
use bundle_seal::{MAX_SEQUENCE, Rotation};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Most tags that are remembered.
pub const MAX_TAGS: usize = 100_000;
/// Largest file read: [`MAX_TAGS`] tags with names as long as they may be.
pub const MAX_FILE: usize = 64 << 20;
/// Most values of its JSON: a tag has four, and the age of the bundle that filled it some ten.
const MAX_VALUES: usize = 20 * MAX_TAGS;
const VERSION: u64 = 1;
/// Longest name of a repository at a target, of a tag, or of a series, in bytes. A directory's path is part of the first.
const LONGEST: usize = 8 << 10;

/// A tag at a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TagPlace {
    /// The repository: `REGISTRY/REPOSITORY`, or a layout directory and the source.
    pub repository: String,
    /// The tag.
    pub tag: String,
}

/// What a bundle puts under a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagFill {
    /// Where.
    pub place: TagPlace,
    /// The digest that the tag means then.
    pub digest: Digest,
}

/// A bundle that fills tags, and how old it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filler {
    /// The bundle digest.
    pub bundle: Digest,
    /// Its age, where that is authentic.
    pub age: Option<Age>,
    /// Rotations of its series.
    pub rotations: Vec<Rotation>,
}

/// What is remembered of a tag, beside what would fill it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagStanding {
    /// Nothing is known of it.
    New,
    /// It means the same digest, or the very same bundle fills it.
    Same,
    /// What filled it is older.
    Newer {
        /// The place of what filled it, where that is in another series.
        other_series: Option<Place>,
    },
    /// What filled it is newer, or it cannot be told which is.
    Back(Box<TagBack>),
}

/// A tag that would go back in time, or may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagBack {
    /// Where.
    pub place: TagPlace,
    /// What it means by the newest bundle that filled it.
    pub known: Digest,
    /// The age of that bundle.
    pub known_age: Age,
    /// What it would mean.
    pub offered: Digest,
    /// The age of the bundle that is offered, where that is authentic.
    pub offered_age: Option<Age>,
    /// Whether both are of one series.
    pub same_series: bool,
    /// False when it cannot be told which is older.
    pub is_older: bool,
}

/// Bundles by digest, and the bundle of each tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagMemory {
    bundles: BTreeMap<Digest, Age>,
    tags: BTreeMap<TagPlace, Held>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    digest: Digest,
    bundle: Digest,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TagMemoryError {
    /// Not strict JSON, an unknown or missing field, or a field of another type.
    #[error("the file is not valid JSON of its kind")]
    Json(#[from] serde_json::Error),
    /// Written by another version.
    #[error("the file has version {0}, this program knows {VERSION}")]
    Version(u64),
    /// More tags than are remembered.
    #[error("there are {0} tags, more than {MAX_TAGS}")]
    TooMany(usize),
    /// A value that is not written.
    #[error("its {0} cannot be")]
    Value(&'static str),
    /// A time that is not valid.
    #[error("one of its times is not valid by RFC 3339")]
    Time(#[from] time::error::Parse),
    /// A time that RFC 3339 cannot say.
    #[error("a time cannot be written by RFC 3339")]
    Clock(#[from] time::error::Format),
}

/// The file. Only what is named here is read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u64,
    bundles: BTreeMap<Digest, WireAge>,
    repositories: BTreeMap<String, BTreeMap<String, WireHeld>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WireAge {
    created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seal_key: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireHeld {
    digest: Digest,
    bundle: Digest,
}

impl TagMemory {
    /// Reads the file.
    ///
    /// # Errors
    /// [`TagMemoryError`]: anything that [`Self::to_json`] does not write.
    pub fn parse(bytes: &[u8]) -> Result<Self, TagMemoryError> {
        let wire: Wire = serde_json::from_value(json::parse_within(bytes, MAX_VALUES)?)?;
        if wire.version != VERSION {
            return Err(TagMemoryError::Version(wire.version));
        }
        let count = wire.repositories.values().map(BTreeMap::len).sum();
        if count > MAX_TAGS {
            return Err(TagMemoryError::TooMany(count));
        }
        let bundles = wire.bundles.into_iter().map(|(bundle, age)| Ok((bundle, age.read()?)));
        let bundles: BTreeMap<Digest, Age> = bundles.collect::<Result<_, TagMemoryError>>()?;
        let mut tags = BTreeMap::new();
        for (repository, held) in wire.repositories {
            for (tag, WireHeld { digest, bundle }) in held {
                if !bundles.contains_key(&bundle) {
                    return Err(TagMemoryError::Value("bundle"));
                }
                let place = TagPlace { repository: repository.clone(), tag };
                if !place.is_bounded() {
                    return Err(TagMemoryError::Value("name"));
                }
                tags.insert(place, Held { digest, bundle });
            }
        }
        Ok(Self { bundles, tags })
    }

    /// The bytes of the file: the same for the same content.
    ///
    /// # Errors
    /// [`TagMemoryError::Clock`].
    pub fn to_json(&self) -> Result<Vec<u8>, TagMemoryError> {
        let mut repositories: BTreeMap<String, BTreeMap<String, WireHeld>> = BTreeMap::new();
        for (place, Held { digest, bundle }) in &self.tags {
            let (tag, held) = (place.tag.clone(), WireHeld { digest: *digest, bundle: *bundle });
            repositories.entry(place.repository.clone()).or_default().insert(tag, held);
        }
        let used: BTreeSet<Digest> = self.tags.values().map(|held| held.bundle).collect();
        let bundles = self.bundles.iter().filter(|(bundle, _)| used.contains(bundle));
        let bundles = bundles.map(|(bundle, age)| Ok((*bundle, WireAge::of(age)?)));
        let bundles = bundles.collect::<Result<_, TagMemoryError>>()?;
        let mut bytes =
            serde_json::to_vec_pretty(&Wire { version: VERSION, bundles, repositories })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// How `fill` by `filler` stands to what is remembered.
    pub fn standing(&self, filler: &Filler, fill: &TagFill) -> TagStanding {
        let Some(held) = self.tags.get(&fill.place) else { return TagStanding::New };
        if held.digest == fill.digest || held.bundle == filler.bundle {
            return TagStanding::Same;
        }
        // Every tag has its bundle: `parse` and `admit` see to it.
        let Some(known) = self.bundles.get(&held.bundle) else { return TagStanding::New };
        let order = filler.age.as_ref().map(|age| age.order(known, &filler.rotations));
        let places =
            filler.age.as_ref().and_then(|age| age.place.as_ref()).zip(known.place.as_ref());
        let same_series =
            places.is_some_and(|(own, known)| own.is_of_series(known, &filler.rotations));
        if order == Some(Order::Newer) {
            let other_series = known.place.clone().filter(|_| !same_series);
            return TagStanding::Newer { other_series };
        }
        TagStanding::Back(Box::new(TagBack {
            place: fill.place.clone(),
            known: held.digest,
            known_age: known.clone(),
            offered: fill.digest,
            offered_age: filler.age.clone(),
            same_series,
            is_older: order == Some(Order::Older),
        }))
    }

    /// Remembers that `filler` filled these tags. Nothing is remembered of a bundle whose age is not authentic, and what is
    /// newer stays.
    pub fn fill(&mut self, filler: &Filler, fills: &[TagFill]) {
        let Some(age) = &filler.age else { return };
        for fill in fills {
            let known = self.tags.get(&fill.place).and_then(|held| self.bundles.get(&held.bundle));
            let is_newer =
                known.is_none_or(|known| age.order(known, &filler.rotations) == Order::Newer);
            if is_newer {
                self.bundles.insert(filler.bundle, age.clone());
                let held = Held { digest: fill.digest, bundle: filler.bundle };
                self.tags.insert(fill.place.clone(), held);
            }
        }
    }

    /// How many tags are remembered.
    pub fn count(&self) -> usize {
        self.tags.len()
    }
}

impl TagPlace {
    /// True for names that are short enough to be remembered.
    pub fn is_bounded(&self) -> bool {
        self.repository.len() <= LONGEST && self.tag.len() <= LONGEST
    }
}

impl WireAge {
    fn of(age: &Age) -> Result<Self, TagMemoryError> {
        let created = age.created.to_offset(UtcOffset::UTC);
        let place = age.place.as_ref();
        Ok(Self {
            created: created.format(&Rfc3339)?,
            seal_key: place.map(|place| place.key),
            name: place.map(|place| place.name.clone()),
            sequence: place.map(|place| place.sequence),
        })
    }

    fn read(self) -> Result<Age, TagMemoryError> {
        let place = match (self.seal_key, self.name, self.sequence) {
            (None, None, None) => None,
            (Some(key), Some(name), Some(sequence))
                if sequence <= MAX_SEQUENCE && name.len() <= LONGEST =>
            {
                Some(Place { key, name, sequence })
            }
            _ => return Err(TagMemoryError::Value("series")),
        };
        Ok(Age { created: OffsetDateTime::parse(&self.created, &Rfc3339)?, place })
    }
}

#[cfg(test)]
mod tests;
