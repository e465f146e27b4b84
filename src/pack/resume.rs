//! What an interrupted run was doing: its plan, written into the journal and read back.
//!
//! Nothing in it names a host or a file: where blobs come from is said by the number of a source of the request, which
//! has to be the same one. A plan that this user is known to have begun here is gone on with, and tags are not asked again.
//! Any other one could be whoever's who may write to the medium: then everything is resolved and verified anew, and what
//! is on the disk counts only when it was begun for exactly the same bytes.

use super::fingerprint::Fingerprint;
use super::origin::Origin;
use super::part::Part;
use super::plan::{Plan, tool};
use super::prepare::prepare;
use super::select::Selection;
use super::{FailedImages, Location, PackError, fingerprint};
use crate::archive::ArchiveError;
use crate::archive::head::{self, HeadFile};
use crate::archive::journal;
use crate::archive::write::Blueprint;
use crate::host::records::begun::BegunPlans;
use crate::inventory::{Inventory, Tool};
use crate::oci::Digest;
use crate::progress::Progress;
use crate::registry::Client;
use crate::report::pack::{LeftOut, RecordedVerdict};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How long ago a plan may have been begun that nobody remembers, in seconds.
const MAX_AGE: u64 = 31 * 24 * 60 * 60;

/// A plan as the journal holds it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Record {
    tool: Tool,
    request: Fingerprint,
    mtime: u64,
    files: Vec<File>,
    /// Of each blob.
    parts: Vec<Part>,
    /// Of each image: which source of the request it is.
    sources: Vec<usize>,
    verdicts: Vec<RecordedVerdict>,
    warnings: Vec<String>,
    left_out: Vec<LeftOut>,
}

/// What is read of any version's plan: who began it.
#[derive(Deserialize)]
struct Begun {
    tool: Tool,
}

/// An entry of the head; all that a pack writes are text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    content: String,
}

/// A plan as the first line of a journal.
pub(super) fn record(plan: &Plan) -> Result<Vec<u8>, PackError> {
    let text = |file: &HeadFile| {
        let content = String::from_utf8(file.bytes.clone());
        let content =
            content.map_err(|_| PackError::Usage(format!("{:?} is not valid UTF-8", file.name)));
        Ok::<_, PackError>(File { name: file.name.clone(), content: content? })
    };
    let record = Record {
        tool: tool(),
        request: plan.request.clone(),
        mtime: plan.blueprint.mtime,
        files: plan.blueprint.files.iter().map(text).collect::<Result<_, _>>()?,
        parts: plan.parts.clone(),
        sources: plan.sources.clone(),
        verdicts: plan.verdicts.clone(),
        warnings: plan.warnings.clone(),
        left_out: plan.left_out.clone(),
    };
    Ok(serde_json::to_vec(&record)?)
}

/// The plan to go on with, of what an interrupted run left at `target`; `None` when it left nothing.
///
/// # Errors
/// Those of [`find`] and [`confirm`].
pub(super) async fn resume(
    target: &Path,
    request: &mut Selection,
    begun_plans: Option<&BegunPlans>,
    client: &Client,
    progress: &Arc<dyn Progress>,
) -> Result<Option<Plan>, PackError> {
    let Some(found) = find(target, request, client)? else { return Ok(None) };
    let is_known =
        begun_plans.zip(found.begun_plan()).is_some_and(|(plans, plan)| plans.has(target, plan));
    let shown = target.display();
    if !is_known {
        progress.note(&format!(
            "{shown} was begun by somebody else or on another machine: every image is verified again"
        ));
    }
    let plan = confirm(found, is_known, request, client, progress).await?;
    if let Some(begun) = plan.begun() {
        let total = plan.inventory.totals.bytes;
        progress.note(&format!("resuming {shown}: {begun} of {total} bytes are there"));
    }
    Ok(Some(plan))
}

/// The plan of an interrupted run, when there is one at `target` to go on with.
///
/// # Errors
/// [`PackError::Begun`] when it was for something else; [`PackError::Archive`] when another run is at work, or what lies
/// there is somebody else's; a layout directory that cannot be opened.
fn find(target: &Path, request: &Selection, client: &Client) -> Result<Option<Plan>, PackError> {
    let Some(found) = journal::find(target)? else { return Ok(None) };
    let begun = |what: &str| {
        let (path, what) = (found.path.display().to_string(), what.chars().take(200).collect());
        PackError::Begun { path, what }
    };
    let by_another = || begun("by another build of this program");
    let (own, Ok(who)) = (tool(), serde_json::from_slice::<Begun>(&found.plan)) else {
        return Err(by_another());
    };
    if who.tool != own {
        let Tool { name, version } = who.tool;
        let by = format!("by {name} {version}, and this is {} {}", own.name, own.version);
        return Err(begun(&by));
    }
    // Bounded by what a journal may have; the types take no member that is unknown or comes twice.
    let record: Record = serde_json::from_slice(&found.plan).map_err(|_| by_another())?;
    let asked = fingerprint::of(request);
    let differing: Vec<&str> = asked.differences(&record.request).into_iter().collect();
    if !differing.is_empty() {
        return Err(begun(&format!("with other arguments ({})", differing.join(", "))));
    }
    if !record.left_out.is_empty() && request.failed_images == FailedImages::Fail {
        return Err(begun("with --keep-going, and images were left out"));
    }
    let (inventory, files) = read_files(&record, request).ok_or_else(by_another)?;
    let origins = origins(&record.sources, request, client)?;
    let Record { mtime, parts, sources, verdicts, warnings, left_out, .. } = record;
    let bundle_digest = super::head::bundle_digest(&files);
    let (blobs, geometry, level) = (inventory.blobs.clone(), request.geometry, request.level);
    Ok(Some(Plan {
        inventory,
        blueprint: Blueprint { files, blobs, mtime, geometry, level },
        bundle_digest,
        verdicts,
        warnings,
        supply: HashMap::new(),
        parts,
        origins,
        sources,
        left_out,
        request: asked,
        begun: Some(found),
    }))
}

