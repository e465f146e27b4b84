//! Inventory, order and places: everything decided before the first byte. Printing it is `--dry-run`.

use super::PackError;
use super::carried::key_files;
use super::gather::{Gathered, Supply, gather_image};
use super::head::agree;
use super::judge::Judged;
use super::origin::Origin;
use super::part::Part;
use super::resolve::ResolvedImage;
use super::select::Selection;
use crate::archive::head::{self, HeadFile};
use crate::archive::journal::Interrupted;
use crate::archive::write::Blueprint;
use crate::inventory::{
    BlobEntry, FORMAT, FORMAT_VERSION, Found, ImageEntry, Inventory, PackVerdict, Stored, Tool,
    Totals,
};
use crate::oci::layout::REF_NAME;
use crate::oci::{Digest, Reference, media_type};
use crate::report::pack::{LeftOut, RecordedVerdict};
use crate::report::size::{self, ImageSize};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A pack, decided.
pub(super) struct Plan {
    /// What the archive will hold.
    pub inventory: Inventory,
    /// The archive, ready to be written.
    pub blueprint: Blueprint,
    /// The bundle digest: known before the first byte.
    pub bundle_digest: Digest,
    /// Verdicts of the images that a key covers.
    pub verdicts: Vec<RecordedVerdict>,
    /// What people should know before the trip.
    pub warnings: Vec<String>,
    /// Where each blob comes from.
    pub(super) supply: HashMap<Digest, Supply>,
    /// What each blob is a part of, in archive order.
    pub(super) parts: Vec<Part>,
    /// Where each image's blobs are, in inventory order.
    pub(super) origins: Vec<Origin>,
    /// The source of the request that each image is.
    pub(super) sources: Vec<usize>,
    /// Images that are not in it, because they could not be had (`--keep-going`).
    pub left_out: Vec<LeftOut>,
    /// What was asked for, as one digest.
    pub(super) request: super::fingerprint::Fingerprint,
    /// Whether what an interrupted run has written is gone on with.
    pub(super) begun: Option<Interrupted>,
}

impl Plan {
    /// The sizes of its images, by their sources.
    pub(super) fn sizes(&self) -> HashMap<Reference, ImageSize> {
        let images = &self.inventory.images;
        let blobs = self.inventory.blobs.iter().zip(&self.parts);
        let blobs = blobs.map(|(blob, part)| (blob.size, part.images.as_slice()));
        let sizes = size::sizes(images.len(), blobs);
        images.iter().map(|image| image.source.clone()).zip(sizes).collect()
    }
}

/// Decides everything.
///
/// # Errors
/// Manifests that contradict each other, or a bundle beyond the format's limits.
pub(super) fn plan(request: &Selection, judged: Judged) -> Result<Plan, PackError> {
    let mut gathered = Gathered::default();
    let mut entries = Vec::with_capacity(judged.images.len());
    for (number, (image, verdict)) in judged.images.iter().enumerate() {
        gathered.image = number as u32;
        entries.push(gather_image(&mut gathered, image, verdict, request.foreign_layers)?);
    }
    let Gathered { order, blobs, supply, mut parts, .. } = gathered;
    let mut blobs: Vec<BlobEntry> = order
        .into_iter()
        .map(|digest| {
            let (size, stored) = blobs[&digest];
            BlobEntry { digest, size, stored }
        })
        .collect();
    // Stable, so the trust section and the compressed one keep the order of the images; of the rest the large ones
    // come first, since starting them late would leave the others waiting at the end.
    blobs.sort_by(|a, b| {
        let by_size =
            if a.stored == Stored::Raw { b.size.cmp(&a.size) } else { std::cmp::Ordering::Equal };
        a.stored.cmp(&b.stored).then(by_size)
    });
    let mut keys = key_files(&request.keys);
    keys.extend(request.place.successor_file(&keys));
    let index = index(&entries, &judged.images)?;
    let file = |name: &str, bytes: &[u8]| HeadFile { name: name.into(), bytes: bytes.into() };
    let mut files =
        vec![file(head::OCI_LAYOUT, head::OCI_LAYOUT_CONTENT), file(head::INDEX, &index)];
    files.extend(keys.iter().map(|(_, file)| file.clone()));
    let mut inventory = Inventory {
        format: FORMAT.into(),
        format_version: FORMAT_VERSION.into(),
        must_understand: vec![],
        name: request.name.clone(),
        sequence: request.place.sequence,
        created: rfc3339(created(request)?)?,
        expires: request.place.expires(created(request)?)?,
        rotation: request.place.rotation()?,
        tool: tool(),
        totals: Totals::default(),
        images: entries,
        keys: keys.into_iter().map(|(entry, _)| entry).collect(),
        files: vec![],
        blobs: blobs.clone(),
        holes: vec![],
        volume_size: request.geometry.volume_size(),
    };
    let bundle_digest = agree(&mut inventory, &mut files)?;
    let mtime = request.source_date_epoch.unwrap_or(0);
    let (geometry, level) = (request.geometry, request.level);
    let blueprint = Blueprint { files, blobs, mtime, geometry, level };
    let parts = blueprint.blobs.iter().filter_map(|blob| parts.remove(&blob.digest)).collect();
    let Judged { images, verdicts, warnings, left_out } = judged;
    let verdicts = verdicts.iter().map(RecordedVerdict::new).collect::<Result<_, _>>()?;
    Ok(Plan {
        inventory,
        blueprint,
        bundle_digest,
        verdicts,
        warnings,
        supply,
        parts,
        sources: images.iter().map(|(image, _)| image.number).collect(),
        origins: images.into_iter().map(|(image, _)| image.origin).collect(),
        left_out,
        request: super::fingerprint::of(request),
        begun: None,
    })
}

