//! What a pack came to, for people.

use crate::cli::output::{Output, say};
use crate::cli::text::{count, or_none, safe, size};
use bundle::inventory::{AttachmentKind, Lookup, StatedVerdict};
use bundle::report::pack::{PackReport, PackedImage};

/// The summary for people.
pub(super) fn summary(report: &PackReport) -> Output {
    let mut out = Output::default();
    for image in &report.images {
        say!(out, "{}", safe(&image.source.to_string()));
        say!(out, "  {}", image.digest);
        if image.fetched_from != image.source.to_string() {
            say!(out, "  fetched from {}", safe(&image.fetched_from));
        }
        if !image.platforms.is_empty() {
            let platforms: Vec<String> = image.platforms.iter().map(ToString::to_string).collect();
            say!(out, "  platforms: {}", safe(&platforms.join(", ")));
        }
        let kinds: Vec<String> =
            image.attachments.iter().map(|(kind, n)| count(*n, kind.as_str())).collect();
        match image.attachment_lookup {
            Lookup::Complete if kinds.is_empty() => say!(out, "  attachments: none"),
            Lookup::Complete => say!(out, "  attachments: {}", kinds.join(", ")),
            Lookup::Incomplete => {
                say!(out, "  attachments: incomplete ({} found)", or_none(&kinds))
            }
            Lookup::Skipped => say!(out, "  attachments: not looked up"),
        }
        say!(out, "  verified: {}", verified(image));
        if !image.foreign.is_empty() {
            say!(
                out,
                "  left out: {}",
                count(image.foreign.len() as u64, "non-distributable layer")
            );
        }
    }
    for key in &report.keys {
        let scopes =
            if key.scopes.is_empty() { "carried only".into() } else { key.scopes.join(", ") };
        say!(out, "key {} {} ({})", safe(&key.file), key.fingerprint, safe(&scopes));
    }
    if let Some(sequence) = report.sequence {
        say!(out, "sequence: {sequence}");
    }
    if let Some(expires) = &report.expires {
        say!(out, "expires: {}", safe(expires));
    }
    if let Some(rotation) = report.rotation {
        let (next, from) = (rotation.successor, rotation.from_sequence);
        say!(out, "from {from} on sealed by {next}");
    }
    if let Some(key) = report.seal_key {
        say!(out, "seal key: {key}");
    }
    let unsigned: Vec<&_> = report
        .images
        .iter()
        // Where nothing was looked up, or a lookup failed, nobody knows whether it is signed.
        .filter(|i| i.attachment_lookup == Lookup::Complete)
        .filter(|i| !i.attachments.contains_key(&AttachmentKind::Signature))
        .collect();
    if !unsigned.is_empty() {
        say!(out, "without a signature: {}", count(unsigned.len() as u64, "image"));
        for image in unsigned {
            say!(out, "  {}", safe(&image.source.to_string()));
        }
    }
    for left in &report.left_out {
        say!(out, "left out: {}: {}", safe(&left.source), safe(&left.why));
    }
    for warning in &report.warnings {
        say!(out, "warning: {}", safe(warning));
    }
    let totals = report.totals;
    let attached: Vec<String> =
        report.attachments.iter().map(|(kind, n)| count(*n, kind.as_str())).collect();
    let attached = if attached.is_empty() { "no attachments".into() } else { attached.join(", ") };
    say!(
        out,
        "{}, {attached}, {}, {}",
        count(totals.images, "image"),
        count(totals.blobs, "blob"),
        size(totals.bytes)
    );
    if report.files.len() > 1 {
        for volume in &report.files {
            say!(out, "volume {} ({})", safe(&volume.file), size(volume.size));
        }
    }
    if let Some(checksums) = &report.checksums {
        say!(out, "checksums: {}", safe(checksums));
    }
    match (&report.file, report.file_size) {
        (Some(file), Some(length)) => say!(out, "wrote {} ({})", safe(file), size(length)),
        // Another run may resolve tags otherwise, and has another time: its digest is not known yet.
        _ => say!(out, "dry run: nothing was written"),
    }
    if report.file.is_some() {
        say!(out, "bundle digest: {}", report.bundle_digest);
    }
    out
}

fn verified(image: &PackedImage) -> String {
    if image.verdict.stated() != Some(StatedVerdict::Unverified) {
        format!("{} by {}", image.verdict.code, image.verdict.keys.join(", "))
    } else if image.attachment_lookup == Lookup::Skipped {
        "no, signatures were not looked up".into()
    } else {
        "no key covers it".into()
    }
}
