//! JSON values that know their place in the policy, so that every complaint names it.

use crate::ShapeError;
use crate::identity::RuleError;
use crate::reading::text::bounded;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// A policy file cannot be used. Places are written `transports.docker["quay.io"][0].keyPath`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Larger than [`super::MAX_POLICY`].
    #[error("the policy has {0} bytes, more than the {max} that are read", max = super::MAX_POLICY)]
    TooLarge(usize),
    /// Not one JSON document without ambiguity.
    #[error(transparent)]
    Json(#[from] ShapeError),
    /// A value of another kind than its place wants.
    #[error("{place} is not {wanted}")]
    Not {
        /// Where.
        place: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// A key that the format does not have.
    #[error("{place} has an unknown key {key:?}")]
    UnknownKey {
        /// The object.
        place: String,
        /// The key, bounded.
        key: String,
    },
    /// A key that must be there.
    #[error("{place} has no {key:?}")]
    Missing {
        /// The object.
        place: String,
        /// The key.
        key: &'static str,
    },
    /// None of several keys is there.
    #[error("{place} needs one of {keys}")]
    NoneOf {
        /// The object.
        place: String,
        /// The keys.
        keys: String,
    },
    /// Keys that exclude each other.
    #[error("{place} has {keys} at once, which exclude each other")]
    Several {
        /// The object.
        place: String,
        /// The keys that are there.
        keys: String,
    },
    /// A name that the format does not know, such as the type of a requirement.
    #[error("{place} has the unknown {kind} {value:?}")]
    Unknown {
        /// Where.
        place: String,
        /// The value, bounded.
        value: String,
        /// What it should be.
        kind: &'static str,
    },
    /// A signed identity that can match nothing or is no reference.
    #[error("{place} is not usable")]
    Identity {
        /// Where.
        place: String,
        /// Why not.
        #[source]
        why: RuleError,
    },
    /// A scope that the transport does not have.
    #[error("{place} is not a scope of its transport: {why}")]
    Scope {
        /// Where.
        place: String,
        /// Why not.
        why: &'static str,
    },
}

impl PolicyError {
    /// Where in the policy; `None` where the document as a whole cannot be read.
    pub fn place(&self) -> Option<&str> {
        match self {
            Self::TooLarge(_) | Self::Json(_) => None,
            Self::Not { place, .. }
            | Self::UnknownKey { place, .. }
            | Self::Missing { place, .. }
            | Self::NoneOf { place, .. }
            | Self::Several { place, .. }
            | Self::Unknown { place, .. }
            | Self::Identity { place, .. }
            | Self::Scope { place, .. } => Some(place),
        }
    }
}

/// The place of the whole document.
const DOCUMENT: &str = "the policy";

/// A value and where it stands.
pub(super) struct Node<'v> {
    place: String,
    value: &'v Value,
}

/// An object whose keys are all known.
pub(super) struct Members<'v> {
    place: String,
    object: &'v Map<String, Value>,
}

impl<'v> Node<'v> {
    /// The root of a policy.
    pub(super) fn document(value: &'v Value) -> Self {
        Self { place: DOCUMENT.to_owned(), value }
    }

    /// Where it stands; bounded.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The error that it is not what its place wants.
    pub(super) fn not(&self, wanted: &'static str) -> PolicyError {
        PolicyError::Not { place: self.place.clone(), wanted }
    }

    /// The error that its text names nothing known.
    pub(super) fn unknown(&self, kind: &'static str) -> PolicyError {
        let value = bounded(self.value.as_str().unwrap_or_default());
        PolicyError::Unknown { place: self.place.clone(), value, kind }
    }

