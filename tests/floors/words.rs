//! Words of Rust source, and the paths that it mentions.

use super::FLOORS;
use std::collections::BTreeSet;

/// Identifiers and punctuation of Rust source, without comments and literals.
pub(super) fn words(text: &str) -> Vec<String> {
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
pub(super) fn mentions(words: &[String]) -> BTreeSet<String> {
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
