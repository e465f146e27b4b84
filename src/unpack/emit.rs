//! Emitting: configuration for others to apply, written into a directory. It changes nothing at the target.

use super::at_target::AtTarget;
use super::error::UnpackError;
use super::openshift::Resources;
use super::plan::Planned;
use super::unenforced;
use crate::host::openshift::{Dropped, Earlier, MirrorSource};
use crate::host::{ResourceChange, check_resources, read_resources, write_resources};
use crate::report::unpack::{EmissionChange, EmissionDropped, EmissionReport, EmittedFile};
use crate::trust::Scope;
use std::path::PathBuf;
use std::sync::Arc;

/// What is emitted, and where to: resources for an OpenShift cluster.
#[derive(Debug, Clone)]
pub struct EmitOptions {
    /// The directory for `oc apply -f`, made when it is not there. It may only hold what an earlier run wrote.
    pub directory: PathBuf,
    /// What becomes of the source itself when images are pulled.
    pub source: MirrorSource,
    /// What becomes of what earlier runs wrote there.
    pub earlier: EarlierResources,
    /// Repositories whose tags are mirrored although no policy demands their signatures.
    pub allow_unenforced: Vec<Scope>,
}

/// What becomes of resources that earlier runs wrote into the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlierResources {
    /// They stay, and this bundle adds to them: scopes, mirrors and signatures.
    Kept,
    /// The directory says what this bundle says alone.
    Dropped,
}

/// Resources that are ready to be written.
#[derive(Debug)]
pub(super) struct Emission {
    directory: PathBuf,
    resources: Resources,
    dropped: Vec<Dropped>,
}

/// Refuses what can be told without the target. Nothing is contacted.
///
/// # Errors
/// [`UnpackError::EmitWithoutRegistry`], [`UnpackError::Emit`], [`UnpackError::AllowsNothing`].
pub(super) fn check(options: Option<&EmitOptions>, planned: &Planned) -> Result<(), UnpackError> {
    let Some(options) = options else { return Ok(()) };
    if planned.plan.target().mapping().is_none() {
        return Err(UnpackError::EmitWithoutRegistry);
    }
    unenforced::signed(&planned.verified, &options.allow_unenforced)?;
    Ok(check_resources(&options.directory)?)
}

/// Decides what is written, given what will lie at the target. Nothing is changed.
///
/// # Errors
/// Those of [`check`] and of verifying.
pub(super) async fn plan(
    options: Option<EmitOptions>,
    planned: Planned,
    at_target: Arc<AtTarget>,
) -> Result<(Planned, Option<Emission>), UnpackError> {
    let Some(options) = options else { return Ok((planned, None)) };
    // Verifies again.
    let work = move || {
        let before = Earlier::read(&read_resources(&options.directory)?)?;
        let base = match options.earlier {
            EarlierResources::Kept => before.clone(),
            EarlierResources::Dropped => Earlier::default(),
        };
        let signed = unenforced::signed(&planned.verified, &options.allow_unenforced)?;
        let resources = Resources::of(&planned, options.source, &at_target, &base, &signed)?;
        let dropped = before.dropped(&Earlier::read(&resources.resources)?);
        Ok((planned, Some(Emission { directory: options.directory, resources, dropped })))
    };
    tokio::task::spawn_blocking(work).await?
}

/// Writes what was decided.
///
/// # Errors
/// [`UnpackError::NotEmitted`]; in a dry run [`UnpackError::Emit`].
pub(super) fn write(emission: Emission, dry_run: bool) -> Result<EmissionReport, UnpackError> {
    let Emission { directory, resources, dropped } = emission;
    let failed = if dry_run { UnpackError::Emit } else { UnpackError::NotEmitted };
    let written = write_resources(&directory, &resources.resources).map_err(failed)?;
    let files = written.into_iter().map(|one| EmittedFile {
        file: one.file,
        change: match one.change {
            ResourceChange::Created => EmissionChange::Created,
            ResourceChange::Replaced => EmissionChange::Replaced,
            ResourceChange::Unchanged => EmissionChange::Unchanged,
            ResourceChange::Removed => EmissionChange::Removed,
        },
    });
    let dropped =
        dropped.into_iter().map(|one| EmissionDropped { subject: one.subject, kind: one.kind });
    Ok(EmissionReport {
        directory,
        files: files.collect(),
        left_out: resources.left,
        unenforced: resources.unenforced.iter().map(ToString::to_string).collect(),
        dropped: dropped.collect(),
    })
}