/// This program, as inventories name it.
pub(super) fn tool() -> Tool {
    Tool { name: env!("CARGO_PKG_NAME").into(), version: env!("CARGO_PKG_VERSION").into() }
}

/// When the bundle is made, as it says.
pub(super) fn created(request: &Selection) -> Result<OffsetDateTime, PackError> {
    let seconds = request.created;
    let time = i64::try_from(seconds).ok();
    let time = time.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    time.ok_or_else(|| no_time(seconds))
}

fn no_time(seconds: impl std::fmt::Display) -> PackError {
    PackError::Usage(format!("{seconds} is not a time: is SOURCE_DATE_EPOCH right?"))
}

fn rfc3339(time: OffsetDateTime) -> Result<String, PackError> {
    time.format(&Rfc3339).map_err(|_| no_time(time.unix_timestamp()))
}

/// `index.json`: images first, by their full source reference; then, in bundles of more than one image, attachments.
/// A bundle of one image has one entry, which is what `podman load` expects.
fn index(
    entries: &[ImageEntry],
    images: &[(ResolvedImage, PackVerdict)],
) -> Result<Vec<u8>, PackError> {
    let mut manifests = Vec::new();
    for image in entries {
        let mut annotations = Map::new();
        annotations.insert(REF_NAME.into(), json!(image.source.to_string()));
        manifests.push(descriptor(&image.media_type, image.digest, image.size, None, annotations));
    }
    if entries.len() > 1 {
        let mut listed = std::collections::HashSet::new();
        for (image, _) in images {
            for attachment in &image.attachments.found {
                let mut annotations = Map::new();
                if let Found::Tag(tag) = &attachment.how {
                    annotations.insert(
                        REF_NAME.into(),
                        json!(format!("{}:{tag}", image.source.repository())),
                    );
                }
                let manifest = attachment.manifest();
                if !listed.insert((manifest.digest(), annotations.get(REF_NAME).cloned())) {
                    continue;
                }
                let (media_type, size) = (manifest.media_type(), manifest.bytes().len() as u64);
                let artifact_type = manifest.subject().and(manifest.effective_artifact_type());
                manifests.push(descriptor(
                    media_type,
                    manifest.digest(),
                    size,
                    artifact_type,
                    annotations,
                ));
            }
        }
    }
    let index =
        json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": manifests});
    Ok(serde_json::to_vec(&index)?)
}

fn descriptor(
    media_type: &str,
    digest: Digest,
    size: u64,
    artifact_type: Option<&str>,
    annotations: Map<String, Value>,
) -> Value {
    let mut descriptor = json!({"mediaType": media_type, "digest": digest, "size": size});
    if let Some(artifact_type) = artifact_type {
        descriptor["artifactType"] = json!(artifact_type);
    }
    if !annotations.is_empty() {
        descriptor["annotations"] = Value::Object(annotations);
    }
    descriptor
}
