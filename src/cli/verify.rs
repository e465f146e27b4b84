//! `bundle verify`.

use super::detail::{Detail, Verbosity};
use super::exit::Status;
use super::failure::Failure;
use super::image_row::{Tally, add_common_remarks, of_verdict};
use super::inspect::unreadable;
use super::output::{Output, say};
use super::pipes;
use super::progress::{Talk, progress};
use super::refusal::{self, Hints};
use super::sealed::say_seal;
use super::standard_error::tell;
use super::table::Table;
use super::text::{count, line, safe, size};
use super::trust::Trust;
use super::unpack::{failed, status_of};
use super::verdict;
use bundle::archive::integrity::{Damage, Depth};
use bundle::progress::Waits;
use bundle::report::verify::VerifyReport;
use bundle::trust::ImageVerdict;
use bundle::unpack::UnpackError;
use bundle::verify::{Request, VerifyError, verify};
use clap::Args;
use std::path::PathBuf;

/// Read every byte of a bundle, and its signatures under the given trust; push nothing
#[derive(Args)]
pub(super) struct Options {
    /// The bundle; or its volumes, or folders that hold them; or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Read head, trust section and signatures only
    #[arg(long)]
    quick: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// No progress on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    pub(super) verbosity: Verbosity,
    #[command(flatten)]
    trust: Trust,
}

pub(super) fn run(options: &Options) -> Result<Status, Failure> {
    let trust = options.trust.inputs()?;
    let waits = Waits::default();
    let depth = if options.quick { Depth::TrustSection } else { Depth::Whole };
    let request = Request::new(pipes::archive(&options.files)?, trust);
    let request = request.depth(depth).waits(waits.clone());
    let progress = progress(if options.quiet { Talk::Quiet } else { Talk::Progress }, &waits);
    let verified = verify(request, &*progress);
    drop(progress);
    match verified {
        Ok(report) => options.output(&report)?.write().map(|()| Status::Done),
        Err(error) => options.failed(error),
    }
}

impl Options {
    fn output(&self, report: &VerifyReport) -> Result<Output, Failure> {
        if self.json { Output::json(report) } else { Ok(summary(report, self.verbosity.detail())) }
    }

    /// Prints what was found of a bundle that does not pass; gives the status, or the failure that is printed behind it.
    fn failed(&self, error: VerifyError) -> Result<Status, Failure> {
        match error {
            VerifyError::Archive(error) => Err(unreadable(&error, &self.files[0])),
            VerifyError::EndedEarly { source, refusal: None } => {
                Err(unreadable(&source, &self.files[0]))
            }
            VerifyError::EndedEarly { source, refusal: Some(refusal) } => {
                unreadable(&source, &self.files[0]).print();
                if let (UnpackError::Refused(refused), true) = (&*refusal, self.json) {
                    // The refusal outweighs whatever is wrong with standard output.
                    let _ = Output::json(refused).and_then(Output::write);
                }
                Err(failed(&refusal, &self.files, Hints::of("verify")))
            }
            VerifyError::Damaged(report) => self.output(&report)?.write().map(|()| Status::Medium),
            VerifyError::Refused { refused, report } => {
                let hints = refusal::ways_on(&refused, &report.file, Hints::of("verify"));
                let written = self.output(&report)?.write();
                // Behind the verdicts that they are about.
                for hint in hints {
                    tell!("hint: {}", safe(&hint));
                }
                written.map(|()| Status::Refused)
            }
            VerifyError::Unjudged { source, report } => {
                if let Some(report) = report {
                    // The refusal outweighs whatever is wrong with standard output.
                    let _ = self.output(&report)?.write();
                }
                let failure = Failure::of(status_of(&source), &*source);
                Err(source.hint().into_iter().fold(failure, Failure::hint))
            }
        }
    }
}

fn summary(report: &VerifyReport, detail: Detail) -> Output {
    let mut out = Output::default();
    for damage in &report.damaged {
        say!(
            out,
            "damaged: {} ({}), {}: {}",
            damage.digest,
            size(damage.size),
            place(damage),
            safe(&damage.what)
        );
        for image in &damage.images {
            say!(out, "  needed by {}", safe(image));
        }
    }
    if let Some(seal) = &report.seal {
        say_seal(&mut out, seal);
    }
    match detail {
        Detail::Whole => report.verdicts.iter().for_each(|image| add_verdict(&mut out, image)),
        Detail::Line => add_verdicts(&mut out, report),
    }
    if let Some(counts) = &report.attachments {
        let verified = count(counts.verified, "verified attachment");
        let unverified = count(counts.unverified, "unverified attachment");
        say!(out, "attachments: {verified}, {unverified}");
    }
    for warning in &report.warnings {
        say!(out, "warning: {}", safe(warning));
    }
    if !report.any_anchor {
        say!(
            out,
            "signatures: not judged, nothing is trusted here (--key SCOPE=FILE, --expect-bundle, …)"
        );
    }
    let extent = if report.quick { "trust section only" } else { "every byte" };
    say!(
        out,
        "{} ({extent}): {} read, {}, {} damaged",
        safe(&report.file),
        count(report.blobs, "blob"),
        size(report.bytes),
        report.damaged.len()
    );
    say!(out, "bundle digest: {}", report.bundle_digest);
    out
}

/// A line for each image; why those that are refused are.
fn add_verdicts(out: &mut Output, report: &VerifyReport) {
    let mut tally = Tally::default();
    let mut table = Table::new(&["IMAGE", "DIGEST", "VERDICT"]);
    for image in &report.verdicts {
        let words = of_verdict(image, &report.signer_names);
        tally.add(&words);
        let name = safe(&image.source().to_string());
        table.row(vec![name, image.digest().short().to_string(), words.text], words.tone);
    }
    table.add_to(out);
    tally.add_to(out);
    add_common_remarks(out, report.verdicts.iter());
    for refused in report.verdicts.iter().filter(|image| !image.is_admitted()) {
        add_verdict(out, refused);
    }
}

/// All that is known of one image.
fn add_verdict(out: &mut Output, image: &ImageVerdict) {
    let word = if image.is_admitted() { "verified" } else { "refused" };
    say!(out, "{word}: {}", line(&verdict::describe(image)));
    if image.is_admitted() {
        for remark in verdict::remarks(image) {
            say!(out, "  {}", line(&remark));
        }
    }
}

/// Where a damaged blob lies.
fn place(damage: &Damage) -> String {
    let Damage { offset, length, .. } = damage;
    match &damage.volumes[..] {
        [] => format!("bytes {offset} to {} of the file", offset + length),
        [one] => format!("bytes {offset} to {} of {}", offset + length, safe(one)),
        [first, others @ ..] => {
            let others: Vec<String> = others.iter().map(|volume| safe(volume)).collect();
            format!("from byte {offset} of {} on, and in {}", safe(first), others.join(", "))
        }
    }
}
