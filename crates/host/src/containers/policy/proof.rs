//! That a merged policy is the old one with the added scopes, and loosens nothing. Reads both files afresh.

use super::strictness::{Extreme, extreme, is_as_strict};
use super::{Rejected, is_general};
use bundle_oci::text::bounded;
use bundle_oci::{Reference, json};
use bundle_trust::policy::{MAX_VALUES, Policy};
use serde_json::Value;
use std::collections::BTreeSet;

/// A host that no policy names (RFC 2606), to see what applies where nothing else does.
const NOWHERE: &str = "bundle.invalid";
/// A tag and a path component that no scope names.
const PROBE: &str = "bundle-probe-1f0c7c52";

/// Says what is wrong with `new`.
pub(super) fn check(
    old: &[u8],
    new: &[u8],
    added: &BTreeSet<String>,
    rejected: Rejected,
) -> Result<(), String> {
    only_added(old, new, added)?;
    let parse = |bytes| Policy::parse(bytes).map_err(|error| error.to_string());
    let (before, after) = (parse(old)?, parse(new)?);
    for probe in probes(new)? {
        let (before, after) = (before.list_for(&probe), after.list_for(&probe));
        let opened = rejected == Rejected::BecomesSigned
            && is_general(before.place())
            && extreme(before) == Extreme::RejectsAll
            && extreme(after) == Extreme::Neither;
        if !opened && !is_as_strict(after, before) {
            return Err(format!(
                "{} would be judged by {} and no longer by {}, which may admit more",
                bounded(&probe.to_string()),
                after.place(),
                before.place()
            ));
        }
    }
    Ok(())
}

/// Without the added scopes, and without objects that had to be made for them, the two are the same document.
fn only_added(old: &[u8], new: &[u8], added: &BTreeSet<String>) -> Result<(), String> {
    let parse =
        |bytes| json::parse_within(bytes, MAX_VALUES).map_err(|error| bounded(&error.to_string()));
    let (before, mut after) = (parse(old)?, parse(new)?);
    let had = |pointer: &str| before.pointer(pointer).is_some();
    if let Some(scopes) = after.pointer_mut("/transports/docker").and_then(Value::as_object_mut) {
        for name in added {
            if scopes.remove(name).is_none()
                || had(&format!("/transports/docker/{}", escaped(name)))
            {
                return Err(format!("the scope {} was not added", bounded(name)));
            }
        }
    }
    for (parent, key) in [("/transports", "docker"), ("", "transports")] {
        let object = after.pointer_mut(parent).and_then(Value::as_object_mut);
        let made = !had(&format!("{parent}/{key}"));
        if let Some(object) = object.filter(|_| made)
            && object.get(key).and_then(Value::as_object).is_some_and(|inner| inner.is_empty())
        {
            object.remove(key);
        }
    }
    if before == after { Ok(()) } else { Err("something else than scopes would change".to_owned()) }
}

/// A key as a part of a JSON pointer (RFC 6901 §3).
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Names at and below every scope of registries, and names that none covers.
fn probes(policy: &[u8]) -> Result<Vec<Reference>, String> {
    let document =
        json::parse_within(policy, MAX_VALUES).map_err(|error| bounded(&error.to_string()))?;
    let scopes = document.pointer("/transports/docker").and_then(Value::as_object);
    let names = scopes.into_iter().flatten().map(|(scope, _)| match scope.strip_prefix("*.") {
        Some(domain) => format!("{PROBE}.{domain}"),
        None => scope.clone(),
    });
    let texts = names.chain([NOWHERE.to_owned()]).flat_map(|name| {
        let tagged = format!("{name}:{PROBE}");
        let below = format!("{name}/{PROBE}:{PROBE}");
        let deeper = format!("{name}/{PROBE}/{PROBE}:{PROBE}");
        [name, tagged, below, deeper]
    });
    // What is no reference, such as a host with a tag, names no image either.
    Ok(texts.filter_map(|text| text.parse().ok()).collect())
}
