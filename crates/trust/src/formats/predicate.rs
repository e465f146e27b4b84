//! Types of in-toto predicates, as attestations state them and options demand them.

use crate::reading::text::bounded;
use std::fmt;
use std::str::FromStr;

/// Names that cosign's `--type` gives to predicate types.
const SHORT_NAMES: [(&str, &str); 9] = [
    ("custom", "https://cosign.sigstore.dev/attestation/v1"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("link", "https://in-toto.io/Link/v1"),
    ("openvex", "https://openvex.dev/ns"),
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
];

/// The type of a predicate: a URI, compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PredicateType(String);

/// A text is no predicate type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a predicate type: write its URI, or one of cosign's names: custom, cyclonedx, link, openvex, \
     slsaprovenance, slsaprovenance1, spdxjson, vuln"
)]
pub struct PredicateTypeError(String);

impl PredicateType {
    /// The URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PredicateType {
    type Err = PredicateTypeError;

    fn from_str(text: &str) -> Result<Self, PredicateTypeError> {
        if let Some((_, uri)) = SHORT_NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(Self((*uri).to_owned()));
        }
        // Longer ones are cut in findings, and would match none.
        let is_uri = bounded(text) == text
            && text.split_once("://").is_some_and(|(scheme, rest)| {
                !scheme.is_empty()
                    && !rest.is_empty()
                    && text.chars().all(|c| c.is_ascii_graphic())
                    && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
            });
        if is_uri { Ok(Self(text.to_owned())) } else { Err(PredicateTypeError(bounded(text))) }
    }
}

impl fmt::Display for PredicateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_stay_and_short_names_are_cosigns() {
        for (text, uri) in [
            ("https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v1"),
            ("spdxjson", "https://spdx.dev/Document"),
            ("custom", "https://cosign.sigstore.dev/attestation/v1"),
        ] {
            assert_eq!(text.parse::<PredicateType>().expect(text).as_str(), uri);
        }
        let long = format!("https://{}", "x".repeat(153));
        for text in
            ["", "SPDX", "spdx json", "://x", "https://", "https://a b", "h\u{e9}://x", &long]
        {
            assert!(text.parse::<PredicateType>().is_err(), "{text}");
        }
    }
}
