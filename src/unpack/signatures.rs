//! GPG signatures on their way out: into registries that keep them, into a lookaside directory for a web server, or
//! nowhere, which is reported.

mod pushed;

use super::error::UnpackError;
use super::plan::Planned;
use super::standing::{SignaturePublishing, SignatureStanding};
use super::target::Target;
use crate::archive::catalogue::CatalogueSignature;
use crate::oci::Digest;
use crate::oci::atomic::{AtomicName, MAX_SIGNATURE};
use crate::registry::{ExtensionSignature, RemoteRepository};
use crate::report::unpack::{ImageReport, LookasideOutcome, SignatureOutcome, SignatureReport};
use std::collections::HashMap;

/// Most GPG signatures of one manifest where nobody vouches for the last one. Real images have three; the others of the
/// 127 that container tools read are for those that verified.
pub(super) const UNVERIFIED: usize = 8;
/// Most bytes of one that nobody vouches for; real ones have less than 2 KiB.
pub(super) const UNVERIFIED_SIZE: u64 = 64 << 10;

/// A signature, and what will become of it at a registry.
#[derive(Debug, Clone)]
pub(super) struct SurveyedSignature {
    /// Under which name: its own, unless another signature has that one.
    name: AtomicName,
    outcome: SignatureOutcome,
}

impl SurveyedSignature {
    /// True when the registry will not have it.
    pub(super) fn is_unpublished(&self) -> bool {
        matches!(self.outcome, SignatureOutcome::NotPublished)
    }
}

impl Planned {
    /// A signature as it was verified, hashed again.
    pub(super) fn signature(
        &self,
        signature: &CatalogueSignature,
    ) -> Result<ExtensionSignature, UnpackError> {
        let content = self.verified.archive().read(&signature.blob.digest, MAX_SIGNATURE)?;
        Ok(ExtensionSignature { name: signature.name.clone(), content })
    }

    pub(super) fn signatures_of(&self, number: usize) -> &[CatalogueSignature] {
        self.verified.catalogue().images()[number].signatures()
    }

    pub(super) fn standings_of(&self, number: usize) -> &[SignatureStanding] {
        &self.standings[number].signatures
    }

    /// What will become of the signatures of image `number` at a registry. Asks only where there is something to ask,
    /// and the registry has the extension.
    pub(super) async fn survey_signatures(
        &self,
        number: usize,
        repository: &RemoteRepository,
    ) -> Result<Vec<SurveyedSignature>, UnpackError> {
        let carried = self.signatures_of(number);
        let mut surveyed = self.unpublished(number);
        if carried.is_empty() || !repository.keeps_signatures().await? {
            return Ok(surveyed);
        }
        let mut known: HashMap<Digest, Vec<ExtensionSignature>> = HashMap::new();
        // What is verified comes first: a few of the others are taken, where there are few.
        for turn in [SignaturePublishing::Verified, SignaturePublishing::Unjudged] {
            for (place, signature) in carried.iter().enumerate() {
                if self.standings_of(number)[place].publishing != turn {
                    continue;
                }
                let subject = signature.subject;
                if let std::collections::hash_map::Entry::Vacant(entry) = known.entry(subject) {
                    entry.insert(repository.signatures(&subject).await?);
                }
                let Some(there) = known.get_mut(&subject) else { continue };
                surveyed[place] = surveyed_at(there, self.signature(signature)?, turn);
            }
        }
        Ok(surveyed)
    }

    /// What is known of the signatures of image `number` without an extension.
    fn unpublished(&self, number: usize) -> Vec<SurveyedSignature> {
        let signatures = self.signatures_of(number).iter().zip(self.standings_of(number));
        let known = |(signature, standing): (&CatalogueSignature, &SignatureStanding)| {
            let outcome = match standing.publishing {
                SignaturePublishing::LeftOut => SignatureOutcome::LeftOut,
                _ => SignatureOutcome::NotPublished,
            };
            SurveyedSignature { name: signature.name.clone(), outcome }
        };
        signatures.map(known).collect()
    }

