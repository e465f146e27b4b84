//! Confirming what an inventory states, before a seal swears to it: verdicts are reached again, carried keys are trusted
//! here for what they were given for, a change of the seal key is the one that the operator named.

use super::check::Checked;
use super::error::UnpackError;
use super::installed;
use super::not_sworn::NotSworn;
use super::refused::CarriedKey;
use super::verify::TrustInputs;
use crate::archive::catalogue::CatalogueImage;
use crate::archive::{Archive, Catalogue};
use crate::inventory::{ImageEntry, Inventory, PackVerdict, StatedVerdict};
use crate::oci::Digest;
use crate::oci::media_type::SIGSTORE_BUNDLE_PREFIX;
use crate::oci::text::bounded;
use crate::report::seal::{
    SealReport, SealingRefusal, Sworn, SwornBasis, SwornImage, SwornKey, Unconfirmed,
    UnconfirmedCode,
};
use crate::trust::{Admission, Anchors, Fingerprint, ImageVerdict, Scope};

impl TrustInputs {
    /// True when nothing at all is trusted, and nothing demanded.
    pub fn is_silent(&self) -> bool {
        self.anchors.is_silent()
            && self.policy.is_none()
            && self.installed.is_empty()
            && self.pins.is_empty()
            && self.openpgp_pins.is_empty()
            && self.expect_bundle.is_none()
            && self.seal.keys.is_empty()
    }
}

/// Confirms every statement of the inventory that an enclave would take on the seal's word.
///
/// # Errors
/// [`NotSworn::Unconfirmed`] with all that was not confirmed, [`NotSworn::Unpack`].
pub(super) fn confirm(
    checked: Checked,
    trust: TrustInputs,
    series: &[String],
    accept_rotation: Option<Digest>,
) -> Result<Sworn, NotSworn> {
    let archive = checked.archive().clone();
    let inventory = archive.inventory();
    let carried = checked.carried_keys().to_vec();
    let trusted = trusted_keys(&trust)?;
    let accepted_names = trust.anchors.accept_unbound_names.clone();
    let unnamed = unnamed(&archive, checked.catalogue())?;
    let is_silent = trust.is_silent();
    let is_expected = trust.expect_bundle.is_some();
    let judged = if is_silent { Judged::default() } else { judge(checked, trust)? };
    let basis = match (is_expected, judged.is_sealed) {
        (true, _) => SwornBasis::ExpectedBundle,
        (false, true) => SwornBasis::EarlierSeal,
        _ if inventory.images.iter().any(|image| claims(&image.verdict)) => {
            SwornBasis::OwnVerification
        }
        _ => SwornBasis::NothingClaimed,
    };
    let is_covered = matches!(basis, SwornBasis::ExpectedBundle | SwornBasis::EarlierSeal);
    let mut refusals = Vec::from_iter(other_series(inventory, series));
    for (number, image) in inventory.images.iter().enumerate() {
        let verdict = judged.verdicts.get(number);
        refusals.extend(match (is_silent, is_covered) {
            (true, _) => Vec::from_iter(unchecked(image)),
            (false, true) => Vec::from_iter(demanded(image, verdict)),
            (false, false) => reached(image, verdict),
        });
    }
    if !is_covered {
        let images = inventory.images.iter().zip(unnamed).filter(|(_, unnamed)| *unnamed);
        refusals.extend(images.filter_map(|(image, _)| unbound(image, &accepted_names)));
        refusals.extend(carried.iter().flat_map(|key| unconfirmed_scopes(key, &trusted)));
        refusals.extend(unconfirmed_rotation(inventory, accept_rotation));
    }
    match refusals.is_empty() {
        true => Ok(sworn(inventory, basis, &judged.verdicts)),
        false => Err(NotSworn::Unconfirmed(Box::new(SealingRefusal {
            report_version: "1.0",
            bundle_digest: archive.bundle_digest(),
            refusals,
        }))),
    }
}

/// What verification here says of the images, whether it admits them or not.
#[derive(Default)]
struct Judged {
    verdicts: Vec<ImageVerdict>,
    is_sealed: bool,
}

fn judge(checked: Checked, trust: TrustInputs) -> Result<Judged, UnpackError> {
    let (verdicts, seal) = match checked.verify(trust) {
        Ok(verified) => (verified.verdicts().to_vec(), verified.seal_report()),
        Err(UnpackError::Refused(refused)) => (refused.verdicts, refused.seal),
        Err(error) => return Err(error),
    };
    Ok(Judged { verdicts, is_sealed: matches!(seal, SealReport::Verified(_)) })
}

