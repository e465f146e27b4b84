//! What an unpack came to, for people.

use crate::cli::host_config;
use crate::cli::inspect::form;
use crate::cli::key_naming::add_keys;
use crate::cli::output::{Output, say};
use crate::cli::sealed::say_seal;
use crate::cli::text::{count, line, or_none, safe, size};
use crate::cli::verdict::{self, signed_by};
use bundle::inventory::Lookup;
use bundle::oci::Digest;
use bundle::report::unpack::{
    AttachmentOutcome, AttachmentReport, EmissionChange, EmissionReport, EmittedFile, ImageReport,
    LookasideOutcome, RehomedOutcome, SignatureOutcome, SourceMemory, TagChange, UnpackReport,
};
use bundle::trust::ChildStatus;
use std::collections::BTreeMap;

/// The report for people.
pub(super) fn summary(report: &UnpackReport) -> Output {
    let mut out = Output::default();
    if let Some(form) = form(report.form) {
        say!(out, "form: {form}");
    }
    say_seal(&mut out, &report.seal);
    for image in &report.images {
        say!(out, "{} -> {}", safe(&image.source.to_string()), safe(&image.target));
        say!(out, "  {}", image.digest);
        match image.tag {
            TagChange::Created => say!(out, "  tag: new"),
            TagChange::Moved { from } => say!(out, "  tag: moved from {from}"),
            TagChange::Unchanged => say!(out, "  tag: unchanged"),
            TagChange::ByDigest => say!(out, "  by digest, no tag"),
        }
        say!(
            out,
            "  verified: {}{}",
            image.verdict.admission().as_str(),
            signed_by(&image.verdict)
        );
        for remark in verdict::remarks(&image.verdict) {
            say!(out, "  {}", line(&remark));
        }
        let statuses = image.verdict.children().iter().map(|child| child.status);
        let left_out = statuses.filter(|status| *status == ChildStatus::Omitted).count();
        if left_out > 0 {
            say!(out, "  left out: {} by platform", count(left_out as u64, "manifest"));
        }
        add_foreign(&mut out, &image.foreign);
        add_attachments(&mut out, image);
    }
    for repository in &report.repositories {
        if let Some(SourceMemory::Replaced { was }) = &repository.memory {
            let (target, source) = (safe(&repository.target), safe(&repository.source));
            say!(out, "{target}: filled from {source} now, was {}", safe(was));
        }
    }
    if let Some(emitted) = &report.emitted {
        add_emitted(&mut out, emitted);
    }
    add_keys(&mut out, &report.keys);
    if let Some(configuration) = &report.configuration {
        host_config::describe(&mut out, configuration);
    }
    for warning in &report.warnings {
        say!(out, "warning: {}", safe(warning));
    }
    if report.dry_run {
        say!(
            out,
            "{} for {}: dry run, nothing was pushed, nothing was installed",
            count(report.images.len() as u64, "image"),
            safe(&report.target)
        );
        say!(out, "bundle digest: {}", report.bundle_digest);
        return out;
    }
    let blobs = report.blobs;
    say!(
        out,
        "{} to {}: {} uploaded ({}), {} mounted, {} there already",
        count(report.images.len() as u64, "image"),
        safe(&report.target),
        count(blobs.uploaded, "blob"),
        size(blobs.bytes_uploaded),
        blobs.mounted,
        blobs.already_there
    );
    say!(out, "bundle digest: {}", report.bundle_digest);
    out
}

/// Layers of one image that are listed each by itself.
const MAX_LAYERS: usize = 20;

fn add_foreign(out: &mut Output, layers: &[Digest]) {
    for layer in layers.iter().take(MAX_LAYERS) {
        say!(out, "  left out: non-distributable layer {layer}");
    }
    if let Some(more) = layers.len().checked_sub(MAX_LAYERS).filter(|more| *more > 0) {
        say!(out, "  left out: {} more", count(more as u64, "non-distributable layer"));
    }
}

fn add_emitted(out: &mut Output, emitted: &EmissionReport) {
    for left in &emitted.left_out {
        let (subject, kind) = (safe(&left.subject), left.kind);
        say!(out, "{subject}: in no {kind} ({}): {}", left.code, safe(&left.why));
    }
    for dropped in &emitted.dropped {
        say!(out, "warning: {}: no {} says it any more", safe(&dropped.subject), dropped.kind);
    }
    let removed = |file: &&EmittedFile| file.change == EmissionChange::Removed;
    for file in emitted.files.iter().filter(removed) {
        say!(out, "{}: removed, an earlier run had written it", safe(&file.file));
    }
    let there = emitted.files.iter().filter(|file| !removed(file)).count() as u64;
    let directory = safe(&emitted.directory.display().to_string());
    say!(out, "{} in {directory}: oc apply -f {directory}", count(there, "resource"));
}

/// How many there are of each kind.
fn by_kind(attachments: &[&AttachmentReport]) -> Vec<String> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for attachment in attachments {
        *counts.entry(attachment.kind).or_default() += 1;
    }
    counts.iter().map(|(kind, n)| count(*n, kind)).collect()
}

fn add_attachments(out: &mut Output, image: &ImageReport) {
    let (verified, unverified): (Vec<_>, Vec<_>) =
        image.attachments.iter().partition(|attachment| attachment.verification.is_verified());
    let mut kinds = by_kind(&verified);
    let others: u64 = verified.iter().map(|attachment| attachment.unverified_layers).sum();
    if others > 0 {
        kinds.push(format!("{} in them", count(others, "unverified layer")));
    }
    if !unverified.is_empty() {
        let of = by_kind(&unverified).join(", ");
        let all = count(unverified.len() as u64, "unverified attachment");
        kinds.push(format!("{all} ({of})"));
    }
    let refused = image.attachments.iter().filter(|a| a.outcome == AttachmentOutcome::Refused);
    let refused = refused.count();
    if refused > 0 {
        kinds.push(format!("{refused} of them refused by the registry"));
    }
    match image.attachment_lookup {
        Lookup::Complete if kinds.is_empty() => say!(out, "  attachments: none"),
        Lookup::Complete => say!(out, "  attachments: {}", kinds.join(", ")),
        Lookup::Incomplete => say!(out, "  attachments: incomplete ({} carried)", or_none(&kinds)),
        Lookup::Skipped => say!(out, "  attachments: not looked up at pack"),
    }
    for rehomed in &image.rehomed {
        let what = match rehomed.outcome {
            RehomedOutcome::Merged { .. } => "added to what was there",
            RehomedOutcome::NotRehomed { .. } => "not rehomed",
            RehomedOutcome::Refused => "refused by the registry",
            _ => "rehomed",
        };
        say!(out, "  signatures {what} under {}", safe(&rehomed.tag));
    }
    let signatures = &image.atomic_signatures;
    let is_published =
        |outcome| matches!(outcome, SignatureOutcome::Published | SignatureOutcome::AlreadyThere);
    let published = signatures.iter().filter(|s| is_published(s.outcome)).count();
    let is_written =
        |outcome| matches!(outcome, LookasideOutcome::Written | LookasideOutcome::AlreadyThere);
    let beside = signatures.iter().filter(|s| s.lookaside.is_some_and(is_written));
    let unverified = signatures.iter().filter(|s| !s.verification.is_verified()).count();
    let unverified = match unverified {
        0 => String::new(),
        some => format!(" ({some} unverified)"),
    };
    if !signatures.is_empty() {
        say!(
            out,
            "  {}{unverified}: {published} in the registry, {} in the lookaside directory",
            count(signatures.len() as u64, "GPG signature"),
            beside.count()
        );
    }
}
