//! The head and the inventory in it, made to agree: sums, the list of the head's files, the bytes of `bundle.json`.

use super::PackError;
use crate::archive::ArchiveError;
use crate::archive::head::{self, HeadFile};
use crate::archive::limits::{MAX_FRAMES, MAX_INVENTORY, RAW_FRAME_CONTENT};
use crate::inventory::{BlobEntry, FileEntry, Inventory, Totals};
use crate::oci::Digest;

/// Most bytes of blobs that an archive can have, whatever is in them.
const MAX_TOTAL: u64 = MAX_FRAMES * RAW_FRAME_CONTENT;
/// Where `bundle.json` is among the entries of the head.
const PLACE: usize = 1;

/// Makes `inventory` say what it holds and what `files` are, and puts it among them in the place of an earlier one. Gives
/// the bundle digest.
///
/// # Errors
/// What readers would refuse in the enclave: [`ArchiveError::Limit`], or an inventory that contradicts itself.
pub(super) fn agree(
    inventory: &mut Inventory,
    files: &mut Vec<HeadFile>,
) -> Result<Digest, PackError> {
    inventory.totals = Totals {
        images: inventory.images.len() as u64,
        attachments: inventory.images.iter().map(|image| image.attachments.len() as u64).sum(),
        blobs: inventory.blobs.len() as u64,
        bytes: total_size(&inventory.blobs)?,
    };
    files.retain(|file| file.name != head::INVENTORY);
    let entry = |file: &HeadFile| FileEntry {
        name: file.name.clone(),
        size: file.bytes.len() as u64,
        digest: Digest::of(&file.bytes),
    };
    inventory.files = files.iter().map(entry).collect();
    let bytes = readable(inventory)?;
    let bundle_digest = Digest::of(&bytes);
    files.insert(PLACE, HeadFile { name: head::INVENTORY.into(), bytes });
    Ok(bundle_digest)
}

/// SHA-256 of `bundle.json`.
pub(super) fn bundle_digest(files: &[HeadFile]) -> Digest {
    let inventory = files.iter().find(|file| file.name == head::INVENTORY);
    Digest::of(inventory.map_or(&[], |file| &file.bytes))
}

/// The sum of the blobs' sizes, which manifests state.
fn total_size(blobs: &[BlobEntry]) -> Result<u64, PackError> {
    let sum = blobs.iter().try_fold(0_u64, |sum, blob| sum.checked_add(blob.size));
    sum.filter(|sum| *sum <= MAX_TOTAL).ok_or_else(|| {
        ArchiveError::Limit(format!("blobs of more than {MAX_TOTAL} bytes together")).into()
    })
}

/// The bytes of an inventory that every reader takes: what they would refuse in the enclave is noticed here.
fn readable(inventory: &Inventory) -> Result<Vec<u8>, PackError> {
    let bytes = inventory.to_bytes()?;
    if bytes.len() as u64 > MAX_INVENTORY {
        let length = bytes.len();
        let what = format!("an inventory of {length} bytes, more than {MAX_INVENTORY}");
        return Err(ArchiveError::Limit(what).into());
    }
    Inventory::from_bytes(&bytes).map_err(ArchiveError::from)?;
    Ok(bytes)
}
