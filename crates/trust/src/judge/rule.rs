//! What anchors demand of one image, and who may meet it.

use super::candidate::{Candidate, Logs, Means};
use super::requirement::{Forms, Requirement, Rule, SignedBy};
use crate::IdentityRule;
use crate::anchors::{Anchors, Authority, Log, ScopedAuthority};
use crate::openpgp::Keyring;
use crate::policy::{Demand, DemandKind, DemandedLogs, DemandedSigners};
use bundle_oci::Reference;
use std::sync::Arc;

impl Anchors {
    /// What an image must satisfy: `as_given` is its source as the user wrote it, `source` the same with its digest.
    pub(super) fn rule_for(&self, as_given: &Reference, source: &Reference) -> Rule<'_> {
        let threshold = self.threshold_for(source);
        let requirements = match &self.policy {
            Some(policy) => by_policy(policy.demands(as_given), self.now),
            None => vec![Requirement::Signed(self.alternatives_for(source))],
        };
        Rule { requirements, threshold }
    }

    /// Everybody who may vouch for `source` is an alternative to the others.
    pub(super) fn alternatives_for(&self, source: &Reference) -> SignedBy<'_> {
        let logs = self.logs_for(source);
        let keys = self.keys_for(source).map(|anchor| {
            let (name, key) = (anchor.name.as_str(), &anchor.key);
            let means = match &logs {
                None => Means::Key(key),
                Some(logs) => Means::LoggedKey { key, logs: logs.clone() },
            };
            Candidate { name, means }
        });
        let others = self.authorities_for(source).filter_map(|anchor| {
            let means = match &anchor.authority {
                Authority::OpenPgp(_) => return None,
                Authority::Fulcio(fulcio) => {
                    let logs = logs.clone().unwrap_or_default();
                    Means::Fulcio { fulcio, logs }
                }
                Authority::Pki(pki) => Means::Pki { pki, now: self.now },
                Authority::Keyless(policy) => Means::Keyless(policy),
            };
            Some(Candidate { name: &anchor.name, means })
        });
        let candidates = keys.chain(others).chain(self.gpg_for(source)).collect();
        let identity = &IdentityRule::MatchRepository;
        SignedBy { candidates, identity, source: None, forms: Forms::All }
    }

    /// All GPG keys together: a revocation in one copy of a key counts for every other, whatever that one is for.
    fn gpg_for(&self, source: &Reference) -> Option<Candidate<'_>> {
        let covering: Vec<(&str, &Arc<Keyring>)> =
            self.authorities_for(source).filter_map(gpg_of).collect();
        let (name, first) = *covering.first()?;
        let keyring = match self.authorities.iter().filter_map(gpg_of).count() {
            1 => Arc::clone(first),
            _ => {
                let trusted = covering.iter().map(|(_, keyring)| keyring.as_ref().clone());
                // What cannot be brought together vouches for nothing.
                let mut all = Keyring::merged(trusted).ok()?;
                for (_, other) in self.authorities.iter().filter_map(gpg_of) {
                    all.learn_of(other);
                }
                Arc::new(all)
            }
        };
        let files = covering.iter().map(|&(name, keyring)| (name, &**keyring)).collect();
        Some(Candidate { name, means: Means::OpenPgp { keyring, files, now: self.now } })
    }

    /// The logs of which one must have an entry; `None` where none is demanded.
    fn logs_for(&self, source: &Reference) -> Option<Logs<'_>> {
        let mut covering = self.logs.iter().filter(|log| log.scope.covers(source)).peekable();
        covering.peek()?;
        let mut logs = Logs::default();
        for covering in covering {
            match &covering.log {
                Log::Key(key, root) => {
                    logs.keys.to_mut().push(key.clone());
                    logs.of_keys.push(root);
                }
                Log::Root(root) => logs.roots.push(root),
            }
        }
        Some(logs)
    }
}

fn gpg_of(anchor: &ScopedAuthority) -> Option<(&str, &Arc<Keyring>)> {
    match &anchor.authority {
        Authority::OpenPgp(keyring) => Some((&anchor.name, keyring)),
        _ => None,
    }
}

/// The requirements of a policy, read as container runtimes read it.
fn by_policy(demands: &[Demand], now: u64) -> Vec<Requirement<'_>> {
    if demands.is_empty() {
        return vec![Requirement::Unusable("the policy was not looked up for this image")];
    }
    demands.iter().map(|demand| requirement(demand, now)).collect()
}

fn requirement(demand: &Demand, now: u64) -> Requirement<'_> {
    let Demand { place, source, kind } = demand;
    match kind {
        DemandKind::AcceptAnything => Requirement::AcceptAnything,
        DemandKind::Reject => Requirement::Reject,
        DemandKind::Unusable(why) => Requirement::Unusable(why),
        DemandKind::Signed { signers, identity } => Requirement::Signed(SignedBy {
            candidates: candidates(place, signers, now),
            identity,
            source: Some(source),
            forms: Forms::RuntimeOnly,
        }),
    }
}

fn candidates<'a>(name: &'a str, signers: &'a DemandedSigners, now: u64) -> Vec<Candidate<'a>> {
    let candidate = |means| Candidate { name, means };
    let logs = |logs: &'a DemandedLogs| Logs {
        keys: logs.keys.as_slice().into(),
        roots: Vec::new(),
        of_keys: logs.root.as_deref().into_iter().collect(),
    };
    match signers {
        DemandedSigners::Keys { keys, logs: None } => {
            keys.iter().map(|key| candidate(Means::Key(key))).collect()
        }
        DemandedSigners::Keys { keys, logs: Some(of) } => {
            let logged = |key| candidate(Means::LoggedKey { key, logs: logs(of) });
            keys.iter().map(logged).collect()
        }
        DemandedSigners::Fulcio { fulcio, logs: of } => {
            vec![candidate(Means::Fulcio { fulcio, logs: logs(of) })]
        }
        DemandedSigners::Pki(pki) => vec![candidate(Means::Pki { pki, now })],
        DemandedSigners::OpenPgp(keyring) => {
            let (keyring, files) = (Arc::clone(keyring), Vec::new());
            vec![candidate(Means::OpenPgp { keyring, files, now })]
        }
    }
}
