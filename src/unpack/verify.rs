//! Verifying: every image is judged by what is trusted. Only here a [`Verified`] is made.

use super::at_target::AtTarget;
use super::check::{Checked, Parts};
use super::error::UnpackError;
use super::evidence::{ArchiveEvidence, found};
use super::refused::{CarriedAuthority, CarriedKey, Refused};
use super::seal::{self, Recording, Seal, SealInputs};
use super::selection::RefusedImages;
use super::target::Target;
use super::{installed, pins};
use crate::archive::catalogue::CatalogueImage;
use crate::archive::parallel::parallel_map;
use crate::archive::{Archive, ArchiveError, Catalogue};
use crate::host::records::tags::Filler;
use crate::host::{InstalledKey, PolicyFile};
use crate::inventory::ImageEntry;
use crate::inventory::StatedVerdict;
use crate::oci::{Descriptor, Digest, Reference};
use crate::report::seal::SealReport;
use crate::report::signer_names::SignerNames;
use crate::seal::age::Age;
use crate::trust::openpgp::OpenPgpFingerprint;
use crate::trust::verdict::accepted_anything;
use crate::trust::{
    Anchors, AtomicSignature, Attached, Fingerprint, GivenScope, ImageUnderTest, ImageVerdict,
    KeyFingerprint, LogAuthority, OwnPlaces, Places, PublicKey, Scoped, ScopedAuthority, ScopedKey,
    StatedAtPack, UnknownPlaces, idle_scopes, judge,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Everything that is trusted in a run. All of it comes from outside the bundle.
#[derive(Debug, Clone, Default)]
pub struct TrustInputs {
    /// Keys and permissions from the command line and the configuration.
    pub anchors: Anchors,
    /// A policy, which then decides alone.
    pub policy: Option<PolicyFile>,
    /// Keys that were installed earlier; each counts within its recorded scopes.
    pub installed: Vec<InstalledKey>,
    /// Fingerprints that admit carried keys as signers of cosign signatures.
    pub pins: Vec<Scoped<Fingerprint>>,
    /// A fingerprint that the operator typed because nothing vouched for some images. Refused where an anchor for its
    /// scope exists: what was decided once is not decided anew in the middle of a run.
    pub first_use: Option<Scoped<KeyFingerprint>>,
    /// Scopes as options gave them: one that covers no image is refused.
    pub given_scopes: Vec<GivenScope>,
    /// Fingerprints that admit carried OpenPGP keys.
    pub openpgp_pins: Vec<Scoped<OpenPgpFingerprint>>,
    /// The bundle digest, known from elsewhere.
    pub expect_bundle: Option<Digest>,
    /// Whose seals count, and what is known of earlier ones.
    pub seal: SealInputs,
}

/// An archive whose images are all admitted.
#[derive(Debug)]
pub struct Verified {
    archive: Arc<Archive>,
    catalogue: Arc<Catalogue>,
    verdicts: Vec<ImageVerdict>,
    anchors: Anchors,
    carried: Vec<CarriedKey>,
    carried_authorities: Vec<CarriedAuthority>,
    names_bound: bool,
    seal: Seal,
    skipped: Vec<ImageVerdict>,
    not_selected: Vec<Reference>,
}

/// A verified archive whose images may be published at this target, under the names that they have there. There is no
/// other way to plan, and so to push.
#[derive(Debug)]
pub struct Addressed {
    pub(super) verified: Verified,
    pub(super) target: Target,
}

impl Checked {
    /// Judges every image, on all cores, for nobody's registry: what admits on less than a trusted signature is compared
    /// with what is protected under the same path on any host. Blocks.
    ///
    /// # Errors
    /// [`UnpackError::Refused`] when one image may not be published; [`UnpackError::OtherBundle`],
    /// [`UnpackError::Seal`], [`UnpackError::UnansweredPins`], [`UnpackError::PinnedLog`], [`UnpackError::FirstUse`];
    /// [`UnpackError::InstalledKey`] when a key of the host cannot be loaded;
    /// [`UnpackError::Archive`] when something that verification reads is damaged.
    pub fn verify(self, trust: TrustInputs) -> Result<Verified, UnpackError> {
        self.judge(trust, &UnknownPlaces, RefusedImages::Fail)
    }

    /// Judges every image as one that goes to `target`: what admits on less than a trusted signature takes no place there
    /// that is protected for another source. Blocks.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_for(self, target: Target, trust: TrustInputs) -> Result<Addressed, UnpackError> {
        self.verify_some_for(target, trust, RefusedImages::Fail)
    }

    /// The same, where images that may not be published may be left out.
    ///
    /// # Errors
    /// As [`Self::verify`]; where refused images are skipped, [`UnpackError::Refused`] when there is no other.
    pub fn verify_some_for(
        self,
        target: Target,
        trust: TrustInputs,
        refused: RefusedImages,
    ) -> Result<Addressed, UnpackError> {
        let verified = self.judge(trust, &target, refused)?;
        Ok(Addressed { verified, target })
    }

    fn judge(
        self,
        trust: TrustInputs,
        places: &dyn Places,
        refused: RefusedImages,
    ) -> Result<Verified, UnpackError> {
        let Parts { mut archive, mut catalogue, mut carried, authorities, names, not_selected } =
            self.into_parts();
        let mut carried_authorities = authorities;
        let bundle = archive.bundle_digest();
        let is_expected = match trust.expect_bundle {
            Some(expected) if expected != bundle => {
                return Err(UnpackError::OtherBundle { expected, found: bundle });
            }
            expected => expected.is_some(),
        };
        let seal = seal::examine(&archive, &trust.seal, is_expected, trust.anchors.now)?;
        let names_bound = is_expected || seal.is_verified();
        for key in &mut carried {
            key.pinned = trust.pins.iter().any(|pin| pin.value == key.fingerprint);
        }
        for authority in &mut carried_authorities {
            let is_pinned =
                |pin: &Scoped<OpenPgpFingerprint>| authority.fingerprint == pin.value.into();
            authority.pinned = trust.openpgp_pins.iter().any(is_pinned);
        }
        let policy = trust.policy.as_ref().map(|policy| {
            policy.prepare(archive.inventory().images.iter().map(|image| &image.source))
        });
        let first_use = trust.first_use.clone();
        let idle_scopes = idle_scopes(&trust.given_scopes, &names);
        let mut anchors = anchors(trust, &carried, &carried_authorities, names_bound)?;
        anchors.policy = policy;
        seal.introduce(&mut anchors, &carried)?;
        if let Some(first_use) = first_use {
            super::first_use::admit(&mut anchors, first_use, &carried, &carried_authorities)?;
        }
        let all: Vec<usize> = (0..archive.inventory().images.len()).collect();
        let bench = Bench { anchors: &anchors, places, names_bound };
        let mut verdicts = judge_all(&archive, &catalogue, &all, bench, None)?;
        let mut skipped = Vec::new();
        if refused == RefusedImages::Skip && verdicts.iter().any(ImageVerdict::is_admitted) {
            let is_kept =
                |number: usize| verdicts.get(number).is_some_and(ImageVerdict::is_admitted);
            archive = Arc::new(archive.with_images(&is_kept));
            catalogue = Arc::new(catalogue.with_images(&is_kept));
            (verdicts, skipped) = verdicts.into_iter().partition(ImageVerdict::is_admitted);
        }
        if !verdicts.iter().all(ImageVerdict::is_admitted) {
            let any_anchor = !anchors.is_empty();
            let (report_version, bundle_digest) = ("1.0", bundle);
            let by_policy = anchors.policy.is_some();
            let seal = seal.report(&Recording::Nothing);
            let refused = Refused {
                report_version,
                verdicts,
                carried,
                carried_authorities,
                any_anchor,
                bundle_digest,
                by_policy,
                seal,
                names_bound,
                idle_scopes,
                signer_names: SignerNames::of_anchors(&anchors),
            };
            return Err(UnpackError::Refused(Box::new(refused)));
        }
        if !idle_scopes.is_empty() {
            return Err(UnpackError::IdleScopes(idle_scopes));
        }
        Ok(Verified {
            archive,
            catalogue,
            verdicts,
            anchors,
            carried,
            carried_authorities,
            names_bound,
            seal,
            skipped,
            not_selected,
        })
    }
}

