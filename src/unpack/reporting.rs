//! The report: what a run came to, as values.

use super::plan::Planned;
use super::rehoming;
use super::seal::Recording;
use super::signatures;
use super::sources;
use super::standing::Standing;
use super::survey::Survey;
use super::tags;
use crate::archive::catalogue::CatalogueAttachment;
use crate::host::records::sources::Memory;
use crate::host::records::tags::TagStanding;
use crate::inventory::{AttachmentKind, Lookup};
use crate::oci::Digest;
use crate::report::configuration::ConfigurationReport;
use crate::report::unpack::{
    AttachmentOutcome, AttachmentReport, BlobCounts, EmissionReport, ImageReport, KeyReport,
    LookasideOutcome, NotPublished, TagChange, UnpackReport,
};

/// What a run came to, but for what was known before.
pub(super) struct Done {
    pub(super) memory: Vec<Memory>,
    pub(super) tags: Vec<Option<TagStanding>>,
    pub(super) survey: Survey,
    pub(super) lookaside: Option<Vec<Vec<LookasideOutcome>>>,
    pub(super) blobs: BlobCounts,
    pub(super) tagged_children: Vec<Option<Digest>>,
    pub(super) emitted: Option<EmissionReport>,
    pub(super) keys: Vec<KeyReport>,
    pub(super) configuration: Option<ConfigurationReport>,
    pub(super) warnings: Vec<String>,
    pub(super) dry_run: bool,
    pub(super) recording: Recording,
}

pub(super) fn report(planned: &Planned, done: Done) -> UnpackReport {
    let verified = &planned.verified;
    let mut warnings = Vec::new();
    if !verified.names_bound() {
        let text = "tags, completeness and age of this bundle are not authenticated";
        warnings.push(text.to_owned());
    }
    warnings.extend(verified.warnings_after(&done.recording));
    let sizes = verified.catalogue().sizes(verified.archive()).unwrap_or_default();
    let mut images = Vec::new();
    for (number, (entry, image, verdict)) in verified.images().enumerate() {
        let name = &planned.plan.images()[number].target;
        let tagged_child = done.tagged_children.get(number).copied().flatten();
        if entry.attachment_lookup == Lookup::Incomplete {
            warnings.push(format!(
                "{name}: not everything attached to it could be looked up when it was packed"
            ));
        }
        if let Some(child) = tagged_child {
            warnings.push(format!(
                "{name}: the registry does not take an index without all its manifests, so the tag names {child}"
            ));
        }
        let outcomes = &done.survey.attachments[number];
        let attached = image.attachments().iter().zip(&planned.standings[number].attachments);
        let report =
            |((attachment, standing), outcome): ((&CatalogueAttachment, &Standing), &_)| {
                Some(AttachmentReport {
                    kind: attachment.kind.map_or("image", AttachmentKind::as_str),
                    found: attachment.found.clone(),
                    subject: attachment.subject,
                    digest: verified.catalogue().attached(attachment).next_back()?.digest,
                    verification: standing.verification,
                    unverified_layers: standing.unverified_layers,
                    outcome: *outcome,
                })
            };
        let attachments: Vec<AttachmentReport> =
            attached.zip(outcomes).filter_map(report).collect();
        let told = attachments.iter().filter_map(|one| warning(one, done.dry_run));
        warnings.extend(told.map(|text| format!("{name}: {text}")));
        let tag = match done.survey.tags[number] {
            // An earlier run had to tag the same child.
            TagChange::Moved { from } if tagged_child == Some(from) => TagChange::Unchanged,
            change => change,
        };
        let tag_age = tags::age(planned, tag, done.tags[number].as_ref());
        warnings.extend(tags::warning(name, tag, tag_age, done.tags[number].as_ref()));
        warnings.extend(rehoming::warnings(planned, number, &done.survey.rehomed, name));
        images.push(ImageReport {
            source: entry.source.clone(),
            digest: entry.digest,
            target: name.clone(),
            platforms: entry.platforms.clone(),
            size: sizes.get(number).copied().unwrap_or_default(),
            tag,
            tag_age,
            tagged_child,
            foreign: entry.foreign.clone(),
            verdict: verdict.clone(),
            attachment_lookup: entry.attachment_lookup,
            attachments,
            rehomed: rehoming::reports(planned, number, &done.survey.rehomed),
            atomic_signatures: planned.signature_reports(
                number,
                &done.survey.signatures[number],
                done.lookaside.as_ref().map(|images| images[number].as_slice()),
                tagged_child,
            ),
        });
    }
    warnings.extend(done.warnings);
    warnings.extend(signatures::unpublished(&images, planned.plan.target()));
    warnings.extend(done.configuration.iter().flat_map(ConfigurationReport::warnings));
    let attachments = verified.attachment_counts();
    warnings.extend(unverified(&images));
    UnpackReport {
        report_version: "1.0",
        file: verified.archive().path().display().to_string(),
        form: verified.archive().form(),
        bundle_digest: verified.archive().bundle_digest(),
        names_bound: verified.names_bound(),
        seal: verified.seal().report(&done.recording),
        target: planned.plan.target().to_string(),
        dry_run: done.dry_run,
        images,
        skipped: verified.skipped().to_vec(),
        not_selected: verified.not_selected().to_vec(),
        attachments,
        repositories: sources::report(&planned.plan, &done.memory),
        blobs: done.blobs,
        emitted: done.emitted,
        keys: done.keys,
        configuration: done.configuration,
        warnings,
        signer_names: verified.signer_names(),
    }
}