    /// An object with no other keys than `known`.
    pub(super) fn object(&self, known: &[&str]) -> Result<Members<'v>, PolicyError> {
        let object = self.any_object()?;
        match object.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => {
                Err(PolicyError::UnknownKey { place: self.place.clone(), key: bounded(key) })
            }
            None => Ok(Members { place: self.place.clone(), object }),
        }
    }

    /// The member `key` of an object, whatever else is in it.
    pub(super) fn member(&self, key: &'static str) -> Result<Self, PolicyError> {
        let object = self.any_object()?;
        Members { place: self.place.clone(), object }.need(key)
    }

    /// The members of an object with whatever keys.
    pub(super) fn members(&self) -> Result<Vec<(&'v str, Self)>, PolicyError> {
        let place = |key: &str| member(&self.place, key);
        let node =
            |(key, value): (&'v String, _)| (key.as_str(), Node { place: place(key), value });
        Ok(self.any_object()?.iter().map(node).collect())
    }

    /// The members of an object whose keys are scopes.
    pub(super) fn scopes(&self) -> Result<Vec<(&'v str, Self)>, PolicyError> {
        let place = |scope: &str| format!("{}[{:?}]", self.place, bounded(scope));
        let node =
            |(key, value): (&'v String, _)| (key.as_str(), Node { place: place(key), value });
        Ok(self.any_object()?.iter().map(node).collect())
    }

    /// The items of a list, which may be empty.
    pub(super) fn items(&self) -> Result<Vec<Self>, PolicyError> {
        let items = self.value.as_array().ok_or_else(|| self.not("a list"))?;
        let node = |(index, value)| Node { place: item(&self.place, index), value };
        Ok(items.iter().enumerate().map(node).collect())
    }

    /// A text that is not empty. The stack takes an empty one for absence in some places.
    pub(super) fn text(&self) -> Result<&'v str, PolicyError> {
        let text = self.value.as_str().filter(|text| !text.is_empty());
        text.ok_or_else(|| self.not("a text that is not empty"))
    }

    /// Anything but nothing, in padded standard base64; line breaks in it do not matter, as in Go.
    pub(super) fn base64(&self) -> Result<Vec<u8>, PolicyError> {
        let joined: String = self.text()?.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        match STANDARD.decode(joined) {
            Ok(bytes) if !bytes.is_empty() => Ok(bytes),
            _ => Err(self.not("base64 of anything")),
        }
    }

    fn any_object(&self) -> Result<&'v Map<String, Value>, PolicyError> {
        self.value.as_object().ok_or_else(|| self.not("an object"))
    }
}

impl<'v> Members<'v> {
    /// A member that may be absent. `null` is a value, and never the right one.
    pub(super) fn get(&self, key: &str) -> Option<Node<'v>> {
        let node = |value| Node { place: member(&self.place, key), value };
        self.object.get(key).map(node)
    }

    /// A member that must be there.
    pub(super) fn need(&self, key: &'static str) -> Result<Node<'v>, PolicyError> {
        self.get(key).ok_or_else(|| PolicyError::Missing { place: self.place.clone(), key })
    }

    /// A text that may be absent.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, PolicyError> {
        self.get(key).map(|node| node.text().map(str::to_owned)).transpose()
    }

    /// The only one of `keys` that is there, if any is.
    pub(super) fn at_most_one(
        &self,
        keys: &[&'static str],
    ) -> Result<Option<&'static str>, PolicyError> {
        let there = |key: &&&'static str| self.object.contains_key(**key);
        let found: Vec<&'static str> = keys.iter().filter(there).copied().collect();
        if found.len() > 1 {
            let keys = found.join(", ");
            return Err(PolicyError::Several { place: self.place.clone(), keys });
        }
        Ok(found.first().copied())
    }

    /// The only one of `keys` that is there.
    pub(super) fn exactly_one(&self, keys: &[&'static str]) -> Result<&'static str, PolicyError> {
        self.at_most_one(keys)?.ok_or_else(|| self.none_of(keys))
    }

    /// The error that none of `keys` is there.
    pub(super) fn none_of(&self, keys: &[&'static str]) -> PolicyError {
        PolicyError::NoneOf { place: self.place.clone(), keys: keys.join(", ") }
    }
}

fn member(place: &str, key: &str) -> String {
    if place == DOCUMENT { bounded(key) } else { format!("{place}.{}", bounded(key)) }
}

/// The place of an item of the list at `place`.
pub(super) fn item(place: &str, index: usize) -> String {
    format!("{place}[{index}]")
}