impl Verified {
    /// The archive.
    pub fn archive(&self) -> &Arc<Archive> {
        &self.archive
    }

    /// What is in it.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// What the verifier says about every image, in the inventory's order. All are admitted.
    pub fn verdicts(&self) -> &[ImageVerdict] {
        &self.verdicts
    }

    /// What the verifier says about images that are refused and left out.
    pub fn skipped(&self) -> &[ImageVerdict] {
        &self.skipped
    }

    /// Images that nobody asked for, with their digests.
    pub fn not_selected(&self) -> &[Reference] {
        &self.not_selected
    }

    /// The bundle digest is the expected one, or the seal was verified, so what the inventory says is authentic.
    pub fn names_bound(&self) -> bool {
        self.names_bound
    }

    /// What became of the seal. Nothing is recorded of it.
    pub fn seal_report(&self) -> SealReport {
        self.seal.report(&Recording::Nothing)
    }

    /// What the operator has to know of the seal and of what admitted the images.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings_after(&Recording::Nothing)
    }

    /// The same, when it is known what became of the sequence.
    pub(super) fn warnings_after(&self, recording: &Recording) -> Vec<String> {
        let mut warnings = self.seal.warnings(recording);
        warnings.extend(accepted_anything(&self.verdicts));
        warnings
    }

    /// The bundle as what fills tags. Its age is known where the inventory is authentic.
    pub(super) fn filler(&self) -> Filler {
        let created = OffsetDateTime::parse(&self.archive.inventory().created, &Rfc3339).ok();
        let age = created.map(|created| Age { created, place: self.seal.place() });
        Filler {
            bundle: self.archive.bundle_digest(),
            age: age.filter(|_| self.names_bound),
            rotations: self.seal.rotations().to_vec(),
        }
    }

    /// The seal.
    pub(super) fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Names of everybody who is trusted here, for people.
    pub(crate) fn signer_names(&self) -> SignerNames {
        SignerNames::of_anchors(&self.anchors)
    }

    /// Everything that was trusted.
    pub(super) fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    /// What the verifier says about the images with these numbers when only `anchors` count, given the signatures that
    /// lie at the target. For questions about what others would accept; it admits nothing.
    pub(super) fn judge_again(
        &self,
        images: &[usize],
        anchors: &Anchors,
        at_target: &AtTarget,
    ) -> Result<Vec<ImageVerdict>, ArchiveError> {
        let bench = Bench { anchors, places: &OwnPlaces, names_bound: false };
        judge_all(&self.archive, &self.catalogue, images, bench, Some(at_target))
    }

    /// The keys of use `cosign` that travel in the bundle.
    pub fn carried_keys(&self) -> &[CarriedKey] {
        &self.carried
    }

    /// OpenPGP keys, keys of logs and trusted roots that travel in the bundle.
    pub fn carried_authorities(&self) -> &[CarriedAuthority] {
        &self.carried_authorities
    }

    /// Images of the inventory, with their manifests and verdicts.
    pub(super) fn images(
        &self,
    ) -> impl Iterator<Item = (&ImageEntry, &CatalogueImage, &ImageVerdict)> {
        let entries = self.archive.inventory().images.iter();
        let images = entries.zip(self.catalogue.images()).zip(&self.verdicts);
        images.map(|((entry, image), verdict)| (entry, image, verdict))
    }

    /// The anchors that let this key vouch for an image.
    pub(super) fn anchors_of<'a>(
        &'a self,
        fingerprint: Fingerprint,
        verdict: &'a ImageVerdict,
    ) -> impl Iterator<Item = &'a ScopedKey> {
        let source = verdict.source().with_digest(verdict.digest());
        self.anchors.keys.iter().filter(move |anchor| {
            anchor.key.fingerprint() == fingerprint && anchor.scope.covers(&source)
        })
    }

    /// The trusted key with this fingerprint.
    pub(super) fn trusted_key(&self, fingerprint: &Fingerprint) -> Option<&PublicKey> {
        let mut keys = self.anchors.keys.iter().map(|anchor| &anchor.key);
        keys.find(|key| key.fingerprint() == *fingerprint)
    }

    /// Keys that were trusted in this run.
    pub(super) fn trusted_keys(&self) -> &[ScopedKey] {
        &self.anchors.keys
    }

    /// Others who were trusted.
    pub(super) fn trusted_authorities(&self) -> &[ScopedAuthority] {
        &self.anchors.authorities
    }

    /// Logs whose entries were demanded.
    pub(super) fn trusted_logs(&self) -> &[LogAuthority] {
        &self.anchors.logs
    }
}

