//! What verified something in a run, and for which repositories: all that may be installed.

use super::verify::Verified;
use crate::host::{Holder, KeyToInstall};
use crate::oci::Reference;
use crate::trust::openpgp::{Keyring, OpenPgpFingerprint, SingleKey};
use crate::trust::{
    Admission, Authority, CertificateIdentity, Fingerprint, ImageVerdict, KeyFingerprint,
    KeyMaterial, KeyUse, Log, LogEvidence, Scope, ScopedAuthority, SignatureFinding, Signer,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Keys and roots that vouched for an image which is admitted by its signatures, each for exactly the repositories of
/// those images, or for less where it was trusted for one tag or digest only.
pub(super) fn proven(verified: &Verified) -> Vec<KeyToInstall> {
    let mut all = Proven::default();
    for verdict in verified.verdicts() {
        if matches!(verdict.admission(), Admission::Signed | Admission::IndexUnsigned) {
            let image = verdict.source().with_digest(verdict.digest());
            for finding in verdict.verifying() {
                all.add(verified, finding, verdict, &image);
            }
        }
    }
    let Proven { granted, materials } = all;
    let carried = |usage: KeyUse, fingerprint: &KeyFingerprint| {
        let keys = verified.carried_keys().iter();
        let keys = keys.map(|key| (KeyUse::Cosign, key.fingerprint.into(), &key.file));
        let others = verified.carried_authorities().iter();
        let others = others.map(|of| (of.usage, of.fingerprint, &of.file));
        let mut files = keys.chain(others);
        files.find(|(of, known, _)| (*of, known) == (usage, fingerprint)).map(|(_, _, file)| file)
    };
    granted
        .into_iter()
        .filter_map(|((usage, fingerprint), (scopes, holders))| {
            Some(KeyToInstall {
                usage,
                content: materials.get(&(usage, fingerprint))?.to_bytes(),
                fingerprint,
                scopes: scopes.into_iter().collect(),
                holders,
                file: carried(usage, &fingerprint).cloned().unwrap_or_default(),
            })
        })
        .collect()
}

type Holders = BTreeMap<Holder, BTreeSet<String>>;

/// What has been found so far.
#[derive(Default)]
struct Proven {
    granted: BTreeMap<(KeyUse, KeyFingerprint), (BTreeSet<String>, Holders)>,
    materials: BTreeMap<(KeyUse, KeyFingerprint), KeyMaterial>,
}

impl Proven {
    fn add(
        &mut self,
        verified: &Verified,
        finding: &SignatureFinding,
        verdict: &ImageVerdict,
        image: &Reference,
    ) {
        match finding.signer() {
            Some(Signer::Key(key)) => self.add_key(verified, key, verdict, image),
            Some(Signer::OpenPgp(primary)) => self.add_openpgp(verified, &primary, verdict, image),
            Some(Signer::Certificate(identity)) => {
                self.add_root(verified, &identity, finding.anchor.as_deref(), verdict, image);
            }
            None => {}
        }
        self.add_logs(verified, &finding.logs, verdict, image);
    }

    fn add_key(
        &mut self,
        verified: &Verified,
        fingerprint: Fingerprint,
        verdict: &ImageVerdict,
        image: &Reference,
    ) {
        let anchors = verified
            .trusted_keys()
            .iter()
            .filter(|anchor| anchor.key.fingerprint() == fingerprint && anchor.scope.covers(image));
        let Some(key) = anchors.clone().next().map(|anchor| anchor.key.clone()) else { return };
        let scopes = narrowed(verdict, anchors.map(|anchor| std::slice::from_ref(&anchor.scope)));
        self.grant(KeyMaterial::Cosign(key)).0.extend(scopes);
    }

    /// All that any trusted file says of the key is installed: a revocation in one of them is not left behind.
    fn add_openpgp(
        &mut self,
        verified: &Verified,
        primary: &OpenPgpFingerprint,
        verdict: &ImageVerdict,
        image: &Reference,
    ) {
        let keyrings = || verified.trusted_authorities().iter().filter_map(keyring);
        let covering = keyrings()
            .filter(|(anchor, keyring)| keyring.contains(primary) && covers(anchor, image));
        let scopes = narrowed(verdict, covering.map(|(anchor, _)| &anchor.scopes[..]));
        if scopes.is_empty() {
            return;
        }
        let known = self.materials.get(&(KeyUse::OpenPgp, (*primary).into())).cloned();
        let joined = || SingleKey::joined(keyrings().map(|(_, keyring)| &**keyring), primary);
        if let Some(key) = known.or_else(|| joined().map(KeyMaterial::OpenPgp)) {
            self.grant(key).0.extend(scopes);
        }
    }

    /// The root under which a certificate was verified. Where two different ones could have been meant, none is
    /// installed: it would not be known which of them verified anything.
    fn add_root(
        &mut self,
        verified: &Verified,
        identity: &CertificateIdentity,
        anchor: Option<&str>,
        verdict: &ImageVerdict,
        image: &Reference,
    ) {
        let mut found = BTreeMap::new();
        for authority in verified.trusted_authorities().iter().filter(|of| covers(of, image)) {
            let Authority::Keyless(policy) = &authority.authority else { continue };
            let same = policy.identity == identity.subject
                && Some(&policy.issuer) == identity.issuer.as_ref();
            if same && Some(authority.name.as_str()) == anchor {
                let material = KeyMaterial::TrustedRoot(Arc::clone(&policy.root));
                let scopes: &mut (KeyMaterial, Vec<&[Scope]>) =
                    found.entry(material.fingerprint()).or_insert((material, Vec::new()));
                scopes.1.push(&authority.scopes);
            }
        }
        let mut found = found.into_values();
        if let (Some((material, scopes)), None) = (found.next(), found.next()) {
            let (identity, issuer) =
                (identity.subject.clone(), identity.issuer.clone().unwrap_or_default());
            let holders = &mut self.grant(material).1;
            let granted = holders.entry(Holder { identity, issuer }).or_default();
            granted.extend(narrowed(verdict, scopes.into_iter()));
        }
    }

    /// Logs that were demanded and have an entry of the signature.
    fn add_logs(
        &mut self,
        verified: &Verified,
        entries: &[LogEvidence],
        verdict: &ImageVerdict,
        image: &Reference,
    ) {
        for authority in verified.trusted_logs().iter().filter(|log| log.scope.covers(image)) {
            let material = match &authority.log {
                Log::Key(key, _) if entries.iter().any(|entry| entry.log == key.id().hex()) => {
                    KeyMaterial::Rekor(key.clone())
                }
                Log::Root(root) if entries.iter().any(|entry| root.names_log(&entry.log)) => {
                    KeyMaterial::TrustedRoot(Arc::clone(root))
                }
                Log::Key(..) | Log::Root(_) => continue,
            };
            let scopes = narrowed(verdict, std::iter::once(std::slice::from_ref(&authority.scope)));
            self.grant(material).0.extend(scopes);
        }
    }

    fn grant(&mut self, material: KeyMaterial) -> &mut (BTreeSet<String>, Holders) {
        let name = (material.usage(), material.fingerprint());
        self.materials.entry(name).or_insert(material);
        self.granted.entry(name).or_default()
    }
}

fn keyring(anchor: &ScopedAuthority) -> Option<(&ScopedAuthority, &Arc<Keyring>)> {
    match &anchor.authority {
        Authority::OpenPgp(keyring) => Some((anchor, keyring)),
        _ => None,
    }
}

fn covers(anchor: &ScopedAuthority, image: &Reference) -> bool {
    anchor.scopes.iter().all(|scope| scope.covers(image))
}

/// What an anchor may be trusted for from now on, by what it verified here: the image's repository; or the one tag or
/// digest that it was trusted for, where none of its anchors reaches further.
fn narrowed<'a>(
    verdict: &ImageVerdict,
    anchors: impl Iterator<Item = &'a [Scope]>,
) -> BTreeSet<String> {
    let repository = verdict.source().repository().to_string();
    let scope = |scopes: &[Scope]| {
        let image = scopes.iter().find(|scope| matches!(scope, Scope::Image(_)));
        image.map_or_else(|| repository.clone(), ToString::to_string)
    };
    let scopes: BTreeSet<String> = anchors.map(scope).collect();
    match scopes.contains(&repository) {
        true => BTreeSet::from([repository]),
        false => scopes,
    }
}
