//! Unpacking: `Opened → Checked → Addressed → Planned`, then pushed, then keys installed.
//!
//! ```text
//! open      head, inventory, lengths
//! check     a closed world: nothing missing, nothing beside; carried keys are what the inventory says
//! verify    every image judged by what is trusted from outside, for its place at the target; only here an Addressed is made
//! plan      what goes where
//! sources   nothing that holds another source is filled unless a rule says so
//! tags      none goes back in time, whichever series the bundle is of
//! survey    what the target has already
//! push      blobs → manifests → attachments → tags → GPG signatures    (layout: the same into a directory)
//! install   keys that verified something, for what they verified
//! configure the container stack of the host: decided before the push, written after it
//! emit      resources for a cluster, into a directory
//! ```
//!
//! [`unpack`] is the door, the whole of it, and takes a [`Request`]. The steps are public for who wants some of them: `bundle verify` ends after
//! [`Checked::verify`], and `bundle seal` signs what it has confirmed ([`seal_verified`]). Cost: one pass over the archive, nothing is staged; memory: one buffer a blob in flight.
//!
//! An archive that comes through a pipe, was compressed anew, or is the tar alone goes the same way: everything is
//! verified when its trust section has come, then its blobs are pushed as they stream by (`arriving`, `stream`).

mod arriving;
mod at_target;
mod attaching;
mod carried;
mod check;
mod class;
mod configure;
mod confirm;
mod destination;
mod disguise;
mod emit;
mod enforcement;
mod error;
mod evidence;
mod first_use;
mod install;
mod installed;
mod kept_signatures;
mod key_paths;
mod layout;
mod lookaside;
mod merging;
mod not_sworn;
mod open;
mod openshift;
mod pins;
mod plan;
mod proven;
mod pulls;
mod push;
mod refused;
mod refused_attachment;
mod rehoming;
mod reporting;
mod request;
mod seal;
mod seal_refusal;
mod selection;
mod series;
mod signatures;
mod sources;
mod standing;
mod stream;
mod survey;
mod swear;
mod tagged;
mod tags;
mod target;
#[cfg(test)]
mod tests;
mod turn;
mod unenforced;
mod verify;
mod watched;

pub use crate::transfer::DEFAULT_JOBS;
pub use check::Checked;
pub use class::Class;
pub use configure::ConfigureOptions;
pub use emit::{EarlierResources, EmitOptions};
pub use enforcement::{Enforcement, NotEnforceable, Signers};
pub use error::{TagsBack, UnpackError};
pub use install::{InstallOptions, install_keys};
pub use merging::OnExistingAttachment;
pub use not_sworn::NotSworn;
pub use open::Opened;
pub use plan::{Plan, Planned, PlannedBlob, PlannedImage};
pub use refused::{CarriedAuthority, CarriedKey, Refused};
pub use refused_attachment::AttachmentsRefused;
pub use request::{InstallRequest, Request, SealRequest};
pub use seal::SealInputs;
pub use seal_refusal::SealRefusal;
pub use selection::{ImageSelection, RefusedImages};
pub use standing::AttachmentChoice;
pub use survey::Survey;
pub use swear::seal_verified;
pub use target::{Target, TargetError};
pub use verify::{Addressed, TrustInputs, Verified};

use crate::progress::Progress;
use crate::registry::Client;
use crate::report::configuration::ConfigInstallReport;
use crate::report::unpack::UnpackReport;
use at_target::AtTarget;
use destination::Transfer;
use key_paths::KeyPaths;
use lookaside::Lookaside;
use push::pushed::Pushed;
use reporting::{Done, report};
use seal::Recording;
use std::sync::Arc;
use turn::Turn;

