//! What will lie at the target where container runtimes look for signatures: the tag of a manifest's signatures names
//! what is carried, what was moved there, or what was there before and is kept.

use super::plan::Planned;
use super::signatures::SurveyedSignature;
use super::survey::Survey;
use crate::archive::Catalogue;
use crate::archive::catalogue::CatalogueImage;
use crate::inventory::{self, ImageEntry};
use crate::oci::{Descriptor, Digest, Manifest, Meaning, Repository};
use crate::registry::RemoteRepository;
use crate::report::unpack::RehomedOutcome;
use crate::trust::{Attached, Found, runtimes_read, signature_tag};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Signatures at the target that stay, whatever is carried.
#[derive(Debug)]
pub(super) struct KeptSignatures {
    /// Number of the repository in the plan.
    pub(super) repository: usize,
    /// What they sign.
    subject: Digest,
    /// What is there.
    manifest: Manifest,
    /// That with what is carried added to it, where it is.
    joined: Option<Manifest>,
    /// Everything that the manifest names is there, as it says.
    pub(super) is_whole: bool,
}

impl KeptSignatures {
    pub(super) fn new(
        repository: usize,
        subject: Digest,
        manifest: Manifest,
        joined: Option<Manifest>,
    ) -> Self {
        Self { repository, subject, manifest, joined, is_whole: true }
    }

    /// What the tag will name.
    fn tagged(&self) -> &Manifest {
        self.joined.as_ref().unwrap_or(&self.manifest)
    }

    /// Whether a runtime gets every layer. What cannot be told counts as missing: it is about a rule that may break
    /// pulls.
    pub(super) async fn look_into(&self, repository: &RemoteRepository) -> bool {
        let Meaning::Image(image) = self.manifest.meaning() else { return false };
        if !runtimes_read(&self.manifest) {
            return false;
        }
        for layer in &image.layers {
            if !repository.blob_exists(layer).await.unwrap_or(false) {
                return false;
            }
        }
        true
    }
}

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
    /// After the target was asked.
    pub(super) fn surveyed(planned: &Planned, survey: &Survey) -> Self {
        let mut all = Self::carried(planned);
        let sources = planned.plan.images().iter().map(|image| image.source.repository());
        let unkept = sources
            .zip(&survey.signatures)
            .filter(|(_, signatures)| signatures.iter().any(SurveyedSignature::is_unpublished));
        all.without_signatures = unkept.map(|(source, _)| source.clone()).collect();
        for (rehomed, outcome) in planned.rehomed.iter().zip(&survey.rehomed) {
            match outcome {
                RehomedOutcome::Published
                | RehomedOutcome::AlreadyThere
                | RehomedOutcome::Replaced { .. } => {
                    all.put(planned, rehomed.repository, rehomed.subject, &rehomed.manifest);
                }
                RehomedOutcome::NotRehomed { .. } | RehomedOutcome::Refused => {
                    let source = planned.plan.sources()[rehomed.repository].clone();
                    all.kept.insert((source, rehomed.subject));
                }
                RehomedOutcome::Kept { .. } | RehomedOutcome::Merged { .. } => {}
            }
        }
        for kept in &survey.kept {
            let key = all.put(planned, kept.repository, kept.subject, kept.tagged());
            if !kept.is_whole {
                // Nothing is read there.
                all.manifests.remove(&kept.tagged().digest());
                all.kept.insert(key);
            }
        }
        all
    }

    /// True where the registry does not keep GPG signatures of the source that are carried.
    pub(super) fn lacks_signatures(&self, source: &Repository) -> bool {
        self.without_signatures.contains(source)
    }

    /// Where nobody is asked: as though nothing were there before.
    pub(super) fn expected(planned: &Planned) -> Self {
        let mut all = Self::carried(planned);
        for rehomed in planned.rehomed.iter() {
            all.put(planned, rehomed.repository, rehomed.subject, &rehomed.manifest);
        }
        all
    }

    /// What the bundle has under tags of signatures. Images of one repository share them.
    fn carried(planned: &Planned) -> Self {
        let mut all = Self::default();
        let catalogue = planned.verified.catalogue();
        for (entry, image, _) in planned.verified.images() {
            for attachment in image.attachments() {
                let own = catalogue.attached(attachment).next_back();
                if let (inventory::Found::Tag(tag), Some(own)) = (&attachment.found, own)
                    && *tag == signature_tag(&attachment.subject)
                {
                    let key = (entry.source.repository().clone(), attachment.subject);
                    all.tagged.insert(key, own.descriptor());
                }
            }
        }
        all
    }

    fn put(
        &mut self,
        planned: &Planned,
        repository: usize,
        subject: Digest,
        manifest: &Manifest,
    ) -> (Repository, Digest) {
        let key = (planned.plan.sources()[repository].clone(), subject);
        self.tagged.insert(key.clone(), manifest.descriptor());
        self.manifests.insert(manifest.digest(), manifest.clone());
        key
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
