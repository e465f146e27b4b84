//! `index.json` of a layout: strict in, and what others wrote into it goes out as it came.

use crate::json::{self, Bounds};
use crate::manifest::{ambiguous_key, drop_partial_platform};
use crate::text::bounded_to;
use crate::{Descriptor, inline, media_type};
use serde::Deserialize as _;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Most characters of a text in it that a message repeats.
const MAX_SHOWN: usize = 200;

/// The annotation that names an entry (image-spec annotations.md).
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Largest `index.json` read: some 200,000 entries.
pub(crate) const MAX_INDEX: u64 = 64 << 20;
/// Most values of its JSON: entries have five to twelve.
pub(crate) const MAX_INDEX_VALUES: usize = 2_000_000;
/// Most values of one entry, and of each member beside the entries.
const MAX_MEMBER_VALUES: usize = 10_000;
/// Most entries that are given aside.
const MAX_UNUSABLE: usize = 10_000;

const KNOWN: [&str; 6] =
    ["schemaVersion", "mediaType", "manifests", "annotations", "subject", "artifactType"];

/// The reason why an `index.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Not strict JSON.
    #[error("it is not valid JSON: {0}")]
    Json(String),
    /// Not an image index.
    #[error("it is not an image index: {0}")]
    Shape(String),
    /// An entry is no usable descriptor.
    #[error("entry {number} is not a usable descriptor: {why}")]
    Entry {
        /// Place in `manifests`, from 0.
        number: usize,
        /// Its fault.
        why: String,
    },
}

/// An entry of the index: what it means, and how it was written.
#[derive(Debug, Clone)]
pub struct Entry {
    descriptor: Descriptor,
    wire: Box<RawValue>,
}

impl Entry {
    /// An entry for `descriptor`.
    pub fn new(descriptor: Descriptor) -> Result<Self, IndexError> {
        let wire = serde_json::value::to_raw_value(&descriptor).map_err(json_error)?;
        Ok(Self { descriptor, wire })
    }

    /// The descriptor of the entry.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The name in the annotation `org.opencontainers.image.ref.name`.
    pub fn name(&self) -> Option<&str> {
        self.descriptor.annotation(REF_NAME)
    }
}

/// The whole file.
#[derive(Debug, Clone)]
pub struct IndexFile {
    /// Everything beside `manifests`.
    fields: Map<String, Value>,
    /// Shared, so that a changed index costs no more than what changed in it.
    entries: Vec<Arc<Entry>>,
}

impl IndexFile {
    /// The index of a layout that holds nothing yet.
    pub(crate) fn empty() -> Self {
        let mut fields = Map::new();
        fields.insert("schemaVersion".into(), 2.into());
        fields.insert("mediaType".into(), media_type::OCI_INDEX.into());
        Self { fields, entries: Vec::new() }
    }

    /// Reads an index of at most so many values; every entry must be a usable descriptor.
    pub fn parse(bytes: &[u8], values: usize) -> Result<Self, IndexError> {
        let (index, unusable) = Self::parse_sound(bytes, values)?;
        match unusable.into_iter().next() {
            Some(UnusableEntry { number, why, .. }) => Err(IndexError::Entry { number, why }),
            None => Ok(index),
        }
    }