/// Everything trusted as anchors: carried keys only by pinned fingerprints.
fn anchors(
    trust: TrustInputs,
    carried: &[CarriedKey],
    carried_authorities: &[CarriedAuthority],
    names_bound: bool,
) -> Result<Anchors, UnpackError> {
    let mut anchors = trust.anchors;
    anchors.bundle_expected = names_bound;
    installed::admit(&mut anchors, trust.installed)?;
    pins::admit(&mut anchors, &trust.pins, &trust.openpgp_pins, carried, carried_authorities)?;
    Ok(anchors)
}

/// What all images are judged by.
#[derive(Clone, Copy)]
struct Bench<'a> {
    anchors: &'a Anchors,
    places: &'a dyn Places,
    names_bound: bool,
}

/// The verdicts about the images with these numbers, in that order; an error when the archive is damaged where they are
/// read.
fn judge_all(
    archive: &Archive,
    catalogue: &Catalogue,
    numbers: &[usize],
    bench: Bench<'_>,
    at_target: Option<&AtTarget>,
) -> Result<Vec<ImageVerdict>, ArchiveError> {
    let evidence = ArchiveEvidence::new(archive, catalogue, at_target);
    let entries = &archive.inventory().images;
    let images: Vec<_> =
        numbers.iter().map(|number| (&entries[*number], &catalogue.images()[*number])).collect();
    // The last verdict on each root, which later ones share what they say alike with.
    let known = HashMap::<Digest, ImageVerdict>::new;
    let verdicts = parallel_map(&images, known, |known, &(entry, image)| {
        let mut attached = carried(catalogue, image);
        if let Some(at_target) = at_target {
            at_target.replace(&mut attached, catalogue, (entry, image));
        }
        let mut verdict = judge_image(&evidence, &attached, (entry, image), bench);
        if let Some(earlier) = known.get(&entry.digest) {
            verdict.share_with(earlier);
        }
        known.insert(entry.digest, verdict.clone());
        verdict
    });
    match evidence.into_damage() {
        Some(damage) => Err(damage),
        None => Ok(verdicts),
    }
}

