//! Whom certificates must name: also give --certificate-oidc-issuer for the same scope.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest identity or issuer recorded: a URL of any service that issues them, with room to spare.
const MAX_LENGTH: usize = 1024;

/// Somebody whom certificates under a trusted root may name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// The subject alternative name, to the letter.
    pub identity: String,
    /// The OIDC issuer, to the letter.
    pub issuer: String,
}

/// An identity or an issuer that cannot be recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot be recorded as identity or issuer: 1 to {MAX_LENGTH} printable characters can"
)]
pub struct HolderError(String);

impl Holder {
    /// Refuses what cannot be shown and compared.
    pub(super) fn check(&self) -> Result<(), HolderError> {
        let fits = |text: &&String| {
            (1..=MAX_LENGTH).contains(&text.len()) && !text.chars().any(char::is_control)
        };
        match [&self.identity, &self.issuer].into_iter().find(|text| !fits(text)) {
            Some(text) => Err(HolderError(text.chars().take(64).collect())),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.identity, self.issuer)
    }
}
