//! First use: nothing vouches for some images, and the operator types the fingerprint that came by another way than the
//! bundle, and what it is for.
//!
//! This is the weakest of all anchors, because it is decided while somebody waits for the bundle to go in. So it never
//! stands beside another one: where an anchor for any image of its scope exists, that one decides.

use super::error::UnpackError;
use super::pins;
use super::refused::{CarriedAuthority, CarriedKey, Refused};
use crate::trust::{
    Admission, Anchors, Form, ImageVerdict, KeyFingerprint, KeyUse, RefusalCode, Scope, Scoped,
    SignatureFinding,
};

/// Makes the carried key with this fingerprint an anchor.
///
/// # Errors
/// [`UnpackError::FirstUseEverywhere`], [`UnpackError::FirstUse`], and as for every pin.
pub(super) fn admit(
    anchors: &mut Anchors,
    typed: Scoped<KeyFingerprint>,
    carried: &[CarriedKey],
    authorities: &[CarriedAuthority],
) -> Result<(), UnpackError> {
    if typed.scope == Scope::Everything {
        return Err(UnpackError::FirstUseEverywhere);
    }
    if let Some((anchor, covered)) = overlapping(anchors, &typed.scope) {
        return Err(UnpackError::FirstUse { scope: Box::new(typed.scope), anchor, covered });
    }
    let scope = typed.scope;
    let (pins, openpgp) = match typed.value {
        KeyFingerprint::Sha256(digest) => (vec![Scoped { scope, value: digest.into() }], vec![]),
        KeyFingerprint::OpenPgp(value) => (vec![], vec![Scoped { scope, value }]),
    };
    pins::admit(anchors, &pins, &openpgp, carried, authorities)
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
    /// The images for which nobody is trusted at all, when a fingerprint would let every refused image in: the bundle
    /// carries a key, and each of them has a signature that a key alone can verify. Empty otherwise.
    pub fn without_anchor(&self) -> Vec<&ImageVerdict> {
        let answerable = |verdict: &&ImageVerdict| {
            let uncovered = matches!(
                verdict.admission(),
                Admission::Refused(refusal) if refusal.code == RefusalCode::NoAnchor
            );
            uncovered
                && verdict.signatures().iter().any(|signature| self.is_by_a_carried(signature))
        };
        if self.by_policy || !self.refusals().all(|verdict| answerable(&verdict)) {
            return Vec::new();
        }
        self.refusals().collect()
    }

    /// True when a carried key could have made the signature, as far as its form tells. A Sigstore bundle names no
    /// repository, so a key alone does not make it count.
    fn is_by_a_carried(&self, signature: &SignatureFinding) -> bool {
        match signature.form {
            _ if !signature.claims_to_sign() => false,
            Form::SimpleSigning => !self.carried.is_empty(),
            Form::Bundle => !self.carried.is_empty() && self.names_bound,
            Form::Atomic => self.carried_authorities.iter().any(|a| a.usage == KeyUse::OpenPgp),
            Form::Envelope | Form::Other => false,
        }
    }

    /// True when the bundle carries a key with this fingerprint.
    pub fn carries(&self, fingerprint: &KeyFingerprint) -> bool {
        let signers = self.carried.iter().map(|key| KeyFingerprint::from(key.fingerprint));
        let others = self.carried_authorities.iter().map(|authority| authority.fingerprint);
        signers.chain(others).any(|carried| carried == *fingerprint)
    }
}
