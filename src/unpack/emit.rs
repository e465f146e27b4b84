//! Emitting: configuration for others to apply, written into a directory. It changes nothing at the target.

use super::error::UnpackError;
use super::openshift::Resources;
use super::plan::Planned;
use crate::host::config::openshift::MirrorSource;
use crate::host::{ResourceChange, check_resources, write_resources};
use crate::report::unpack::{EmissionChange, EmissionReport, EmittedFile};
use std::path::PathBuf;

/// What is emitted, and where to: resources for an OpenShift cluster.
#[derive(Debug, Clone)]
pub struct EmitOptions {
    /// The directory for `oc apply -f`, made when it is not there. It may only hold what an earlier run wrote.
    pub directory: PathBuf,
    /// What becomes of the source itself when images are pulled.
    pub source: MirrorSource,
}

/// Resources that are ready to be written.
#[derive(Debug)]
pub(super) struct Emission {
    directory: PathBuf,
    resources: Resources,
}

/// Decides what is written, and refuses what can be refused. Blocks; nothing is changed.
///
/// # Errors
/// [`UnpackError::EmitWithoutRegistry`], [`UnpackError::Emit`], and those of verifying.
pub(super) fn plan(options: EmitOptions, planned: &Planned) -> Result<Emission, UnpackError> {
    if planned.plan.target().mapping().is_none() {
        return Err(UnpackError::EmitWithoutRegistry);
    }
    check_resources(&options.directory)?;
    let resources = Resources::of(planned, options.source)?;
    Ok(Emission { directory: options.directory, resources })
}

/// Writes what was decided.
///
/// # Errors
/// [`UnpackError::Emit`].
pub(super) fn write(emission: Emission) -> Result<EmissionReport, UnpackError> {
    let Emission { directory, resources } = emission;
    let written = write_resources(&directory, &resources.resources)?;
    let files = written.into_iter().map(|one| EmittedFile {
        file: one.file,
        change: match one.change {
            ResourceChange::Created => EmissionChange::Created,
            ResourceChange::Replaced => EmissionChange::Replaced,
            ResourceChange::Unchanged => EmissionChange::Unchanged,
            ResourceChange::Removed => EmissionChange::Removed,
        },
    });
    Ok(EmissionReport { directory, files: files.collect(), left_out: resources.left })
}
