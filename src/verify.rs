//! Verifying a bundle without a target: every byte is read, every image is judged, nothing is published.

use crate::archive::integrity::{self, Depth};
use crate::archive::{Archive, ArchiveError, Input};
use crate::progress::{Progress, Waits};
use crate::report::verify::VerifyReport;
use crate::unpack::{Class, Opened, Refused, TrustInputs, UnpackError, Verified};
use std::sync::Arc;

/// A bundle to verify, and who is trusted.
pub struct Request {
    input: Input,
    trust: TrustInputs,
    depth: Depth,
    waits: Waits,
}

impl Request {
    /// Every byte of `input`, and its signatures under `trust`.
    pub fn new(input: Input, trust: TrustInputs) -> Self {
        Self { input, trust, depth: Depth::Whole, waits: Waits::default() }
    }

    /// The amount that is read.
    #[must_use]
    pub fn depth(self, depth: Depth) -> Self {
        Self { depth, ..self }
    }

    /// The list to which waits are added.
    #[must_use]
    pub fn waits(self, waits: Waits) -> Self {
        Self { waits, ..self }
    }
}

/// The reason why a bundle does not pass.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The archive cannot be opened.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The archive comes in order and cannot be read to its end.
    #[error("the archive cannot be read to its end")]
    EndedEarly {
        /// Its fault.
        #[source]
        source: ArchiveError,
        /// The refusal of the bundle by verification before that; it outweighs the archive.
        refusal: Option<Box<UnpackError>>,
    },
    /// Blobs are damaged, and verification refuses nothing.
    #[error("{} damaged blobs", .0.damaged.len())]
    Damaged(Box<VerifyReport>),
    /// At least one image may not be published.
    #[error("{}", .refused.summary())]
    Refused {
        /// Why, and what the bundle carries.
        refused: Box<Refused>,
        /// Everything that was found.
        report: Box<VerifyReport>,
    },
    /// The bundle is refused as a whole, or its images cannot be judged.
    #[error("the bundle cannot be verified")]
    Unjudged {
        /// Why.
        #[source]
        source: Box<UnpackError>,
        /// Everything that was found, where blobs are damaged too.
        report: Option<Box<VerifyReport>>,
    },
}

impl VerifyError {
    /// The kind of failure: a refusal outweighs damage.
    pub fn class(&self) -> Class {
        match self {
            Self::Archive(_) | Self::Damaged(_) | Self::EndedEarly { refusal: None, .. } => {
                Class::Medium
            }
            Self::Refused { .. } | Self::EndedEarly { refusal: Some(_), .. } => Class::Refused,
            Self::Unjudged { source, .. } => source.class(),
        }
    }
}

/// Reads a bundle and judges its images. Where nothing is trusted, nothing is judged, and the report says so. Blocks.
///
/// # Errors
/// [`VerifyError`]: `Ok` means that every byte that was to be read is sound, and that no image is refused.
pub fn verify(request: Request, progress: &dyn Progress) -> Result<VerifyReport, VerifyError> {
    let Request { input, trust, depth, waits } = request;
    let (archive, stream) = input.open()?;
    let archive = Arc::new(archive);
    let any_anchor = !trust.is_silent();
    // Judged first: what is refused outweighs what a pipe turns out to lack.
    let judging = waits.work("judging signatures");
    let judged = judge(Arc::clone(&archive), trust);
    drop(judging);
    let integrity = match stream.filter(|_| depth == Depth::Whole) {
        Some(stream) => match integrity::check_passing(&archive, stream, progress) {
            Ok(integrity) => integrity,
            Err(source) => {
                let refusal = judged.err().filter(|error| refuses(error, any_anchor)).map(Box::new);
                return Err(VerifyError::EndedEarly { source, refusal });
            }
        },
        None => integrity::check(&archive, depth, progress),
    };
    let file = archive.path().display().to_string();
    let is_quick = depth == Depth::TrustSection;
    let mut report = VerifyReport::new(file, archive.bundle_digest(), is_quick, integrity);
    report.any_anchor = any_anchor;
    let is_damaged = !report.damaged.is_empty();
    match judged {
        Ok(verified) => {
            report.seal = Some(verified.seal_report());
            report.warnings = verified.warnings();
            report.signer_names = verified.signer_names();
            if any_anchor {
                report.verdicts = verified.verdicts().to_vec();
                report.attachments = Some(verified.attachment_counts());
            }
        }
        Err(UnpackError::Refused(refused)) => {
            report.seal = Some(refused.seal.clone());
            if any_anchor {
                report.signer_names = refused.signer_names.clone();
                report.verdicts.clone_from(&refused.verdicts);
                return Err(VerifyError::Refused { refused, report: Box::new(report) });
            }
        }
        // What cannot be read is named as damaged already.
        Err(error) if is_damaged && error.class() == Class::Medium => {}
        Err(error) => {
            let report = is_damaged.then(|| Box::new(report));
            return Err(VerifyError::Unjudged { source: Box::new(error), report });
        }
    }
    match is_damaged {
        true => Err(VerifyError::Damaged(Box::new(report))),
        false => Ok(report),
    }
}

/// True for what refuses a bundle. Without anything that is trusted, every image would be refused.
fn refuses(error: &UnpackError, any_anchor: bool) -> bool {
    match error {
        UnpackError::Refused(_) => any_anchor,
        error => error.class() == Class::Refused,
    }
}

/// Judges what was read, through the same open file: a file put in its place meanwhile is not looked at.
fn judge(archive: Arc<Archive>, trust: TrustInputs) -> Result<Verified, UnpackError> {
    Opened::of(archive).check()?.verify(trust)
}
