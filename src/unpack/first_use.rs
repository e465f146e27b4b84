//! First use: nothing vouches for some images, and the operator types the fingerprint that came by another way than the
//! bundle, and what it is for.
//!
//! This is the weakest of all anchors, because it is decided while somebody waits for the bundle to go in. So it never
//! stands beside another one: where an anchor for any image of its scope exists, that one decides.

use super::error::UnpackError;
use super::refused::{CarriedKey, Refused};
use crate::trust::{Admission, Anchors, Fingerprint, ImageVerdict, RefusalCode, Scope, Scoped};

/// Makes the carried key with this fingerprint an anchor.
///
/// # Errors
/// [`UnpackError::FirstUseEverywhere`], [`UnpackError::FirstUse`], [`UnpackError::UnansweredPins`].
pub(super) fn admit(
    anchors: &mut Anchors,
    typed: Scoped<Fingerprint>,
    carried: &[CarriedKey],
) -> Result<(), UnpackError> {
    if typed.scope == Scope::Everything {
        return Err(UnpackError::FirstUseEverywhere);
    }
    if let Some((anchor, covered)) = overlapping(anchors, &typed.scope) {
        return Err(UnpackError::FirstUse { scope: Box::new(typed.scope), anchor, covered });
    }
    let answers: Vec<_> = carried.iter().map(|key| (key.file.as_str(), &key.key)).collect();
    match anchors.admit_carried(std::slice::from_ref(&typed), answers).is_empty() {
        true => Ok(()),
        false => Err(UnpackError::UnansweredPins(vec![typed.value.into()])),
    }
}

/// An anchor that is for an image of this scope, by its name and its scope.
fn overlapping(anchors: &Anchors, scope: &Scope) -> Option<(String, String)> {
    if anchors.policy.is_some() {
        return Some(("a policy".into(), Scope::Everything.to_string()));
    }
    let keys = anchors.keys.iter().filter(|anchor| anchor.scope.overlaps(scope));
    let mut keys = keys.map(|anchor| (anchor.name.clone(), anchor.scope.to_string()));
    let others = anchors.authorities.iter();
    let others = others.filter(|anchor| anchor.scopes.iter().all(|one| one.overlaps(scope)));
    let mut others = others.map(|anchor| {
        let scopes: Vec<String> = anchor.scopes.iter().map(ToString::to_string).collect();
        (anchor.name.clone(), scopes.join(" and "))
    });
    keys.next().or_else(|| others.next())
}

impl Refused {
    /// The images for which nobody is trusted at all, when a key that the bundle carries could vouch for them if the
    /// operator knew it: then a first use may be offered.
    pub fn without_anchor(&self) -> Vec<&ImageVerdict> {
        if self.by_policy || self.carried.is_empty() {
            return Vec::new();
        }
        let is_uncovered = |verdict: &&ImageVerdict| {
            let refused = verdict.admission();
            matches!(refused, Admission::Refused(refusal) if refusal.code == RefusalCode::NoAnchor)
        };
        self.refusals().filter(is_uncovered).collect()
    }
}
