//! What an unpack came to, for people.

use crate::cli::detail::Detail;
use crate::cli::host_config;
use crate::cli::image_row::{Tally, add_common_remarks, in_words, of_verdict};
use crate::cli::inspect::form;
use crate::cli::key_naming::add_keys;
use crate::cli::output::{Output, say};
use crate::cli::sealed::say_seal;
use crate::cli::table::Table;
use crate::cli::text::{count, line, or_none, safe, size};
use crate::cli::verdict::{self, signed_by};
use bundle::inventory::Lookup;
use bundle::oci::Digest;
use bundle::report::unpack::{
    AttachmentCounts, AttachmentOutcome, AttachmentReport, EmissionChange, EmissionReport,
    EmittedFile, ImageReport, LookasideOutcome, RehomedOutcome, SignatureOutcome, SignatureReport,
    SourceMemory, TagChange, UnpackReport,
};
use bundle::trust::ChildStatus;
use std::collections::BTreeMap;

/// The report for people: a line for each image, or all that is known of it.
pub(super) fn summary(report: &UnpackReport, detail: Detail) -> Output {
    let mut out = Output::default();
    if let Some(form) = form(report.form) {
        say!(out, "form: {form}");
    }
    say_seal(&mut out, &report.seal);
    let mut tally = Tally::default();
    // All of them are in one registry, which the sums name.
    let host = format!("{}/", report.target.split('/').next().unwrap_or_default());
    let mut table = Table::new(&["IMAGE", "DIGEST", "TAG", "SIZE", "VERDICT"]);
    for image in &report.images {
        let words = of_verdict(&image.verdict, &report.signer_names);
        tally.add(&words);
        if detail == Detail::Whole {
            add_image(&mut out, image);
            continue;
        }
        let tag = match image.tag {
            TagChange::Created => "new",
            TagChange::Moved { .. } => "moved",
            TagChange::Unchanged => "same",
            TagChange::ByDigest => "-",
        };
        let cells = vec![
            safe(image.target.strip_prefix(&host).unwrap_or(&image.target)),
            image.digest.short().to_string(),
            tag.to_owned(),
            size(image.size.bytes),
            words.text,
        ];
        table.row(cells, words.tone);
    }
    table.add_to(&mut out);
    tally.add_to(&mut out);
    for refused in &report.skipped {
        say!(out, "refused: {}", line(&verdict::describe(refused)));
    }
    if !report.skipped.is_empty() {
        let some = count(report.skipped.len() as u64, "image");
        say!(out, "warning: {some} refused, and nothing of them published");
    }
    if !report.not_selected.is_empty() {
        let some = count(report.not_selected.len() as u64, "image");
        say!(out, "left out: {some} by --only or --exclude");
    }
    if detail == Detail::Line {
        add_sums(&mut out, report);
        add_common_remarks(&mut out, report.images.iter().map(|image| &image.verdict));
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

/// What the lines of the images leave out.
fn add_sums(out: &mut Output, report: &UnpackReport) {
    let AttachmentCounts { verified, unverified } = report.attachments;
    match (verified, unverified) {
        (0, 0) => {}
        (verified, 0) => say!(out, "attachments: {verified} verified"),
        (verified, unverified) => {
            say!(out, "attachments: {verified} verified, {unverified} unverified");
        }
    }
    let images = || report.images.iter();
    let foreign: usize = images().map(|image| image.foreign.len()).sum();
    if foreign > 0 {
        say!(out, "left out: {}", count(foreign as u64, "non-distributable layer"));
    }
    let refused = images().flat_map(|image| &image.attachments);
    let refused = refused.filter(|one| one.outcome == AttachmentOutcome::Refused).count();
    if refused > 0 {
        say!(out, "attachments refused by the registry: {refused}");
    }
    let rehomed = images().map(|image| image.rehomed.len()).sum::<usize>();
    if rehomed > 0 {
        say!(out, "signatures rehomed, or already there: {rehomed}");
    }
    add_signatures(out, "", images().flat_map(|image| &image.atomic_signatures));
}

/// All that is known of one image.
fn add_image(out: &mut Output, image: &ImageReport) {
    say!(out, "{} -> {}", safe(&image.source.to_string()), safe(&image.target));
    say!(out, "  {}", image.digest);
    say!(out, "  size: {}", in_words(image.size));
    match image.tag {
        TagChange::Created => say!(out, "  tag: new"),
        TagChange::Moved { from } => say!(out, "  tag: moved from {from}"),
        TagChange::Unchanged => say!(out, "  tag: unchanged"),
        TagChange::ByDigest => say!(out, "  by digest, no tag"),
    }
    say!(out, "  verified: {}{}", image.verdict.admission().as_str(), signed_by(&image.verdict));
    for remark in verdict::remarks(&image.verdict) {
        say!(out, "  {}", line(&remark));
    }
    let statuses = image.verdict.children().iter().map(|child| child.status);
    let left_out = statuses.filter(|status| *status == ChildStatus::Omitted).count();
    if left_out > 0 {
        say!(out, "  left out: {} by platform", count(left_out as u64, "manifest"));
    }
    add_foreign(out, &image.foreign);
    add_attachments(out, image);
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
    add_signatures(out, "  ", image.atomic_signatures.iter());
}

/// GPG signatures: how many, and where they are now.
fn add_signatures<'r>(
    out: &mut Output,
    indent: &str,
    signatures: impl Iterator<Item = &'r SignatureReport> + Clone,
) {
    let all = signatures.clone().count() as u64;
    if all == 0 {
        return;
    }
    let is_published =
        |outcome| matches!(outcome, SignatureOutcome::Published | SignatureOutcome::AlreadyThere);
    let published = signatures.clone().filter(|one| is_published(one.outcome)).count();
    let is_written =
        |outcome| matches!(outcome, LookasideOutcome::Written | LookasideOutcome::AlreadyThere);
    let beside = signatures.clone().filter(|one| one.lookaside.is_some_and(is_written)).count();
    let unverified = match signatures.filter(|one| !one.verification.is_verified()).count() {
        0 => String::new(),
        some => format!(" ({some} unverified)"),
    };
    say!(
        out,
        "{indent}{}{unverified}: {published} in the registry, {beside} in the lookaside directory",
        count(all, "GPG signature")
    );
}
