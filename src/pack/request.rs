//! The request of the door: what to pack, where to, and a setter for everything that has a default.

use super::select::Selection;
use super::{AttachmentErrors, CarriedKey, FailedImages, SeriesPlace, SignatureRule, Wanted};
use crate::archive::geometry::Geometry;
use crate::host::RegistriesD;
use crate::host::records::begun::BegunPlans;
use crate::oci::Platform;
use crate::signers::Signers;
use crate::transfer::Jobs;
use crate::trust::{GivenScope, Pattern, Scoped, SigningKey};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use std::io::Write;
use std::path::PathBuf;

/// Where an archive goes.
pub enum Output {
    /// A file; for volumes, the name that theirs begin with.
    File(PathBuf),
    /// A writer that takes the archive in order, and its name in reports.
    Stream(Box<dyn Write + Send>, PathBuf),
}

/// What becomes of the beginning that an interrupted pack left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interrupted {
    /// The pack goes on from there.
    #[default]
    Resumed,
    /// It is removed.
    Discarded,
}

/// What becomes of a file at the output that no earlier pack wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OtherFile {
    /// It stays, and nothing is packed.
    #[default]
    Kept,
    /// The archive takes its place.
    Replaced,
}

/// What to pack, and where to.
pub struct Request {
    pub(super) selection: Selection,
    pub(super) output: Output,
    pub(super) seal_key: Option<SigningKey>,
    pub(super) begun_plans: Option<BegunPlans>,
    pub(super) interrupted: Interrupted,
    pub(super) other_file: OtherFile,
    pub(super) checksums: bool,
    pub(super) dry_run: bool,
    pub(super) stop: Option<BoxFuture<'static, ()>>,
}

impl Request {
    /// A pack of `sources`, in this order, to `output`. Nothing is trusted, so nothing is verified.
    pub fn new(wanted: Vec<Wanted>, output: Output) -> Self {
        Self {
            selection: Selection::new(wanted),
            output,
            seal_key: None,
            begun_plans: None,
            interrupted: Interrupted::default(),
            other_file: OtherFile::default(),
            checksums: false,
            dry_run: false,
            stop: None,
        }
    }

    fn select(mut self, change: impl FnOnce(&mut Selection)) -> Self {
        change(&mut self.selection);
        self
    }

    /// Whose signatures count: what they do not admit is not packed. Their keys travel along.
    #[must_use]
    pub fn signers(self, signers: Signers) -> Self {
        self.select(|selection| {
            selection.keys.extend(signers.carried);
            selection.anchors = signers.anchors;
            selection.policy = signers.policy;
            selection.anchors_digest = signers.digest;
        })
    }

    /// Keys that travel along although nothing is verified with them.
    #[must_use]
    pub fn carry(self, keys: Vec<CarriedKey>) -> Self {
        self.select(|selection| selection.keys.extend(keys))
    }

    /// Platforms of indexes to keep; all when empty.
    #[must_use]
    pub fn platforms(self, platforms: Vec<Platform>) -> Self {
        self.select(|selection| selection.platforms = platforms)
    }

    /// Rules for signatures; the narrowest scope that covers an image counts, the last of equals.
    #[must_use]
    pub fn signature_rules(self, rules: Vec<Scoped<SignatureRule>>) -> Self {
        self.select(|selection| selection.signatures = rules)
    }

    /// Images that may come without a trusted signature. The inventory says so, and a seal over it admits them.
    #[must_use]
    pub fn accept_unsigned(self, patterns: Vec<Pattern>) -> Self {
        self.select(|selection| selection.accept_unsigned = patterns)
    }

    /// What a failed lookup of attachments does.
    #[must_use]
    pub fn attachment_errors(self, errors: AttachmentErrors) -> Self {
        self.select(|selection| selection.attachment_errors = errors)
    }

    /// Where GPG signatures lie beside registries.
    #[must_use]
    pub fn lookasides(self, lookasides: RegistriesD) -> Self {
        self.select(|selection| selection.lookasides = lookasides)
    }

    /// What an image that cannot be resolved, looked up or fetched does.
    #[must_use]
    pub fn failed_images(self, failed: FailedImages) -> Self {
        self.select(|selection| selection.failed_images = failed)
    }

    /// Scopes as options gave them: one that covers no image is refused.
    #[must_use]
    pub fn given_scopes(self, scopes: Vec<GivenScope>) -> Self {
        self.select(|selection| selection.given_scopes = scopes)
    }

    /// Whether non-distributable layers are fetched from the registry too.
    #[must_use]
    pub fn foreign_layers(self, fetched: bool) -> Self {
        self.select(|selection| selection.foreign_layers = fetched)
    }

    /// Name of the series of bundles.
    #[must_use]
    pub fn name(self, name: Option<String>) -> Self {
        self.select(|selection| selection.name = name)
    }

    /// Where the bundle stands in its series.
    #[must_use]
    pub fn place(self, place: SeriesPlace) -> Self {
        self.select(|selection| selection.place = place)
    }

    /// `SOURCE_DATE_EPOCH`: every time in the archive, in seconds since 1970.
    #[must_use]
    pub fn source_date_epoch(self, seconds: u64) -> Self {
        self.select(|selection| {
            selection.created = seconds;
            selection.source_date_epoch = Some(seconds);
        })
    }

    /// How the archive is cut into volumes.
    #[must_use]
    pub fn geometry(self, geometry: Geometry) -> Self {
        self.select(|selection| selection.geometry = geometry)
    }

    /// Level of zstd for blobs that are not compressed already, 1 to 19.
    #[must_use]
    pub fn level(self, level: i32) -> Self {
        self.select(|selection| selection.level = level)
    }

    /// Large blobs in flight; small ones are four times as many.
    #[must_use]
    pub fn jobs(self, jobs: usize) -> Self {
        self.select(|selection| selection.jobs = Jobs::new(jobs))
    }

    /// The private key that seals the bundle.
    #[must_use]
    pub fn seal_key(self, key: Option<SigningKey>) -> Self {
        Self { seal_key: key, ..self }
    }

    /// The memory of plans that this user has begun. Without it every image is verified again when a pack is resumed.
    #[must_use]
    pub fn begun_plans(self, plans: Option<BegunPlans>) -> Self {
        Self { begun_plans: plans, ..self }
    }

    /// What becomes of the beginning that an interrupted pack left at the output.
    #[must_use]
    pub fn interrupted(self, interrupted: Interrupted) -> Self {
        Self { interrupted, ..self }
    }

    /// What becomes of a file at the output that no earlier pack wrote.
    #[must_use]
    pub fn other_file(self, other_file: OtherFile) -> Self {
        Self { other_file, ..self }
    }

    /// Whether a list of SHA-256 is written beside an archive in one file. Volumes always have one.
    #[must_use]
    pub fn checksums(self, wanted: bool) -> Self {
        Self { checksums: wanted, ..self }
    }

    /// Whether everything is decided and nothing is written.
    #[must_use]
    pub fn dry_run(self, dry_run: bool) -> Self {
        Self { dry_run, ..self }
    }

    /// Stops when `stop` is done, with [`PackError::Stopped`](super::PackError::Stopped).
    #[must_use]
    pub fn until(self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { stop: Some(stop.boxed()), ..self }
    }

    /// True when the archive gets a list of checksums.
    pub(super) fn lists_checksums(&self) -> bool {
        self.checksums || self.selection.geometry.volume_size().is_some()
    }
}