/// The plan to go on with, of one that `found` has: itself where it is `known` that this user began it, else the same one
/// made anew.
///
/// # Errors
/// [`PackError::Begun`] when there is something else to pack now; else those of [`prepare`].
async fn confirm(
    found: Plan,
    is_known: bool,
    request: &mut Selection,
    client: &Client,
    progress: &Arc<dyn Progress>,
) -> Result<Plan, PackError> {
    if is_known {
        return Ok(found);
    }
    let path = found.begun.as_ref().map(|begun| begun.path.display().to_string());
    let other = |what: &str| PackError::Begun {
        path: path.clone().unwrap_or_default(),
        what: what.to_owned(),
    };
    let created = OffsetDateTime::parse(&found.inventory.created, &Rfc3339);
    let created = created.ok().and_then(|time| u64::try_from(time.unix_timestamp()).ok());
    // The bundle is as old as it says, so not everybody may say how old.
    let may_be = |created: u64| match request.source_date_epoch {
        Some(given) => created == given,
        None => created <= request.created && created + MAX_AGE >= request.created,
    };
    match created.filter(|created| may_be(*created)) {
        Some(created) => request.created = created,
        None => return Err(other("at another time: more than 31 days ago, or later than now")),
    }
    let Plan { blueprint: begun, begun: interrupted, .. } = found;
    let plan = prepare(request, client, progress).await?;
    if plan.blueprint.files != begun.files || plan.blueprint.blobs != begun.blobs {
        return Err(other("with other images than there are now"));
    }
    Ok(Plan { begun: interrupted, ..plan })
}

/// The head and its inventory, when the plan agrees with itself and with the request.
fn read_files(record: &Record, request: &Selection) -> Option<(Inventory, Vec<HeadFile>)> {
    let files = record.files.iter();
    let files: Vec<HeadFile> = files
        .map(|file| HeadFile { name: file.name.clone(), bytes: file.content.clone().into_bytes() })
        .collect();
    let bytes = &files.iter().find(|file| file.name == head::INVENTORY)?.bytes;
    let inventory = Inventory::from_bytes(bytes).ok()?;
    let others = files.iter().filter(|file| file.name != head::INVENTORY);
    let listed = inventory.files.iter().map(|file| (&file.name, file.digest));
    let images = inventory.images.len();
    let is_part = |part: &Part| {
        !part.images.is_empty() && part.images.iter().all(|image| (*image as usize) < images)
    };
    let named = |(source, image): (&usize, &crate::inventory::ImageEntry)| {
        let source = request.sources.get(*source);
        source.is_some_and(|s| s.name.as_ref().is_none_or(|name| *name == image.source))
    };
    let sound = others.map(|file| (&file.name, Digest::of(&file.bytes))).eq(listed)
        && record.parts.len() == inventory.blobs.len()
        && record.parts.iter().all(is_part)
        && record.sources.len() == images
        && record.sources.iter().zip(&inventory.images).all(named)
        && inventory.volume_size == request.geometry.volume_size()
        && inventory.holes.is_empty()
        && record.mtime == request.source_date_epoch.unwrap_or(0);
    sound.then_some((inventory, files))
}

/// Where images come from, by the numbers of their sources.
fn origins(
    sources: &[usize],
    request: &Selection,
    client: &Client,
) -> Result<Vec<Origin>, PackError> {
    let mut known: HashMap<usize, Origin> = HashMap::new();
    let mut origins = Vec::with_capacity(sources.len());
    for number in sources {
        let origin = match known.entry(*number) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(match &request.sources[*number].location {
                Location::Registry(reference) => {
                    Origin::Registry(client.repository(reference.repository()))
                }
                Location::Layout { directory, .. } => Origin::of_blobs(directory)?,
            }),
        };
        origins.push(origin.clone());
    }
    Ok(origins)
}

/// True when an interrupted run left something at `target` that the next one goes on with.
pub(super) fn is_left(target: &Path) -> bool {
    journal::is_left(target)
}

/// Removes whatever an interrupted run left at `target`.
///
/// # Errors
/// When another run is at work, or it is somebody else's.
pub(super) fn discard(target: &Path) -> Result<(), ArchiveError> {
    journal::discard(target)
}

impl Plan {
    /// The digest of the plan that an interrupted run left; `None` for a new plan.
    fn begun_plan(&self) -> Option<Digest> {
        Some(self.begun.as_ref()?.plan_digest())
    }

    /// How many bytes of blobs an interrupted run claims to have written; `None` for a new plan.
    fn begun(&self) -> Option<u64> {
        let begun = self.begun.as_ref()?;
        let blobs = self.inventory.blobs.iter().enumerate();
        let claimed = blobs.map(|(number, blob)| begun.claimed(number).min(blob.size));
        Some(claimed.fold(0, u64::saturating_add))
    }
}
