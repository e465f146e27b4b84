//! What is attached to what, and under which names it may be published.

use super::error::CatalogueError;
use super::walk::{Reached, Walk};
use super::{Catalogue, CatalogueAttachment};
use bundle_inventory::{AttachmentEntry, AttachmentKind, Found, ImageEntry, Inventory};
use bundle_oci::text::bounded;
use bundle_oci::{Descriptor, Digest, Repository};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

/// Endings of the tags that cosign makes of a subject's digest.
const ENDINGS: [&str; 3] = ["sig", "att", "sbom"];

/// Walks everything attached to an image, subjects first. Gives also the layers that may be left out.
pub(super) fn walk(
    walk: &mut Walk<'_>,
    name: &str,
    image: &ImageEntry,
    reached: &Reached,
) -> Result<(Vec<CatalogueAttachment>, BTreeSet<Digest>), CatalogueError> {
    let mut waiting: HashMap<Digest, Vec<&AttachmentEntry>> = HashMap::new();
    let mut unique = HashSet::new();
    for entry in &image.attachments {
        if !unique.insert((entry.digest, entry.subject, &entry.found)) {
            return Err(refused(name, entry, "it is listed twice"));
        }
        check_tag(name, entry)?;
        waiting.entry(entry.subject).or_default().push(entry);
    }
    let mut subjects: VecDeque<u32> = reached.manifests.iter().copied().collect();
    let (mut attachments, mut layers) = (Vec::new(), BTreeSet::new());
    while let Some(number) = subjects.pop_front() {
        let subject = walk.record(number).digest;
        for entry in waiting.remove(&subject).unwrap_or_default() {
            walk.read_once_more(number)?;
            let root = Descriptor::new(&entry.media_type, entry.digest, entry.size);
            let own = walk.descend(name, &root, &BTreeSet::new())?;
            check_subject(walk, name, entry, &own)?;
            own.manifests.iter().try_for_each(|number| walk.examine_layers(*number))?;
            subjects.extend(&own.manifests);
            let kind = kind(walk, &own);
            layers.extend(own.nondistributable);
            attachments.push(CatalogueAttachment {
                kind,
                found: entry.found.clone(),
                subject,
                manifests: own.manifests,
            });
        }
    }
    // What is attached to itself in a circle hangs on no image, and stays here too.
    match image.attachments.iter().find(|entry| waiting.contains_key(&entry.subject)) {
        Some(stray) => Err(refused(
            name,
            stray,
            "the manifest that it is attached to does not belong to this image",
        )),
        None => Ok((attachments, layers)),
    }
}

/// What an attachment is. What the inventory says of it is the courier's word.
fn kind(walk: &Walk<'_>, own: &Reached) -> Option<AttachmentKind> {
    let kinds: Option<Vec<AttachmentKind>> =
        own.manifests.iter().map(|number| walk.record(*number).kind).collect();
    kinds?.pop()
}

/// A tag that is not one of the subject's own could overwrite any image at the target.
fn check_tag(name: &str, entry: &AttachmentEntry) -> Result<(), CatalogueError> {
    let Found::Tag(tag) = &entry.found else { return Ok(()) };
    let own =
        ENDINGS.iter().any(|ending| *tag == format!("sha256-{}.{ending}", entry.subject.hex()));
    if own {
        return Ok(());
    }
    Err(refused(name, entry, &format!("the tag {:?} is not one of its subject's", bounded(tag))))
}

/// A manifest with a subject attaches itself wherever it is pushed, so it must say what the inventory says, and what
/// lies below it must not name anything outside.
fn check_subject(
    walk: &Walk<'_>,
    name: &str,
    entry: &AttachmentEntry,
    own: &Reached,
) -> Result<(), CatalogueError> {
    let mut records = own.manifests.iter().map(|number| walk.record(*number));
    let subject = records.next_back().and_then(|record| record.subject);
    let agrees = match entry.found {
        Found::Referrer => subject == Some(entry.subject),
        Found::Tag(_) => subject.is_none_or(|subject| subject == entry.subject),
    };
    let digests: HashSet<Digest> =
        own.manifests.iter().map(|number| walk.record(*number).digest).collect();
    let inside = |subject: Digest| subject == entry.subject || digests.contains(&subject);
    match agrees && records.all(|below| below.subject.is_none_or(inside)) {
        true => Ok(()),
        false => {
            Err(refused(name, entry, "its manifest does not name the subject it is listed for"))
        }
    }
}

fn refused(image: &str, entry: &AttachmentEntry, what: &str) -> CatalogueError {
    let (image, digest) = (image.to_owned(), entry.digest);
    CatalogueError::Attachment { image, digest, what: what.to_owned() }
}

/// One tag of a repository can name one attachment only, also where several images share a manifest.
pub(super) fn check_tags(
    catalogue: &Catalogue,
    inventory: &Inventory,
) -> Result<(), CatalogueError> {
    let mut tags: HashMap<(&Repository, &str), Digest> = HashMap::new();
    for (entry, image) in inventory.images.iter().zip(catalogue.images()) {
        for attachment in image.attachments() {
            let (Found::Tag(tag), Some(own)) =
                (&attachment.found, catalogue.attached(attachment).next_back())
            else {
                continue;
            };
            let known = tags.entry((entry.source.repository(), tag)).or_insert(own.digest);
            if *known != own.digest {
                let image = bounded(&entry.source.to_string());
                let what = format!("its tag {tag} is also the one of {known}");
                return Err(CatalogueError::Attachment { image, digest: own.digest, what });
            }
        }
    }
    Ok(())
}
