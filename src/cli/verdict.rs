//! Verdicts in lines for people.

use super::text::safe;
use bundle::trust::{Admission, ChildStatus, ImageVerdict, SignatureCode, SignatureFinding};
use std::collections::BTreeSet;

/// One line about a verdict.
pub(super) fn describe(verdict: &ImageVerdict) -> String {
    let Admission::Refused(refusal) = verdict.admission() else {
        let admission = verdict.admission().as_str();
        return format!("{}: {admission}{}", verdict.source(), signed_by(verdict));
    };
    let detail = refusal.detail.as_ref().map(|d| format!("; {d}")).unwrap_or_default();
    let mut line =
        format!("{}: {}: {}{detail}", verdict.source(), refusal.code, refusal.code.meaning());
    // Why each signature does not count, each reason once.
    let mut reasons: Vec<&str> = Vec::new();
    for finding in verdict.signatures().iter().filter(|finding| finding.claims_to_sign()) {
        if finding.code != SignatureCode::Verified && !reasons.contains(&finding.code.as_str()) {
            reasons.push(finding.code.as_str());
        }
    }
    if !reasons.is_empty() {
        line.push_str(&format!(" (signatures: {})", reasons.join(", ")));
    }
    let names = signed_names(verdict);
    if !names.is_empty() {
        let names: Vec<&str> = names.into_iter().take(MAX_NAMES).collect();
        line.push_str(&format!("; a trusted signature is for {}", names.join(", ")));
    }
    line
}

/// Other names listed of one image.
const MAX_NAMES: usize = 3;

/// Host and path of the images that trusted signatures attached to this one are for.
fn signed_names(verdict: &ImageVerdict) -> BTreeSet<&str> {
    verdict.signatures().iter().filter_map(|finding| finding.signed_name.as_deref()).collect()
}

/// For a refused image that was signed under another name: the source that packs it under that name.
pub(super) fn signed_source(verdict: &ImageVerdict) -> Option<String> {
    if !matches!(verdict.admission(), Admission::Refused(_)) {
        return None;
    }
    let name = signed_names(verdict).into_iter().next()?;
    Some(match verdict.source().tag() {
        Some(tag) => format!("SOURCE={name}:{tag}"),
        None => format!("SOURCE={name}@{}", verdict.digest()),
    })
}

/// ` by KEY, …`: whoever made a signature that counts.
pub(super) fn signed_by(verdict: &ImageVerdict) -> String {
    let signers: Vec<String> = verdict.signers().iter().map(ToString::to_string).collect();
    if signers.is_empty() { String::new() } else { format!(" by {}", signers.join(", ")) }
}

/// What people should know about an image that is admitted.
pub(super) fn remarks(verdict: &ImageVerdict) -> Vec<String> {
    let mut remarks = Vec::new();
    if verdict.tag_unbound() {
        remarks.push("tag-unbound: nothing authentic says that this tag means this digest".into());
    }
    let children = verdict.children();
    let covered = children.iter().filter(|c| c.status == ChildStatus::CoveredByIndex).count();
    if covered > 0 {
        remarks.push(format!(
            "covered-by-index: {covered} of {} manifests have no signature of their own; podman, CRI-O and skopeo do not \
             accept them under a policy",
            children.len()
        ));
    }
    if verdict.is_beyond_runtimes() {
        remarks.push(
            "signed only in a form or a place that podman, CRI-O and skopeo do not check under a policy"
                .into(),
        );
    }
    remarks.extend(attestations(verdict));
    remarks
}

/// The verified attestations by type, each type once.
fn attestations(verdict: &ImageVerdict) -> Option<String> {
    let verified = |finding: &&SignatureFinding| finding.code == SignatureCode::AttestationVerified;
    let findings = verdict.signatures().iter().filter(verified);
    let mut types: Vec<String> =
        findings.filter_map(|f| f.predicate_type.as_deref().map(safe)).collect();
    types.sort();
    types.dedup();
    (!types.is_empty()).then(|| format!("attested: {}", types.join(", ")))
}
