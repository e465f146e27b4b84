//! Repository names and what is asked for in a repository, by distribution-spec's grammar.

use crate::oci::Digest;
use crate::oci::reference::{MAX_NAME, is_path, is_tag};
use std::fmt;

/// Name of a repository on this server: `library/alpine`. Always valid, never used as a path of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The name that `text` is; nothing when the grammar does not admit it.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() <= MAX_NAME && is_path(text)).then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a manifest in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The one that a tag names now.
    Tag(String),
    /// The one of this digest.
    Digest(Digest),
}

impl Target {
    /// A tag or a digest; nothing when `text` is neither.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains(':') {
            return text.parse().ok().map(Self::Digest);
        }
        is_tag(text).then(|| Self::Tag(text.to_owned()))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar() {
        for good in ["a", "library/alpine", "a/b/c/d", "a__b/c-d.e", "quay.io/org/app"] {
            assert_eq!(Name::parse(good).map(|n| n.to_string()), Some(good.into()));
        }
        for bad in [
            "", "/", "a/", "/a", "a//b", "A", "..", "a/../b", "a/./b", "a\\b", "a\0", "-a", "a b",
            "é", "%2e%2e", "a:b",
        ] {
            assert_eq!(Name::parse(bad), None, "{bad:?}");
        }
        assert!(Name::parse(&"a".repeat(255)).is_some());
        assert!(Name::parse(&"a".repeat(256)).is_none());
    }

    #[test]
    fn a_target_is_a_tag_or_a_digest() {
        let digest = Digest::of(b"");
        assert_eq!(Target::parse(&digest.to_string()), Some(Target::Digest(digest)));
        assert_eq!(Target::parse("v1.0"), Some(Target::Tag("v1.0".into())));
        let long = "a".repeat(129);
        for bad in ["", "-a", "a/b", "..", "sha256:00", "sha512:00", &long] {
            assert_eq!(Target::parse(bad), None, "{bad:?}");
        }
    }
}