/// For each image, whether something attached to it is a Sigstore bundle, which names no repository.
fn unnamed(archive: &Archive, catalogue: &Catalogue) -> Result<Vec<bool>, UnpackError> {
    let of_image = |image: &CatalogueImage| {
        for attachment in image.attachments() {
            let Some(record) = catalogue.attached(attachment).next_back() else { continue };
            let manifest = catalogue.read_manifest(archive, record)?;
            let mut layers = manifest.blobs();
            if layers.any(|layer| layer.media_type.starts_with(SIGSTORE_BUNDLE_PREFIX)) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    catalogue.images().iter().map(of_image).collect()
}

/// An image without a verdict whose name the seal alone would bind to signatures that are of any name.
fn unbound(image: &ImageEntry, accepted: &[Scope]) -> Option<Unconfirmed> {
    let source = image.source.with_digest(image.digest);
    let is_open = !claims(&image.verdict) && !accepted.iter().any(|scope| scope.covers(&source));
    let detail = "its signatures name no repository and none was verified: only the seal would bind them to a name";
    let code = UnconfirmedCode::NameNotConfirmed;
    is_open.then(|| refusal(code, &image.source.to_string(), detail))
}

/// True when a verdict says anything beyond that nothing was verified.
fn claims(verdict: &PackVerdict) -> bool {
    verdict.stated() != Some(StatedVerdict::Unverified)
        || !verdict.keys.is_empty()
        || !verdict.identities.is_empty()
}

fn refusal(code: UnconfirmedCode, subject: &str, detail: &str) -> Unconfirmed {
    Unconfirmed { code, subject: bounded(subject), detail: bounded(detail) }
}

/// Without anything to verify with, no claim is sworn to.
fn unchecked(image: &ImageEntry) -> Option<Unconfirmed> {
    claims(&image.verdict).then(|| {
        let detail = format!(
            "the bundle states the verdict {:?}, and nothing was given to verify it with",
            bounded(&image.verdict.code)
        );
        refusal(UnconfirmedCode::VerdictUnchecked, &image.source.to_string(), &detail)
    })
}

/// Where the inventory is authentic, its verdicts are. An image that an enclave would take on its word has to meet what is
/// demanded of single images here too.
fn demanded(image: &ImageEntry, verdict: Option<&ImageVerdict>) -> Option<Unconfirmed> {
    let is_refused = verdict.is_none_or(|verdict| !verdict.is_admitted());
    (image.verdict.admits() && is_refused).then(|| not_reached(image, verdict))
}

/// Everything that a verdict claims was reached here again, by the same signers.
fn reached(image: &ImageEntry, verdict: Option<&ImageVerdict>) -> Vec<Unconfirmed> {
    if !claims(&image.verdict) {
        return Vec::new();
    }
    let Some(found) = verdict.filter(|verdict| reaches(&image.verdict, verdict.admission())) else {
        return vec![not_reached(image, verdict)];
    };
    let signers: Vec<String> = found.signers().iter().map(ToString::to_string).collect();
    let stated = image.verdict.keys.iter().chain(&image.verdict.identities);
    let missing = stated.filter(|stated| !signers.contains(stated));
    let detail = |signer: &String| {
        format!("the bundle states that {} verified it, which it did not here", bounded(signer))
    };
    let code = UnconfirmedCode::SignerNotConfirmed;
    missing.map(|one| refusal(code, &image.source.to_string(), &detail(one))).collect()
}

/// True when `found` is at least what the bundle states. A code that this version does not know is reached by nothing.
fn reaches(stated: &PackVerdict, found: &Admission) -> bool {
    let signed = matches!(found, Admission::Signed);
    let by_signers = signed || matches!(found, Admission::IndexUnsigned);
    match stated.stated() {
        Some(StatedVerdict::Signed) => signed,
        Some(StatedVerdict::IndexUnsigned | StatedVerdict::Unverified) => by_signers,
        Some(StatedVerdict::PolicyAcceptsAnything) => {
            by_signers || matches!(found, Admission::PolicyAcceptsAnything)
        }
        Some(
            StatedVerdict::UnsignedAccepted
            | StatedVerdict::UnsignedAllowed
            | StatedVerdict::UnsignedUnsealed,
        ) => by_signers || matches!(found, Admission::UnsignedAllowed { .. }),
        None => false,
    }
}

fn not_reached(image: &ImageEntry, verdict: Option<&ImageVerdict>) -> Unconfirmed {
    let found = match verdict.map(ImageVerdict::admission) {
        Some(Admission::Refused(refusal)) => refusal.code.as_str(),
        Some(admission) => admission.as_str(),
        None => "nothing",
    };
    let stated = bounded(&image.verdict.code);
    let detail =
        format!("the bundle states the verdict {stated:?}, and verification here says {found}");
    let code = match image.verdict.stated() {
        Some(StatedVerdict::UnsignedAccepted) => UnconfirmedCode::UnsignedNotAccepted,
        _ => UnconfirmedCode::VerdictNotConfirmed,
    };
    refusal(code, &image.source.to_string(), &detail)
}

/// Keys of signers that are trusted from outside the bundle, with their scopes.
fn trusted_keys(trust: &TrustInputs) -> Result<Vec<(Scope, Fingerprint)>, UnpackError> {
    let mut on_host = Anchors::default();
    installed::admit(&mut on_host, trust.installed.clone())?;
    let keys = trust.anchors.keys.iter().chain(&on_host.keys);
    let keys = keys.map(|anchor| (anchor.scope.clone(), anchor.key.fingerprint()));
    let pins = trust.pins.iter().map(|pin| (pin.scope.clone(), pin.value));
    Ok(keys.chain(pins).collect())
}

/// The scopes of a carried key for which it is not trusted here: an enclave may introduce it for them.
fn unconfirmed_scopes(key: &CarriedKey, trusted: &[(Scope, Fingerprint)]) -> Vec<Unconfirmed> {
    let own = || trusted.iter().filter(|(_, trusted)| *trusted == key.fingerprint);
    let is_trusted = |text: &String| {
        text.parse::<Scope>().is_ok_and(|stated| own().any(|(scope, _)| scope.contains(&stated)))
    };
    let detail = |scope: &String| {
        let fingerprint = key.fingerprint;
        format!("{fingerprint} is stated for {}, and is not trusted for it here", bounded(scope))
    };
    let stated = key.scopes.iter().filter(|scope| !is_trusted(scope));
    let code = UnconfirmedCode::KeyNotConfirmed;
    stated.map(|scope| refusal(code, &key.file, &detail(scope))).collect()
}

/// A bundle of another series than the operator means.
fn other_series(inventory: &Inventory, expected: &[String]) -> Option<Unconfirmed> {
    let name = inventory.name.as_deref().unwrap_or_default();
    let is_meant = expected.is_empty() || expected.iter().any(|expected| expected == name);
    let detail = || format!("the bundle is of the series {:?}", bounded(name));
    (!is_meant).then(|| refusal(UnconfirmedCode::SeriesNotExpected, "series", &detail()))
}

/// A change of the seal key has to be the one that the operator means.
fn unconfirmed_rotation(inventory: &Inventory, accepted: Option<Digest>) -> Option<Unconfirmed> {
    let detail = match (inventory.rotation.map(|rotation| rotation.successor), accepted) {
        (None, None) => return None,
        (Some(successor), Some(accepted)) if successor == accepted => return None,
        (Some(successor), _) => {
            format!("the bundle announces the seal key {successor}, which was not named here")
        }
        (None, Some(accepted)) => format!("the bundle does not announce the seal key {accepted}"),
    };
    Some(refusal(UnconfirmedCode::RotationNotConfirmed, "rotation", &detail))
}

fn sworn(inventory: &Inventory, basis: SwornBasis, verdicts: &[ImageVerdict]) -> Sworn {
    let is_reached = |number: usize, entry: &ImageEntry| {
        let found = verdicts.get(number).map(ImageVerdict::admission);
        claims(&entry.verdict) && found.is_some_and(|found| reaches(&entry.verdict, found))
    };
    let image = |(number, entry): (usize, &ImageEntry)| SwornImage {
        source: entry.source.clone(),
        digest: entry.digest,
        verdict: entry.verdict.code.clone(),
        confirmed: is_reached(number, entry),
        attachment_lookup: entry.attachment_lookup,
        attachments: entry.attachments.len(),
        omitted: entry.omitted.len(),
    };
    let keys = inventory.keys.iter().filter(|key| !key.scopes.is_empty());
    Sworn {
        basis,
        name: inventory.name.clone(),
        sequence: inventory.sequence,
        created: inventory.created.clone(),
        expires: inventory.expires.clone(),
        rotation: inventory.rotation,
        images: inventory.images.iter().enumerate().map(image).collect(),
        keys: keys
            .map(|key| SwornKey {
                file: key.file.clone(),
                usage: key.purpose.clone(),
                fingerprint: key.fingerprint.clone(),
                scopes: key.scopes.clone(),
            })
            .collect(),
    }
}
