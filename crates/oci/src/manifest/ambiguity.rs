//! Documents and descriptors that different readers would take for different things.

use super::ManifestError;
use crate::{inline, json, media_type};
use serde_json::{Map, Value};

/// Keys with a meaning at the top level of a manifest or index.
const KNOWN: [&str; 9] = [
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "subject",
    "annotations",
    "blobs",
];
/// Keys with a meaning in a descriptor (image-spec descriptor.md, image-index.md).
const DESCRIPTOR: [&str; 8] =
    ["mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"];
/// Keys with a meaning in a descriptor's platform; `features` is Docker's.
const PLATFORM: [&str; 6] =
    ["architecture", "os", "os.version", "os.features", "variant", "features"];

/// Refuses a document that some readers would take for another one.
pub(super) fn check_unambiguous(
    object: &Map<String, Value>,
    announced: &str,
) -> Result<(), ManifestError> {
    let ambiguous = |why: String| Err(ManifestError::Ambiguous(why));
    if let Some(key) = json::case_variant(object, &KNOWN) {
        return ambiguous(format!("the key {key:?} differs from a known one only in case"));
    }
    // containers/image `ValidateUnambiguousManifestFormat` refuses these for the same reason (CVE-2021-41190).
    let foreign: &[&str] = if media_type::is_index(announced) {
        &["layers", "config", "fsLayers"]
    } else {
        &["manifests", "fsLayers"]
    };
    if let Some(key) = foreign.iter().find(|key| object.contains_key(**key)) {
        return ambiguous(format!("a manifest of type {announced} must not have {key:?}"));
    }
    if object.get("schemaVersion").and_then(Value::as_u64) != Some(2) {
        return ambiguous("schemaVersion is not 2".into());
    }
    let listed = ["layers", "manifests"].iter().filter_map(|key| object.get(*key)?.as_array());
    let named = ["config", "subject"].iter().filter_map(|key| object.get(*key));
    for descriptor in named.chain(listed.flatten()) {
        if let Some(key) = ambiguous_key(descriptor) {
            return ambiguous(format!(
                "the key {key:?} of a descriptor differs from a known one only in case"
            ));
        }
        if let Some(why) = inline::contradiction(descriptor) {
            return ambiguous(format!(
                "the data of a descriptor contradicts its digest or size: {why}"
            ));
        }
    }
    Ok(())
}

/// A key of a descriptor by which some readers would find other content, or another platform, than is read here.
pub(crate) fn ambiguous_key(descriptor: &Value) -> Option<&str> {
    let descriptor = descriptor.as_object()?;
    let platform = descriptor.get("platform").and_then(Value::as_object);
    json::case_variant(descriptor, &DESCRIPTOR).or_else(|| json::case_variant(platform?, &PLATFORM))
}
