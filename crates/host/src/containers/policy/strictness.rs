//! Whether one list of requirements admits nothing that another one refuses.

use bundle_trust::policy::{
    KeySource, PolicyRequirement as Requirement, RequirementList, SignerSources, Sources,
};

/// What a list comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extreme {
    /// Every image is admitted.
    AcceptsAll,
    /// None is.
    RejectsAll,
    /// It depends on signatures.
    Neither,
}

/// What a list comes to. Requirements are ANDed, so one that no image satisfies decides.
pub(super) fn extreme(list: &RequirementList) -> Extreme {
    let nobody = |one: &Requirement| {
        matches!(one, Requirement::Reject | Requirement::SignedBaseLayer { .. })
    };
    let everybody = |one: &Requirement| matches!(one, Requirement::InsecureAcceptAnything);
    match list.requirements() {
        all if all.iter().any(nobody) => Extreme::RejectsAll,
        all if all.iter().all(everybody) => Extreme::AcceptsAll,
        _ => Extreme::Neither,
    }
}

/// True when it is certain that `new` admits no image which `old` refuses. Lists whose relation cannot be told are not.
pub(super) fn is_as_strict(new: &RequirementList, old: &RequirementList) -> bool {
    match (extreme(old), extreme(new)) {
        (Extreme::AcceptsAll, _) | (_, Extreme::RejectsAll) => true,
        (Extreme::RejectsAll, _) => false,
        (Extreme::Neither, _) => old
            .requirements()
            .iter()
            .filter(|one| !matches!(one, Requirement::InsecureAcceptAnything))
            .all(|demand| new.requirements().iter().any(|one| means_the_same(one, demand))),
    }
}

/// True when the two lists admit the same images.
pub(super) fn is_same(a: &RequirementList, b: &RequirementList) -> bool {
    is_as_strict(a, b) && is_as_strict(b, a)
}

/// Equality of what is demanded, wherever in a policy it stands. One key as `keyPath` or in a list of one is the same;
/// a key in a file and the same key inline are not, since files change.
fn means_the_same(a: &Requirement, b: &Requirement) -> bool {
    match (a, b) {
        (Requirement::SignedBy(a), Requirement::SignedBy(b)) => {
            a.key_type == b.key_type && a.identity == b.identity && same_sources(&a.keys, &b.keys)
        }
        (Requirement::SigstoreSigned(a), Requirement::SigstoreSigned(b)) => {
            a.identity == b.identity
                && same_signers(&a.signers, &b.signers)
                && same_optional(a.rekor_keys.as_ref(), b.rekor_keys.as_ref())
        }
        _ => false,
    }
}

fn same_signers(a: &SignerSources, b: &SignerSources) -> bool {
    match (a, b) {
        (SignerSources::Keys(a), SignerSources::Keys(b)) => same_sources(a, b),
        (SignerSources::Fulcio(a), SignerSources::Fulcio(b)) => {
            same_sources(&a.ca, &b.ca)
                && a.oidc_issuer == b.oidc_issuer
                && a.subject_email == b.subject_email
        }
        (SignerSources::Pki(a), SignerSources::Pki(b)) => {
            same_sources(&a.roots, &b.roots)
                && same_optional(a.intermediates.as_ref(), b.intermediates.as_ref())
                && a.subject_email == b.subject_email
                && a.subject_hostname == b.subject_hostname
        }
        _ => false,
    }
}

fn same_optional(a: Option<&Sources>, b: Option<&Sources>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same_sources(a, b),
        _ => false,
    }
}

fn same_sources(a: &Sources, b: &Sources) -> bool {
    let all = |sources: &Sources| -> Vec<KeySource> {
        sources.iter().map(|(_, source)| source.clone()).collect()
    };
    let (a, b) = (all(a), all(b));
    a.iter().all(|one| b.contains(one)) && b.iter().all(|one| a.contains(one))
}
