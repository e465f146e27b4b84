//! What a pack came to, for people.

use crate::cli::detail::Detail;
use crate::cli::image_row::{Tally, add_incomplete, in_words, of_packed, platforms};
use crate::cli::output::{Output, say};
use crate::cli::table::Table;
use crate::cli::text::{count, or_none, safe, size};
use bundle::inventory::{Lookup, StatedVerdict};
use bundle::report::pack::{PackReport, PackedImage};
use bundle::report::signer_names::SignerNames;

/// The summary for people: a line for each image, or all that is known of it.
pub(super) fn summary(report: &PackReport, detail: Detail) -> Output {
    let mut out = Output::default();
    let names = SignerNames::of_carried(&report.keys);
    let mut tally = Tally::default();
    let mut table = Table::new(&["IMAGE", "DIGEST", "PLATFORMS", "SIZE", "VERDICT"]);
    for image in &report.images {
        let words = of_packed(image, &names);
        tally.add(&words);
        if detail == Detail::Whole {
            add_image(&mut out, image);
            continue;
        }
        let cells = vec![
            safe(&image.source.to_string()),
            image.digest.short().to_string(),
            platforms(&image.platforms),
            size(image.size.bytes),
            words.text,
        ];
        table.row(cells, words.tone);
    }
    table.add_to(&mut out);
    tally.add_to(&mut out);
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
    add_incomplete(
        &mut out,
        report.images.iter().map(|image| (&image.source, image.attachment_lookup)),
    );
    let foreign: usize = report.images.iter().map(|image| image.foreign.len()).sum();
    if foreign > 0 && detail == Detail::Line {
        say!(out, "left out: {}", count(foreign as u64, "non-distributable layer"));
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

/// All that is known of one image.
fn add_image(out: &mut Output, image: &PackedImage) {
    say!(out, "{}", safe(&image.source.to_string()));
    say!(out, "  {}", image.digest);
    if image.fetched_from != image.source.to_string() {
        say!(out, "  fetched from {}", safe(&image.fetched_from));
    }
    if !image.platforms.is_empty() {
        let platforms: Vec<String> = image.platforms.iter().map(ToString::to_string).collect();
        say!(out, "  platforms: {}", safe(&platforms.join(", ")));
    }
    say!(out, "  size: {}", in_words(image.size));
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
        say!(out, "  left out: {}", count(image.foreign.len() as u64, "non-distributable layer"));
    }
}

fn verified(image: &PackedImage) -> String {
    let signers: Vec<&str> =
        image.verdict.keys.iter().chain(&image.verdict.identities).map(String::as_str).collect();
    if image.verdict.stated() != Some(StatedVerdict::Unverified) {
        let by =
            if signers.is_empty() { String::new() } else { format!(" by {}", signers.join(", ")) };
        safe(&format!("{}{by}", image.verdict.code))
    } else if image.attachment_lookup == Lookup::Skipped {
        "no, signatures were not looked up".into()
    } else {
        "no key covers it".into()
    }
}
