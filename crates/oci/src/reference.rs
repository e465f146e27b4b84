//! Image references, `host[:port]/path[:tag][@digest]`, normalised the way container tools do.
//!
//! `oci_spec::distribution::Reference` is not used: it accepts upper-case names and fails on `[::1]:5000`
//! (both measured), and identity checks must compare exactly what the container stack compares. The grammar is the one
//! of distribution/reference.

use super::host_name::is_same_registry;
use super::{Digest, digest::DigestError};
use crate::text::bounded;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Longest `host/path` accepted (distribution/reference: 255 for the whole name).
pub const MAX_NAME: usize = 255;
/// Longest tag (distribution-spec: 128).
const MAX_TAG: usize = 128;

/// A registry host and a repository path: `quay.io/org/app`, `docker.io/library/alpine`, `[::1]:5000/a/b`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    host: String,
    path: String,
}

/// A repository with a tag, a digest, or both.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    repository: Repository,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// The reason why a text is not a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The grammar of distribution/reference does not admit it.
    #[error("{0:?} is not an image reference: {1}")]
    Malformed(String, &'static str),
    /// The digest part is not one this product accepts.
    #[error("in reference {0:?}")]
    Digest(String, #[source] DigestError),
    /// Neither tag nor digest where one is needed.
    #[error("{0:?} has neither a tag nor a digest")]
    Unpinned(String),
}

impl Repository {
    /// A repository from host and path, both already in canonical form.
    ///
    /// # Errors
    /// When the grammar does not admit them.
    pub fn new(host: &str, path: &str) -> Result<Self, ReferenceError> {
        let whole = || bounded(&format!("{host}/{path}"));
        if !is_host(host) {
            return Err(ReferenceError::Malformed(whole(), "the host part is not valid"));
        }
        if !is_path(path) {
            return Err(ReferenceError::Malformed(
                whole(),
                "a repository path has lower-case letters, digits and single . _ __ - between them",
            ));
        }
        if host.len() + 1 + path.len() > MAX_NAME {
            return Err(ReferenceError::Malformed(
                whole(),
                "the name is longer than 255 characters",
            ));
        }
        Ok(Self { host: host.to_owned(), path: path.to_owned() })
    }

    /// `quay.io`, `127.0.0.1:5000`, `[::1]:5000`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path below the host, such as `library/alpine`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// True when both names mean one repository: the same path on the same registry, however its host is written.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.path == other.path && is_same_registry(&self.host, &other.host)
    }

    /// This repository with a tag.
    ///
    /// # Errors
    /// When `tag` is not a tag by distribution-spec's grammar.
    pub fn tagged(&self, tag: &str) -> Result<Reference, ReferenceError> {
        if !is_tag(tag) {
            return Err(ReferenceError::Malformed(
                bounded(&format!("{self}:{tag}")),
                "the tag is not valid",
            ));
        }
        Ok(Reference { repository: self.clone(), tag: Some(tag.to_owned()), digest: None })
    }

    /// This repository with a digest.
    pub fn pinned(&self, digest: Digest) -> Reference {
        Reference { repository: self.clone(), tag: None, digest: Some(digest) }
    }
}

impl Reference {
    /// Host and path.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag, when there is one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, when there is one.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The same reference with `digest` in place of whatever digest it had.
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// Parses and demands a tag or a digest; nothing is defaulted to `latest`.
    ///
    /// # Errors
    /// [`ReferenceError::Unpinned`] when neither is there, else as [`Reference::from_str`].
    pub fn parse_pinned(text: &str) -> Result<Self, ReferenceError> {
        let reference: Self = text.parse()?;
        if reference.tag.is_none() && reference.digest.is_none() {
            return Err(ReferenceError::Unpinned(bounded(text)));
        }
        Ok(reference)
    }
}

/// `host[:port]` of a registry: a DNS name, an IPv4 address or `[IPv6]`.
pub fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, after)) = rest.split_once(']') else {
                return false;
            };
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            (
                "v6",
                if after.is_empty() { None } else { Some(after.strip_prefix(':').unwrap_or("")) },
            )
        }
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let label = |l: &str| {
        !l.is_empty()
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.split('.').all(label)
        && port.is_none_or(|p| {
            p.bytes().all(|b| b.is_ascii_digit()) && p.parse::<u16>().is_ok_and(|n| n > 0)
        })
}

/// Path components: runs of `[a-z0-9]` joined by `.`, `_`, `__` or any number of `-`.
pub fn is_path(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let component = |c: &str| {
        let bytes = c.as_bytes();
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
            return false;
        };
        if !alphanumeric(*first) || !alphanumeric(*last) {
            return false;
        }
        let mut separator = Vec::new();
        for &b in bytes {
            if alphanumeric(b) {
                let joined = match separator.as_slice() {
                    [] | b"." | b"_" | b"__" => true,
                    run => run.iter().all(|&s| s == b'-'),
                };
                if !joined {
                    return false;
                }
                separator.clear();
            } else if b"._-".contains(&b) {
                separator.push(b);
            } else {
                return false;
            }
        }
        true
    };
    text.split('/').all(component)
}

/// A tag by distribution-spec: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
pub fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= MAX_TAG
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

