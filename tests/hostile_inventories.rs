//! Inventories made to take memory: as long as a reader accepts, refused before they take many times their length.
//!
//! The system refuses the program what it wants beyond a limit, which ends it by a signal: then the test fails.

#![cfg(target_os = "linux")]

use super::harness::command::{Program, Ran};
use bundle::archive::geometry::Geometry;
use bundle::archive::head::{self, HeadFile};
use bundle::archive::limits::{self, MAX_INVENTORY};
use bundle::archive::write::{ArchiveWriter, Blueprint};
use bundle::inventory::{MAX_BLOBS, MAX_FILES, MAX_IMAGES};
use bundle::oci::Digest;
use std::path::Path;

/// Four times the longest inventory: what a process may have in memory that can be written to, used or not.
const MOST_DATA: u64 = 4 * MAX_INVENTORY;
const INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;

/// An inventory in the making: members that hold nothing, and others.
struct Text(String);

impl Text {
    /// All that must be there but `left_out`.
    fn without(left_out: &[&str]) -> Self {
        let file = |name: &str, content: &[u8]| {
            let (size, digest) = (content.len(), Digest::of(content));
            format!(r#"{{"name":"{name}","size":{size},"digest":"{digest}"}}"#)
        };
        let layout = file(head::OCI_LAYOUT, head::OCI_LAYOUT_CONTENT);
        let index = file(head::INDEX, INDEX.as_bytes());
        let mut text = Self(r#"{"formatVersion":"1.0","format":"bundle""#.into());
        for (name, value) in [
            ("created", r#""2026-01-01T00:00:00Z""#),
            ("tool", r#"{"name":"bundle","version":"0"}"#),
            ("totals", r#"{"images":0,"attachments":0,"blobs":0,"bytes":0}"#),
            ("files", &format!("[{layout},{index}]")),
            ("images", "[]"),
            ("keys", "[]"),
            ("blobs", "[]"),
        ] {
            if !left_out.contains(&name) {
                text.0.push_str(&format!(r#","{name}":{value}"#));
            }
        }
        text
    }

    /// One more member: `open`, up to `most` elements while there is room, `close`.
    fn with(
        mut self,
        (open, close): (&str, &str),
        most: usize,
        mut element: impl FnMut(usize) -> String,
    ) -> Self {
        self.0.push(',');
        self.0.push_str(open);
        for number in 0..most {
            let element = element(number);
            if (self.0.len() + element.len() + close.len() + 2) as u64 > MAX_INVENTORY {
                break;
            }
            if number > 0 {
                self.0.push(',');
            }
            self.0.push_str(&element);
        }
        self.0.push_str(close);
        self
    }

    /// As many elements as there is room for.
    fn full(self, around: (&str, &str), element: impl FnMut(usize) -> String) -> String {
        self.with(around, usize::MAX, element).end()
    }

    /// Up to the greatest length, with texts that nobody reads.
    fn padded(self) -> String {
        self.full((r#""padding":["#, "]"), |_| format!(r#""{}""#, "x".repeat(60_000)))
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

fn digest(number: usize) -> String {
    format!("sha256:{number:064x}")
}

fn image(number: usize, platforms: &str, keys: &str) -> String {
    let digest = digest(number);
    format!(
        r#"{{"source":"a/b{number}:1","fetchedFrom":"","mediaType":"","digest":"{digest}","size":0,"platforms":[{platforms}],"attachmentLookup":"skipped","verdict":{{"code":"","keys":[{keys}]}}}}"#
    )
}

/// Inventories that took the most memory for their length, with what is said about each now.
fn greedy() -> Vec<(&'static str, &'static str, String)> {
    const LATER: (&str, &str) = (r#""later":["#, "]");
    let keys = vec![r#""a""#; 1000].join(",");
    let keys = |number| image(number, "", &keys);
    let platforms = vec![r#"{"os":"a","architecture":"b"}"#; 1000].join(",");
    let platforms = |number| image(number, &platforms, "");
    let images = (r#""images":["#, "]");
    let mut inventories = vec![
        (
            "many short texts",
            "more than 3145728 values",
            Text::without(&["images"]).full(images, keys),
        ),
        (
            "many members",
            "an object of more than 4096 members",
            Text::without(&[]).full((r#""later":{"#, "}"), |number| format!(r#""{number:x}":0"#)),
        ),
        (
            "as many values as there may be",
            "its totals are not",
            Text::without(&["images"]).with(images, 3080, keys).padded(),
        ),
    ];
    if std::env::var_os("BUNDLE_LONG").is_none() {
        return inventories;
    }
    let blob = |number| format!(r#"{{"digest":"{}","size":0,"stored":"raw"}}"#, digest(number));
    let deep = format!("{}0{}", "[".repeat(29), "]".repeat(29));
    inventories.extend([
        ("numbers", "values", Text::without(&[]).full(LATER, |_| "0".into())),
        ("lists", "values", Text::without(&[]).full(LATER, |_| "[]".into())),
        ("nested lists", "values", Text::without(&[]).full(LATER, |_| deep.clone())),
        (
            "open lists",
            "nested too deep",
            Text::without(&[]).full((r#""x":"#, ""), |_| "[".repeat(1000)),
        ),
        ("members with escapes", "members", {
            let member = |number: usize| format!(r#""\u0061{number:x}":0"#);
            Text::without(&[]).full((r#""later":{"#, "}"), member)
        }),
        ("features", "values", {
            Text::without(&[]).full((r#""mustUnderstand":["#, "]"), |_| r#""""#.into())
        }),
        ("images", "values", {
            Text::without(&["images"]).full(images, |number| image(number, "", ""))
        }),
        ("one image more than there may be", "at most 100000", {
            Text::without(&["images"])
                .with(images, MAX_IMAGES + 1, |number| image(number, "", ""))
                .padded()
        }),
        ("as many images as there may be", "its totals are not", {
            Text::without(&["images"])
                .with(images, MAX_IMAGES, |number| image(number, "", ""))
                .padded()
        }),
        ("platforms", "values", Text::without(&["images"]).full(images, platforms)),
        ("blobs", "at most 500000", {
            Text::without(&["blobs"]).full((r#""blobs":["#, "]"), blob)
        }),
        ("as many blobs as there may be", "its totals are not", {
            Text::without(&["blobs"]).with((r#""blobs":["#, "]"), MAX_BLOBS, blob).padded()
        }),
        ("one long text", "a text of more than 65536 bytes", {
            Text::without(&[]).full((r#""later":""#, r#"""#), |_| "\\u0061".repeat(10_000))
        }),
        ("one long name", "a text of more than 65536 bytes", {
            Text::without(&[]).full((r#""name":""#, r#"""#), |_| "x".repeat(60_000))
        }),
    ]);
    inventories
}

/// `bundle inspect`, under the limit, of an archive that holds no blobs and these bytes for its inventory.
fn inspect(directory: &Path, inventory: &str) -> Ran {
    let path = directory.join("a.tar.zst");
    let file = |name: &str, bytes: &[u8]| HeadFile { name: name.into(), bytes: bytes.into() };
    let files = vec![
        file(head::OCI_LAYOUT, head::OCI_LAYOUT_CONTENT),
        file(head::INVENTORY, inventory.as_bytes()),
        file(head::INDEX, INDEX.as_bytes()),
    ];
    let (geometry, blobs) = (Geometry::WHOLE, Vec::new());
    let blueprint = Blueprint { files, blobs, mtime: 0, geometry, level: 1 };
    let writer = ArchiveWriter::create(&path, blueprint).expect("created");
    let section = writer.compressed_section();
    writer.finish(section).expect("finished");
    let limited = format!("ulimit -d {} && exec \"$0\" inspect \"$1\"", MOST_DATA / 1024);
    Program::new(Path::new("/bin/sh"))
        .args(&["-c", &limited, env!("CARGO_BIN_EXE_bundle")])
        .arg(&path)
        .run()
}

#[test]
fn refusing_an_inventory_takes_four_times_its_length_at_most() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("directory");
    for (name, what, inventory) in greedy() {
        let length = inventory.len() as u64;
        assert!(length <= MAX_INVENTORY && length > MAX_INVENTORY - (1 << 20), "{name}: {length}");
        let ran = inspect(directory.path(), &inventory);
        assert!(ran.code == Some(6) && ran.stderr.contains(what), "{name}: {ran}");
        assert!(ran.stderr.len() < 1000, "{name}: {ran}");
    }
}

#[test]
fn long_valid_inventory_is_read_under_the_same_limit() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("directory");
    let later = (r#""later":["#, "]");
    let inventory = Text::without(&[]).with(later, 3_000_000, |_| "[]".into()).padded();
    assert!(inventory.len() as u64 > MAX_INVENTORY - (1 << 20));
    inspect(directory.path(), &inventory).expect_code(0);
}

#[test]
fn an_inventory_may_list_as_much_as_an_archive_holds() {
    assert_eq!(MAX_BLOBS, limits::MAX_BLOBS);
    assert_eq!(MAX_FILES, limits::MAX_HEAD_ENTRIES);
}
