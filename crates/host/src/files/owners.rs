//! Whose files count below a root.

/// Whose files count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owners {
    /// Root's only: on the host itself.
    Root,
    /// Root's and those of the user who runs this: below a directory of the user's choice.
    RootOr(u32),
}

impl Owners {
    pub(crate) fn admit(self, owner: u32) -> bool {
        owner == 0 || matches!(self, Self::RootOr(user) if user == owner)
    }

    pub(crate) fn in_words(self) -> String {
        match self {
            Self::Root | Self::RootOr(0) => "root".to_owned(),
            Self::RootOr(user) => format!("root or user {user}"),
        }
    }
}
