//! `bundle inspect`.

use super::detail::{Detail, Verbosity};
use super::exit::Status;
use super::failure::Failure;
use super::image_row::{Tally, add_incomplete, of_entry, platforms};
use super::output::{Output, say};
use super::pipes;
use super::table::Table;
use super::text::{count, line, size};
use bundle::archive::ArchiveError;
use bundle::archive::foreign_format::ForeignFormat;
use bundle::archive::form::{Form, SeekTable};
use bundle::inspect::{Request, inspect};
use bundle::inventory::{AttachmentEntry, Found, ImageEntry, Lookup, Stored};
use bundle::oci::Platform;
use bundle::report::inspect::InspectReport;
use bundle::report::signer_names::SignerNames;
use bundle::report::size::ImageSize;
use bundle::seal::Claim;
use clap::Args;
use std::path::{Path, PathBuf};

/// Show what is inside a bundle; no registry and no trust needed
#[derive(Args)]
pub(super) struct Options {
    /// The bundle; or its volumes, or folders that hold them; or - for standard input, of which the head is read
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) verbosity: Verbosity,
}

/// An archive that cannot be read, with the way on.
pub(super) fn unreadable(error: &ArchiveError, path: &Path) -> Failure {
    let failure = Failure::of(error.into(), error);
    damage_hint(error, path).into_iter().fold(failure, Failure::hint)
}

/// What may be the matter with an archive that cannot be read.
pub(super) fn damage_hint(error: &ArchiveError, path: &Path) -> Option<String> {
    let shown = path.display();
    match error {
        ArchiveError::Io { .. } => None,
        ArchiveError::VolumeMissing { .. } => {
            Some(format!("does it lie elsewhere? name its folder too: {shown} /other/folder"))
        }
        ArchiveError::ForeignFormat { found, .. } => foreign_format_hint(*found, path),
        ArchiveError::Named { .. } if pipes::is_pipe(path) => {
            Some("all volumes of one bundle, in order: cat FILE.001 FILE.002 … | bundle unpack -".into())
        }
        ArchiveError::Named { .. } => Some(
            "name all volumes of one bundle, or the folders that they lie in under the names pack gave them"
                .into(),
        ),
        ArchiveError::Volume { .. } => Some(
            "the list that pack wrote beside the volumes says which copy is whole: sha256sum -c NAME.sha256"
                .into(),
        ),
        _ if pipes::is_pipe(path) => {
            Some("did all of it come? compare its size and checksum with the sender's".into())
        }
        ArchiveError::Structure { offset: 0, .. } => Some(format!(
            "check that {shown} is the file that bundle pack wrote; if it was compressed again, use a pipe: bundle unpack - < {shown}"
        )),
        _ => Some(format!("is {shown} whole? compare its size and checksum with the sender's")),
    }
}

/// The way from a file that is no bundle to one.
fn foreign_format_hint(found: ForeignFormat, path: &Path) -> Option<String> {
    let shown = path.display();
    let program = match found {
        ForeignFormat::Compressed(program) => program,
        _ => "zstd",
    };
    match found {
        ForeignFormat::Nothing => Some("compare its size with the sender's: the file is empty".into()),
        ForeignFormat::Compressed(_) | ForeignFormat::Twice if pipes::is_pipe(path) => {
            Some(format!("take it apart on the way: … | {program} -dc | bundle unpack - …"))
        }
        ForeignFormat::Compressed(_) | ForeignFormat::Twice => {
            Some(format!("take it apart on the way: {program} -dc {shown} | bundle unpack - …"))
        }
        ForeignFormat::Tar => Some(
            "give the file that bundle pack wrote, or its tar byte for byte: zstd -dc NAME.tar.zst > NAME.tar"
                .into(),
        ),
        ForeignFormat::Unknown => Some(format!("check that {shown} is the whole file that bundle pack wrote")),
    }
}

/// What people should know about the form of an archive; nothing about the usual one.
pub(super) fn form(form: Form) -> Option<&'static str> {
    match form {
        Form::Recompressed => Some("compressed anew by another tool; it is read in order"),
        Form::Tar => Some("a plain tar, not compressed; it is read in order"),
        Form::Frames => None,
    }
}

pub(super) fn run(options: &Options) -> Result<Status, Failure> {
    let request = Request::new(pipes::archive(&options.files)?);
    let report = inspect(request).map_err(|error| unreadable(&error, &options.files[0]))?;
    let output = if options.json {
        Output::json(&report)?
    } else {
        summary(&report, options.verbosity.detail())
    };
    output.write()?;
    Ok(Status::Done)
}

