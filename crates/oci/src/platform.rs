//! `os/architecture[/variant]` as in OCI image-spec image-index.md §platform.

use crate::text::bounded_to;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A platform that a manifest of an index is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`, …
    pub os: String,
    /// `amd64`, `arm64`, … (Go's names).
    pub architecture: String,
    /// `v7`, `v8`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// The text is not `os/architecture` or `os/architecture/variant`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a platform: expected os/architecture[/variant], such as linux/arm64")]
pub struct PlatformError(String);

impl Platform {
    /// True when an image for `self` serves somebody who asked for `wanted`. Without a variant in `wanted` every
    /// variant does; `arm64` and `arm64/v8` are the same platform, and so are `amd64` and `amd64/v1`.
    pub fn serves(&self, wanted: &Self) -> bool {
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (wanted.variant.is_none()
                || self.variant_or_default() == wanted.variant_or_default())
    }

    /// True for the `unknown/unknown` that buildx gives its attestation manifests.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }

    fn variant_or_default(&self) -> Option<&str> {
        match (self.variant.as_deref(), self.architecture.as_str()) {
            (None, "arm64") => Some("v8"),
            (None, "amd64") => Some("v1"),
            (variant, _) => variant,
        }
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let part = |s: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
            (!s.is_empty() && s.bytes().all(plain)).then(|| s.to_owned())
        };
        let parts: Option<Vec<String>> = text.split('/').map(part).collect();
        match parts.as_deref() {
            Some([os, architecture]) => {
                Ok(Self { os: os.clone(), architecture: architecture.clone(), variant: None })
            }
            Some([os, architecture, variant]) => Ok(Self {
                os: os.clone(),
                architecture: architecture.clone(),
                variant: Some(variant.clone()),
            }),
            _ => Err(PlatformError(bounded_to(text, 160))),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().expect("a platform")
    }

    #[test]
    fn platforms_read_back_and_malformed_ones_are_refused() {
        for text in ["linux/amd64", "linux/arm/v7", "unknown/unknown"] {
            assert_eq!(platform(text).to_string(), text);
        }
        for text in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/a b"] {
            assert!(text.parse::<Platform>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn arm64_is_arm64_v8_and_no_variant_asks_for_any() {
        assert!(platform("linux/arm64/v8").serves(&platform("linux/arm64")));
        assert!(platform("linux/arm64").serves(&platform("linux/arm64/v8")));
        assert!(platform("linux/arm/v7").serves(&platform("linux/arm")));
        assert!(!platform("linux/arm/v6").serves(&platform("linux/arm/v7")));
        assert!(!platform("linux/amd64").serves(&platform("linux/arm64")));
    }

    #[test]
    fn amd64_is_amd64_v1_and_no_later_one() {
        let [plain, first, third] =
            ["linux/amd64", "linux/amd64/v1", "linux/amd64/v3"].map(platform);
        assert!(first.serves(&plain) && plain.serves(&first) && third.serves(&plain));
        assert!(!plain.serves(&third) && !third.serves(&first) && !first.serves(&third));
        // No default is known where the specification has none.
        assert!(!platform("linux/arm").serves(&platform("linux/arm/v7")));
        assert!(!platform("linux/riscv64").serves(&platform("linux/riscv64/v1")));
    }
}
