//! Who asks: challenges, credentials, and the tokens bought with them.

mod challenge;
mod credentials;
mod helper;
mod secret;
mod token;

#[cfg(test)]
mod tests;

pub(super) use challenge::Challenge;
pub(super) use credentials::{CredentialStore, Held};

use super::host::Host;
use super::{RegistryError, secrets};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bundle_oci::Repository;
use reqwest::header::HeaderValue;
use secret::{Credentials, Secret};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What a request needs to be allowed to do, in the words of distribution's token scopes.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    repository: Repository,
    /// Sorted, so that equal rights share one token.
    rights: Vec<String>,
}

impl Scope {
    pub(super) fn pull(repository: &Repository) -> Self {
        Self::new(repository, "pull")
    }

    pub(super) fn push(repository: &Repository) -> Self {
        Self::new(repository, "pull,push")
    }

    fn new(repository: &Repository, actions: &str) -> Self {
        Self {
            repository: repository.clone(),
            rights: vec![format!("repository:{}:{actions}", repository.path())],
        }
    }

    /// These rights and pulling from `path` on the same registry, as a mount needs.
    pub(super) fn and_pull(&self, path: &str) -> Self {
        let mut rights = self.rights.clone();
        rights.push(format!("repository:{path}:pull"));
        rights.sort();
        rights.dedup();
        Self { repository: self.repository.clone(), rights }
    }

    fn key(&self) -> String {
        format!("{} {}", self.repository.path(), self.rights.join(" "))
    }
}

/// A header that was accepted or is expected to be.
#[derive(Clone)]
pub(super) struct Grant {
    header: HeaderValue,
    expires: Option<Instant>,
}

impl Grant {
    /// The value of `Authorization`, marked as sensitive.
    pub(super) fn header(&self) -> &HeaderValue {
        &self.header
    }

    fn new(text: &str, expires: Option<Instant>) -> Option<Self> {
        let mut header = HeaderValue::from_str(text).ok()?;
        header.set_sensitive(true);
        if let Some((_, secret)) = text.split_once(' ') {
            secrets::remember(secret);
        }
        Some(Self { header, expires })
    }

    fn is_fresh(&self) -> bool {
        self.expires.is_none_or(|at| Instant::now() < at)
    }
}

/// One registry's challenge and what answered it. Workers that need the same token wait for one request.
#[derive(Default)]
pub(super) struct Grants {
    challenge: Mutex<Option<Challenge>>,
    slots: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Option<Grant>>>>>,
}

/// A lock whose data stays valid whatever the thread that held it did.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Grants {
    /// Remembers what the registry wants.
    pub(super) fn challenged(&self, challenge: Option<Challenge>) {
        if challenge.is_some() {
            *lock(&self.challenge) = challenge;
        }
    }

    fn challenge(&self) -> Option<Challenge> {
        lock(&self.challenge).clone()
    }

    fn slot(&self, scope: &Scope) -> Arc<tokio::sync::Mutex<Option<Grant>>> {
        Arc::clone(lock(&self.slots).entry(scope.key()).or_default())
    }

    /// The grant for a scope: the one in hand, or a new one. `None` when nothing was asked for, or nothing is had.
    pub(super) async fn grant(
        &self,
        host: &Host,
        scope: &Scope,
    ) -> Result<Option<Grant>, RegistryError> {
        let Some(challenge) = self.challenge() else {
            return Ok(None);
        };
        let slot = self.slot(scope);
        let mut held = slot.lock().await;
        if let Some(grant) = held.as_ref().filter(|grant| grant.is_fresh()) {
            return Ok(Some(grant.clone()));
        }
        let credentials = host.credentials().find(&scope.repository).await?;
        if credentials.is_some() && !host.may_have_credentials().await? {
            return Err(RegistryError::PlainCredentials { host: host.name().to_owned() });
        }
        let unusable = || RegistryError::Credentials {
            host: host.name().to_owned(),
            what: "they hold characters that no request may have".into(),
        };
        let grant = match (challenge, credentials) {
            (_, Some(Credentials::Bearer(token))) => {
                let text = format!("Bearer {}", token.reveal());
                Some(Grant::new(&text, None).ok_or_else(unusable)?)
            }
            (Challenge::Basic, Some(Credentials::Password { user, password })) => {
                Some(Grant::new(&basic(&user, &password), None).ok_or_else(unusable)?)
            }
            (Challenge::Basic, _) => None,
            (Challenge::Bearer { realm, service, scope: named }, credentials) => {
                let service =
                    token::Service { realm, service, scopes: scopes(scope, named.as_deref()) };
                Some(service.buy(host, credentials.as_ref()).await?)
            }
        };
        held.clone_from(&grant);
        Ok(grant)
    }

    /// Takes note that `used` was refused with `challenge`. True when another attempt can have something else to show.
    pub(super) async fn refused(
        &self,
        scope: &Scope,
        used: Option<&Grant>,
        challenge: Option<Challenge>,
    ) -> bool {
        let again = match (&challenge, used) {
            (None, _) => false,
            // The same password a second time is no better, and can lock an account.
            (Some(Challenge::Basic), Some(used)) => !used.header.as_bytes().starts_with(b"Basic "),
            (Some(_), _) => true,
        };
        self.challenged(challenge);
        let slot = self.slot(scope);
        let mut held = slot.lock().await;
        if held.as_ref().map(Grant::header) == used.map(Grant::header) {
            *held = None;
        }
        again
    }
}

/// The scopes to ask for: ours, and what the registry named beside repositories (one public registry wants `aws`).
/// Repositories that a registry names are not asked for: it does not decide what our credentials open.
fn scopes(scope: &Scope, named: Option<&str>) -> Vec<String> {
    let mut scopes = scope.rights.clone();
    let named = named.unwrap_or_default().split_ascii_whitespace();
    scopes.extend(named.filter(|text| !text.contains(':')).map(ToOwned::to_owned));
    scopes
}

fn basic(user: &str, password: &Secret) -> String {
    let pair = format!("{user}:{}", password.reveal());
    let encoded = BASE64_STANDARD.encode(pair);
    secrets::remember(&encoded);
    format!("Basic {encoded}")
}
