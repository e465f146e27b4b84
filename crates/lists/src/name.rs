//! References as people type them.
//!
//! A reference names its registry, and a tag or a digest. Other tools fill in what is left out (`nginx` is
//! `docker.io/library/nginx:latest` to them); here that is refused with exactly this suggestion, because a name that is
//! guessed is a name that somebody else may have chosen.

use crate::glob::{GlobError, TagGlob, has_wildcard};
use bundle_oci::reference::ReferenceError;
use bundle_oci::text::bounded;
use bundle_oci::{Reference, Repository};
use std::net::Ipv6Addr;

/// Longest text that is read, in bytes: a name of 255, a tag of 128 and a digest, with room.
const MAX_TEXT: usize = 1024;

/// What a text asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// One image.
    Image(Reference),
    /// Tags of a repository.
    Tags(Repository, TagGlob),
}

/// A text is not a reference as it has to be here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The registry is left out.
    #[error("{text:?} names no registry")]
    Short {
        /// The text.
        text: String,
        /// What other tools take it for.
        suggestion: String,
    },
    /// Neither tag nor digest.
    #[error("{text:?} has neither a tag nor a digest")]
    Untagged {
        /// The text.
        text: String,
        /// The text with the tag that other tools add.
        suggestion: String,
    },
    /// A URL.
    #[error("{0:?} has a scheme: write the registry without https://")]
    Scheme(String),
    /// Longer than any reference.
    #[error("{0:?} is longer than {MAX_TEXT} bytes")]
    TooLong(String),
    /// The grammar of references does not admit it.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// Its tag is a glob that cannot be used.
    #[error(transparent)]
    Glob(#[from] GlobError),
    /// A glob in another place than the tag.
    #[error("{0:?} has a wildcard outside its tag: expected REGISTRY/REPO:GLOB")]
    GlobElsewhere(String),
    /// One name for several images.
    #[error("{0:?} gives one name to several tags: expected one image before the equals sign")]
    NamedTags(String),
}

impl NameError {
    /// The way on, as an imperative.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Short { suggestion, .. } | Self::Untagged { suggestion, .. } => {
                Some(format!("write {suggestion}"))
            }
            _ => None,
        }
    }
}

/// Reads a reference that is typed, or a glob of tags. `docker://`, slashes at the end, upper-case digits of a digest, and a
/// digest without `sha256:` are understood.
///
/// # Errors
/// [`NameError`].
pub fn read(text: &str) -> Result<Typed, NameError> {
    let clean = clean(text)?;
    if !has_glob(&clean) {
        return Ok(Typed::Image(whole(&clean)?));
    }
    let path = clean.rfind('/').map_or(0, |slash| slash + 1);
    let parts = clean[path..].split_once(':').map(|(name, glob)| (path + name.len(), glob));
    let is_tag = |(end, _): &(usize, &str)| !has_glob(&clean[..*end]) && !clean.contains('@');
    let Some((end, glob)) = parts.filter(is_tag) else {
        return Err(NameError::GlobElsewhere(bounded(&clean)));
    };
    let name = &clean[..end];
    let repository: Repository = name.parse()?;
    if !names_registry(name) {
        let suggestion = format!("{repository}:{glob}");
        return Err(NameError::Short { text: bounded(&clean), suggestion });
    }
    Ok(Typed::Tags(repository, glob.parse()?))
}

/// True for a text with a wildcard. The brackets of an IPv6 address at its beginning are not one.
pub fn has_glob(text: &str) -> bool {
    let text = text.trim_start();
    let text = text.strip_prefix("docker://").unwrap_or(text);
    let rest =
        text.strip_prefix('[').and_then(|inner| inner.split_once(']')).filter(|(address, rest)| {
            address.parse::<Ipv6Addr>().is_ok() && rest.starts_with([':', '/'])
        });
    has_wildcard(rest.map_or(text, |(_, rest)| rest))
}

/// Reads a reference with its registry, and a tag or a digest.
///
/// # Errors
/// [`NameError`].
pub fn read_image(text: &str) -> Result<Reference, NameError> {
    match read(text)? {
        Typed::Image(reference) => Ok(reference),
        Typed::Tags(..) => Err(NameError::NamedTags(bounded(text))),
    }
}

