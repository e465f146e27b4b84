//! Dependencies point down: which crate and which folder of `src/` may mention which other. And the one way in for
//! documents.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A crate, or a folder or top-level file of `src/`, and the words its code may not mention.
struct Floor {
    name: &'static str,
    /// Other floors that it may use. Those that are not named here are forbidden.
    may_use: &'static [&'static str],
    /// Parts of other crates that it may not use.
    never: &'static [&'static str],
}

/// What the three steps stand on; none of them uses another one.
const LOWER: &[&str] = &[
    "oci",
    "files",
    "ownership",
    "progress",
    "inventory",
    "report",
    "trust",
    "seal",
    "archive",
    "registry",
    "host",
    "signers",
    "transfer",
];

/// From the ground up. `archive` and `registry` never know each other; `trust` does no I/O.
const FLOORS: [Floor; 19] = [
    Floor { name: "ownership", may_use: &[], never: &["reqwest", "tokio"] },
    Floor { name: "files", may_use: &["ownership"], never: &["reqwest", "tokio"] },
    Floor { name: "oci", may_use: &["files", "ownership"], never: &["reqwest"] },
    Floor { name: "progress", may_use: &["oci"], never: &["reqwest", "tokio", "std::fs"] },
    Floor { name: "inventory", may_use: &["oci"], never: &["reqwest", "tokio", "std::fs"] },
    Floor {
        name: "report",
        may_use: &["oci", "inventory", "trust", "seal", "archive", "host"],
        never: &["reqwest", "tokio", "std::fs"],
    },
    Floor {
        name: "trust",
        may_use: &["oci"],
        never: &["reqwest", "tokio", "std::fs", "std::net", "rustix"],
    },
    Floor {
        name: "seal",
        may_use: &["oci", "inventory", "trust"],
        never: &["reqwest", "tokio", "std::fs", "std::net", "rustix"],
    },
    Floor {
        name: "archive",
        may_use: &["oci", "files", "ownership", "inventory", "progress"],
        never: &["reqwest"],
    },
    Floor { name: "registry", may_use: &["oci", "ownership", "progress"], never: &[] },
    Floor {
        name: "host",
        may_use: &["oci", "files", "ownership", "trust", "seal"],
        never: &["reqwest", "tokio"],
    },
    Floor { name: "signers", may_use: &["oci", "trust", "host"], never: &["reqwest", "tokio"] },
    Floor { name: "transfer", may_use: &[], never: &["reqwest", "tokio", "std::fs"] },
    Floor { name: "pack", may_use: LOWER, never: &[] },
    Floor { name: "unpack", may_use: LOWER, never: &[] },
    Floor { name: "serve", may_use: LOWER, never: &[] },
    Floor { name: "inspect", may_use: LOWER, never: &["reqwest", "tokio"] },
    Floor {
        name: "verify",
        may_use: &["archive", "progress", "report", "unpack"],
        never: &["reqwest", "tokio"],
    },
    Floor { name: "lib", may_use: &[], never: &["reqwest", "tokio", "std::fs"] },
];

