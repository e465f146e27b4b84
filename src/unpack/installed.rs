//! Keys of the host as anchors, each for what was recorded and nothing else.

use super::error::UnpackError;
use crate::host::{HostRoot, InstalledKey, KeyRecord, installed_keys};
use crate::trust::openpgp::Keyring;
use crate::trust::rekor::LogKey;
use crate::trust::sigstore_bundle::KeylessPolicy;
use crate::trust::trusted_root::TrustedRoot;
use crate::trust::{
    Anchors, Authority, KeyUse, Log, LogAuthority, PublicKey, Scope, ScopedAuthority, ScopedKey,
};
use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

/// Adds installed keys to `anchors`: signers as they were, and logs as demands, so that what was once demanded of a
/// repository is demanded of its later bundles too.
///
/// # Errors
/// [`UnpackError::InstalledKey`]: a key that cannot be used as what it is recorded as. It is not passed over, because it
/// may be a demand.
pub(super) fn admit(
    anchors: &mut Anchors,
    installed: Vec<InstalledKey>,
) -> Result<(), UnpackError> {
    for InstalledKey { record, content, .. } in installed {
        add(anchors, &record, &content).map_err(|source| UnpackError::InstalledKey {
            name: record.name.to_string(),
            source,
        })?;
    }
    Ok(())
}

/// Refuses to go on with keys that have been removed, or that may vouch for less, since the run began.
///
/// # Errors
/// [`UnpackError::KeyRemoved`].
pub(super) fn check_again(root: &HostRoot, used: &[InstalledKey]) -> Result<(), UnpackError> {
    if used.is_empty() {
        return Ok(());
    }
    let now = installed_keys(root)?.keys;
    let is_still = |key: &InstalledKey| {
        let scopes = key.record.grant.all_scopes();
        now.iter().any(|known| {
            (&known.path, &known.content) == (&key.path, &key.content)
                && scopes.is_subset(&known.record.grant.all_scopes())
        })
    };
    match used.iter().find(|key| !is_still(key)) {
        Some(gone) => Err(UnpackError::KeyRemoved { name: gone.record.name.to_string() }),
        None => Ok(()),
    }
}

fn add(
    anchors: &mut Anchors,
    record: &KeyRecord,
    content: &[u8],
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let name = || record.name.to_string();
    let scopes = recorded(&record.grant.scopes)?;
    match record.usage {
        KeyUse::Cosign => {
            let key = PublicKey::from_pem(content)?;
            let scoped = |scope| ScopedKey { scope, key: key.clone(), name: name() };
            anchors.keys.extend(scopes.into_iter().map(scoped));
        }
        KeyUse::OpenPgp => {
            let keyring = Arc::new(Keyring::read(content)?);
            let scoped = |scope| ScopedAuthority {
                scopes: vec![scope],
                authority: Authority::OpenPgp(Arc::clone(&keyring)),
                name: name(),
            };
            anchors.authorities.extend(scopes.into_iter().map(scoped));
        }
        KeyUse::Rekor => {
            let log = Log::of_key(LogKey::from_pem(content)?)?;
            let scoped = |scope| LogAuthority { scope, log: log.clone(), name: name() };
            anchors.logs.extend(scopes.into_iter().map(scoped));
        }
        KeyUse::TrustedRoot => {
            let root = Arc::new(TrustedRoot::parse(content)?);
            let log =
                |scope| LogAuthority { scope, log: Log::Root(Arc::clone(&root)), name: name() };
            anchors.logs.extend(scopes.into_iter().map(log));
            for (holder, scopes) in &record.grant.holders {
                let policy = KeylessPolicy {
                    root: Arc::clone(&root),
                    identity: holder.identity.clone(),
                    issuer: holder.issuer.clone(),
                };
                let scoped = |scope| ScopedAuthority {
                    scopes: vec![scope],
                    authority: Authority::Keyless(policy.clone()),
                    name: name(),
                };
                anchors.authorities.extend(recorded(scopes)?.into_iter().map(scoped));
            }
        }
    }
    Ok(())
}

fn recorded(scopes: &BTreeSet<String>) -> Result<Vec<Scope>, Box<dyn Error + Send + Sync>> {
    scopes.iter().map(|scope| Scope::recorded(scope).map_err(Into::into)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Grant, Holder, KeyOrigin};
    use crate::oci::Digest;
    use std::collections::BTreeMap;

    fn root(grant: Grant) -> InstalledKey {
        let key = PublicKey::from_pem(include_bytes!("../../testdata/host/p256.pub")).expect("key");
        let content = crate::trust::trusted_root::text_of_log(&key).into_bytes();
        let record = KeyRecord {
            name: "instance".parse().expect("a name"),
            usage: KeyUse::TrustedRoot,
            fingerprint: Digest::of(&content).into(),
            grant,
            origin: KeyOrigin {
                bundle: Digest::of(b""),
                file: String::new(),
                installed_at: time::OffsetDateTime::UNIX_EPOCH,
                found_key_file: false,
            },
        };
        InstalledKey { record, content, path: "etc/pki/sigstore/instance.json".into() }
    }

    fn scopes() -> BTreeSet<String> {
        ["quay.io/org/app".to_owned()].into()
    }

    /// Otherwise anybody with a certificate of the instance would be trusted.
    #[test]
    fn root_counts_for_its_identity_and_demands_without_one() {
        let mut demand = Anchors::default();
        let grant = Grant { scopes: scopes(), ..Grant::default() };
        admit(&mut demand, vec![root(grant)]).expect("anchors");
        assert_eq!((demand.logs.len(), demand.authorities.len()), (1, 0));
        assert!(demand.is_empty() && !demand.is_silent(), "it demands, and admits nobody");

        let (identity, issuer) = ("release@org.example", "https://issuer.example");
        let holder = Holder { identity: identity.into(), issuer: issuer.into() };
        let grant = Grant { holders: BTreeMap::from([(holder, scopes())]), ..Grant::default() };
        let mut named = Anchors::default();
        admit(&mut named, vec![root(grant)]).expect("anchors");
        assert_eq!((named.logs.len(), named.authorities.len()), (0, 1));
        let ScopedAuthority { scopes, authority: Authority::Keyless(policy), .. } =
            &named.authorities[0]
        else {
            panic!("{:?}", named.authorities)
        };
        assert_eq!((&*policy.identity, &*policy.issuer), (identity, issuer));
        let exactly = Scope::recorded("quay.io/org/app").expect("a scope");
        assert_eq!(scopes[..], [exactly], "nothing below the repository");
    }
}
