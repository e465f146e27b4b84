//! Noting the attachments that a registry refused.

use super::{AttachmentsRefused, RefusedAttachment};
use crate::archive::catalogue::CatalogueAttachment;
use crate::inventory::{AttachmentKind, Found};
use crate::report::unpack::{AttachmentOutcome, RehomedOutcome};
use crate::unpack::error::UnpackError;
use crate::unpack::plan::Planned;
use crate::unpack::push::pushed::Pushed;
use crate::unpack::push::under_way::Push;
use crate::unpack::survey::Survey;

impl Push<'_> {
    /// What becomes of an attachment that could not be pushed.
    ///
    /// # Errors
    /// Its own where the registry did not refuse it; [`UnpackError::AttachmentRefused`] where that is to stop the push.
    pub(in crate::unpack) fn refused(
        &self,
        repository: usize,
        (place, attachment): (usize, &CatalogueAttachment),
        error: UnpackError,
    ) -> Result<RefusedAttachment, UnpackError> {
        let name = self.attachment_name(repository, attachment);
        self.refused_as(place, name, error)
    }

    /// As [`Push::refused`], for what would have this name.
    ///
    /// # Errors
    /// As for [`Push::refused`].
    pub(in crate::unpack) fn refused_as(
        &self,
        place: usize,
        name: String,
        error: UnpackError,
    ) -> Result<RefusedAttachment, UnpackError> {
        let UnpackError::Registry(error) = error else { return Err(error) };
        if !error.is_refusal() {
            return Err(error.into());
        }
        match self.attachments_refused {
            AttachmentsRefused::Fail => {
                Err(UnpackError::AttachmentRefused { name, source: Box::new(error) })
            }
            AttachmentsRefused::Warn => {
                Ok(RefusedAttachment { place, name, why: error.to_string() })
            }
        }
    }
}

impl Push<'_> {
    /// What becomes of all attachments that belong into a list that could not be pushed.
    ///
    /// # Errors
    /// As for [`Push::refused`].
    pub(in crate::unpack) fn list_refused(
        &self,
        repository: usize,
        listed: &[(usize, &CatalogueAttachment)],
        error: UnpackError,
    ) -> Result<Vec<RefusedAttachment>, UnpackError> {
        let Some((first, others)) = listed.split_first() else { return Err(error) };
        let mut refused = vec![self.refused(repository, *first, error)?];
        for (place, attachment) in others {
            let name = self.attachment_name(repository, attachment);
            refused.push(RefusedAttachment { place: *place, name, why: refused[0].why.clone() });
        }
        Ok(refused)
    }

    /// Repository and tag, or digest.
    fn attachment_name(&self, repository: usize, attachment: &CatalogueAttachment) -> String {
        let repository = self.repositories[repository].name();
        let own = self.verified.catalogue().attached(attachment).next_back();
        match (&attachment.found, own) {
            (Found::Tag(tag), _) => format!("{repository}:{tag}"),
            (Found::Referrer, Some(own)) => format!("{repository}@{}", own.digest),
            (Found::Referrer, None) => repository.to_string(),
        }
    }
}

impl Pushed {
    /// True when something is not at the target that could be asked for before an image is pulled or run.
    pub(in crate::unpack) fn lacks_proof(&self, planned: &Planned) -> bool {
        if !self.rehomed_refused.is_empty() {
            return true;
        }
        let images = planned.verified.catalogue().images().iter();
        images.zip(&self.refused).any(|(image, refused)| {
            let mut kinds = refused.iter().filter_map(|one| image.attachments().get(one.place));
            kinds.any(|attachment| attachment.kind != Some(AttachmentKind::Sbom))
        })
    }
}

impl Survey {
    /// Takes note of what was refused. Gives what the operator has to know.
    pub(in crate::unpack) fn refused(&mut self, pushed: &Pushed) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut warn = |one: &RefusedAttachment| {
            let RefusedAttachment { name, why, .. } = one;
            warnings.push(format!("attachment-refused: {name} is not published: {why}"));
        };
        for (outcomes, refused) in self.attachments.iter_mut().zip(&pushed.refused) {
            for one in refused {
                if let Some(outcome) = outcomes.get_mut(one.place) {
                    *outcome = AttachmentOutcome::Refused;
                }
                warn(one);
            }
        }
        for one in &pushed.rehomed_refused {
            if let Some(outcome) = self.rehomed.get_mut(one.place) {
                *outcome = RehomedOutcome::Refused;
            }
            warn(one);
        }
        warnings
    }
}
