//! GPG signatures on their way out: into registries that keep them, into a lookaside directory for a web server, or
//! nowhere, which is reported.

use super::error::UnpackError;
use super::plan::Planned;
use super::push::Push;
use super::target::Target;
use crate::archive::catalogue::CatalogueSignature;
use crate::host::{LookasideAccess, LookasideChange, LookasideDirectory, LookasideError};
use crate::oci::atomic::{MAX_SIGNATURE, begins_as_openpgp};
use crate::oci::{Digest, Repository};
use crate::registry::{ExtensionSignature, RemoteRepository};
use crate::report::unpack::{ImageReport, LookasideOutcome, SignatureOutcome, SignatureReport};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

impl Planned {
    /// A signature as it was verified, hashed again.
    pub(super) fn signature(
        &self,
        signature: &CatalogueSignature,
    ) -> Result<ExtensionSignature, UnpackError> {
        let content = self.verified.archive().read(&signature.blob.digest, MAX_SIGNATURE)?;
        Ok(ExtensionSignature { name: signature.name.clone(), content })
    }

    fn signatures_of(&self, number: usize) -> &[CatalogueSignature] {
        self.verified.catalogue().images()[number].signatures()
    }

    /// What will become of the signatures of image `number` at a registry. Asks only where there is something to ask,
    /// and the registry has the extension.
    pub(super) async fn survey_signatures(
        &self,
        number: usize,
        repository: &RemoteRepository,
    ) -> Result<Vec<SignatureOutcome>, UnpackError> {
        let carried = self.signatures_of(number);
        if carried.is_empty() || !repository.keeps_signatures().await? {
            return Ok(vec![SignatureOutcome::NotPublished; carried.len()]);
        }
        let mut known: HashMap<Digest, Vec<ExtensionSignature>> = HashMap::new();
        let mut outcomes = Vec::with_capacity(carried.len());
        for signature in carried {
            let subject = signature.subject;
            if let std::collections::hash_map::Entry::Vacant(entry) = known.entry(subject) {
                entry.insert(repository.signatures(&subject).await?);
            }
            let (own, there) = (self.signature(signature)?, &known[&subject]);
            outcomes.push(if there.iter().any(|other| other.content == own.content) {
                SignatureOutcome::AlreadyThere
            } else if there.iter().any(|other| other.name == own.name) {
                let repository = repository.name().clone();
                return Err(UnpackError::SignatureDiffers { repository, name: own.name });
            } else {
                SignatureOutcome::Published
            });
        }
        Ok(outcomes)
    }

    /// Nothing can be published where there is no extension.
    pub(super) fn unpublished_signatures(&self) -> Vec<Vec<SignatureOutcome>> {
        let images = self.verified.catalogue().images().iter();
        images.map(|i| vec![SignatureOutcome::NotPublished; i.signatures().len()]).collect()
    }

    /// Writes all signatures into a lookaside directory, which is made when it is not there, under the names of the
    /// target. With [`LookasideAccess::Look`] nothing is changed. Gives what became of each, by image.
    pub(super) async fn write_lookaside(
        &self,
        directory: &Path,
        access: LookasideAccess,
    ) -> Result<Vec<Vec<LookasideOutcome>>, UnpackError> {
        let mut images = Vec::new();
        for (number, image) in self.plan.images().iter().enumerate() {
            let repository = self.plan.repositories()[image.repository].clone();
            let signatures = self.signatures_of(number).iter().map(|s| self.signature(s));
            images.push((repository, signatures.collect::<Result<Vec<_>, _>>()?));
        }
        let directory: PathBuf = directory.to_owned();
        tokio::task::spawn_blocking(move || write_all(&directory, access, &images)).await?
    }

