//! Globs of tags: `*` for any characters, `?` for one, `[a-c]` and `[!a-c]` for one of a set. A tag matches as a whole.

use bundle_oci::reference::is_attachment_tag;
use bundle_oci::text::bounded;
use std::fmt;
use std::str::FromStr;

/// Longest glob, in bytes: the longest tag has 128, and a set takes several.
const MAX_GLOB: usize = 512;

/// A glob of tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagGlob {
    text: String,
    parts: Vec<Part>,
}

/// One part of a glob.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Any characters, none included.
    Any,
    /// One character: whatever it is, or one of these ranges, or none of them.
    One(Set),
}

/// Which characters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Set {
    ranges: Vec<(char, char)>,
    is_negated: bool,
}

/// A text is not a glob of tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// A set without its end.
    #[error("{0:?} has a [ without its ]")]
    OpenSet(String),
    /// A set without characters.
    #[error("{0:?} has an empty set []")]
    EmptySet(String),
    /// A range whose end comes before its beginning.
    #[error("{0:?} has a range that runs backwards: {1}-{2}")]
    Backwards(String, char, char),
    /// A character that no tag has.
    #[error("{0:?} has the character {1:?}, which no tag has")]
    Character(String, char),
    /// Longer than any tag needs.
    #[error("{0:?} is longer than {MAX_GLOB} bytes")]
    TooLong(String),
}

/// True for a text with a character that only a glob has.
pub fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

impl FromStr for TagGlob {
    type Err = GlobError;

    fn from_str(text: &str) -> Result<Self, GlobError> {
        if text.len() > MAX_GLOB {
            return Err(GlobError::TooLong(bounded(text)));
        }
        let mut parts = Vec::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            parts.push(match character {
                // Several in a row mean what one means.
                '*' if parts.last() == Some(&Part::Any) => continue,
                '*' => Part::Any,
                '?' => Part::One(Set { ranges: Vec::new(), is_negated: true }),
                '[' => {
                    let inner = rest.as_str();
                    let end = inner.find(']').ok_or_else(|| GlobError::OpenSet(text.into()))?;
                    rest = inner[end + 1..].chars();
                    Part::One(set(&inner[..end], text)?)
                }
                other if is_of_tags(other) => {
                    Part::One(Set { ranges: vec![(other, other)], is_negated: false })
                }
                other => return Err(GlobError::Character(bounded(text), other)),
            });
        }
        Ok(Self { text: text.to_owned(), parts })
    }
}

fn is_of_tags(character: char) -> bool {
    character.is_ascii_alphanumeric() || "._-".contains(character)
}

fn set(inner: &str, text: &str) -> Result<Set, GlobError> {
    let (is_negated, inner) = match inner.strip_prefix(['!', '^']) {
        Some(rest) => (true, rest),
        None => (false, inner),
    };
    let characters: Vec<char> = inner.chars().collect();
    if let Some(wrong) = characters.iter().find(|character| !is_of_tags(**character)) {
        return Err(GlobError::Character(bounded(text), *wrong));
    }
    let (mut ranges, mut at) = (Vec::new(), 0);
    while let Some(from) = characters.get(at).copied() {
        match (characters.get(at + 1), characters.get(at + 2)) {
            (Some('-'), Some(to)) => {
                if *to < from {
                    return Err(GlobError::Backwards(text.into(), from, *to));
                }
                ranges.push((from, *to));
                at += 3;
            }
            _ => {
                ranges.push((from, from));
                at += 1;
            }
        }
    }
    match ranges.is_empty() {
        true => Err(GlobError::EmptySet(text.into())),
        false => Ok(Set { ranges, is_negated }),
    }
}

impl Set {
    fn has(&self, character: char) -> bool {
        let is_in = self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&character));
        is_in != self.is_negated
    }
}