/// What the operator has to know of one attachment; nothing where it became what it was carried for.
fn warning(attachment: &AttachmentReport, dry_run: bool) -> Option<String> {
    let own = attachment.digest;
    let (was, would) = if dry_run { ("would be", "would be") } else { ("was", "is") };
    Some(match attachment.outcome {
        AttachmentOutcome::Published
        | AttachmentOutcome::AlreadyThere
        | AttachmentOutcome::Refused
        | AttachmentOutcome::Rehomed
        | AttachmentOutcome::LeftOut => return None,
        AttachmentOutcome::Kept { existing } => {
            format!("attachment {existing} at the target was kept")
        }
        AttachmentOutcome::Replaced { existing } => {
            format!("attachment {existing} at the target {was} replaced")
        }
        AttachmentOutcome::Merged { existing } => {
            let were = if dry_run { "would be" } else { "were" };
            format!("layers of {own} {were} added to attachment {existing} at the target")
        }
        AttachmentOutcome::Trimmed => {
            let were = if dry_run { "would be" } else { "were" };
            format!("unverified layers of {own} {were} left out")
        }
        AttachmentOutcome::NotListed => format!(
            "not-listed: {own} is published, but the list of attachments of {} is full or unreadable",
            attachment.subject
        ),
        AttachmentOutcome::NotPublished { code, existing } => {
            let existing = existing.map(|existing| existing.to_string()).unwrap_or_default();
            let why = match code {
                NotPublished::AttachmentDiffers if attachment.verification.is_verified() => {
                    format!(
                        "its tag at the target is {existing}, which is full and stays; to replace it, give --on-existing-attachment replace"
                    )
                }
                NotPublished::AttachmentDiffers => format!(
                    "it is unverified, and its tag at the target is {existing}, which stays"
                ),
                NotPublished::AttachmentRunnable => {
                    "an image that can be run is not an attachment".to_owned()
                }
                NotPublished::AttachmentTooLarge => {
                    "it is unverified, and it would take the room of verified signatures".into()
                }
            };
            format!("{}: attachment {own} {would} not published: {why}", code.as_str())
        }
    })
}

/// The one warning about everything that nobody vouches for.
fn unverified(images: &[ImageReport]) -> Option<String> {
    let attached = images.iter().flat_map(|image| &image.attachments);
    let attached = attached.filter(|one| !one.verification.is_verified());
    let signatures = images.iter().flat_map(|image| &image.atomic_signatures);
    let signatures = signatures.filter(|one| !one.verification.is_verified());
    let left = attached.clone().filter(|one| one.outcome == AttachmentOutcome::LeftOut).count();
    let there = attached.count() - left + signatures.count();
    let of_them = |count: usize| match count {
        1 => "1 attachment is unverified".to_owned(),
        count => format!("{count} attachments are unverified"),
    };
    match (there, left) {
        (0, 0) => None,
        (0, left) => Some(format!("{}, and left out", of_them(left))),
        (there, 0) => Some(format!(
            "{}: no trusted signer made or named their content; --attachments verified leaves them out",
            of_them(there)
        )),
        (there, left) => Some(format!(
            "{}: no trusted signer made or named their content; {left} more left out",
            of_them(there)
        )),
    }
}
