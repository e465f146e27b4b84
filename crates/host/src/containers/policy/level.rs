//! How new the container stack of the hosts is.

use bundle_oci::text::bounded;
use std::fmt;
use std::str::FromStr;

/// The oldest version of containers/image among the hosts: `5.33`. What older ones do not know is not written, because
/// an unknown key makes them refuse the whole file, and thereby every image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyLevel(u16, u16);

/// The text is no version of containers/image, or one without signature rules of this kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a policy level: expected a version of containers/image from 5.22, such as 5.33"
)]
pub struct PolicyLevelError(String);

impl PolicyLevel {
    /// One key for each rule, as a file or inline: the first version with `sigstoreSigned`, and the default.
    pub const ONE_KEY: Self = Self(5, 22);
    /// One key of a transparency log (`rekorPublicKeyPath`, `rekorPublicKeyData`).
    pub const LOG_KEY: Self = Self(5, 24);
    /// Several keys, any of which may sign (`keyPaths`, `keyDatas`), and several log keys.
    pub const SEVERAL_KEYS: Self = Self(5, 33);
}

impl Default for PolicyLevel {
    fn default() -> Self {
        Self::ONE_KEY
    }
}

impl FromStr for PolicyLevel {
    type Err = PolicyLevelError;

    fn from_str(text: &str) -> Result<Self, PolicyLevelError> {
        let refused = || PolicyLevelError(bounded(text));
        let number = |part: Option<&str>| -> Option<u16> {
            let digits = part.filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?;
            digits.parse().ok()
        };
        let mut parts = text.splitn(3, '.');
        let level = number(parts.next()).zip(number(parts.next())).map(|(a, b)| Self(a, b));
        let patch_is_number = parts.next().is_none_or(|patch| number(Some(patch)).is_some());
        level.filter(|level| patch_is_number && *level >= Self::ONE_KEY).ok_or_else(refused)
    }
}

impl fmt::Display for PolicyLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_from_the_first_with_sigstore_are_levels() {
        for (text, level) in [
            ("5.22", PolicyLevel::ONE_KEY),
            ("5.24.1", PolicyLevel::LOG_KEY),
            ("5.33", PolicyLevel::SEVERAL_KEYS),
            ("6.0", PolicyLevel(6, 0)),
        ] {
            assert_eq!(text.parse(), Ok(level), "{text}");
        }
        for text in
            ["", "5", "5.21", "4.99", "5.x", "5.33.", "5.+33", "5.33.1-dev", "v5.33", "5. 33"]
        {
            assert!(text.parse::<PolicyLevel>().is_err(), "{text}");
        }
    }
}