/// True for tags under which attachments of a digest are kept, `sha256-<64 hex>` with or without an ending: an image
/// under such a tag would be taken for them.
pub fn is_attachment_tag(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("sha256-") else { return false };
    let digits = rest.split('.').next().unwrap_or_default();
    digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Splits a name into host and path; a first component without `.`, `:` or upper case that is not `localhost` is no
/// host, and docker.io is meant (distribution/reference, `splitDockerDomain`).
fn split_name(name: &str) -> (String, String) {
    let (host, path) = match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':', '['])
                || first == "localhost"
                || first.bytes().any(|b| b.is_ascii_uppercase()) =>
        {
            (first, rest.to_owned())
        }
        _ => ("docker.io", name.to_owned()),
    };
    let host = if host == "index.docker.io" { "docker.io" } else { host };
    let path =
        if host == "docker.io" && !path.contains('/') { format!("library/{path}") } else { path };
    (host.to_owned(), path)
}

impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (host, path) = split_name(text);
        Self::new(&host, &path).map_err(|_| {
            ReferenceError::Malformed(bounded(text), "expected host/path, in lower case")
        })
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let malformed = |why| ReferenceError::Malformed(bounded(text), why);
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let digest =
                    digest.parse().map_err(|e| ReferenceError::Digest(bounded(text), e))?;
                (rest, Some(digest))
            }
            None => (text, None),
        };
        // A colon after the last slash starts a tag; one before it, or inside brackets, belongs to the host.
        let name_end = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[name_end..].rfind(':') {
            Some(colon) => {
                let at = name_end + colon;
                (&rest[..at], Some(&rest[at + 1..]))
            }
            None => (rest, None),
        };
        if let Some(tag) = tag
            && !is_tag(tag)
        {
            return Err(malformed("the tag is not valid"));
        }
        let (host, path) = split_name(name);
        let repository = Repository::new(&host, &path).map_err(|error| match error {
            ReferenceError::Malformed(_, why) => malformed(why),
            other => other,
        })?;
        Ok(Self { repository, tag: tag.map(str::to_owned), digest })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

macro_rules! text_form {
    ($($type:ty),*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
text_form!(Repository, Reference);

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn references_are_normalised_as_container_tools_do() {
        for (text, normal) in [
            ("alpine:3", "docker.io/library/alpine:3"),
            ("index.docker.io/library/alpine:3", "docker.io/library/alpine:3"),
            ("org/app:1", "docker.io/org/app:1"),
            ("localhost/app:1", "localhost/app:1"),
            ("127.0.0.1:5000/a/b:v1.0", "127.0.0.1:5000/a/b:v1.0"),
            ("[::1]:5000/a:x", "[::1]:5000/a:x"),
            ("[::1]/a:x", "[::1]/a:x"),
            ("quay.io/a/b__c-d--e.f:T_.-1", "quay.io/a/b__c-d--e.f:T_.-1"),
        ] {
            assert_eq!(
                text.parse::<Reference>().map(|r| r.to_string()),
                Ok(normal.to_owned()),
                "{text}"
            );
        }
        let both = format!("quay.io/a/b:1@sha256:{HEX}");
        let reference: Reference = both.parse().expect("tag and digest");
        assert_eq!((reference.tag(), reference.to_string()), (Some("1"), both));
    }

    #[test]
    fn what_the_grammar_does_not_admit_is_refused() {
        for text in [
            "",
            ":",
            "quay.io/",
            "quay.io/A/b:1",
            "quay.io/a//b:1",
            "quay.io/a/b:",
            "quay.io/a/b:-x",
            "quay.io/../b:1",
            "quay.io/a\u{1b}[31m:1",
            "quay.io/a b:1",
            "quay.io:99999/a:1",
            "[::g]:5000/a:1",
            "quay.io/-a:1",
            "quay.io/a___b:1",
            "quay.io/a._b:1",
            "quay.io/a:x\u{202e}",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
        let long = format!("quay.io/{}:1", "a".repeat(250));
        assert!(long.parse::<Reference>().is_err());
    }

    #[test]
    fn a_message_stays_short_however_long_the_text() {
        let long = "a".repeat(100_000);
        for text in [
            format!("quay.io/{long}:1"),
            format!("quay.io/a:{long}"),
            format!("quay.io/a@sha256:{long}"),
            format!("quay.io/a@{long}:00"),
            long.clone(),
        ] {
            let error = Reference::parse_pinned(&text).expect_err("refused");
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            assert!(error.to_string().len() + cause.map_or(0, |c| c.len()) < 700, "{error:.100}");
        }
        let error = long.parse::<super::super::Platform>().expect_err("refused");
        assert!(error.to_string().len() < 300);
        let doubled = format!(r#"{{"{long}":1,"{long}":1}}"#);
        let error = super::super::json::parse_within(doubled.as_bytes(), 10).expect_err("refused");
        assert!(error.to_string().len() < 300);
    }

    #[test]
    fn a_digest_of_another_algorithm_is_named() {
        let text = format!("quay.io/a@sha512:{HEX}{HEX}");
        assert!(matches!(
            text.parse::<Reference>(),
            Err(ReferenceError::Digest(_, DigestError::Algorithm(a))) if a == "sha512"
        ));
    }

    #[test]
    fn nothing_is_defaulted_to_latest() {
        assert!(matches!(Reference::parse_pinned("quay.io/a/b"), Err(ReferenceError::Unpinned(_))));
        assert!(Reference::parse_pinned("quay.io/a/b:latest").is_ok());
    }
}
