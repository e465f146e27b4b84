//! Where a policy says that keys and certificates are: in files, or in itself.

use super::node::{Members, Node, PolicyError, item};
use std::path::PathBuf;

/// One key file, keyring or set of certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file, as the policy writes its name. Relative ones mean the reader's working directory, as in the stack.
    Path(PathBuf),
    /// The content itself, decoded. Not empty.
    Data(Vec<u8>),
}

/// What one member of a requirement names, such as `keyPath` or `rekorPublicKeyDatas`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    place: String,
    list: bool,
    sources: Vec<KeySource>,
}

/// What a member holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holds {
    Path,
    Paths,
    Data,
    Datas,
}

/// A member's name and what it holds.
pub(super) type Member = (&'static str, Holds);

impl Sources {
    /// The only one of `members` that `object` has.
    pub(super) fn need(object: &Members<'_>, members: &[Member]) -> Result<Self, PolicyError> {
        Self::find(object, members)?.ok_or_else(|| object.none_of(&names(members)))
    }

    /// The only one of `members` that `object` has, if it has any.
    pub(super) fn find(
        object: &Members<'_>,
        members: &[Member],
    ) -> Result<Option<Self>, PolicyError> {
        object.at_most_one(&names(members))?;
        let there = |(name, holds): &Member| object.get(name).map(|node| (node, *holds));
        members.iter().find_map(there).map(|(node, holds)| Self::read(&node, holds)).transpose()
    }

    fn read(node: &Node<'_>, holds: Holds) -> Result<Self, PolicyError> {
        let all = |read: fn(&Node<'_>) -> Result<KeySource, PolicyError>| {
            let items = node.items()?;
            if items.is_empty() {
                return Err(node.not("a list of at least one"));
            }
            items.iter().map(read).collect::<Result<Vec<_>, _>>()
        };
        let (list, sources) = match holds {
            Holds::Path => (false, vec![path(node)?]),
            Holds::Data => (false, vec![data(node)?]),
            Holds::Paths => (true, all(path)?),
            Holds::Datas => (true, all(data)?),
        };
        Ok(Self { place: node.place().to_owned(), list, sources })
    }

    /// Where it stands in the policy.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Every source with its own place, `…keyPath` or `…keyPaths[1]`; at least one.
    pub fn iter(&self) -> impl Iterator<Item = (String, &KeySource)> {
        self.sources.iter().enumerate().map(|(index, source)| {
            let place = if self.list { item(&self.place, index) } else { self.place.clone() };
            (place, source)
        })
    }
}

fn path(node: &Node<'_>) -> Result<KeySource, PolicyError> {
    node.text().map(|text| KeySource::Path(text.into()))
}

fn data(node: &Node<'_>) -> Result<KeySource, PolicyError> {
    node.base64().map(KeySource::Data)
}

/// The names of members.
pub(super) fn names(members: &[Member]) -> Vec<&'static str> {
    members.iter().map(|member| member.0).collect()
}
