//! `remapIdentity`: a namespace of the source is replaced before the comparison, for images that were signed under
//! another name than the one they are fetched by.

use super::named::{Named, is_domain};
use crate::reading::text::bounded;
use bundle_oci::reference::is_path;
use std::fmt;

/// A prefix, at least a host and at most one repository, and what stands in its place in signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remap {
    prefix: String,
    signed_prefix: String,
}

/// A prefix, or what it makes of a name, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemapError {
    /// Not a host, optionally with namespaces.
    #[error("{0:?} is not host[:port][/namespace…]")]
    Prefix(String),
    /// The name that results is not a name, or not one in full.
    #[error("{0:?} would not be a full name")]
    Result(String),
}

impl Remap {
    /// A substitution.
    ///
    /// # Errors
    /// [`RemapError::Prefix`] when either is not a host, optionally with namespaces, in lower case.
    pub fn new(prefix: &str, signed_prefix: &str) -> Result<Self, RemapError> {
        for text in [prefix, signed_prefix] {
            let named = |(host, path): (&str, &str)| is_domain(host) && is_path(path);
            if !is_domain(text) && !text.split_once('/').is_some_and(named) {
                return Err(RemapError::Prefix(bounded(text)));
            }
        }
        Ok(Self { prefix: prefix.to_owned(), signed_prefix: signed_prefix.to_owned() })
    }

    /// `source` with the prefix replaced; `source` itself where it does not have it. A prefix ends at the end of a
    /// path component, and a host's port belongs to the host.
    ///
    /// # Errors
    /// [`RemapError::Result`] when what results would be read as another name, or as none.
    pub fn apply(&self, source: &Named) -> Result<Named, RemapError> {
        let beyond = source.name().strip_prefix(&self.prefix);
        if !beyond.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            return Ok(source.clone());
        }
        let remapped =
            format!("{}{}", self.signed_prefix, &source.to_string()[self.prefix.len()..]);
        match remapped.parse::<Named>() {
            Ok(named) if named.to_string() == remapped => Ok(named),
            _ => Err(RemapError::Result(bounded(&remapped))),
        }
    }
}

impl fmt::Display for Remap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.prefix, self.signed_prefix)
    }
}
