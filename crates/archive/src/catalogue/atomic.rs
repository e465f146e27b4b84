//! GPG signatures of an image: each is there, small, where verification reads it, and signs a manifest of the image.

use super::error::CatalogueError;
use super::walk::{Reached, Walk};
use super::{Catalogue, CatalogueSignature};
use bundle_inventory::{ImageEntry, Inventory, Stored};
use bundle_oci::atomic::{AtomicName, MAX_SIGNATURE};
use bundle_oci::text::bounded;
use bundle_oci::{Descriptor, Digest, Repository};
use std::collections::{HashMap, HashSet};

/// What a signature is where only digest and size count.
const OCTETS: &str = "application/octet-stream";

/// Compares the signatures that the inventory lists for an image with what is there.
pub(super) fn walk(
    walk: &mut Walk<'_>,
    image: &str,
    entry: &ImageEntry,
    reached: &Reached,
) -> Result<Vec<CatalogueSignature>, CatalogueError> {
    if entry.atomic_signatures.is_empty() {
        return Ok(Vec::new());
    }
    let own: HashSet<Digest> =
        reached.manifests.iter().map(|number| walk.record(*number).digest).collect();
    let mut signatures = Vec::with_capacity(entry.atomic_signatures.len());
    for listed in &entry.atomic_signatures {
        let digest = listed.digest;
        let refuse = |what: &str| {
            let (image, what) = (image.to_owned(), what.to_owned());
            Err(CatalogueError::Attachment { image, digest, what })
        };
        if !own.contains(&listed.subject) {
            return refuse("the manifest that it signs does not belong to this image");
        }
        let Some(blob) = walk.refer(&digest) else {
            return Err(CatalogueError::Missing { image: image.to_owned(), digest });
        };
        if blob.size == 0 || blob.size > MAX_SIGNATURE {
            return refuse("it has not the size of a signature");
        }
        if blob.stored != Stored::Trust {
            return refuse("it does not lie in the trust section");
        }
        walk.examine_signature(blob.size)?;
        signatures.push(CatalogueSignature {
            name: listed.name.clone(),
            subject: listed.subject,
            blob: Descriptor::new(OCTETS, digest, blob.size),
        });
    }
    Ok(signatures)
}

/// One name in a repository is one signature, also where several images share a manifest.
pub(super) fn check_names(
    catalogue: &Catalogue,
    inventory: &Inventory,
) -> Result<(), CatalogueError> {
    let mut names: HashMap<(&Repository, &AtomicName), Digest> = HashMap::new();
    for (entry, image) in inventory.images.iter().zip(catalogue.images()) {
        for CatalogueSignature { name, blob, .. } in image.signatures() {
            let known = names.entry((entry.source.repository(), name)).or_insert(blob.digest);
            if *known != blob.digest {
                let image = bounded(&entry.source.to_string());
                let what = format!("its name {name} is also the one of {known}");
                return Err(CatalogueError::Attachment { image, digest: blob.digest, what });
            }
        }
    }
    Ok(())
}
