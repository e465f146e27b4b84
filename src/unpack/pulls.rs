//! Which of the carried images a host refuses under the policy that it will have.
//!
//! Rules that are on the host stay, so what was verified here may be refused there: another key, a manifest without a
//! signature of its own, a default that rejects. Whoever fills the registry has to know before somebody pulls.

use super::at_target::AtTarget;
use super::error::UnpackError;
use super::key_paths::KeyPaths;
use super::plan::Planned;
use crate::host::containers::apply::PlannedFile;
use crate::host::{HostRoot, PolicyFile, RegistriesD};
use crate::oci::Reference;
use crate::report::configuration::RefusedPull;
use crate::trust::{Admission, Anchors};

/// Judges every image of a repository that gets no new rule by the policy as it will be. Blocks.
///
/// # Errors
/// [`UnpackError::Archive`] when something that verification reads is damaged.
pub(super) fn refused(
    planned: &Planned,
    root: &HostRoot,
    policy: &PlannedFile,
    keys: &KeyPaths,
    at_target: &AtTarget,
) -> Result<Vec<RefusedPull>, UnpackError> {
    // What was made was parsed when it was made.
    let Some(Ok(file)) = policy.after().map(|content| PolicyFile::to_be(content, root.path()))
    else {
        return Ok(Vec::new());
    };
    let verified = &planned.verified;
    let has_new_rule = |repository: &str| policy.changes().iter().any(|c| c.subject == repository);
    let (numbers, sources): (Vec<usize>, Vec<_>) = verified
        .images()
        .map(|(entry, ..)| &entry.source)
        .enumerate()
        .filter(|(_, source)| !has_new_rule(&source.repository().to_string()))
        .unzip();
    let prepared = file.prepare_with(sources, &keys.contents(verified));
    let rules =
        Anchors { policy: Some(prepared), now: verified.anchors().now, ..Anchors::default() };
    let verdicts = verified.judge_again(&numbers, &rules, at_target)?;
    let lookups = Lookups::below(root);
    let refused = numbers.iter().zip(&verdicts).filter_map(|(number, verdict)| {
        let source = verdict.source();
        let is_hidden = || {
            file.demands_gpg(source)
                && at_target.lacks_signatures(source.repository())
                && !lookups.know_a_lookaside(&mirrored(planned, *number))
        };
        let code = match verdict.admission() {
            Admission::PolicyAcceptsAnything => return None,
            _ if verdict.enforceable() && is_hidden() => "signatures-not-found",
            _ if verdict.enforceable() => return None,
            Admission::Refused(refusal) => refusal.code.as_str(),
            _ => "covered-by-index",
        };
        Some(RefusedPull { image: verdict.source().to_string(), code })
    });
    Ok(refused.collect())
}

/// Image `number` under its name at the target.
fn mirrored(planned: &Planned, number: usize) -> Reference {
    let image = &planned.plan.images()[number];
    let mirror = &planned.plan.repositories()[image.repository];
    let tagged = image.source.tag().and_then(|tag| mirror.tagged(tag).ok());
    tagged.unwrap_or_else(|| mirror.pinned(image.digest))
}

/// Where the host looks for GPG signatures.
struct Lookups {
    configured: RegistriesD,
    /// Where it looks when nothing is configured.
    is_built_in_there: bool,
}

impl Lookups {
    fn below(root: &HostRoot) -> Self {
        let place = |path: &str| root.path().join(path);
        Self {
            configured: RegistriesD::read(&place("etc/containers/registries.d"))
                .unwrap_or_default(),
            is_built_in_there: place("var/lib/containers/sigstore").is_dir(),
        }
    }

    fn know_a_lookaside(&self, mirrored: &Reference) -> bool {
        self.is_built_in_there || self.configured.lookaside(mirrored).is_some()
    }
}
