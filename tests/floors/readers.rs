//! The one way in for documents: with a bound on their values.

use super::sources::{Source, sources};
use super::words::{mentions, words};
use std::collections::BTreeSet;

/// What reads a document into values without a bound on their number.
const UNBOUNDED: [&str; 9] = [
    "serde_json::from_slice",
    "serde_json::from_str",
    "serde_json::from_reader",
    "serde_json::Deserializer",
    "serde_json::StreamDeserializer",
    "serde_json::de",
    "toml",
    "serde_saphyr",
    "ciborium",
];

/// Files that read documents otherwise than through `oci::json`, each with what bounds them there.
const READERS: [(&str, &str); 12] = [
    ("crates/oci/src/json.rs", "the bounded ways in themselves"),
    ("crates/oci/src/json/check.rs", "builds nothing"),
    ("crates/oci/src/json/raw.rs", "reads what was checked"),
    ("crates/inventory/src/reading.rs", "checked before, in the same function"),
    ("crates/archive/src/journal.rs", "lines of 256 bytes, of a file of this user's own"),
    ("src/pack/resume.rs", "the plan of this user's own journal, with its digest"),
    ("src/pack/remainder.rs", "an index that this program made"),
    (
        "crates/host/src/openshift/earlier.rs",
        "what an earlier run listed as its own, in the budget of the YAML reader",
    ),
    (
        "crates/host/src/containers/policy/document.rs",
        "the host's own file, parsed within bounds before",
    ),
    ("crates/host/src/containers/registries_conf/entry.rs", "the host's own file"),
    ("crates/host/src/containers/registries_d.rs", "the host's own file"),
    ("crates/host/src/settings/content.rs", "the host's own file, of 1 MiB at most"),
];

#[test]
fn every_document_is_read_within_a_bound_on_its_values() {
    let (mut faults, mut used) = (Vec::new(), BTreeSet::new());
    for Source { path, text, .. } in sources() {
        let known = READERS.iter().find(|(reader, _)| *reader == path);
        let found: Vec<String> = unbounded(&text).collect();
        match known {
            Some((reader, _)) if !found.is_empty() => drop(used.insert(*reader)),
            _ => faults.extend(found.iter().map(|word| format!("{path} uses {word}"))),
        }
    }
    // YAML with a budget of its own, which is set beside the call.
    faults.retain(|fault| {
        !fault.starts_with("crates/host/src/containers/lookups.rs uses serde_saphyr")
    });
    assert!(faults.is_empty(), "{faults:#?}");
    let listed: BTreeSet<&str> = READERS.iter().map(|(reader, _)| *reader).collect();
    assert_eq!(used, listed, "an exception that is not needed any more");
}

#[test]
fn a_document_that_is_read_without_a_bound_is_noticed() {
    for (text, expected) in [
        ("let a: A = serde_json::from_slice(bytes)?;", Some("serde_json::from_slice")),
        ("serde_json::from_slice::<A>(bytes)", Some("serde_json::from_slice")),
        ("use serde_json::{Value, from_str};", Some("serde_json::from_str")),
        ("use serde_json as other;", Some("serde_json")),
        ("use serde_json::*;", Some("serde_json")),
        ("toml::from_str(text)", Some("toml::from_str")),
        ("serde_saphyr::from_str(text)", Some("serde_saphyr::from_str")),
        ("json::parse_within(bytes, usize::MAX)", Some("usize::MAX")),
        ("json::check(bytes, Bounds::values(usize::MAX))", Some("usize::MAX")),
        ("json::read::<A>(bytes, Bounds { values: usize::MAX, ..B })", Some("usize::MAX")),
        ("json::parse_within(bytes, MAX_VALUES)", None),
        ("serde_json::from_value(value)", None),
        ("#[cfg(test)]\nmod tests { fn f() { serde_json::from_str(\"1\") } }", None),
    ] {
        assert_eq!(unbounded(text).next().as_deref(), expected, "{text}");
    }
}

/// Ways in `text`, but for its unit tests, to read a document without a bound on values.
fn unbounded(text: &str) -> impl Iterator<Item = String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let words = words(code);
    let is_way_in = |path: &String| {
        let is = |way: &&str| path == *way || path.starts_with(&format!("{way}::"));
        path == "serde_json" || UNBOUNDED.iter().any(is)
    };
    let mut found: Vec<String> = mentions(&words).into_iter().filter(is_way_in).collect();
    for (place, word) in words.iter().enumerate() {
        let is_call = ["parse_within", "parse_skipping", "members", "check", "read", "values"]
            .contains(&word.as_str());
        let mut depth = 0;
        let inside = words[place + 1..].iter().skip_while(|word| *word != "(" && *word != ";");
        let arguments: Vec<&str> = inside
            .take_while(|word| {
                match word.as_str() {
                    "(" => depth += 1,
                    ")" => depth -= 1,
                    _ => {}
                }
                depth > 0
            })
            .map(String::as_str)
            .collect();
        let is_endless = arguments.windows(3).any(|words| words == ["usize", "::", "MAX"]);
        if is_call && is_endless {
            found.push("usize::MAX".to_owned());
        }
    }
    found.into_iter()
}
