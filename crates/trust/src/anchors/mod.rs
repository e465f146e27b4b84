//! What is trusted, and for which images.
//!
//! - [`Anchors`]: everything that is trusted in one run; `protection`: what that protects at a target, and which
//!   permissions stand beside it
//! - [`key_material`] and [`key_fingerprint`]: keys of every use, as they are carried, pinned and installed
//!
//! Anchors come from outside the bundle; nothing in this file can be reached
//! by what the courier could have written, but through a fingerprint that the administrator pinned.

pub mod key_fingerprint;
pub mod key_material;
mod protection;

use crate::certificate::{Fulcio, Pki};
use crate::formats::predicate::PredicateType;
use crate::keys::{Fingerprint, PublicKey};
use crate::openpgp::Keyring;
use crate::policy::PreparedPolicy;
use crate::rekor::LogKey;
use crate::scopes::scope::{Pattern, Scope};
use crate::scopes::scoped::Scoped;
use crate::sigstore_bundle::KeylessPolicy;
use crate::trusted_root::{TrustedRoot, TrustedRootError};
use bundle_oci::Reference;
use std::num::NonZeroUsize;
use std::sync::Arc;

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

/// Somebody other than the holder of a bare key, and the images that he may vouch for.
#[derive(Debug, Clone)]
pub struct ScopedAuthority {
    /// Which source references; all of these must cover.
    pub scopes: Vec<Scope>,
    /// By what he proves that he signed.
    pub authority: Authority,
    /// Where it came from, for people: an option's file.
    pub name: String,
}

/// By what somebody proves that he signed, other than a bare key.
#[derive(Debug, Clone)]
pub enum Authority {
    /// A certificate under a pinned root, with the log entries and times that the root demands.
    Keyless(KeylessPolicy),
    /// A certificate of a private Fulcio, with an entry of a trusted log.
    Fulcio(Fulcio),
    /// A certificate of an organisation, valid now.
    Pki(Pki),
    /// GPG keys, good now.
    OpenPgp(Arc<Keyring>),
}

/// A log whose entries are demanded of the signatures in its scope.
#[derive(Debug, Clone)]
pub struct LogAuthority {
    /// Which source references need an entry.
    pub scope: Scope,
    /// The log, or several.
    pub log: Log,
    /// Where it came from, for people: a file name.
    pub name: String,
}

/// Logs that are trusted.
#[derive(Debug, Clone)]
pub enum Log {
    /// By a key, which is trusted whatever the time.
    Key(LogKey, Arc<TrustedRoot>),
    /// All logs of a pinned root, each at the time that it is valid for.
    Root(Arc<TrustedRoot>),
}

impl Log {
    /// The log with this key.
    ///
    /// # Errors
    /// A key that logs do not have.
    pub fn of_key(key: LogKey) -> Result<Self, TrustedRootError> {
        let root = TrustedRoot::of_log_keys(&[key.key().clone()])?;
        Ok(Self::Key(key, Arc::new(root)))
    }
}

/// Everything that is trusted in one run.
///
/// Anchors are alternatives: where several scopes cover an image, every key of theirs may verify it. A narrow scope
/// does not disable a broad one; to restrict an image to one key, give no broader key.
#[derive(Debug, Clone, Default)]
pub struct Anchors {
    /// Keys with their scopes.
    pub keys: Vec<ScopedKey>,
    /// Others who may vouch for images.
    pub authorities: Vec<ScopedAuthority>,
    /// Logs. Where one covers an image, keys and Fulcio certificates count only with an entry of such a log.
    pub logs: Vec<LogAuthority>,
    /// A policy. It decides alone: beside it no key, certificate or permission counts.
    pub policy: Option<PreparedPolicy>,
    /// When the run began, in seconds since 1970: what certificates of organisations are checked at.
    pub now: u64,
    /// `--allow-unsigned`: images that may come without a signature.
    pub allow_unsigned: Vec<Pattern>,
    /// `refuse_unsigned`: an authentic bundle's word that an image may come unsigned does not count.
    pub refuse_unsigned: bool,
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
    /// Others who may vouch for `source`.
    pub(crate) fn authorities_for(
        &self,
        source: &Reference,
    ) -> impl Iterator<Item = &ScopedAuthority> {
        let covers = |anchor: &&ScopedAuthority| anchor.scopes.iter().all(|s| s.covers(source));
        self.authorities.iter().filter(covers)
    }

    /// True when signatures over `source` must be in a log.
    pub(crate) fn demands_log(&self, source: &Reference) -> bool {
        self.logs.iter().any(|log| log.scope.covers(source))
    }

    /// How many distinct signers `source` needs: what is said for the narrowest scope that covers it, one where
    /// nothing is said.
    pub(crate) fn threshold_for(&self, source: &Reference) -> usize {
        let covering = self.thresholds.iter().filter(|threshold| threshold.scope.covers(source));
        let narrowest = covering.max_by_key(|t| (t.scope.specificity(), t.value));
        narrowest.map_or(1, |threshold| threshold.value.get())
    }

    /// Predicate types of the attestations that `source` must come with.
    pub(crate) fn required_attestations_for(
        &self,
        source: &Reference,
    ) -> impl Iterator<Item = &PredicateType> {
        let covering = self.required_attestations.iter().filter(|r| r.scope.covers(source));
        covering.map(|required| &required.value)
    }

    /// True when a policy file decides, and nothing else.
    pub(crate) fn has_policy(&self) -> bool {
        self.policy.is_some()
    }

    /// Keys that may vouch for `source`.
    pub fn keys_for(&self, source: &Reference) -> impl Iterator<Item = &ScopedKey> {
        self.keys.iter().filter(|anchor| anchor.scope.covers(source))
    }

    /// True when something is demanded of `source`: somebody is trusted to vouch for it, or it must be attested.
    pub fn covers(&self, source: &Reference) -> bool {
        self.has_policy()
            || self.keys_for(source).next().is_some()
            || self.authorities_for(source).next().is_some()
            || self.required_attestations_for(source).next().is_some()
            || self.threshold_for(source) > 1
    }

    /// True when nothing at all could admit any image.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
            && self.authorities.is_empty()
            && self.allow_unsigned.is_empty()
            && !self.bundle_expected
            && !self.has_policy()
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
}
