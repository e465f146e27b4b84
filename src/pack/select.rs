//! What to pack: sources, rules and keys as they were asked for.

use super::CarriedKey;
use super::series::SeriesPlace;
use crate::archive::geometry::Geometry;
use crate::archive::limits::LEVEL;
use crate::host::{PolicyFile, RegistriesD};
use crate::oci::text::bounded;
use crate::oci::{Digest, Platform, Reference, Repository};
use crate::transfer::{DEFAULT_JOBS, Jobs};
use crate::trust::{Anchors, GivenScope, Pattern, Scoped};
use bundle_lists::TagGlob;
use bundle_lists::name::{self, NameError, Typed, has_glob};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// One image that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where its bytes are.
    pub location: Location,
    /// Its logical reference: what identity checks compare with, and what its name at the target comes from. `None`
    /// when a layout has to tell.
    pub name: Option<Reference>,
}

/// What is asked for: one image, or tags of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// One image.
    Image(Source),
    /// The tags of a repository that a glob means; which ones is asked when the pack begins.
    Tags(Repository, TagGlob),
}

impl FromStr for Wanted {
    type Err = SourceTextError;

    /// As [`Source`], or `REGISTRY/REPO:GLOB`.
    fn from_str(text: &str) -> Result<Self, SourceTextError> {
        if let Some((source, _)) = text.rsplit_once('=')
            && !text.starts_with("oci:")
            && has_glob(source)
        {
            return Err(NameError::NamedTags(bounded(text)).into());
        }
        if TRANSPORTS.iter().any(|transport| text.starts_with(transport)) || text.contains('=') {
            return text.parse().map(Self::Image);
        }
        match name::read(text)? {
            Typed::Image(_) => text.parse().map(Self::Image),
            Typed::Tags(repository, glob) => Ok(Self::Tags(repository, glob)),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.location) {
            (Some(name), _) => write!(f, "{name}"),
            (None, Location::Registry(reference)) => write!(f, "{reference}"),
            (None, Location::Layout { directory, reference }) => {
                write!(f, "oci:{}", directory.display())?;
                reference.as_ref().map_or(Ok(()), |reference| write!(f, ":{reference}"))
            }
        }
    }
}

/// Where an image's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In a registry.
    Registry(Reference),
    /// In an OCI image layout directory; without a reference it must hold exactly one image.
    Layout {
        /// The directory.
        directory: PathBuf,
        /// `org.opencontainers.image.ref.name` of the image, or `sha256:…`.
        reference: Option<String>,
    },
}

/// Why a text is not a source.
#[derive(Debug, thiserror::Error)]
pub enum SourceTextError {
    /// Not a reference with a registry, and a tag or digest.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A transport that is not read.
    #[error(
        "{0:?} sources are not supported: use REGISTRY/REPO:TAG, REGISTRY/REPO@sha256:… or oci:DIR[:REF]"
    )]
    Transport(String),
    /// `oci:` without a directory.
    #[error("{0:?} names no directory: expected oci:DIR[:REF]")]
    NoDirectory(String),
}

impl SourceTextError {
    /// The way on, as an imperative.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Name(error) => error.hint(),
            _ => None,
        }
    }
}

/// Transports by their beginnings; the first one is read, the others are named.
const TRANSPORTS: [&str; 6] =
    ["oci:", "docker-archive:", "oci-archive:", "dir:", "containers-storage:", "docker-daemon:"];

impl FromStr for Source {
    type Err = SourceTextError;

