//! GPG signatures on their way into a lookaside directory. What is verified lies there before a host could look for it;
//! a few of the others follow when the push has succeeded, so that no bundle fills the directory of a manifest.

use super::error::UnpackError;
use super::plan::Planned;
use super::signatures::{UNVERIFIED, UNVERIFIED_SIZE};
use super::standing::{ImageStanding, SignaturePublishing};
use crate::host::{LookasideAccess, LookasideChange, LookasideDirectory, LookasideError};
use crate::oci::Repository;
use crate::oci::atomic::begins_as_openpgp;
use crate::registry::ExtensionSignature;
use crate::report::unpack::LookasideOutcome;
use std::path::{Path, PathBuf};

/// A directory that signatures are written into, under the names of the target, and what became of each.
pub(super) struct Lookaside {
    directory: Option<PathBuf>,
    dry_run: bool,
    outcomes: Vec<Vec<LookasideOutcome>>,
}

/// A signature on its way.
struct Outgoing {
    /// Its image, and its number among the signatures of that.
    place: (usize, usize),
    repository: Repository,
    signature: ExtensionSignature,
    /// How many there may be of its manifest.
    most: usize,
}

impl Lookaside {
    /// Without a directory nothing is written.
    pub(super) fn new(directory: Option<PathBuf>, dry_run: bool, planned: &Planned) -> Self {
        let none = |image: &ImageStanding| vec![LookasideOutcome::LeftOut; image.signatures.len()];
        let outcomes = planned.standings.iter().map(none).collect();
        Self { directory, dry_run, outcomes }
    }

    /// Writes what is verified, into a directory that is made when it is not there. Looks what would become of the
    /// others.
    pub(super) async fn before_the_push(&mut self, planned: &Planned) -> Result<(), UnpackError> {
        let access = if self.dry_run { LookasideAccess::Look } else { LookasideAccess::Write };
        self.add(planned, SignaturePublishing::Verified, access).await?;
        self.add(planned, SignaturePublishing::Unjudged, LookasideAccess::Look).await
    }

    /// Writes the others.
    pub(super) async fn after_the_push(&mut self, planned: &Planned) -> Result<(), UnpackError> {
        if self.dry_run {
            return Ok(());
        }
        self.add(planned, SignaturePublishing::Unjudged, LookasideAccess::Write).await
    }

    /// What became of each, by image; nothing without a directory.
    pub(super) fn into_outcomes(self) -> Option<Vec<Vec<LookasideOutcome>>> {
        self.directory.is_some().then_some(self.outcomes)
    }

    async fn add(
        &mut self,
        planned: &Planned,
        turn: SignaturePublishing,
        access: LookasideAccess,
    ) -> Result<(), UnpackError> {
        let Some(directory) = self.directory.clone() else { return Ok(()) };
        let (most, longest) = match turn {
            SignaturePublishing::Verified => (usize::MAX, u64::MAX),
            _ => (UNVERIFIED, UNVERIFIED_SIZE),
        };
        let mut outgoing = Vec::new();
        for (number, image) in planned.plan.images().iter().enumerate() {
            let signatures = planned.signatures_of(number).iter().enumerate();
            for (place, signature) in signatures {
                let standing = planned.standings_of(number)[place];
                if standing.publishing == turn && signature.blob.size <= longest {
                    outgoing.push(Outgoing {
                        place: (number, place),
                        repository: planned.plan.repositories()[image.repository].clone(),
                        signature: planned.signature(signature)?,
                        most,
                    });
                }
            }
        }
        let work = move || write_all(&directory, access, &outgoing);
        for ((number, place), outcome) in tokio::task::spawn_blocking(work).await?? {
            self.outcomes[number][place] = outcome;
        }
        Ok(())
    }
}

type Written = Vec<((usize, usize), LookasideOutcome)>;

fn write_all(
    directory: &Path,
    access: LookasideAccess,
    outgoing: &[Outgoing],
) -> Result<Written, UnpackError> {
    let lookaside = match access {
        LookasideAccess::Look if !directory.exists() => None,
        access => {
            let opened = LookasideDirectory::open(directory, access);
            Some(opened.map_err(LookasideError::from)?)
        }
    };
    let outcome = |one: &Outgoing| {
        if !begins_as_openpgp(&one.signature.content) {
            return Ok::<_, UnpackError>(LookasideOutcome::NoMessage);
        }
        let Some(lookaside) = &lookaside else { return Ok(LookasideOutcome::Written) };
        let (subject, content) = (one.signature.name.subject(), &one.signature.content);
        Ok(match lookaside.add(&one.repository, &subject, content, one.most)? {
            LookasideChange::Written => LookasideOutcome::Written,
            LookasideChange::AlreadyThere => LookasideOutcome::AlreadyThere,
            LookasideChange::Full if one.most == UNVERIFIED => LookasideOutcome::LeftOut,
            LookasideChange::Full => LookasideOutcome::Full,
        })
    };
    outgoing.iter().map(|one| Ok((one.place, outcome(one)?))).collect()
}