    /// Reads an index of at most so many values; entries that are not usable descriptors are given aside. Memory: what
    /// its entries take; an entry is built before the next one is looked at, and nothing else may be large.
    pub(crate) fn parse_sound(
        bytes: &[u8],
        values: usize,
    ) -> Result<(Self, Vec<UnusableEntry>), IndexError> {
        let shape = |why: &str| Err(IndexError::Shape(why.to_owned()));
        let bounds = Bounds { members: MAX_MEMBER_VALUES, ..Bounds::values(values) };
        let mut members = json::members(bytes, bounds).map_err(json_error)?;
        let manifests = members.remove("manifests");
        let mut fields = Map::new();
        for (key, raw) in members {
            let value = json::parse_within(raw.get().as_bytes(), MAX_MEMBER_VALUES);
            fields.insert(key, value.map_err(json_error)?);
        }
        if let Some(key) = json::case_variant(&fields, &KNOWN) {
            let key = bounded_to(key, MAX_SHOWN);
            return shape(&format!("the key {key:?} differs from a known one in case"));
        }
        if fields.get("schemaVersion").and_then(Value::as_u64) != Some(2) {
            return shape("schemaVersion is not 2");
        }
        match fields.get("mediaType") {
            None => {}
            Some(Value::String(stated)) if stated == media_type::OCI_INDEX => {}
            Some(_) => return shape("mediaType is another one"),
        }
        let Ok(listed) = manifests.map_or(Ok(Vec::new()), json::elements) else {
            return shape("manifests is not a list");
        };
        let (mut entries, mut unusable) = (Vec::new(), Vec::new());
        for (number, raw) in listed.into_iter().enumerate() {
            let wire = json::parse_within(raw.get().as_bytes(), MAX_MEMBER_VALUES);
            match entry(wire.map_err(json_error)?) {
                Ok(entry) => entries.push(Arc::new(entry)),
                Err((why, _)) if unusable.len() == MAX_UNUSABLE => {
                    return Err(IndexError::Entry { number, why });
                }
                Err((why, wire)) => unusable.push(UnusableEntry::new(number, why, &wire)),
            }
        }
        Ok((Self { fields, entries }, unusable))
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, IndexError> {
        serde_json::to_vec(self).map_err(json_error)
    }

    /// All entries, in order.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// Puts other entries in place of all.
    pub fn replace_entries(&mut self, entries: Vec<Arc<Entry>>) {
        self.entries = entries;
    }

    /// Adds an entry in place of the one of the same name; one without a name in place of the nameless one of the same
    /// digest.
    pub(crate) fn put(&mut self, entry: Entry) {
        let same = |other: &Entry| match entry.name() {
            Some(name) => other.name() == Some(name),
            None => other.name().is_none() && other.descriptor.digest == entry.descriptor.digest,
        };
        match self.entries.iter().position(|other| same(other)) {
            Some(place) => {
                // A name that somehow stands there twice would hide the new entry from other readers.
                let mut place_of_old = 0..;
                self.entries.retain(|other| place_of_old.next() == Some(place) || !same(other));
                self.entries[place] = Arc::new(entry);
            }
            None => self.entries.push(Arc::new(entry)),
        }
    }
}

impl Serialize for IndexFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in &self.fields {
            map.serialize_entry(key, value)?;
        }
        let wire: Vec<&RawValue> = self.entries.iter().map(|e| &*e.wire).collect();
        map.serialize_entry("manifests", &wire)?;
        map.end()
    }
}

/// An entry that is not a usable descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableEntry {
    /// Place in `manifests`, from 0.
    pub number: usize,
    /// Its fault.
    pub why: String,
    /// Its name, where it can be read.
    pub name: Option<String>,
    /// False where it says that it is something else than a manifest.
    pub may_be_manifest: bool,
}

impl UnusableEntry {
    fn new(number: usize, why: String, wire: &Value) -> Self {
        let name =
            wire.get("annotations").and_then(|annotations| annotations.get(REF_NAME)?.as_str());
        let media_type = wire.get("mediaType").and_then(Value::as_str);
        Self {
            number,
            why,
            name: name.map(str::to_owned),
            may_be_manifest: media_type.is_none_or(media_type::is_manifest),
        }
    }
}

/// Reads one entry; one that is not usable comes back with why.
fn entry(mut wire: Value) -> Result<Entry, (String, Value)> {
    let read = || {
        if let Some(key) = ambiguous_key(&wire) {
            return Err(format!("the key {key:?} differs from a known one only in case"));
        }
        if let Some(why) = inline::contradiction(&wire) {
            return Err(format!("its data contradicts its digest or size: {why}"));
        }
        serde_json::value::to_raw_value(&wire).map_err(|e| e.to_string())
    };
    let raw = match read() {
        Ok(raw) => raw,
        Err(why) => return Err((bounded_to(&why, MAX_SHOWN), wire)),
    };
    drop_partial_platform(&mut wire);
    let parsed = oci_spec::image::Descriptor::deserialize(&wire).map_err(|e| e.to_string());
    let descriptor =
        parsed.and_then(|parsed| Descriptor::try_from(&parsed).map_err(|e| e.to_string()));
    match descriptor {
        Ok(descriptor) => Ok(Entry { descriptor, wire: raw }),
        Err(why) => Err((bounded_to(&why, MAX_SHOWN), wire)),
    }
}