    /// `SOURCE` or `SOURCE=NAME`.
    fn from_str(text: &str) -> Result<Self, SourceTextError> {
        // References never hold an equals sign; a directory may, so the last one counts, and only before a reference.
        let (location, name) = match text.rsplit_once('=') {
            Some((location, name)) if !text.starts_with("oci:") => {
                (location, Some(name::read_image(name)?))
            }
            Some((location, name)) => match name::read_image(name) {
                Ok(name) => (location, Some(name)),
                Err(_) => (text, None),
            },
            None => (text, None),
        };
        if let Some(transport) = TRANSPORTS[1..].iter().find(|one| location.starts_with(**one)) {
            return Err(SourceTextError::Transport((*transport).to_owned()));
        }
        let Some(rest) = location.strip_prefix("oci:") else {
            let reference = name::read_image(location)?;
            let name = name.unwrap_or_else(|| reference.clone());
            return Ok(Self { location: Location::Registry(reference), name: Some(name) });
        };
        let (directory, reference) = match rest.split_once(':') {
            Some((directory, reference)) => (directory, Some(reference.to_owned())),
            None => (rest, None),
        };
        if directory.is_empty() {
            return Err(SourceTextError::NoDirectory(text.to_owned()));
        }
        let location = Location::Layout { directory: directory.into(), reference };
        Ok(Self { location, name })
    }
}

/// What is demanded of an image's signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureRule {
    /// No signature is an error.
    Required,
    /// What is there is carried.
    IfPresent,
    /// Nothing is looked up, so that signatures can never block mirroring.
    None,
}

/// The word is not one of the three rules.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0:?} is not one of required, if-present, none")]
pub struct SignatureRuleError(String);

impl FromStr for SignatureRule {
    type Err = SignatureRuleError;

    fn from_str(text: &str) -> Result<Self, SignatureRuleError> {
        match text {
            "required" => Ok(Self::Required),
            "if-present" => Ok(Self::IfPresent),
            "none" => Ok(Self::None),
            other => Err(SignatureRuleError(other.chars().take(80).collect())),
        }
    }
}

/// What a failed lookup of attachments does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentErrors {
    /// It fails the image.
    Fail,
    /// The image is carried, marked incomplete.
    Warn,
}

/// What an image that cannot be had does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedImages {
    /// It fails the pack.
    Fail,
    /// It is left out and named; the others are packed.
    LeaveOut,
}

/// Everything that decides what is in an archive, and how it is gathered.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    /// What is asked for, in order.
    pub(super) wanted: Vec<Wanted>,
    /// The images of that, in order; none before it was asked which tags there are.
    pub(super) sources: Vec<Source>,
    /// Platforms to keep; all when empty.
    pub(super) platforms: Vec<Platform>,
    /// Rules for signatures; the narrowest scope that covers an image counts, the last of equals.
    pub(super) signatures: Vec<Scoped<SignatureRule>>,
    /// Images that the operator accepts without a trusted signature.
    pub(super) accept_unsigned: Vec<Pattern>,
    /// What a failed lookup does.
    pub(super) attachment_errors: AttachmentErrors,
    /// Where GPG signatures lie beside registries.
    pub(super) lookasides: RegistriesD,
    /// What an image that cannot be resolved, looked up or fetched does. One that verification refuses always fails.
    pub(super) failed_images: FailedImages,
    /// Keys to carry.
    pub(super) keys: Vec<CarriedKey>,
    /// What images are verified with: what would be refused in the enclave is then known before the trip.
    pub(super) anchors: Anchors,
    /// A policy to verify them by, which then decides alone.
    pub(super) policy: Option<PolicyFile>,
    /// SHA-256 of everything that the anchors were made of: other anchors may come to another verdict.
    pub(super) anchors_digest: Digest,
    /// Scopes as options gave them: one that covers no image is refused.
    pub(super) given_scopes: Vec<GivenScope>,
    /// Whether non-distributable layers are fetched from the registry too.
    pub(super) foreign_layers: bool,
    /// Name of the series of bundles.
    pub(super) name: Option<String>,
    /// Where the bundle stands in that series.
    pub(super) place: SeriesPlace,
    /// Seconds since 1970 for `created`; and, when it was given from outside, for every time in the archive.
    pub(super) created: u64,
    /// `SOURCE_DATE_EPOCH`, when it is set.
    pub(super) source_date_epoch: Option<u64>,
    /// How the archive is cut into volumes.
    pub(super) geometry: Geometry,
    /// Level of zstd for blobs that are not compressed already.
    pub(super) level: i32,
    /// Large blobs in flight.
    pub(super) jobs: Jobs,
}