    /// What is reported of the signatures of image `number`.
    pub(super) fn signature_reports(
        &self,
        number: usize,
        outcomes: &[SignatureOutcome],
        lookaside: Option<&[LookasideOutcome]>,
        tagged_child: Option<Digest>,
    ) -> Vec<SignatureReport> {
        let root = self.plan.images()[number].digest;
        let signatures = self.signatures_of(number).iter().zip(outcomes).enumerate();
        let report = |(place, (signature, outcome)): (usize, (&CatalogueSignature, &_))| {
            let is_there = tagged_child.is_none() || signature.subject != root;
            SignatureReport {
                name: signature.name.clone(),
                subject: signature.subject,
                digest: signature.blob.digest,
                outcome: if is_there { *outcome } else { SignatureOutcome::NotPublished },
                lookaside: lookaside.and_then(|outcomes| outcomes.get(place)).copied(),
            }
        };
        signatures.map(report).collect()
    }
}

/// What the operator has to know about signatures that nobody will find.
pub(super) fn unpublished(images: &[ImageReport], target: &Target) -> Vec<String> {
    let signatures = images.iter().flat_map(|image| &image.atomic_signatures);
    let lost = signatures.clone().filter(|signature| {
        signature.outcome == SignatureOutcome::NotPublished && signature.lookaside.is_none()
    });
    let broken = signatures.filter(|s| s.lookaside == Some(LookasideOutcome::NoMessage));
    let (lost, broken) = (lost.count(), broken.count());
    let of_them = |count: usize| match count {
        1 => "1 GPG signature is".to_owned(),
        count => format!("{count} GPG signatures are"),
    };
    let mut warnings = Vec::new();
    if lost > 0 {
        let why = match target {
            Target::Registry { .. } => "the registry has no signature extension",
            Target::Layout(_) => "a layout directory has no place for them",
        };
        warnings.push(format!(
            "{} not published: {why}; --lookaside DIR writes them for a web server",
            of_them(lost)
        ));
    }
    if broken > 0 {
        warnings.push(format!(
            "{} not written to the lookaside: what is no OpenPGP message would break it",
            of_them(broken)
        ));
    }
    warnings
}

fn write_all(
    directory: &Path,
    access: LookasideAccess,
    images: &[(Repository, Vec<ExtensionSignature>)],
) -> Result<Vec<Vec<LookasideOutcome>>, UnpackError> {
    let lookaside = match access {
        LookasideAccess::Look if !directory.exists() => None,
        access => {
            let opened = LookasideDirectory::open(directory, access);
            Some(opened.map_err(LookasideError::from)?)
        }
    };
    let add = |repository: &Repository, signature: &ExtensionSignature| {
        if !begins_as_openpgp(&signature.content) {
            return Ok(LookasideOutcome::NoMessage);
        }
        let Some(lookaside) = &lookaside else { return Ok(LookasideOutcome::Written) };
        let subject = signature.name.subject();
        Ok(match lookaside.add(repository, &subject, &signature.content)? {
            LookasideChange::Written => LookasideOutcome::Written,
            LookasideChange::AlreadyThere => LookasideOutcome::AlreadyThere,
        })
    };
    let of_image = |(repository, signatures): &(Repository, Vec<ExtensionSignature>)| {
        signatures.iter().map(|signature| add(repository, signature)).collect()
    };
    images.iter().map(of_image).collect()
}

impl Push<'_> {
    /// Publishes the signatures of an image whose manifests and tag are there; `child` got its tag in place of the
    /// root, which is not there then.
    pub(super) async fn signatures(
        &self,
        number: usize,
        child: Option<Digest>,
    ) -> Result<(), UnpackError> {
        let image = &self.planned.plan.images()[number];
        let signatures = self.planned.signatures_of(number).iter();
        for (signature, outcome) in signatures.zip(&self.survey.signatures[number]) {
            let is_there = child.is_none() || signature.subject != image.digest;
            if *outcome == SignatureOutcome::Published && is_there {
                let signature = self.planned.signature(signature)?;
                self.repositories[image.repository].push_signature(&signature).await?;
            }
        }
        Ok(())
    }
}
