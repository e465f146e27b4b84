//! What an entry of a layout says that it is: by the annotation `kind` that `cosign save` and hauler write, and by names
//! that are made of a digest.

use crate::oci::{Descriptor, Digest};
use std::fmt;

/// Annotation with what an entry is (cosign pkg/oci/layout; hauler pkg/consts).
const KIND: &str = "kind";
/// What its values begin with.
const PREFIXES: [&str; 2] = ["dev.cosignproject.cosign/", "dev.hauler/"];

/// What an entry is, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It does not say.
    Unsaid,
    /// An image or an index.
    Image,
    /// Signatures of the image beside it.
    Signatures,
    /// Attestations of the image beside it.
    Attestations,
    /// SBOMs of the image beside it.
    Sboms,
    /// Attached by the subject in its manifest.
    Referrer,
}

impl Kind {
    pub(super) fn of(entry: &Descriptor) -> Self {
        let kind = entry.annotation(KIND);
        match kind.and_then(|kind| PREFIXES.iter().find_map(|prefix| kind.strip_prefix(prefix))) {
            Some("image" | "imageIndex") => Self::Image,
            Some("sigs") => Self::Signatures,
            Some("atts") => Self::Attestations,
            Some("sboms") => Self::Sboms,
            Some(other) if other.starts_with("referrers/") => Self::Referrer,
            _ => Self::Unsaid,
        }
    }

    pub(super) fn is_attachment(self) -> bool {
        !matches!(self, Self::Unsaid | Self::Image)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsaid => "content",
            Self::Image => "image",
            Self::Signatures => "signatures",
            Self::Attestations => "attestations",
            Self::Sboms => "SBOMs",
            Self::Referrer => "referrer",
        })
    }
}

/// The tag that a name ends in.
fn tag_of(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// True for names that end in a tag made of a digest.
pub(super) fn is_attachment_name(name: &str) -> bool {
    tag_of(name).strip_prefix("sha256-").is_some_and(|rest| rest.len() >= 64)
}

/// What a list of referrers is for whose name ends in the tag `sha256-<hex>`.
pub(super) fn subject_of_list(name: &str) -> Option<Digest> {
    format!("sha256:{}", tag_of(name).strip_prefix("sha256-")?).parse().ok()
}

/// What a tag of cosign's scheme is for, and the kind of what it names.
pub(super) fn attached_by_tag(tag: &str) -> Option<(Digest, Kind)> {
    let (digest, suffix) = tag.split_once('.')?;
    let kind = match suffix {
        "sig" => Kind::Signatures,
        "att" => Kind::Attestations,
        "sbom" => Kind::Sboms,
        _ => return None,
    };
    Some((subject_of_list(digest)?, kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::media_type::OCI_MANIFEST;

    #[test]
    fn kinds_are_those_of_cosign_and_hauler_alone() {
        for (written, kind) in [
            ("dev.cosignproject.cosign/image", Kind::Image),
            ("dev.cosignproject.cosign/imageIndex", Kind::Image),
            ("dev.cosignproject.cosign/sigs", Kind::Signatures),
            ("dev.hauler/atts", Kind::Attestations),
            ("dev.hauler/sboms", Kind::Sboms),
            ("dev.hauler/referrers/00", Kind::Referrer),
            ("dev.hauler/sigsX", Kind::Unsaid),
            ("sigs", Kind::Unsaid),
            ("example.com/sigs", Kind::Unsaid),
        ] {
            let mut entry = Descriptor::of(OCI_MANIFEST, b"");
            entry.annotations.insert(KIND.into(), written.into());
            assert_eq!(Kind::of(&entry), kind, "{written}");
        }
    }

    #[test]
    fn names_are_attachments_only_where_a_digest_makes_them() {
        let digest = Digest::of(b"");
        let list = format!("sha256-{}", digest.hex());
        let signature = format!("{list}.sig");
        for name in [&list, &format!("a.example/b:{list}")] {
            assert_eq!(subject_of_list(name), Some(digest), "{name}");
            assert!(is_attachment_name(name));
        }
        assert_eq!(attached_by_tag(&signature), Some((digest, Kind::Signatures)));
        assert!(is_attachment_name(&signature) && subject_of_list(&signature).is_none());
        for name in ["1", "sha256-00", "a:sha256-00.sig"] {
            assert_eq!(subject_of_list(name), None, "{name}");
            assert!(!is_attachment_name(name), "{name}");
        }
        assert_eq!(attached_by_tag(&format!("{list}.other")), None);
    }
}