fn whole(clean: &str) -> Result<Reference, NameError> {
    let reference: Reference = clean.parse()?;
    let is_bare = reference.tag().is_none() && reference.digest().is_none();
    let full = match is_bare {
        true => reference.repository().tagged("latest")?,
        false => reference,
    };
    let text = || bounded(clean);
    match (names_registry(clean), is_bare) {
        (false, _) => Err(NameError::Short { text: text(), suggestion: full.to_string() }),
        (true, true) => Err(NameError::Untagged { text: text(), suggestion: full.to_string() }),
        (true, false) => Ok(full),
    }
}

/// True when the first component is a registry, by the rule of distribution/reference.
fn names_registry(text: &str) -> bool {
    text.split_once('/').is_some_and(|(first, _)| {
        first.contains(['.', ':', '['])
            || first == "localhost"
            || first.bytes().any(|byte| byte.is_ascii_uppercase())
    })
}

/// The text as the grammar of references has it.
fn clean(text: &str) -> Result<String, NameError> {
    if text.len() > MAX_TEXT {
        return Err(NameError::TooLong(bounded(text)));
    }
    let bare = text.trim();
    let bare = bare.strip_prefix("docker://").unwrap_or(bare);
    if bare.contains("://") {
        return Err(NameError::Scheme(bounded(text)));
    }
    let trimmed = bare.trim_end_matches('/');
    let Some((name, digest)) = trimmed.split_once('@') else { return Ok(trimmed.to_owned()) };
    let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
    match digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        true => Ok(format!("{name}@sha256:{}", digits.to_ascii_lowercase())),
        false => Ok(trimmed.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_reference_are_understood() {
        let digits = "0123456789abcdef".repeat(4);
        let (upper, pinned) = (digits.to_uppercase(), format!("quay.io/a/b@sha256:{digits}"));
        for (text, expected) in [
            ("quay.io/a/b:1", "quay.io/a/b:1"),
            (" quay.io/a/b:1 ", "quay.io/a/b:1"),
            ("docker://quay.io/a/b:1", "quay.io/a/b:1"),
            ("quay.io/a/b:1/", "quay.io/a/b:1"),
            ("localhost/a:1", "localhost/a:1"),
            ("[::1]:5000/a:1", "[::1]:5000/a:1"),
            ("docker://[::1]:5000/a:1", "[::1]:5000/a:1"),
            (&format!("quay.io/a/b@sha256:{upper}"), &pinned),
            (&format!("quay.io/a/b@{digits}"), &pinned),
        ] {
            assert_eq!(read_image(text).expect(text).to_string(), expected);
        }
    }

    #[test]
    fn what_is_left_out_is_refused_with_what_it_would_be() {
        for (text, suggestion) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("org/app", "docker.io/org/app:latest"),
            ("quay.io/org/app", "quay.io/org/app:latest"),
            ("quay.io/org/app/", "quay.io/org/app:latest"),
            ("org/app:1.*", "docker.io/org/app:1.*"),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.hint().expect("a hint"), format!("write {suggestion}"), "{error}");
        }
    }

    #[test]
    fn glob_stands_in_the_tag_alone() {
        let Typed::Tags(repository, glob) = read("127.0.0.1:5000/org/app:1.*").expect("a glob")
        else {
            panic!("one image")
        };
        assert_eq!(
            (repository.to_string(), glob.to_string()),
            ("127.0.0.1:5000/org/app".into(), "1.*".into())
        );
        let Typed::Tags(repository, glob) = read("[::1]:5000/app:1.[0-2]").expect("a glob") else {
            panic!("one image")
        };
        assert_eq!(
            (repository.to_string(), glob.to_string()),
            ("[::1]:5000/app".into(), "1.[0-2]".into())
        );
        for text in [
            "[a-c]/app:1",
            "[::1/app:*",
            "quay.io/org/*:1",
            "quay.io/*",
            "*:1",
            "quay.io/org/app@sha256:*",
        ] {
            let refused = read(text).expect_err(text);
            assert!(
                matches!(refused, NameError::GlobElsewhere(_) | NameError::Short { .. }),
                "{text}: {refused}"
            );
        }
        assert!(matches!(read("quay.io/a:[1"), Err(NameError::Glob(_))));
        assert!(matches!(read_image("quay.io/a:1*"), Err(NameError::NamedTags(_))));
    }

    #[test]
    fn other_texts_are_refused() {
        let long = format!("quay.io/{}", "a".repeat(MAX_TEXT));
        for text in ["", "/", "https://quay.io/a:1", "quay.io/A:1", "quay.io/a:1@md5:00", &long] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
