//! Secrets, and the credentials that are made of them.

use crate::secrets;
use std::fmt;

/// A text that must never be shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(super) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        secrets::remember(&text);
        Self(text)
    }

    /// The text itself, for the request it belongs in.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What proves to a registry who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// A user and a password.
    Password { user: String, password: Secret },
    /// A refresh token, to be changed for an access token (docker calls it identity token).
    Identity(Secret),
    /// A bearer token, ready for use (docker calls it registry token).
    Bearer(Secret),
}