/// What the bundle has attached to an image.
fn carried(catalogue: &Catalogue, image: &CatalogueImage) -> Vec<Attached> {
    let attached = image.attachments().iter().filter_map(|attachment| {
        Some(Attached {
            subject: attachment.subject,
            manifest: catalogue.attached(attachment).next_back()?.descriptor(),
            found: found(&attachment.found),
        })
    });
    attached.collect()
}

fn judge_image(
    evidence: &ArchiveEvidence<'_>,
    attached: &[Attached],
    (entry, image): (&ImageEntry, &CatalogueImage),
    bench: Bench<'_>,
) -> ImageVerdict {
    let Bench { anchors, places, names_bound } = bench;
    let atomic: Vec<AtomicSignature> = image
        .signatures()
        .iter()
        .map(|signature| AtomicSignature {
            subject: signature.subject,
            name: signature.name.to_string(),
            blob: signature.blob.clone(),
        })
        .collect();
    let omitted: BTreeSet<Digest> = entry.omitted.iter().copied().collect();
    let test = ImageUnderTest {
        source: &entry.source,
        root: Descriptor::new(&entry.media_type, entry.digest, entry.size),
        attached,
        atomic: &atomic,
        omitted: &omitted,
        name_bound: names_bound,
        stated: match entry.verdict.stated() {
            _ if entry.verdict.admits() => StatedAtPack::Verified,
            Some(StatedVerdict::UnsignedAccepted) => StatedAtPack::UnsignedAccepted,
            _ => StatedAtPack::Nothing,
        },
        places,
    };
    judge(&test, anchors, evidence)
}
