//! What will lie at the target where container runtimes look for signatures: the tag of a manifest's signatures names
//! what is carried, what was moved there, or what was there before and is kept.

mod foreseen;

use crate::archive::Catalogue;
use crate::archive::catalogue::CatalogueImage;
use crate::inventory::ImageEntry;
use crate::oci::{Descriptor, Digest, Manifest, Repository};
use crate::trust::{Attached, Found, signature_tag};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// By repository of the source and manifest: what its tag names.
#[derive(Debug, Default)]
pub(super) struct AtTarget {
    tagged: BTreeMap<(Repository, Digest), Descriptor>,
    /// Those that are not in the bundle.
    manifests: HashMap<Digest, Manifest>,
    /// What was kept and lacks something, or cannot be read by runtimes.
    kept: BTreeSet<(Repository, Digest)>,
    /// Sources with GPG signatures that the registry does not keep.
    without_signatures: BTreeSet<Repository>,
}

impl AtTarget {
    /// True where the registry does not keep GPG signatures of the source that are carried.
    pub(super) fn lacks_signatures(&self, source: &Repository) -> bool {
        self.without_signatures.contains(source)
    }

    /// A manifest that is not in the bundle.
    pub(super) fn manifest(&self, digest: &Digest) -> Option<&Manifest> {
        self.manifests.get(digest)
    }

    /// The tag of signatures of this repository that were kept, and that may be why something is not enforceable.
    pub(super) fn unusable(&self, repository: &Repository) -> Option<String> {
        let mut kept = self.kept.iter().filter(|(name, _)| name == repository);
        kept.next().map(|(_, subject)| signature_tag(subject))
    }

    /// Puts what lies at the target in the place of the signatures of an image that the bundle has under their tags.
    pub(super) fn replace(
        &self,
        attached: &mut Vec<Attached>,
        catalogue: &Catalogue,
        (entry, image): (&ImageEntry, &CatalogueImage),
    ) {
        let repository = entry.source.repository();
        for manifest in catalogue.manifests_of(image) {
            let subject = manifest.digest;
            let key = (repository.clone(), subject);
            let Some(there) = self.tagged.get(&key) else { continue };
            let tag = signature_tag(&subject);
            let is_there = |one: &Attached| {
                one.subject == subject && matches!(&one.found, Found::Tag(own) if *own == tag)
            };
            attached.retain(|one| !is_there(one));
            attached.push(Attached { subject, manifest: there.clone(), found: Found::Tag(tag) });
        }
    }
}
