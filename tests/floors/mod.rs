//! Dependencies point down: which crate and which folder of `src/` may mention which other.

mod readers;
mod sources;
mod words;

use self::sources::{Source, sources};
use self::words::{mentions, words};
use std::collections::BTreeSet;
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
    "lists",
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
const FLOORS: [Floor; 20] = [
    Floor { name: "ownership", may_use: &[], never: &["reqwest", "tokio"] },
    Floor { name: "files", may_use: &["ownership"], never: &["reqwest", "tokio"] },
    Floor { name: "oci", may_use: &["files", "ownership"], never: &["reqwest"] },
    Floor { name: "progress", may_use: &["oci"], never: &["reqwest", "tokio", "std::fs"] },
    Floor { name: "inventory", may_use: &["oci"], never: &["reqwest", "tokio", "std::fs"] },
    Floor { name: "lists", may_use: &["oci"], never: &["reqwest", "tokio", "std::fs"] },
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
