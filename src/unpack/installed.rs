//! Keys of the host as anchors, each for what was recorded and nothing else.

use super::error::UnpackError;
use crate::host::{InstalledKey, KeyRecord};
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
