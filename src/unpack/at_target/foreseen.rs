//! The state of the target after the push, foreseen from the plan and from the answers of the target.

use super::AtTarget;
use crate::inventory;
use crate::oci::{Digest, Manifest, Repository};
use crate::report::unpack::RehomedOutcome;
use crate::trust::signature_tag;
use crate::unpack::plan::Planned;
use crate::unpack::signatures::SurveyedSignature;
use crate::unpack::survey::Survey;

impl AtTarget {
    /// After the target was asked.
    pub(in crate::unpack) fn surveyed(planned: &Planned, survey: &Survey) -> Self {
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

    /// Where nobody is asked: as though nothing were there before.
    pub(in crate::unpack) fn expected(planned: &Planned) -> Self {
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
}
