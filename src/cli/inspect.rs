//! `bundle inspect`.

use super::exit::Status;
use super::failure::Failure;
use super::text::{count, json, line, size};
use bundle::archive::read::Archive;
use bundle::inventory::{AttachmentEntry, Found, ImageEntry, Lookup, Stored};
use bundle::oci::Platform;
use bundle::report::inspect::InspectReport;
use clap::Args;
use std::path::{Path, PathBuf};

/// Show what is inside a bundle; no registry and no trust needed
#[derive(Args)]
pub(super) struct Options {
    /// The bundle
    file: PathBuf,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Opens an archive, with an error that says what it is not.
pub(super) fn open(path: &Path) -> Result<Archive, Failure> {
    Archive::open(path).map_err(|error| {
        let failure = Failure::of((&error).into(), &error);
        match error {
            bundle::archive::ArchiveError::Io { .. } => failure,
            _ => failure.hint(format!(
                "is {} whole? compare its size and checksum with the sender's",
                path.display()
            )),
        }
    })
}

pub(super) fn run(options: &Options) -> Result<Status, Failure> {
    let archive = open(&options.file)?;
    let report = InspectReport::new(&archive);
    if options.json {
        println!("{}", json(&report).map_err(|e| Failure::of(Status::Other, &e))?);
    } else {
        print(&report);
    }
    Ok(Status::Done)
}

fn print(report: &InspectReport<'_>) {
    println!(
        "{} ({}), format {}",
        line(&report.file),
        size(report.file_size),
        line(report.format_version)
    );
    println!("bundle digest: {}", report.bundle_digest);
    if let Some(name) = report.name {
        println!("name: {}", line(name));
    }
    println!(
        "created: {} by {} {}",
        line(report.created),
        line(&report.tool.name),
        line(&report.tool.version)
    );
    println!("seal: {}", if report.has_seal { "there, not checked here" } else { "none" });
    if report.seek_table != "sound" {
        println!("seek table: {} (not needed: frames were walked)", report.seek_table);
    }
    for image in report.images {
        print_image(image);
    }
    for key in report.keys {
        let scopes =
            if key.scopes.is_empty() { "carried only".into() } else { key.scopes.join(", ") };
        println!(
            "key {} {} {} ({})",
            line(&key.file),
            line(&key.purpose),
            line(&key.fingerprint),
            line(&scopes)
        );
    }
    let totals = report.totals;
    println!(
        "{}, {}, {}, {}",
        count(totals.images, "image"),
        count(totals.attachments, "attachment"),
        count(totals.blobs, "blob"),
        size(totals.bytes)
    );
    for section in &report.sections {
        if section.stored == Stored::Compressed && section.blobs > 0 {
            println!(
                "compressed: {} of {} take {}",
                size(section.bytes),
                count(section.blobs, "blob"),
                size(section.file_bytes)
            );
        }
    }
}

fn print_image(image: &ImageEntry) {
    println!("{}", line(&image.source.to_string()));
    println!("  {} ({})", image.digest, line(&image.media_type));
    if image.fetched_from != image.source.to_string() {
        println!("  fetched from {}", line(&image.fetched_from));
    }
    if !image.platforms.is_empty() {
        let platforms: Vec<String> = image.platforms.iter().map(Platform::to_string).collect();
        println!("  platforms: {}", line(&platforms.join(", ")));
    }
    if !image.omitted.is_empty() {
        println!("  left out: {} by platform", count(image.omitted.len() as u64, "manifest"));
    }
    if !image.foreign.is_empty() {
        println!("  left out: {}", count(image.foreign.len() as u64, "non-distributable layer"));
    }
    let keys = if image.verdict.keys.is_empty() {
        String::new()
    } else {
        format!(" by {}", image.verdict.keys.join(", "))
    };
    println!("  at pack: {}{}", line(&image.verdict.code), line(&keys));
    match image.attachment_lookup {
        Lookup::Complete if image.attachments.is_empty() => println!("  attachments: none"),
        Lookup::Complete => println!("  attachments:"),
        Lookup::Incomplete => println!("  attachments: incomplete, some may be missing"),
        Lookup::Skipped => println!("  attachments: not looked up"),
    }
    for attachment in &image.attachments {
        println!("    {}", describe(attachment));
    }
}

fn describe(attachment: &AttachmentEntry) -> String {
    let how = match &attachment.found {
        Found::Tag(tag) => format!("tag {}…", tag.chars().take(15).collect::<String>()),
        Found::Referrer => {
            format!("referrer {}", attachment.artifact_type.as_deref().unwrap_or("of no type"))
        }
    };
    line(&format!(
        "{} {} of {}, {how}",
        attachment.kind.as_str(),
        attachment.digest.short(),
        attachment.subject.short()
    ))
}