    /// Nothing can be published where there is no extension.
    pub(super) fn unpublished_signatures(&self) -> Vec<Vec<SurveyedSignature>> {
        (0..self.standings.len()).map(|number| self.unpublished(number)).collect()
    }

    /// What is reported of the signatures of image `number`.
    pub(super) fn signature_reports(
        &self,
        number: usize,
        surveyed: &[SurveyedSignature],
        lookaside: Option<&[LookasideOutcome]>,
        tagged_child: Option<Digest>,
    ) -> Vec<SignatureReport> {
        let root = self.plan.images()[number].digest;
        let signatures = self.signatures_of(number).iter().enumerate();
        let report = |(place, signature): (usize, &CatalogueSignature)| {
            let is_there = tagged_child.is_none() || signature.subject != root;
            let there = &surveyed[place];
            SignatureReport {
                name: there.name.clone(),
                subject: signature.subject,
                digest: signature.blob.digest,
                verification: self.standings_of(number)[place].verification,
                outcome: if is_there { there.outcome } else { SignatureOutcome::NotPublished },
                lookaside: lookaside.and_then(|outcomes| outcomes.get(place)).copied(),
            }
        };
        signatures.map(report).collect()
    }
}

/// What the operator has to know about signatures that nobody will find.
pub(super) fn unpublished(images: &[ImageReport], target: &Target) -> Vec<String> {
    let signatures = || images.iter().flat_map(|image| &image.atomic_signatures);
    let beside = |outcome| signatures().filter(|s| s.lookaside == Some(outcome)).count();
    let there = |outcome| signatures().filter(move |s| s.outcome == outcome);
    let lost = there(SignatureOutcome::NotPublished).filter(|s| s.lookaside.is_none()).count();
    let taken = there(SignatureOutcome::NameTaken).count();
    let left = there(SignatureOutcome::LeftOut).count();
    let (broken, full) = (beside(LookasideOutcome::NoMessage), beside(LookasideOutcome::Full));
    let lost_at = match target {
        Target::Registry { .. } => "the registry has no signature extension",
        Target::Layout(_) => "a layout directory cannot hold them",
    };
    let lost_at = format!("not published: {lost_at}; --lookaside DIR writes them for a web server");
    let all = [
        (lost, lost_at.as_str()),
        (taken, "not published: the registry has other signatures under their names"),
        (left, "not published: no trusted key made them"),
        (
            broken,
            "not written to the lookaside: it is not an OpenPGP message, and runtimes would stop at it",
        ),
        (full, "not written to the lookaside: it holds as many as container tools read"),
    ];
    let of_them = |count: usize| match count {
        1 => "1 GPG signature is".to_owned(),
        count => format!("{count} GPG signatures are"),
    };
    let some = all.iter().filter(|(count, _)| *count > 0);
    some.map(|(count, what)| format!("{} {what}", of_them(*count))).collect()
}

/// What will become of a signature at a registry that has `there`, which it is added to.
fn surveyed_at(
    there: &mut Vec<ExtensionSignature>,
    own: ExtensionSignature,
    turn: SignaturePublishing,
) -> SurveyedSignature {
    let named = |name: &AtomicName, outcome| SurveyedSignature { name: name.clone(), outcome };
    if let Some(same) = there.iter().find(|other| other.content == own.content) {
        return named(&same.name, SignatureOutcome::AlreadyThere);
    }
    let has_room = turn == SignaturePublishing::Verified
        || (there.len() < UNVERIFIED && own.content.len() as u64 <= UNVERIFIED_SIZE);
    if !has_room {
        return named(&own.name, SignatureOutcome::LeftOut);
    }
    // Whoever takes a name before it comes keeps nothing out: it has another name by its content.
    let by_content = AtomicName::of(own.name.subject(), &own.content);
    let is_free = |name: &&AtomicName| there.iter().all(|other| other.name != **name);
    match [&own.name, &by_content].into_iter().find(is_free).cloned() {
        Some(name) => {
            there.push(ExtensionSignature { name: name.clone(), content: own.content });
            named(&name, SignatureOutcome::Published)
        }
        None => named(&own.name, SignatureOutcome::NameTaken),
    }
}