#[test]
fn every_folder_uses_only_what_lies_below_it() {
    let mut faults = Vec::new();
    let mut files = 0;
    for Source { floor, path, text } in sources() {
        if floor == "cli" || floor == "main" {
            continue;
        }
        files += 1;
        match FLOORS.iter().find(|known| known.name == floor) {
            Some(floor) => {
                faults.extend(forbidden(floor, &text).map(|word| format!("{path} uses {word}")));
            }
            None => faults.push(format!("{path} belongs to no floor")),
        }
    }
    assert!(files > 300, "the source was found: {files}");
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_forbidden_use_is_noticed_in_every_way_it_can_be_written() {
    let of = |name: &str| FLOORS.iter().find(|floor| floor.name == name).expect("floor");
    for (name, text, expected) in [
        ("archive", "use bundle_registry::Client;", "crate::registry"),
        ("registry", "fn f() { bundle_archive::open() }", "crate::archive"),
        ("trust", "use std::fs;", "std::fs"),
        ("trust", "use std::{fmt, fs::File};", "std::fs"),
        ("trust", "use std::{\n    fmt,\n    fs,\n};", "std::fs"),
        ("trust", "async fn f() { tokio::spawn(async {}); }", "tokio"),
        ("report", "use crate::{oci::Digest, unpack::{Plan, Target}};", "crate::unpack"),
        ("oci", "use bundle_pack::Plan;", "crate::pack"),
        ("serve", "use crate::cli::Output;", "crate::cli"),
        ("serve", "use super::super::pack::Plan;", "crate::pack"),
        ("pack", "use crate::unpack::Plan;", "crate::unpack"),
        ("unpack", "use crate :: serve;", "crate::serve"),
        ("host", "use bundle::registry;", "crate::registry"),
    ] {
        let found: Vec<_> = forbidden(of(name), text).collect();
        assert_eq!(found, [expected], "{name}: {text}");
    }
}

#[test]
fn what_is_allowed_is_not_noticed() {
    let of = |name: &str| FLOORS.iter().find(|floor| floor.name == name).expect("floor");
    for (name, text) in [
        ("pack", "use crate::{oci::{Digest, json}, inventory};"),
        ("archive", "use bundle_oci::{Digest, json}; use crate::registry;"),
        ("archive", "//! Knows nothing of crate::registry.\nuse super::frame;"),
        ("archive", "let text = \"crate::registry\"; let more = br#\"\"crate::registry\"#;"),
        ("oci", "mod tests { use super::super::Digest; }"),
        ("trust", "use std::{fmt, str::FromStr}; // not std::fs"),
        ("trust", "use crate::keys::PublicKey; use std::fmt; fn fs() {}"),
        ("unpack", "use crate::host::install;"),
    ] {
        assert_eq!(forbidden(of(name), text).collect::<Vec<_>>(), <[&str; 0]>::default(), "{text}");
    }
}

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

/// Tests of a folder read test data and start servers; what the folder promises of itself does not bind them.
fn is_test(path: &Path) -> bool {
    path.components().skip(1).any(|part| {
        ["tests", "tests.rs", "testing", "testing.rs"].iter().any(|name| part.as_os_str() == *name)
    })
}

/// A file of the product's code.
struct Source {
    floor: String,
    /// From the top of the repository.
    path: String,
    text: String,
}

/// Files of `src/` and of `crates/*/src/`, without tests.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![(None, root.join("src"))];
    for entry in fs::read_dir(root.join("crates")).expect("crates") {
        let name = entry.expect("entry").file_name().into_string().expect("a name");
        if name != "testing" {
            folders.push((Some(name.clone()), root.join("crates").join(name).join("src")));
        }
    }
    let mut sources = Vec::new();
    for (name, folder) in folders {
        for entry in walkdir::WalkDir::new(&folder).sort_by_file_name() {
            let entry = entry.expect("entry");
            let path = entry.path().strip_prefix(&folder).expect("below the folder");
            let is_source = path.extension().is_some_and(|ending| ending == "rs");
            if !is_source || is_test(&Path::new("src").join(path)) {
                continue;
            }
            let below = entry.path().strip_prefix(root).expect("in the repository");
            sources.push(Source {
                floor: name.clone().unwrap_or_else(|| top_of(path)),
                path: below.to_string_lossy().into_owned(),
                text: fs::read_to_string(entry.path()).expect("source"),
            });
        }
    }
    sources
}

fn top_of(path: &Path) -> String {
    let first = path.components().next().expect("a component").as_os_str();
    let first = first.to_string_lossy();
    first.strip_suffix(".rs").unwrap_or(&first).to_owned()
}

