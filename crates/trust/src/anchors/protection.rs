//! What is protected, and what may stand beside it: permissions that admit on less than a trusted signature.

use super::Anchors;
use crate::reading::text::bounded;
use crate::scopes::place::{Permission, Place, Reach};
use crate::scopes::scope::{Pattern, Scope, Specificity};
use bundle_oci::Reference;

/// Something that demands a signature or more of what lies in all of its scopes.
struct Protection<'a> {
    scopes: Vec<&'a Scope>,
    /// What was said, for people: the name of a file, an option, a place in a policy.
    by: &'a str,
}

impl Protection<'_> {
    /// True when it is about the image itself: then the narrower of it and a permission counts.
    fn covers(&self, source: &Reference) -> bool {
        self.scopes.iter().all(|scope| scope.covers(source))
    }

    /// The narrowest of its scopes: what lies in all of them lies in that one.
    fn narrowest(&self) -> Option<&Scope> {
        self.scopes.iter().copied().max_by_key(|scope| scope.specificity())
    }
}

impl Anchors {
    /// Who protects `place` for something else than `source`, and for what; `None` when nothing weaker than a signature
    /// takes anybody's place there.
    ///
    /// This is the one question that every ground other than a trusted signature has to pass. Where something covers
    /// `source` itself, [`Self::allows_unsigned`], the policy or the seal decides which of the two counts for `source`; for
    /// others that would lie in the same place it still demands what it demands, unless the permission is for them too.
    pub(crate) fn protector_of(
        &self,
        place: &Place,
        source: &Reference,
        permission: &Permission<'_>,
    ) -> Option<String> {
        let repository = source.repository();
        let mut protectors = self.protections().filter_map(|protection| {
            let scope = protection.narrowest()?;
            if protection.covers(source) && permission.is_for_all_of(scope) {
                return None;
            }
            place.is_also_in(scope, repository, permission).then(|| {
                let (place, by) = (place.describe(), protection.by);
                bounded(&format!("{place} is also a place of {scope}, which {by} is for"))
            })
        });
        protectors.next()
    }

    /// Everything that demands something of images.
    fn protections(&self) -> impl Iterator<Item = Protection<'_>> {
        let keys = self.keys.iter();
        let keys = keys.map(|key| Protection { scopes: vec![&key.scope], by: &key.name });
        let others = self.authorities.iter();
        let others =
            others.map(|one| Protection { scopes: one.scopes.iter().collect(), by: &one.name });
        let demands = self.demands().map(|(scope, by)| Protection { scopes: vec![scope], by });
        let policy = self.policy.iter().flat_map(|policy| policy.signed_scopes());
        let policy = policy.map(|(scope, by)| Protection { scopes: vec![scope], by });
        keys.chain(others).chain(demands).chain(policy)
    }

    /// Where more is demanded than any signature: several signers, logs, attestations.
    fn demands(&self) -> impl Iterator<Item = (&Scope, &str)> {
        let several = self.thresholds.iter().filter(|threshold| threshold.value.get() > 1);
        let several = several.map(|threshold| (&threshold.scope, "--threshold"));
        let logs = self.logs.iter().map(|log| (&log.scope, log.name.as_str()));
        let attestations = self.required_attestations.iter();
        let attestations = attestations.map(|required| (&required.scope, "--require-attestation"));
        several.chain(logs).chain(attestations)
    }

    /// True when nothing at all was said, neither whom to trust nor what to demand.
    pub fn is_silent(&self) -> bool {
        self.is_empty() && self.demands().next().is_none()
    }

    /// How far the permission reaches by which signatures that name no repository count for `source` without further
    /// binding. Who carries such an image chooses its name, so the place has to be asked for, see
    /// [`Self::protector_of`].
    pub(crate) fn accepts_unbound_name(&self, source: &Reference) -> Option<Permission<'_>> {
        let accepting = self.accept_unbound_names.iter().filter(|scope| scope.covers(source));
        let reach = accepting.map(|scope| reach(scope.names(source.repository()))).max()?;
        Some(Permission { reach, scopes: self.accept_unbound_names.iter().collect() })
    }

    /// True for a source that may come without a trusted signature, by the rule of the narrowest scope. A policy decides
    /// alone, so beside one nothing may.
    pub fn may_come_unsigned(&self, source: &Reference) -> bool {
        !self.has_policy() && self.allows_unsigned(source).is_some()
    }

    /// How far the permission reaches by which `source` may come unsigned. Its place has to be asked for as well, see
    /// [`Self::protector_of`].
    ///
    /// The rule: the narrowest pattern that covers the image must be **at least as narrow** as the narrowest scope that
    /// covers it, of a key or of what is demanded. So `--allow-unsigned '*'` never overrides a key that was given for a
    /// registry, a namespace or a repository, while `--allow-unsigned quay.io/org/app` does override a key for `quay.io`;
    /// with equal scopes the explicit permission wins.
    pub(crate) fn allows_unsigned(&self, source: &Reference) -> Option<Permission<'_>> {
        let patterns = self.allow_unsigned.iter().filter(|pattern| pattern.covers(source));
        let narrowest = patterns.clone().map(Pattern::specificity).max()?;
        let covering = self.protections().filter(|protection| protection.covers(source));
        let covering = covering.flat_map(|protection| protection.scopes);
        let demanded: Option<Specificity> = covering.map(Scope::specificity).max();
        demanded.is_none_or(|demanded| narrowest >= demanded).then(|| Permission {
            reach: reach(patterns.clone().any(|pattern| pattern.names(source.repository()))),
            scopes: self.allow_unsigned.iter().filter_map(Pattern::whole_scope).collect(),
        })
    }
}

fn reach(is_named: bool) -> Reach {
    if is_named { Reach::Named } else { Reach::Broad }
}