impl TagGlob {
    /// True for a tag that is meant. Takes time in proportion to the glob times the tag, whatever both are.
    pub fn matches(&self, tag: &str) -> bool {
        let tag: Vec<char> = tag.chars().collect();
        // Where the last star stands, and how much it has taken so far.
        let (mut part, mut at, mut star) = (0, 0, None);
        loop {
            match (self.parts.get(part), tag.get(at)) {
                (Some(Part::Any), _) => {
                    star = Some((part, at));
                    part += 1;
                }
                (Some(Part::One(set)), Some(character)) if set.has(*character) => {
                    part += 1;
                    at += 1;
                }
                (None, None) => return true,
                _ => match star {
                    Some((of, taken)) if taken < tag.len() => {
                        star = Some((of, taken + 1));
                        (part, at) = (of + 1, taken + 1);
                    }
                    _ => return false,
                },
            }
        }
    }

    /// The tags that are meant, in their order. Tags under which attachments of a digest are kept never are.
    pub fn select(&self, tags: Vec<String>) -> Vec<String> {
        tags.into_iter().filter(|tag| !is_attachment_tag(tag) && self.matches(tag)).collect()
    }
}

impl fmt::Display for TagGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn glob(text: &str) -> TagGlob {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// The same by trying everything.
    fn naive(glob: &[char], tag: &[char]) -> bool {
        match glob {
            [] => tag.is_empty(),
            ['*', rest @ ..] => (0..=tag.len()).any(|taken| naive(rest, &tag[taken..])),
            ['?', rest @ ..] => !tag.is_empty() && naive(rest, &tag[1..]),
            [one, rest @ ..] => tag.first() == Some(one) && naive(rest, &tag[1..]),
        }
    }

    #[test]
    fn tags_match_as_a_whole() {
        for (text, matching, others) in [
            ("1.*", &["1.", "1.0", "1.2.3-rc.1"][..], &["1", "11.0", "v1.0", "21.0"][..]),
            ("*", &["", "latest", "1.0"], &[]),
            ("v?.?", &["v1.0", "v2.x"], &["v1.10", "v1.", "1.0"]),
            ("1.[0-2]", &["1.0", "1.2"], &["1.3", "1.", "1.10"]),
            ("1.[!0-2]", &["1.3", "1.x"], &["1.0", "1."]),
            ("[a-c_]x*y", &["axy", "_xzzy"], &["dxy", "ax", "axyz"]),
            ("1.0", &["1.0"], &["1.00", "1x0"]),
            ("a-b", &["a-b"], &["aab"]),
        ] {
            for tag in matching {
                assert!(glob(text).matches(tag), "{text} {tag}");
            }
            for tag in others {
                assert!(!glob(text).matches(tag), "{text} {tag}");
            }
        }
    }

    #[test]
    fn wrong_globs_are_refused_with_the_reason() {
        let long = "a".repeat(MAX_GLOB + 1);
        for (text, reason) in [
            ("1.[0", "without its ]"),
            ("1.[]", "empty set"),
            ("[b-a]", "backwards: b-a"),
            ("a b", "' '"),
            ("[a/b]", "'/'"),
            ("{a,b}", "'{'"),
            (&long, "longer than 512"),
        ] {
            let error = text.parse::<TagGlob>().expect_err(text).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn tags_of_attachments_are_never_selected() {
        let digest = "a".repeat(64);
        let tags = ["1.0", "2.0"].map(str::to_owned);
        let attached = ["", ".sig", ".att", ".sbom"].map(|end| format!("sha256-{digest}{end}"));
        let all = [&tags[..], &attached].concat();
        assert_eq!(glob("*").select(all.clone()), tags);
        assert_eq!(glob("s*").select(all), [""; 0]);
    }

    #[test]
    fn stars_take_no_exponential_time() {
        let text = "*a".repeat(200);
        assert!(!glob(&text).matches(&("a".repeat(128) + "b")));
    }

    proptest! {
        #[test]
        fn any_glob_matches_as_trying_everything_does(
            text in "[ab*?]{0,8}",
            tag in "[ab]{0,10}",
        ) {
            let (parts, characters): (Vec<char>, Vec<char>) = (text.chars().collect(), tag.chars().collect());
            prop_assert_eq!(glob(&text).matches(&tag), naive(&parts, &characters));
        }

        #[test]
        fn any_text_is_a_glob_or_refused(text in ".{0,40}") {
            if let Ok(glob) = text.parse::<TagGlob>() {
                prop_assert_eq!(glob.to_string(), text);
                let _ = glob.matches("1.0");
            }
        }
    }
}
