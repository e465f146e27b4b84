//! `bundle verify`.

use super::exit::Status;
use super::failure::Failure;
use super::inspect::{self, damage_hint};
use super::output::{Output, say, tell};
use super::progress::{Talk, progress};
use super::refusal::{self, Hints};
use super::sealed::say_seal;
use super::text::{count, line, safe, size};
use super::trust::Trust;
use super::unpack::{failed, status_of};
use super::verdict;
use bundle::archive::integrity::{self, Damage, Depth};
use bundle::archive::{Archive, ArchiveError};
use bundle::progress::Waits;
use bundle::report::verify::VerifyReport;
use bundle::unpack::{Opened, TrustInputs, UnpackError, Verified};
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;

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
    trust: Trust,
}

pub(super) fn run(options: &Options) -> Result<Status, Failure> {
    let inputs = options.trust.inputs()?;
    let (archive, cargo) = inspect::open(&options.files)?;
    let archive = Arc::new(archive);
    let waits = Waits::default();
    let progress = progress(if options.quiet { Talk::Quiet } else { Talk::Progress }, &waits);
    let depth = if options.quick { Depth::TrustSection } else { Depth::Whole };
    // Judged first: what is refused outweighs what a pipe turns out to lack.
    let any_anchor = !inputs.is_silent();
    let judging = waits.work("judging signatures");
    let judged = judge(Arc::clone(&archive), inputs);
    drop(judging);
    let integrity = match cargo {
        Some(cargo) if !options.quick => {
            match integrity::check_passing(&archive, cargo, &*progress) {
                Ok(integrity) => integrity,
                Err(error) => return Err(ended_early(&error, judged, any_anchor, options)),
            }
        }
        _ => integrity::check(&archive, depth, &*progress),
    };
    drop(progress);
    let file = archive.path().display().to_string();
    let mut report = VerifyReport::new(file, archive.bundle_digest(), options.quick, integrity);
    report.any_anchor = any_anchor;
    let mut status = if report.damaged.is_empty() { Status::Done } else { Status::Medium };
    let (mut refused_whole, mut hints) = (None, Vec::new());
    match judged {
        Ok(verified) => {
            report.seal = Some(verified.seal_report());
            report.warnings = verified.warnings();
            if report.any_anchor {
                report.verdicts = verified.verdicts().to_vec();
                report.attachments = Some(verified.attachment_counts());
            }
        }
        Err(UnpackError::Refused(refused)) => {
            report.seal = Some(refused.seal.clone());
            if report.any_anchor {
                status = Status::Refused;
                hints = refusal::ways_on(&refused, &report.file, Hints::of("verify"));
                report.verdicts = refused.verdicts;
            }
        }
        // What cannot be read is named as damaged already.
        Err(error) if !report.damaged.is_empty() && status_of(&error) == Status::Medium => {}
        Err(error) if report.damaged.is_empty() => return Err(failure_of(&error)),
        // Both are said.
        Err(error) => refused_whole = Some(failure_of(&error)),
    }
    let output = if options.json { Output::json(&report)? } else { summary(&report) };
    match refused_whole {
        Some(failure) => {
            // The refusal outweighs whatever is wrong with standard output.
            let _ = output.write();
            Err(failure)
        }
        None => {
            let written = output.write();
            // Behind the verdicts that they are about.
            for hint in hints {
                tell!("hint: {}", safe(&hint));
            }
            written.map(|()| status)
        }
    }
}

/// The failure of a pipe that cannot be read to its end, or what was refused before it came to that.
fn ended_early(
    error: &ArchiveError,
    judged: Result<Verified, UnpackError>,
    any_anchor: bool,
    options: &Options,
) -> Failure {
    let failure = Failure::of(error.into(), error);
    let damaged = damage_hint(error, &options.files[0]).into_iter().fold(failure, Failure::hint);
    let refusal = match judged {
        Err(UnpackError::Refused(_)) if !any_anchor => return damaged,
        Err(refusal) if status_of(&refusal) == Status::Refused => refusal,
        _ => return damaged,
    };
    damaged.print();
    if let (UnpackError::Refused(refused), true) = (&refusal, options.json) {
        // The refusal outweighs whatever is wrong with standard output.
        let _ = Output::json(refused).and_then(Output::write);
    }
    failed(&refusal, &options.files, Hints::of("verify"))
}

fn failure_of(error: &UnpackError) -> Failure {
    let failure = Failure::of(status_of(error), error);
    error.hint().into_iter().fold(failure, Failure::hint)
}

/// Judges what was read, through the same open file: a file put in its place meanwhile is not looked at.
fn judge(archive: Arc<Archive>, inputs: TrustInputs) -> Result<Verified, UnpackError> {
    Opened::of(archive).check()?.verify(inputs)
}

fn summary(report: &VerifyReport) -> Output {
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
    for image in &report.verdicts {
        let word = if image.is_admitted() { "verified" } else { "refused" };
        say!(out, "{word}: {}", line(&verdict::describe(image)));
        if image.is_admitted() {
            for remark in verdict::remarks(image) {
                say!(out, "  {}", line(&remark));
            }
        }
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