impl Selection {
    /// What is asked for, and the defaults.
    pub(super) fn new(wanted: Vec<Wanted>) -> Self {
        let is_image = |wanted: &Wanted| match wanted {
            Wanted::Image(source) => Some(source.clone()),
            Wanted::Tags(..) => None,
        };
        let sources = wanted.iter().filter_map(is_image).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self {
            wanted,
            sources,
            platforms: Vec::new(),
            signatures: Vec::new(),
            accept_unsigned: Vec::new(),
            attachment_errors: AttachmentErrors::Fail,
            lookasides: RegistriesD::default(),
            failed_images: FailedImages::Fail,
            keys: Vec::new(),
            anchors: Anchors::default(),
            policy: None,
            anchors_digest: Digest::of(b""),
            given_scopes: Vec::new(),
            foreign_layers: false,
            name: None,
            place: SeriesPlace::default(),
            created: now,
            source_date_epoch: None,
            geometry: Geometry::WHOLE,
            level: LEVEL,
            jobs: Jobs::new(DEFAULT_JOBS),
        }
    }

    /// The signature rule for an image.
    pub(super) fn signature_rule(&self, source: &Reference) -> SignatureRule {
        let mut best: Option<&Scoped<SignatureRule>> = None;
        for rule in self.signatures.iter().filter(|rule| rule.scope.covers(source)) {
            if best.is_none_or(|best| rule.scope.specificity() >= best.scope.specificity()) {
                best = Some(rule);
            }
        }
        match best {
            Some(rule) => rule.value,
            None if self.is_covered(source) => SignatureRule::Required,
            None => SignatureRule::IfPresent,
        }
    }

    /// True when this image is verified at pack.
    pub(super) fn is_covered(&self, source: &Reference) -> bool {
        self.policy.is_some() || self.anchors.covers(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn sources_are_read_as_documented() {
        let plain = source("quay.io/a/b:1");
        assert_eq!(plain.name.expect("name").to_string(), "quay.io/a/b:1");
        let renamed = source("127.0.0.1:5000/a/b:1=quay.io/a/b:1");
        assert_eq!(renamed.name.expect("name").to_string(), "quay.io/a/b:1");
        assert!(
            matches!(renamed.location, Location::Registry(r) if r.repository().host() == "127.0.0.1:5000")
        );
        let layout = source("oci:some/dir:quay.io/a/b:1");
        assert_eq!(
            layout.location,
            Location::Layout {
                directory: "some/dir".into(),
                reference: Some("quay.io/a/b:1".into())
            }
        );
        let odd = source("oci:a=b=quay.io/a/b:1");
        assert_eq!(odd.location, Location::Layout { directory: "a=b".into(), reference: None });
        assert_eq!(source("oci:a=b").name, None);
    }

    #[test]
    fn what_cannot_be_packed_is_refused() {
        for text in [
            "quay.io/a/b",
            "",
            "oci:",
            "docker-archive:x.tar",
            "quay.io/a:1=quay.io/b",
            "quay.io/a:1=",
            "oci::x",
        ] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_narrowest_signature_rule_counts() {
        let rule = |text: &str| text.parse::<Scoped<SignatureRule>>().expect("rule");
        let mut request = Selection::new(vec![]);
        request.signatures =
            vec![rule("none"), rule("quay.io/a=required"), rule("quay.io=if-present")];
        let of = |text: &str| request.signature_rule(&text.parse().expect("reference"));
        assert_eq!(of("quay.io/a/b:1"), SignatureRule::Required);
        assert_eq!(of("quay.io/c:1"), SignatureRule::IfPresent);
        assert_eq!(of("docker.io/c/d:1"), SignatureRule::None);
    }
}