fn json_error(error: serde_json::Error) -> IndexError {
    IndexError::Json(bounded_to(&error.to_string(), MAX_SHOWN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;

    fn named(content: &[u8], name: Option<&str>) -> Entry {
        let mut descriptor = Descriptor::of(media_type::OCI_MANIFEST, content);
        if let Some(name) = name {
            descriptor.annotations.insert(REF_NAME.into(), name.to_owned());
        }
        Entry::new(descriptor).expect("an entry")
    }

    #[test]
    fn an_entry_replaces_the_one_of_its_name_and_no_other() {
        let mut index = IndexFile::empty();
        for entry in [named(b"1", Some("a")), named(b"1", None), named(b"1", Some("b"))] {
            index.put(entry);
        }
        index.put(named(b"2", Some("a")));
        index.put(named(b"1", None));
        let seen: Vec<_> = index
            .entries()
            .iter()
            .map(|e| (e.name().map(str::to_owned), e.descriptor().digest))
            .collect();
        assert_eq!(
            seen,
            [
                (Some("a".into()), Digest::of(b"2")),
                (None, Digest::of(b"1")),
                (Some("b".into()), Digest::of(b"1")),
            ]
        );
    }

    #[test]
    fn a_name_that_stood_there_twice_stands_there_once() {
        let mut index = IndexFile::empty();
        index.replace_entries(vec![
            Arc::new(named(b"0", None)),
            Arc::new(named(b"1", Some("a"))),
            Arc::new(named(b"2", Some("a"))),
        ]);
        index.put(named(b"3", Some("a")));
        let digests: Vec<_> = index.entries().iter().map(|e| e.descriptor().digest).collect();
        assert_eq!(digests, [Digest::of(b"0"), Digest::of(b"3")]);
    }

    #[test]
    fn what_others_wrote_goes_out_as_it_came() {
        let digest = Digest::of(b"x");
        let text = format!(
            r#"{{"annotations":{{"k":"v"}},"future":[1],"schemaVersion":2,"manifests":[{{"mediaType":"m/t","digest":"{digest}","size":1,"later":{{"y":1}}}}]}}"#
        );
        let mut index = IndexFile::parse(text.as_bytes(), 100).expect("an index");
        index.put(named(b"1", Some("a")));
        let again: Value =
            serde_json::from_slice(&index.encode().expect("encodes")).expect("valid");
        assert_eq!(again["future"][0], 1);
        assert_eq!(again["annotations"]["k"], "v");
        assert_eq!(again["manifests"][0]["later"]["y"], 1);
        assert_eq!(again["manifests"][1]["annotations"][REF_NAME], "a");
    }

    #[test]
    fn an_index_that_is_not_one_is_refused() {
        let digest = Digest::of(b"x");
        let sha512 = format!("sha512:{}", "0".repeat(128));
        for text in [
            "[]".to_owned(),
            "{}".to_owned(),
            r#"{"schemaVersion":1,"manifests":[]}"#.to_owned(),
            r#"{"schemaVersion":2,"manifests":{}}"#.to_owned(),
            r#"{"schemaVersion":2,"Manifests":[]}"#.to_owned(),
            r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#.to_owned(),
            r#"{"schemaVersion":2,"mediaType":"text/html","manifests":[]}"#.to_owned(),
            r#"{"schemaVersion":2,"manifests":[{}]}"#.to_owned(),
            format!(
                r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"m/t","digest":"{sha512}","size":1}}]}}"#
            ),
            format!(
                r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"m/t","digest":"{digest}","size":-1}}]}}"#
            ),
        ] {
            let error = IndexFile::parse(text.as_bytes(), 100).expect_err(&text);
            assert!(error.to_string().len() < 300, "{error}");
        }
        assert!(IndexFile::parse(br#"{"schemaVersion":2,"manifests":null}"#, 100).is_ok());
    }

    #[test]
    fn an_index_holds_no_more_values_than_its_caller_allows() {
        let index = |members: &str, entries: usize| {
            let digest = Digest::of(b"x");
            let entry = format!(r#"{{"mediaType":"m/t","digest":"{digest}","size":1}}"#);
            let entries = vec![entry; entries].join(",");
            format!(r#"{{"schemaVersion":2{members},"manifests":[{entries}]}}"#)
        };
        let read = |text: &str, values: usize| IndexFile::parse(text.as_bytes(), values);
        // The document, its version, the list, and four for each entry.
        assert_eq!(read(&index("", 9), 39).expect("an index").entries().len(), 9);
        assert!(read(&index("", 9), 38).is_err());
        let many = |values: usize| format!(r#","x":[{}]"#, vec![r#"{"":0}"#; values / 2].join(","));
        assert!(read(&index(&many(1000), 1), 2000).is_ok());
        assert!(read(&index(&many(1000), 1), 1000).is_err());
        // Beside the entries nothing may be large, whatever the whole may have.
        assert!(read(&index(&many(2 * MAX_MEMBER_VALUES), 1), usize::MAX).is_err());
        let large = index("", 1).replace(r#""size""#, &format!("{},\"size\"", &many(20_002)[1..]));
        assert!(read(&large, usize::MAX).is_err());
    }
}
