//! The report: what a run came to, as values.

use super::plan::Planned;
use super::rehoming;
use super::seal::Recording;
use super::signatures;
use super::sources;
use super::survey::Survey;
use super::tags;
use crate::host::config::sources::Memory;
use crate::host::tag_memory::TagStanding;
use crate::inventory::Lookup;
use crate::oci::Digest;
use crate::report::configuration::ConfigurationReport;
use crate::report::unpack::{
    AttachmentOutcome, AttachmentReport, BlobCounts, EmissionReport, ImageReport, KeyReport,
    LookasideOutcome, TagChange, UnpackReport,
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
        let attachments = image.attachments().iter().zip(outcomes).filter_map(|(a, outcome)| {
            Some(AttachmentReport {
                kind: a.kind,
                found: a.found.clone(),
                subject: a.subject,
                digest: verified.catalogue().attached(a).next_back()?.digest,
                outcome: *outcome,
            })
        });
        for outcome in outcomes {
            let (existing, what) = match outcome {
                AttachmentOutcome::Kept { existing } => (existing, "was kept"),
                AttachmentOutcome::Replaced { existing } if done.dry_run => {
                    (existing, "would be replaced")
                }
                AttachmentOutcome::Replaced { existing } => (existing, "was replaced"),
                AttachmentOutcome::Published
                | AttachmentOutcome::AlreadyThere
                | AttachmentOutcome::Refused
                | AttachmentOutcome::Rehomed => continue,
            };
            warnings.push(format!("{name}: attachment {existing} at the target {what}"));
        }
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
            tag,
            tag_age,
            tagged_child,
            foreign: entry.foreign.clone(),
            verdict: verdict.clone(),
            attachment_lookup: entry.attachment_lookup,
            attachments: attachments.collect(),
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
    UnpackReport {
        report_version: "1.0",
        file: verified.archive().path().display().to_string(),
        form: verified.archive().form().as_str(),
        bundle_digest: verified.archive().bundle_digest(),
        names_bound: verified.names_bound(),
        seal: verified.seal().report(&done.recording),
        target: planned.plan.target().to_string(),
        dry_run: done.dry_run,
        images,
        repositories: sources::report(&planned.plan, &done.memory),
        blobs: done.blobs,
        emitted: done.emitted,
        keys: done.keys,
        configuration: done.configuration,
        warnings,
    }
}
