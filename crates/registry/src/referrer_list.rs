//! Lists of referrers that clients keep (distribution-spec §referrers tag schema), bounded so that nobody fills one.
//!
//! What is in a list is a hint: its readers fetch each manifest. So an entry says no more than a reader chooses by, and
//! what nobody vouches for takes a quarter of a list at most.

use bundle_oci::manifest::{MAX_MANIFEST, MAX_VALUES};
use bundle_oci::{Digest, Manifest, json, media_type};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Most bytes of one annotation in a list; notation's thumbprints of a chain have a few hundred.
const MAX_ANNOTATION: usize = 2 << 10;
/// Most annotations of one entry, and their bytes. Real ones have fewer than ten. An entry has at most 21 values then, so
/// a quarter of a list never has half of the values that are read of a manifest.
const MAX_ANNOTATIONS: (usize, usize) = (16, 4 << 10);
/// Longest type of an artifact in a list (RFC 6838 §4.2: 127 characters on each side of the slash).
const MAX_TYPE: usize = 255;

/// How much of a list an entry may fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListRoom {
    /// As much as a manifest may have: somebody vouches for it.
    Verified,
    /// A quarter of that.
    Unverified,
}

impl ListRoom {
    fn bytes(self) -> usize {
        match self {
            Self::Verified => MAX_MANIFEST as usize,
            Self::Unverified => MAX_MANIFEST as usize / 4,
        }
    }
}

/// What a list says of one referrer.
#[derive(Debug, Clone)]
pub struct ListEntry {
    digest: Digest,
    room: ListRoom,
    /// In full, and without annotations.
    forms: [Value; 2],
}

/// A list with entries at its end.
pub(super) enum Extended {
    /// Nothing is to be added; for these there is no room.
    Unchanged { full: Vec<Digest> },
    /// The new list.
    List(Manifest),
    /// What is there cannot be extended.
    Unusable,
}

impl ListEntry {
    /// The entry of a manifest: its type, and its annotations as far as they are short.
    pub fn of(referrer: &Manifest, room: ListRoom) -> Self {
        let mut entry = Map::new();
        entry.insert("mediaType".into(), referrer.media_type().into());
        entry.insert("digest".into(), referrer.digest().to_string().into());
        entry.insert("size".into(), referrer.bytes().len().into());
        let artifact_type = referrer.effective_artifact_type();
        if let Some(artifact_type) = artifact_type.filter(|text| text.len() <= MAX_TYPE) {
            entry.insert("artifactType".into(), artifact_type.into());
        }
        let bare = Value::Object(entry.clone());
        let annotations = short_annotations(referrer);
        if !annotations.is_empty() {
            entry.insert("annotations".into(), Value::Object(annotations));
        }
        Self { digest: referrer.digest(), room, forms: [Value::Object(entry), bare] }
    }

    /// How much of a list it may fill.
    pub(super) fn room(&self) -> ListRoom {
        self.room
    }