fn summary(report: &InspectReport, detail: Detail) -> Output {
    let mut out = Output::default();
    say!(
        out,
        "{} ({}), format {}",
        line(&report.file),
        report.file_size.map_or_else(|| "a pipe".to_owned(), size),
        line(&report.format_version)
    );
    if let Some(form) = form(report.form) {
        say!(out, "form: {form}");
    }
    for volume in &report.volumes {
        say!(out, "  volume {} ({})", line(&volume.file), size(volume.size));
    }
    say!(out, "bundle digest: {}", report.bundle_digest);
    if let Some(name) = &report.name {
        say!(out, "name: {}", line(name));
    }
    say!(
        out,
        "created: {} by {} {}",
        line(&report.created),
        line(&report.tool.name),
        line(&report.tool.version)
    );
    if let Some(sequence) = report.sequence {
        say!(out, "sequence: {sequence}");
    }
    if let Some(expires) = &report.expires {
        say!(out, "expires: {}", line(expires));
    }
    if let Some(rotation) = report.rotation {
        let (old, next, from) = (rotation.retires, rotation.successor, rotation.from_sequence);
        say!(out, "rotation: from {from} on sealed by {next} instead of {old}");
    }
    say!(out, "seal: {}", seal(report));
    if let Some(table) = report.seek_table.filter(|table| *table != SeekTable::Sound) {
        say!(out, "seek table: {} (not needed: frames were walked)", table.as_str());
    }
    match detail {
        Detail::Whole => report.images.iter().for_each(|image| add_image(&mut out, image)),
        Detail::Line => add_images(&mut out, report),
    }
    for key in &report.keys {
        let scopes =
            if key.scopes.is_empty() { "carried only".into() } else { key.scopes.join(", ") };
        say!(
            out,
            "key {} {} {} ({})",
            line(&key.file),
            line(&key.purpose),
            line(&key.fingerprint),
            line(&scopes)
        );
    }
    let totals = report.totals;
    say!(
        out,
        "{}, {}, {}, {}",
        count(totals.images, "image"),
        count(totals.attachments, "attachment"),
        count(totals.blobs, "blob"),
        size(totals.bytes)
    );
    for section in &report.sections {
        if section.stored == Stored::Compressed
            && section.blobs > 0
            && let Some(stored) = section.file_bytes
        {
            say!(
                out,
                "compressed: {} of {} take {} ({} saved)",
                size(section.bytes),
                count(section.blobs, "blob"),
                size(stored),
                size(section.bytes.saturating_sub(stored))
            );
        }
    }
    out
}

fn seal(report: &InspectReport) -> String {
    match &report.seal_claim {
        _ if !report.has_seal => "none".into(),
        None => "there, and none that could count".into(),
        Some(Claim { key: Some(key), .. }) => format!("there, not checked here; it names {key}"),
        Some(Claim { hint, .. }) => format!("there, not checked here; it names {}", line(hint)),
    }
}

/// A line for each image: how much it takes, how much of that is its own, and what the bundle states of it.
fn add_images(out: &mut Output, report: &InspectReport) {
    let names = SignerNames::of_carried(&report.keys);
    let mut tally = Tally::default();
    let header = ["IMAGE", "DIGEST", "PLATFORMS", "SIZE", "OWN", "STATED"];
    let mut table = Table::new(&header);
    for (number, image) in report.images.iter().enumerate() {
        let words = of_entry(image, &names);
        tally.add(&words);
        let of = report.sizes.get(number);
        let bytes = |part: fn(&ImageSize) -> u64| of.map_or("-".to_owned(), |of| size(part(of)));
        let cells = vec![
            line(&image.source.to_string()),
            image.digest.short().to_string(),
            platforms(&image.platforms),
            bytes(|of| of.bytes),
            bytes(|of| of.own_bytes),
            words.text,
        ];
        table.row(cells, words.tone);
    }
    table.add_to(out);
    tally.add_to(out);
    add_incomplete(out, report.images.iter().map(|image| (&image.source, image.attachment_lookup)));
}

fn add_image(out: &mut Output, image: &ImageEntry) {
    say!(out, "{}", line(&image.source.to_string()));
    say!(out, "  {} ({})", image.digest, line(&image.media_type));
    if image.fetched_from != image.source.to_string() {
        say!(out, "  fetched from {}", line(&image.fetched_from));
    }
    if !image.platforms.is_empty() {
        let platforms: Vec<String> = image.platforms.iter().map(Platform::to_string).collect();
        say!(out, "  platforms: {}", line(&platforms.join(", ")));
    }
    if !image.omitted.is_empty() {
        say!(out, "  left out: {} by platform", count(image.omitted.len() as u64, "manifest"));
    }
    if !image.foreign.is_empty() {
        say!(out, "  left out: {}", count(image.foreign.len() as u64, "non-distributable layer"));
    }
    let keys = if image.verdict.keys.is_empty() {
        String::new()
    } else {
        format!(" by {}", image.verdict.keys.join(", "))
    };
    say!(out, "  at pack: {}{}", line(&image.verdict.code), line(&keys));
    match image.attachment_lookup {
        Lookup::Complete if image.attachments.is_empty() && image.atomic_signatures.is_empty() => {
            say!(out, "  attachments: none")
        }
        Lookup::Complete => say!(out, "  attachments:"),
        Lookup::Incomplete => say!(out, "  attachments: incomplete, some may be missing"),
        Lookup::Skipped => say!(out, "  attachments: not looked up"),
    }
    for attachment in &image.attachments {
        say!(out, "    {}", describe(attachment));
    }
    for signature in &image.atomic_signatures {
        let (own, subject) = (signature.digest.short(), signature.subject.short());
        let found = signature.found.map_or("", |found| found.as_str());
        say!(out, "    signature {own} of {subject}, atomic (GPG) {found}");
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
