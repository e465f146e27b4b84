//! What becomes of an attachment whose tag names something else at the target.
//!
//! What is verified is never kept out by what is there: layers that are missing are added to the others, as cosign adds
//! a signature, so nothing is lost. What nobody vouches for changes nothing that is there, and is never so large that it
//! would leave no room.

use super::carried::{Carried, layers, leaves_room};
use super::standing::{Publishing, Standing};
use crate::inventory::AttachmentKind;
use crate::oci::manifest::MAX_VALUES;
use crate::oci::{Descriptor, Manifest, json, media_type};
use crate::report::unpack::{AttachmentOutcome, NotPublished};
use crate::trust::simple_signing::{MAX_LAYERS, MAX_PAYLOAD};

/// What to do where the target has other bytes under an attachment's tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnExistingAttachment {
    /// Keep what is there, and add what is verified to it.
    #[default]
    Keep,
    /// Put what is carried in its place.
    Replace,
}

/// What becomes of an attachment that is published under a tag, where `there` is what the tag names now.
pub(super) fn outcome(
    standing: Standing,
    on_existing: OnExistingAttachment,
    tag: &str,
    there: Option<&Manifest>,
    carried: &Carried,
) -> AttachmentOutcome {
    let is_verified = standing.verification.is_verified();
    let left = |code, existing| AttachmentOutcome::NotPublished { code, existing };
    let Some(there) = there else {
        return match is_verified || leaves_room(&carried.whole) {
            true if carried.published().digest() != carried.whole.digest() => {
                AttachmentOutcome::Trimmed
            }
            true => AttachmentOutcome::Published,
            false => left(NotPublished::AttachmentTooLarge, None),
        };
    };
    let existing = there.digest();
    let published = carried.published().digest();
    let carried = carried.added();
    if existing == published || existing == carried.digest() {
        AttachmentOutcome::AlreadyThere
    } else if is_verified && on_existing == OnExistingAttachment::Replace {
        AttachmentOutcome::Replaced { existing }
    } else if holds_all(there, carried) && is_kept(tag, there, carried, is_verified) {
        AttachmentOutcome::Kept { existing }
    } else if !is_verified {
        left(NotPublished::AttachmentDiffers, Some(existing))
    } else if merged(tag, there, carried).is_some() {
        AttachmentOutcome::Merged { existing }
    } else if are_lists(tag, there, carried) {
        // Both cannot stand there, and what is there is somebody's who can read it.
        left(NotPublished::AttachmentDiffers, Some(existing))
    } else {
        AttachmentOutcome::Replaced { existing }
    }
}

/// False where runtimes could read what is carried and verified, and cannot read what is there.
fn is_kept(tag: &str, there: &Manifest, carried: &Manifest, is_verified: bool) -> bool {
    !is_verified || is_usable(tag, there) || !is_usable(tag, carried)
}

/// True where whoever looks under the tag can read every layer: runtimes look for signatures in an OCI manifest, and
/// fetch all its layers before they look at one.
fn is_usable(tag: &str, manifest: &Manifest) -> bool {
    let is_fetched = |layer: &Descriptor| layer.size <= MAX_PAYLOAD && layer.urls.is_empty();
    let Some(layers) = layers(manifest).filter(|layers| layers.len() <= MAX_LAYERS) else {
        return false;
    };
    !tag.ends_with(".sig")
        || (manifest.media_type() == media_type::OCI_MANIFEST && layers.iter().all(is_fetched))
}

/// What is decided of an attachment without asking the target.
pub(super) fn decided(standing: Standing) -> Option<AttachmentOutcome> {
    match standing.publishing {
        Publishing::Wanted => None,
        Publishing::LeftOut => Some(AttachmentOutcome::LeftOut),
        Publishing::Runnable => Some(AttachmentOutcome::NotPublished {
            code: NotPublished::AttachmentRunnable,
            existing: None,
        }),
    }
}

/// The layers of both in one manifest, those that are there first. `None` where whoever reads such tags could not use
/// it: an SBOM is one layer.
pub(super) fn merged(tag: &str, there: &Manifest, carried: &Manifest) -> Option<Manifest> {
    if !are_lists(tag, there, carried) || AttachmentKind::of(there).is_none() {
        return None;
    }
    let (old, new) = (layers(there)?, layers(carried)?);
    let mut document = json::parse_within(there.bytes(), MAX_VALUES).ok()?;
    let added = json::parse_within(carried.bytes(), MAX_VALUES).ok()?;
    let added = added.get("layers")?.as_array()?;
    let list = document.get_mut("layers")?.as_array_mut()?;
    for (layer, wire) in new.iter().zip(added) {
        if !old.iter().any(|other| is_same(other, layer)) {
            list.push(wire.clone());
        }
    }
    if list.len() > MAX_LAYERS {
        return None;
    }
    Manifest::parse(document.to_string().into(), there.media_type()).ok()
}

/// What the tag has to name, where it names `there` by now: `added` beside that, or `alone`; `None` where it stays as it is,
/// because it holds that already or has no room.
pub(super) fn to_be_named(
    tag: &str,
    there: Option<&Manifest>,
    added: &Manifest,
    alone: &Manifest,
) -> Option<Manifest> {
    let Some(there) = there else { return Some(alone.clone()) };
    if holds_all(there, added) {
        return None;
    }
    let joined = merged(tag, there, added);
    joined.or_else(|| (!are_lists(tag, there, added)).then(|| alone.clone()))
}

/// True where both hold many things side by side that whoever looks under the tag can read: neither gives way.
fn are_lists(tag: &str, there: &Manifest, carried: &Manifest) -> bool {
    is_list(tag) && is_usable(tag, there) && is_usable(tag, carried)
}

/// True for tags whose manifests hold many things side by side.
pub(super) fn is_list(tag: &str) -> bool {
    tag.ends_with(".sig") || tag.ends_with(".att")
}

/// True when every carried layer is also in what is there, with the same annotations: a signature is an annotation of its
/// payload's layer, and one annotation more can make it fail for who reads that one. More layers than anybody reads hold
/// nothing.
pub(super) fn holds_all(there: &Manifest, carried: &Manifest) -> bool {
    let (Some(there), Some(carried)) = (layers(there), layers(carried)) else { return false };
    there.len().max(carried.len()) <= MAX_LAYERS
        && carried.iter().all(|layer| there.iter().any(|other| is_same(other, layer)))
}

fn is_same(there: &Descriptor, carried: &Descriptor) -> bool {
    (there.digest, there.size, &there.media_type)
        == (carried.digest, carried.size, &carried.media_type)
        && there.annotations == carried.annotations
}
