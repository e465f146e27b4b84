//! What a merge made of a file.

use std::fmt;

/// A file that is there already, as the merge is given it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// Its name, for messages: `10-site.conf`, or a whole path.
    pub name: String,
    /// What is in it.
    pub content: String,
}

impl ConfigFile {
    /// A file of this name and content.
    pub fn new(name: impl Into<String>, content: impl Into<String>) -> Self {
        Self { name: name.into(), content: content.into() }
    }
}

/// A file after a merge. `R` says why something was left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<R> {
    /// The whole new content; `None` when the file stays as it is, or stays absent.
    pub content: Option<String>,
    /// What is new in it, in order. Never empty when there is new content.
    pub changes: Vec<Change>,
    /// What was asked for and not done, with the reason.
    pub left: Vec<LeftAlone<R>>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it is about: a repository, a host, a key of the file.
    pub subject: String,
    /// What happens to it.
    pub kind: ChangeKind,
}

/// What happens to the subject of a [`Change`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// Nothing was said about it before.
    Added,
    /// An earlier run of this tool had written something else.
    Replaced {
        /// What that was.
        was: String,
    },
    /// It is taken out of this tool's own file.
    Removed {
        /// Why.
        because: String,
    },
}

/// Something that was asked for and not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftAlone<R> {
    /// What it is about.
    pub subject: String,
    /// Why.
    pub reason: R,
}

impl Change {
    pub(super) fn added(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), kind: ChangeKind::Added }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = &self.subject;
        match &self.kind {
            ChangeKind::Added => write!(f, "{subject}: added"),
            ChangeKind::Replaced { was } => write!(f, "{subject}: replaced, was {was}"),
            ChangeKind::Removed { because } => write!(f, "{subject}: removed, {because}"),
        }
    }
}

impl<R: fmt::Display> fmt::Display for LeftAlone<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: left alone, {}", self.subject, self.reason)
    }
}
