//! What an unpack came to, for people.

use crate::cli::inspect::form;
use crate::cli::key_naming::add_keys;
use crate::cli::output::{Output, say};
use crate::cli::text::{count, line, safe, size};
use crate::cli::verdict::{self, signed_by};
use bundle::inventory::{AttachmentKind, Lookup};
use bundle::report::unpack::{
    ImageReport, LookasideOutcome, SignatureOutcome, TagChange, UnpackReport,
};
use bundle::trust::ChildStatus;
use std::collections::BTreeMap;

/// The report for people.
pub(super) fn summary(report: &UnpackReport) -> Output {
    let mut out = Output::default();
    if let Some(form) = form(report.form) {
        say!(out, "form: {form}");
    }
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
        add_attachments(&mut out, image);
    }
    add_keys(&mut out, &report.keys);
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

fn add_attachments(out: &mut Output, image: &ImageReport) {
    let mut counts: BTreeMap<AttachmentKind, u64> = BTreeMap::new();
    for attachment in &image.attachments {
        *counts.entry(attachment.kind).or_default() += 1;
    }
    let kinds: Vec<String> = counts.iter().map(|(kind, n)| count(*n, kind.as_str())).collect();
    match image.attachment_lookup {
        Lookup::Complete if kinds.is_empty() => say!(out, "  attachments: none"),
        Lookup::Complete => say!(out, "  attachments: {}", kinds.join(", ")),
        Lookup::Incomplete => say!(out, "  attachments: incomplete ({} carried)", kinds.join(", ")),
        Lookup::Skipped => say!(out, "  attachments: not looked up at pack"),
    }
    let signatures = &image.atomic_signatures;
    let published =
        signatures.iter().filter(|s| s.outcome != SignatureOutcome::NotPublished).count();
    let beside = signatures
        .iter()
        .filter(|s| s.lookaside.is_some_and(|outcome| outcome != LookasideOutcome::NoMessage));
    if !signatures.is_empty() {
        say!(
            out,
            "  {}: {published} in the registry, {} in the lookaside directory",
            count(signatures.len() as u64, "GPG signature"),
            beside.count()
        );
    }
}
