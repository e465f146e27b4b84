//! What is trusted, and for which images. Anchors come from outside the bundle; nothing in this file can be reached
//! by what the courier could have written, but through a fingerprint that the administrator pinned.

use super::candidate::{Candidate, Means};
use super::identity::IdentityRule;
use super::keys::{Fingerprint, PublicKey};
use super::predicate::PredicateType;
use super::requirement::{Forms, Requirement, Rule, SignedBy};
use super::scope::{Pattern, Scope};
use super::scoped::Scoped;
use crate::oci::Reference;
use std::num::NonZeroUsize;

/// A key and the images that it may vouch for.
#[derive(Debug, Clone)]
pub struct ScopedKey {
    /// Which source references the key may vouch for.
    pub scope: Scope,
    /// The key.
    pub key: PublicKey,
    /// Where it came from, for people: a file name.
    pub name: String,
}

/// Everything that is trusted in one run.
///
/// Anchors are alternatives: where several scopes cover an image, every key of theirs may verify it. A narrow scope
/// does not disable a broad one; to restrict an image to one key, give no broader key.
#[derive(Debug, Clone, Default)]
pub struct Anchors {
    /// Keys with their scopes.
    pub keys: Vec<ScopedKey>,
    /// `--allow-unsigned`: images that may come without a signature.
    pub allow_unsigned: Vec<Pattern>,
    /// `--accept-unbound-names`: where signatures that name no repository count although nothing binds the name.
    pub accept_unbound_names: Vec<Scope>,
    /// `--threshold`: how many distinct signers an image needs, one where nothing is said.
    pub thresholds: Vec<Scoped<NonZeroUsize>>,
    /// `--require-attestation`: what images must come with.
    pub required_attestations: Vec<Scoped<PredicateType>>,
    /// The bundle as a whole is authentic: its seal verified, or its digest is the expected one. Set by who checked.
    pub bundle_expected: bool,
}

impl Anchors {
    /// What `source` must satisfy. Everybody who may vouch for it is an alternative to the others.
    pub(super) fn rule_for(&self, _as_given: &Reference, source: &Reference) -> Rule<'_> {
        let candidates = self
            .keys_for(source)
            .map(|anchor| Candidate { name: &anchor.name, means: Means::Key(&anchor.key) })
            .collect();
        let identity = &IdentityRule::MatchRepository;
        let signed_by = SignedBy { candidates, identity, forms: Forms::All };
        let requirements = vec![Requirement::Signed(signed_by)];
        Rule { requirements, threshold: self.threshold_for(source) }
    }

    /// How many distinct signers `source` needs: what is said for the narrowest scope that covers it, one where
    /// nothing is said.
    fn threshold_for(&self, source: &Reference) -> usize {
        let covering = self.thresholds.iter().filter(|threshold| threshold.scope.covers(source));
        let narrowest = covering.max_by_key(|t| (t.scope.specificity(), t.value));
        narrowest.map_or(1, |threshold| threshold.value.get())
    }

    /// Predicate types of the attestations that `source` must come with.
    pub(super) fn required_attestations_for(
        &self,
        source: &Reference,
    ) -> impl Iterator<Item = &PredicateType> {
        let covering = self.required_attestations.iter().filter(|r| r.scope.covers(source));
        covering.map(|required| &required.value)
    }

    /// True when a policy file decides, and nothing else.
    pub(super) fn has_policy(&self) -> bool {
        false
    }

    /// Keys that may vouch for `source`.
    pub fn keys_for(&self, source: &Reference) -> impl Iterator<Item = &ScopedKey> {
        self.keys.iter().filter(|anchor| anchor.scope.covers(source))
    }

    /// True when something is demanded of `source`: somebody is trusted to vouch for it, or it must be attested.
    pub fn covers(&self, source: &Reference) -> bool {
        self.has_policy()
            || self.keys_for(source).next().is_some()
            || self.required_attestations_for(source).next().is_some()
    }

    /// True when nothing at all could admit any image.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.allow_unsigned.is_empty() && !self.bundle_expected
    }

    /// Admits carried keys by pinned fingerprints (`--trust-fingerprint`), each only within the scope of its pin. Gives
    /// back the pins that no carried key answers to.
    pub fn admit_carried<'k>(
        &mut self,
        pins: &[Scoped<Fingerprint>],
        carried: impl IntoIterator<Item = (&'k str, &'k PublicKey)> + Clone,
    ) -> Vec<Scoped<Fingerprint>> {
        let mut unanswered = Vec::new();
        for pin in pins {
            let answer =
                carried.clone().into_iter().find(|(_, key)| key.fingerprint() == pin.value);
            match answer {
                Some((name, key)) => self.keys.push(ScopedKey {
                    scope: pin.scope.clone(),
                    key: key.clone(),
                    name: name.to_owned(),
                }),
                None => unanswered.push(pin.clone()),
            }
        }
        unanswered
    }

    /// True when signatures that name no repository count for `source` without further binding.
    pub(super) fn accepts_unbound_name(&self, source: &Reference) -> bool {
        self.accept_unbound_names.iter().any(|scope| scope.covers(source))
    }

    /// True when `source` may come unsigned.
    ///
    /// The rule: the narrowest pattern that covers the image must be **at least as narrow** as the narrowest key scope
    /// that covers it. So `--allow-unsigned '*'` never overrides a key that was given for a registry, a namespace or a
    /// repository, while `--allow-unsigned quay.io/org/app` does override a key for `quay.io`; with equal scopes the
    /// explicit permission wins. A key that was given for a path counts for that path on every host: the name at the
    /// target has no host, so an unsigned `other.example/org/app` would take the place of a signed `quay.io/org/app`.
    pub(super) fn allows_unsigned(&self, source: &Reference) -> bool {
        let patterns = self.allow_unsigned.iter().filter(|pattern| pattern.covers(source));
        let Some(pattern) = patterns.map(Pattern::specificity).max() else {
            return false;
        };
        let scopes = self.keys.iter().map(|anchor| &anchor.scope);
        let covering = scopes.filter(|scope| scope.covers_on_any_host(source));
        let key = covering.map(Scope::specificity).max();
        key.is_none_or(|key| pattern >= key)
    }
}