/// What `text` mentions and `floor` forbids.
fn forbidden(floor: &Floor, text: &str) -> impl Iterator<Item = String> {
    let mut found = BTreeSet::new();
    let mut words = words(text);
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    if crates.join(floor.name).is_dir() {
        // What a crate calls `crate` is its own, whatever its name.
        words.iter_mut().filter(|word| *word == "crate").for_each(|word| *word = "own".to_owned());
    }
    for path in mentions(&words) {
        let inside = path.strip_prefix("crate::").and_then(|rest| rest.split("::").next());
        match inside {
            Some(part) => {
                // A lower-case name is a module; the crate's own root holds nothing else but declarations.
                let known = part == floor.name || floor.may_use.contains(&part);
                if !known && floor.name != "lib" {
                    found.insert(format!("crate::{part}"));
                }
            }
            None => {
                let within =
                    |never: &&&str| path == **never || path.starts_with(&format!("{never}::"));
                found.extend(floor.never.iter().find(within).map(ToString::to_string));
            }
        }
    }
    found.into_iter()
}

/// Identifiers and punctuation of Rust source, without comments and literals.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => string_end(rest),
            'r' | 'b' if raw_string_end(rest).is_some() => raw_string_end(rest).unwrap_or(1),
            '\'' if rest.starts_with("'\"'") => 3,
            '\'' if rest.starts_with("'\\") => {
                2 + rest[2..].find('\'').map_or(0, |end| end + 1).max(2)
            }
            c if c.is_alphanumeric() || c == '_' => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                let end = end.unwrap_or(rest.len());
                words.push(rest[..end].to_owned());
                end
            }
            ':' if rest.starts_with("::") => {
                words.push("::".to_owned());
                2
            }
            c => {
                if !c.is_whitespace() {
                    words.push(c.to_string());
                }
                c.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    words
}

/// Where the raw string ends that `text` begins with, `r#"…"#` or `br#"…"#`; `None` when it begins with none.
fn raw_string_end(text: &str) -> Option<usize> {
    let after = text.strip_prefix('b').unwrap_or(text).strip_prefix('r')?;
    let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
    let content = after[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = content.find(&close).map_or(content.len(), |end| end + close.len());
    Some(text.len() - content.len() + end)
}

fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'\\' if !escaped => escaped = true,
            b'"' if !escaped => return place + 1,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Every path that begins with a crate, groups in braces spelt out: `std::{fmt, fs::File}` is `std::fmt` and
/// `std::fs::File`.
fn mentions(words: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut place = 0;
    while place < words.len() {
        let starts = is_name(&words[place]) && (place == 0 || words[place - 1] != "::");
        if starts {
            let mut paths = Vec::new();
            place = path_at(words, place, "", &mut paths).max(place + 1);
            found.extend(paths.into_iter().map(|path| from_root(&path)));
        } else {
            place += 1;
        }
    }
    found
}

/// Reads the path at `place` and returns where it ends.
fn path_at(words: &[String], mut place: usize, prefix: &str, paths: &mut Vec<String>) -> usize {
    let mut path = prefix.to_owned();
    loop {
        match words.get(place).map(String::as_str) {
            Some("{") if !path.is_empty() && path.ends_with("::") => {
                place += 1;
                while words.get(place).is_some_and(|word| word != "}") {
                    place = match words[place].as_str() {
                        "," => place + 1,
                        _ => path_at(words, place, &path, paths).max(place + 1),
                    };
                }
                return place + 1;
            }
            Some(word) if is_name(word) => {
                path.push_str(word);
                place += 1;
                if words.get(place).is_some_and(|word| word == "::") {
                    path.push_str("::");
                    place += 1;
                } else {
                    paths.push(path);
                    return place;
                }
            }
            _ => {
                paths.push(path.trim_end_matches("::").to_owned());
                return place;
            }
        }
    }
}

fn from_root(path: &str) -> String {
    if let Some(rest) = path.strip_prefix("bundle::") {
        return format!("crate::{rest}");
    }
    let is_floor = |name: &str| FLOORS.iter().any(|floor| floor.name == name);
    if let Some(rest) = path.strip_prefix("bundle_")
        && rest.split("::").next().is_some_and(is_floor)
    {
        return format!("crate::{rest}");
    }
    // How far up `super` leads depends on where it stands; what is named like a floor is taken for that floor.
    let rest = path.trim_start_matches("super::");
    let first = rest.split("::").next().unwrap_or_default();
    let floor = first == "cli" || is_floor(first);
    if path.starts_with("super::super::") && floor {
        return format!("crate::{rest}");
    }
    path.to_owned()
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}