    /// Digest of the referrer.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

fn short_annotations(referrer: &Manifest) -> Map<String, Value> {
    let (most, mut left) = MAX_ANNOTATIONS;
    let mut annotations = Map::new();
    for (key, value) in referrer.annotations() {
        let length = key.len() + value.len();
        if length <= MAX_ANNOTATION && length <= left && annotations.len() < most {
            left -= length;
            annotations.insert(key.clone(), value.as_str().into());
        }
    }
    annotations
}

/// `list` (or an empty one) with what it lacks of `referrers` at its end, verified ones first. What is in it stays as
/// it is.
pub(super) fn extended(list: Option<&Manifest>, referrers: &[ListEntry]) -> Extended {
    let mut listed: HashSet<Digest> =
        list.into_iter().flat_map(Manifest::listed).map(|entry| entry.digest).collect();
    let empty = || json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": []});
    let document =
        list.map_or_else(|| Ok(empty()), |list| json::parse_within(list.bytes(), MAX_VALUES));
    let Ok(Value::Object(mut document)) = document else { return Extended::Unusable };
    let entries = document.entry("manifests").or_insert_with(|| json!([]));
    if entries.is_null() {
        *entries = json!([]);
    }
    let Some(entries) = entries.as_array_mut() else { return Extended::Unusable };
    let (before, mut full) = (entries.len(), Vec::new());
    let mut length = list.map_or(128, |list| list.bytes().len());
    for room in [ListRoom::Verified, ListRoom::Unverified] {
        for referrer in referrers.iter().filter(|referrer| referrer.room == room) {
            if !listed.insert(referrer.digest) {
                continue;
            }
            // With a comma.
            let fits = |form: &&Value| length + form.to_string().len() < room.bytes();
            match referrer.forms.iter().find(fits) {
                Some(form) => {
                    length += form.to_string().len() + 1;
                    entries.push(form.clone());
                }
                None => full.push(referrer.digest),
            }
        }
    }
    if entries.len() == before {
        return Extended::Unchanged { full };
    }
    let bytes = Value::Object(document).to_string().into_bytes();
    match Manifest::parse(bytes.into(), media_type::OCI_INDEX) {
        Ok(list) => Extended::List(list),
        // More values than are read, however short: others wrote those.
        Err(_) => Extended::Unchanged { full: missing(list, referrers) },
    }
}

fn missing(list: Option<&Manifest>, referrers: &[ListEntry]) -> Vec<Digest> {
    let has = |digest: Digest| {
        list.into_iter().flat_map(Manifest::listed).any(|entry| entry.digest == digest)
    };
    referrers.iter().map(ListEntry::digest).filter(|digest| !has(*digest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An artifact with these annotations.
    fn referrer(artifact_type: &str, annotations: Value) -> Manifest {
        let config =
            json!({"mediaType": media_type::OCI_EMPTY, "digest": Digest::of(b"{}"), "size": 2});
        let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
            "artifactType": artifact_type, "config": config, "layers": [],
            "annotations": annotations});
        Manifest::parse(document.to_string().into(), media_type::OCI_MANIFEST).expect("a manifest")
    }

    fn many(count: usize, length: usize, room: ListRoom) -> Vec<ListEntry> {
        let text = "x".repeat(length);
        let one = |number: usize| {
            ListEntry::of(&referrer("a/b", json!({"n": number.to_string(), "text": text})), room)
        };
        (0..count).map(one).collect()
    }

    fn list(extended: Extended) -> Manifest {
        let Extended::List(list) = extended else { panic!("a list") };
        list
    }

    #[test]
    fn an_entry_has_no_more_than_readers_choose_by() {
        let honest = referrer("application/x", json!({"dev.sigstore.bundle.predicateType": "p"}));
        let entry = list(extended(None, &[ListEntry::of(&honest, ListRoom::Unverified)]));
        let entry = &entry.children()[0];
        assert_eq!(entry.annotation("dev.sigstore.bundle.predicateType"), Some("p"));
        assert_eq!(entry.artifact_type.as_deref(), Some("application/x"));
        let long = "l".repeat(4 << 10);
        let tiny: Map<String, Value> = (0..900).map(|n| (format!("{n:03}"), "".into())).collect();
        let half: Map<String, Value> =
            (0..9).map(|n| (n.to_string(), "h".repeat(1 << 10).into())).collect();
        for annotations in [json!({"a": "short", "long": long}), json!(tiny), json!(half)] {
            let junk = referrer(&format!("a/{}", "b".repeat(1 << 20)), annotations);
            let entry = list(extended(None, &[ListEntry::of(&junk, ListRoom::Verified)]));
            assert!(entry.bytes().len() < 5 << 10, "{}", entry.bytes().len());
            assert!(entry.children()[0].annotations.len() <= 16);
            assert_eq!(entry.children()[0].artifact_type, None);
        }
    }

    #[test]
    fn unverified_entries_leave_room_for_verified_ones() {
        let junk = many(1000, 2000, ListRoom::Unverified);
        let first = list(extended(None, &junk));
        assert!(first.bytes().len() <= 1 << 20);
        let Extended::Unchanged { full } = extended(Some(&first), &junk) else { panic!("it grew") };
        assert_eq!(full.len(), 1000 - first.children().len());
        let honest = many(500, 1000, ListRoom::Verified);
        let second = list(extended(Some(&first), &honest));
        assert_eq!(second.children().len(), first.children().len() + 500);
        // In one bundle the verified ones come first.
        let both = list(extended(None, &[junk, honest.clone()].concat()));
        assert_eq!(both.children()[0].digest, honest[0].digest());
    }

    #[test]
    fn a_full_list_stays_and_names_what_it_lacks() {
        let filler = "f".repeat(MAX_MANIFEST as usize - 200);
        let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX,
            "manifests": [], "annotations": {"filler": filler}});
        let full = Manifest::parse(document.to_string().into(), media_type::OCI_INDEX);
        let full = full.expect("an index");
        let new = many(1, 10, ListRoom::Verified);
        match extended(Some(&full), &new) {
            Extended::Unchanged { full } => assert_eq!(full, [new[0].digest()]),
            _ => panic!("it is full"),
        }
    }

    #[test]
    fn what_does_not_fit_with_its_annotations_is_listed_without() {
        let entries = many(1, 2000, ListRoom::Verified);
        let filler = "f".repeat(MAX_MANIFEST as usize - 800);
        let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX,
            "manifests": [], "annotations": {"filler": filler}});
        let almost = Manifest::parse(document.to_string().into(), media_type::OCI_INDEX);
        let list = list(extended(Some(&almost.expect("an index")), &entries));
        assert!(list.children()[0].annotations.is_empty());
    }
}