/// Unpacks an archive. `client` reaches registries and is not used for a layout.
///
/// # Errors
/// Any [`UnpackError`]; [`UnpackError::class`] says what kind. No tag was moved unless it is
/// [`UnpackError::ReadBack`], an error of the registry while tags or GPG signatures were written, or one of what comes
/// after the push: [`UnpackError::NotRemembered`], [`UnpackError::TagsNotRemembered`], [`UnpackError::KeyRemovedLate`], [`UnpackError::NotEmitted`], installing keys or configuration.
pub async fn unpack(
    request: Request,
    client: &Client,
    progress: &Arc<dyn Progress>,
) -> Result<UnpackReport, UnpackError> {
    let Request { input, target, trust, memory: root, emit, install, configure, .. } = request;
    let Request { selection, attachments, on_existing_attachment, attachments_refused, .. } =
        request;
    let Request { lookaside, jobs, dry_run, allow_tag_rollback: going_back, .. } = request;
    let earlier = install::earlier_names(&trust.installed);
    let installed = trust.installed.clone();
    let key_paths = KeyPaths::installed(&trust.installed);
    progress.note("verifying");
    let prepare = move || {
        let (archive, stream) = input.open()?;
        let planned = Opened::of(Arc::new(archive))
            .check()?
            .select(&selection)?
            .verify_some_for(target, trust, selection.refused)?
            .plan_with(attachments)?;
        emit::check(emit.as_ref(), &planned)?;
        configure::check(configure.as_ref(), &planned)?;
        Ok::<_, UnpackError>((planned, emit, configure, stream))
    };
    let verifying = client.waits().work("verifying the bundle");
    let (planned, emit, configure, stream) = tokio::task::spawn_blocking(prepare).await??;
    drop(verifying);
    let memory = sources::check(&planned.plan, root.as_ref())?;
    let tags = tags::check(&planned, root.as_ref(), &going_back)?;
    let install =
        install.map(|options| install::plan(options, &planned.verified, &earlier)).transpose()?;
    let mut keys = install.as_ref().map_or_else(Vec::new, |plan| install::report(plan.keys()));
    let key_paths = key_paths.and(install.as_ref().map_or(&[], |plan| plan.keys()));
    let destination = destination::open(&planned, client, dry_run).await?;
    let mut survey = destination.survey(&planned, on_existing_attachment).await?;
    let at_target = Arc::new(AtTarget::surveyed(&planned, &survey));
    let (planned, emission) = emit::plan(emit, planned, at_target.clone()).await?;
    let (planned, configuration) =
        configure::plan(configure, planned, key_paths, at_target).await?;
    // What is verified lies there before a host could look for it, what is not only when the push has succeeded.
    let mut lookaside = Lookaside::new(lookaside, dry_run, &planned);
    lookaside.before_the_push(&planned).await?;
    let mut pushed = Pushed::default();
    let (mut warnings, mut recording) = (Vec::new(), Recording::Nothing);
    if !dry_run {
        let turn = Turn::new(&planned, root.as_ref(), &going_back, &installed, client.waits());
        let transfer = Transfer {
            planned: &planned,
            survey: &survey,
            stream,
            attachments_refused,
            jobs,
            progress,
            turn: &turn,
        };
        pushed = match destination.fill(transfer).await {
            Err(UnpackError::TagsIncomplete(set, error)) => {
                // Those that are set may not go back in time either. The first failure is the one to tell.
                let _ = sources::record(&planned.plan, root.as_ref());
                let _ = tags::record_set(&planned, root.as_ref(), &set.set_images);
                return Err(UnpackError::TagsIncomplete(set, error));
            }
            other => other?,
        };
        warnings.extend(survey.refused(&pushed));
        recording = planned.verified.seal().record();
        warnings.extend(sources::record(&planned.plan, root.as_ref())?);
        warnings.extend(tags::record(&planned, root.as_ref())?);
        turn.check_keys_again()?;
    }
    lookaside.after_the_push(&planned).await?;
    survey.mark_unlisted(&pushed.unlisted);
    if let (Some(plan), false) = (install, dry_run) {
        keys = install::report(&install::install(plan)?.keys);
    }
    // What demands signatures would break every pull where they could not be published.
    let (configuration, emission) =
        match pushed.lacks_proof(&planned) && (configuration.is_some() || emission.is_some()) {
            true => {
                warnings.push(NOT_ENFORCED.to_owned());
                (None, None)
            }
            false => (configuration, emission),
        };
    let configuration = configure::finish(configuration, dry_run).await?;
    let emitted = emission.map(|emission| emit::write(emission, dry_run)).transpose()?;
    let done = Done {
        memory,
        tags,
        survey,
        lookaside: lookaside.into_outcomes(),
        blobs: pushed.blobs,
        tagged_children: pushed.tagged_children,
        emitted,
        keys,
        configuration,
        warnings,
        recording,
        dry_run,
    };
    Ok(report(&planned, done))
}

/// Only configures the container stack of the host, for images that are, or will be, at the target: verifies, plans and
/// asks the target what it has as [`unpack`] does, and sends nothing. Of the request it takes archive, target, trust and
/// whether it is a dry run. A target that does not answer is expected to have what [`unpack`] publishes, with a warning.
///
/// # Errors
/// Any [`UnpackError`] of verification and planning; [`UnpackError::Configure`].
pub async fn configure(
    request: Request,
    options: ConfigureOptions,
    client: &Client,
) -> Result<ConfigInstallReport, UnpackError> {
    let Request { input, target, trust, dry_run, .. } = request;
    let key_paths = KeyPaths::installed(&trust.installed);
    let prepare = move || {
        let (archive, _) = input.open()?;
        let planned = Opened::of(Arc::new(archive)).check()?.verify_for(target, trust)?.plan()?;
        configure::check(Some(&options), &planned)?;
        Ok::<_, UnpackError>((planned, options))
    };
    let verifying = client.waits().work("verifying the bundle");
    let (planned, options) = tokio::task::spawn_blocking(prepare).await??;
    drop(verifying);
    let destination = destination::open(&planned, client, true).await?;
    let mut warnings = planned.verified.warnings();
    let at_target = match destination.survey(&planned, OnExistingAttachment::Keep).await {
        Ok(survey) => AtTarget::surveyed(&planned, &survey),
        Err(UnpackError::Registry(error)) => {
            warnings.push(format!("{NOT_ASKED}: {error}"));
            AtTarget::expected(&planned)
        }
        Err(error) => return Err(error),
    };
    let at_target = Arc::new(at_target);
    let (planned, configuration) =
        configure::plan(Some(options), planned, key_paths, at_target).await?;
    let configuration = configure::finish(configuration, dry_run).await?;
    let configuration = configuration.ok_or(UnpackError::LayoutIsNoMirror)?;
    warnings.extend(configuration.warnings());
    Ok(ConfigInstallReport {
        report_version: "1.0",
        file: planned.verified.archive().path().display().to_string(),
        bundle_digest: planned.verified.archive().bundle_digest(),
        target: planned.plan.target().to_string(),
        configuration,
        seal: planned.verified.seal_report(),
        warnings,
    })
}

/// How a configuration was decided where the target did not answer.
const NOT_ASKED: &str = "target-not-asked: the target did not say what it has, so the configuration expects what unpack publishes there";

/// Why nothing that demands signatures was written.
const NOT_ENFORCED: &str = "nothing that demands signatures is configured or emitted, because the registry refused some signatures; the earlier configuration stays";
