//! Lists in files: one `SOURCE` or `SOURCE=NAME` in each line, `#` comments, blank lines.
//!
//! Line ends of Windows and a byte order mark are understood. YAML and JSON are refused as such: a line of them may look
//! like a reference.

use crate::place::Place;
use bundle_oci::text::bounded;
use std::fmt;

/// Longest file that is read, in bytes.
pub const MAX_BYTES: usize = 16 << 20;
/// Most sources of one list.
pub const MAX_ITEMS: usize = 20_000;
/// Faults that are kept of one file; the others are counted.
const MAX_FAULTS: usize = 100;

/// One source of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<T> {
    /// What was read.
    pub source: T,
    /// Where it stands.
    pub place: Place,
}

/// All faults of a list; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// The first ones: where, why, and the way on.
    pub faults: Vec<Fault>,
    /// How many more there are.
    pub more: usize,
}

/// One fault of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands.
    pub place: Place,
    /// What is wrong, with the value.
    pub what: String,
    /// The way on, as an imperative.
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl Faults {
    fn add(&mut self, fault: Fault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        } else {
            self.more += 1;
        }
    }
}

/// Reads a list. `file` names it in messages; `parse` reads one source, and gives what is wrong with the way on.
///
/// # Errors
/// Every [`Fault`] of the file.
pub fn read<T>(
    file: &str,
    bytes: &[u8],
    parse: impl Fn(&str) -> Result<T, (String, Option<String>)>,
) -> Result<Vec<Item<T>>, Faults> {
    let place = |line, column| Place { file: bounded(file), line, column };
    let mut faults = Faults { faults: Vec::new(), more: 0 };
    let whole = |what: String, hint: Option<&str>| {
        let hint = hint.map(str::to_owned);
        Faults { faults: vec![Fault { place: place(1, 1), what, hint }], more: 0 }
    };
    if bytes.len() > MAX_BYTES {
        return Err(whole(format!("the file is longer than {MAX_BYTES} bytes"), None));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(whole("the file is not text in UTF-8".into(), None));
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(kind) = structure(text) {
        let what = format!("the file is {kind}: expected one reference in each line");
        return Err(whole(what, Some("write the images of it into a text file, one in each line")));
    }
    let mut items = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let said = without_comment(line).trim();
        if said.is_empty() {
            continue;
        }
        let column = line.chars().take_while(|character| character.is_whitespace()).count() + 1;
        let place = place(number + 1, column);
        if items.len() == MAX_ITEMS {
            let what = format!("the list has more than {MAX_ITEMS} sources");
            faults.add(Fault { place, what, hint: None });
            break;
        }
        if said.contains(char::is_whitespace) {
            let what = format!("expected one reference in a line, found {:?}", bounded(said));
            faults.add(Fault { place, what, hint: None });
            continue;
        }
        match parse(said) {
            Ok(source) => items.push(Item { source, place }),
            Err((what, hint)) => faults.add(Fault { place, what, hint }),
        }
    }
    if faults.faults.is_empty() { Ok(items) } else { Err(faults) }
}

/// The kind of a file that is not a list of lines.
fn structure(text: &str) -> Option<&'static str> {
    let mut lines = text.lines().map(|line| without_comment(line).trim_end());
    let first = lines.find(|line| !line.trim().is_empty())?;
    match first.trim_start() {
        start if start.starts_with(['{', '[']) => Some("JSON"),
        start if start == "---" || start.starts_with("--- ") || start.starts_with("%YAML") => {
            Some("YAML")
        }
        start if start.starts_with("- ") || start.ends_with(':') || start.contains(": ") => {
            Some("YAML")
        }
        _ => None,
    }
}

/// The line up to a `#` at its start or behind white space.
fn without_comment(line: &str) -> &str {
    let mut before = None;
    for (at, character) in line.char_indices() {
        if character == '#' && before.is_none_or(char::is_whitespace) {
            return &line[..at];
        }
        before = Some(character);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{Typed, read as read_name};

    fn names(text: &[u8]) -> Result<Vec<(String, usize, usize)>, Faults> {
        let parse = |text: &str| match read_name(text) {
            Ok(Typed::Image(reference)) => Ok(reference.to_string()),
            Ok(Typed::Tags(repository, glob)) => Ok(format!("{repository}:{glob}")),
            Err(error) => Err((error.to_string(), error.hint())),
        };
        let items = read("images.txt", text, parse)?;
        Ok(items
            .into_iter()
            .map(|item| (item.source, item.place.line, item.place.column))
            .collect())
    }

    #[test]
    fn lines_are_read_with_comments_blanks_crlf_and_a_byte_order_mark() {
        let text = "\u{feff}# images of RKE2\r\n\r\nquay.io/a/b:1\r\n  quay.io/a/c:2   # the second\r\n\
                    #quay.io/a/d:3\r\nquay.io/a/e:1.*\r\n";
        assert_eq!(
            names(text.as_bytes()).expect("a list"),
            [
                ("quay.io/a/b:1".to_owned(), 3, 1),
                ("quay.io/a/c:2".to_owned(), 4, 3),
                ("quay.io/a/e:1.*".to_owned(), 6, 1),
            ]
        );
        assert_eq!(names(b"").expect("an empty list"), []);
        assert_eq!(names(b"# nothing\n").expect("an empty list"), []);
    }

    #[test]
    fn every_fault_of_a_file_is_told_with_its_place() {
        let Err(Faults { faults, more }) =
            names(b"nginx\nquay.io/a/b:1\nquay.io/a/b:1 quay.io/a/c:1\n\n  https://quay.io/a:1\n")
        else {
            panic!("a list")
        };
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "images.txt:1:1: \"nginx\" names no registry",
                "images.txt:3:1: expected one reference in a line, found \"quay.io/a/b:1 quay.io/a/c:1\"",
                "images.txt:5:3: \"https://quay.io/a:1\" has a scheme: write the registry without https://",
            ]
        );
        assert_eq!(faults[0].hint.as_deref(), Some("write docker.io/library/nginx:latest"));
        assert_eq!(more, 0);
        let many = "nginx\n".repeat(MAX_FAULTS + 7);
        let Err(Faults { faults, more }) = names(many.as_bytes()) else { panic!("a list") };
        assert_eq!((faults.len(), more), (MAX_FAULTS, 7));
    }

    #[test]
    fn files_of_another_kind_are_named() {
        for (text, kind) in [
            ("apiVersion: v1\nkind: Pod\n", "YAML"),
            ("# chart\n---\napiVersion: v1\n", "YAML"),
            ("services:\n  web:\n    image: nginx\n", "YAML"),
            ("- quay.io/a:1\n", "YAML"),
            ("{\"images\": []}", "JSON"),
        ] {
            let Err(Faults { faults, .. }) = names(text.as_bytes()) else { panic!("{text}") };
            assert!(
                faults[0].what.contains(kind) && faults[0].hint.is_some(),
                "{text}: {faults:?}"
            );
        }
        assert!(names(b"\xff\xfe").is_err());
        assert!(names(&vec![b'\n'; MAX_BYTES + 1]).is_err());
        let most = "quay.io/a/b:1\n".repeat(MAX_ITEMS);
        assert_eq!(names(most.as_bytes()).expect("as many").len(), MAX_ITEMS);
        assert!(names(format!("{most}quay.io/a/b:2").as_bytes()).is_err());
    }
}
