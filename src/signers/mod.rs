//! Signers that count: key files and names as people give them, read into anchors.
//!
//! - [`SignerFiles`]: the files, the names and the policy; [`SignerFiles::read`] gives [`Signers`]
//! - `certificates`: authorities, and whom their certificates must name
//! - [`files`]: one key file
//! - `error`: [`SignersError`]

mod certificates;
mod error;
pub mod files;

pub use certificates::ScopedText;
pub use error::SignersError;

use crate::host::PolicyFile;
use crate::oci::Digest;
use crate::trust::openpgp::{Keyring, SingleKey};
use crate::trust::rekor::LogKey;
use crate::trust::trusted_root::TrustedRoot;
use crate::trust::{
    Anchors, Authority, KeyMaterial, Log, LogAuthority, PredicateType, PublicKey, Scope, Scoped,
    ScopedAuthority, ScopedKey,
};
use error::Problem;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A public key that travels along.
#[derive(Debug, Clone)]
pub struct CarriedKey {
    /// The key, of whatever use.
    pub material: KeyMaterial,
    /// File name, without folders.
    pub name: String,
    /// Scopes that it is given for; empty when it is only carried.
    pub scopes: Vec<Scope>,
}

/// Files that say whose signatures count. Each stands for the images of its scope.
#[derive(Debug, Clone, Default)]
pub struct SignerFiles {
    /// Public keys in PEM, as cosign writes them.
    pub keys: Vec<Scoped<PathBuf>>,
    /// Public keys of Rekor logs whose entries are demanded.
    pub rekor_keys: Vec<Scoped<PathBuf>>,
    /// OpenPGP public keys, as `gpg --export` writes them.
    pub gpg_keys: Vec<Scoped<PathBuf>>,
    /// Certificates of authorities in PEM.
    pub authorities: Vec<Scoped<PathBuf>>,
    /// `trusted_root.json` files.
    pub trusted_roots: Vec<Scoped<PathBuf>>,
    /// Holders that certificates must name.
    pub identities: Vec<ScopedText>,
    /// Issuers that must have authenticated the holders of certificates.
    pub issuers: Vec<ScopedText>,
    /// A policy, which then decides alone.
    pub policy: Option<PolicyChoice>,
    /// The number of distinct signers that images need.
    pub thresholds: Vec<Scoped<NonZeroUsize>>,
    /// Attestations that images need.
    pub required_attestations: Vec<Scoped<PredicateType>>,
}

/// The containers-policy.json(5) that decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyChoice {
    /// A file that the operator named.
    File(PathBuf),
    /// A file that a configuration file names: what another user could have written does not count for root.
    Configured(PathBuf),
    /// That of the host.
    Host,
}

/// Signers that count.
#[derive(Debug, Clone)]
pub struct Signers {
    /// The anchors.
    pub anchors: Anchors,
    /// A policy, which then decides alone.
    pub policy: Option<PolicyFile>,
    /// The keys that were given, to be carried along.
    pub carried: Vec<CarriedKey>,
    /// SHA-256 over every name and file that was given.
    pub digest: Digest,
}

impl SignerFiles {
    /// Reads every file; the policy of the host below `root`.
    ///
    /// # Errors
    /// [`SignersError`]: a file that cannot be read or used, or names that do not belong together.
    pub fn read(&self, root: &Path) -> Result<Signers, SignersError> {
        let mut reading = Reading::default();
        for option in &self.keys {
            let (key, name) = files::signer(&option.value)?;
            reading.note("key", &option.scope, &key.fingerprint());
            reading.carry(KeyMaterial::Cosign(key.clone()), &name, &option.scope);
            reading.anchors.keys.push(ScopedKey { scope: option.scope.clone(), key, name });
        }
        for option in &self.rekor_keys {
            let (key, name) = files::public_key(&option.value)?;
            reading.note("rekor-key", &option.scope, &key.fingerprint());
            let unusable = |why| SignersError::unusable("--rekor-key", &option.value, why);
            let key = LogKey::new(key).map_err(|error| unusable(error.into()))?;
            reading.carry(KeyMaterial::Rekor(key.clone()), &name, &option.scope);
            let log = Log::of_key(key).map_err(|error| unusable(error.into()))?;
            reading.anchors.logs.push(LogAuthority { scope: option.scope.clone(), log, name });
        }
        for option in &self.authorities {
            reading.note("ca", &option.scope, &Digest::of(&files::read(&option.value)?.0));
        }
        for option in &self.identities {
            reading.note("certificate-identity", &option.scope, &option.text);
        }
        for option in &self.issuers {
            reading.note("certificate-oidc-issuer", &option.scope, &option.text);
        }
        let holders = certificates::holders(&self.identities, &self.issuers)?;
        let has_log = !reading.anchors.logs.is_empty();
        reading.anchors.authorities =
            certificates::authorities(&self.authorities, &holders, has_log)?;
        if self.authorities.is_empty() && self.trusted_roots.is_empty() && !holders.is_empty() {
            return Err(SignersError::NoAuthority);
        }
        for option in &self.trusted_roots {
            let (bytes, name) = files::read(&option.value)?;
            reading.note("trusted-root", &option.scope, &Digest::of(&bytes));
            let root = TrustedRoot::parse(&bytes).map_err(|error| {
                SignersError::unusable("--trusted-root", &option.value, error.into())
            })?;
            let root = Arc::new(root);
            reading.carry(KeyMaterial::TrustedRoot(Arc::clone(&root)), &name, &option.scope);
            if holders.is_empty() {
                let (scope, log) = (option.scope.clone(), Log::Root(root));
                reading.anchors.logs.push(LogAuthority { scope, log, name });
            } else {
                let keyless = certificates::keyless(&root, (&option.scope, &name), &holders)?;
                reading.anchors.authorities.extend(keyless);
            }
        }
        self.read_gpg_keys(&mut reading)?;
        let policy = match &self.policy {
            Some(PolicyChoice::File(file)) => Some(PolicyFile::open(file)?),
            Some(PolicyChoice::Configured(file)) => Some(PolicyFile::configured(file)?),
            Some(PolicyChoice::Host) => Some(PolicyFile::of_host(root)?),
            None => None,
        };
        if let Some(policy) = &policy {
            reading.note("policy", &Scope::Everything, &policy.digest());
        }
        for option in &self.thresholds {
            reading.note("threshold", &option.scope, &option.value);
        }
        for option in &self.required_attestations {
            reading.note("require-attestation", &option.scope, &option.value);
        }
        let Reading { mut anchors, carried, made_of } = reading;
        anchors.thresholds = self.thresholds.clone();
        anchors.required_attestations = self.required_attestations.clone();
        anchors.now =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let digest = Digest::of(serde_json::Value::from(made_of).to_string().as_bytes());
        Ok(Signers { anchors, policy, carried, digest })
    }

    /// GPG keys; all of them together must make sense, because a revocation in one file counts for the others.
    fn read_gpg_keys(&self, reading: &mut Reading) -> Result<(), SignersError> {
        let mut keyrings = Vec::new();
        for option in &self.gpg_keys {
            let (bytes, name) = files::read(&option.value)?;
            reading.note("gpg-key", &option.scope, &Digest::of(&bytes));
            let unusable = |why: Problem| match PublicKey::from_pem(&bytes) {
                Ok(_) => SignersError::CosignKey { path: option.value.clone(), why },
                Err(_) => SignersError::unusable("--gpg-key", &option.value, why),
            };
            let keyring = Keyring::read(&bytes).map_err(|error| unusable(error.into()))?;
            for key in SingleKey::all_of(&bytes).map_err(|error| unusable(error.into()))? {
                reading.carry(KeyMaterial::OpenPgp(key), &name, &option.scope);
            }
            keyrings.push(keyring.clone());
            let (scopes, authority) =
                (vec![option.scope.clone()], Authority::OpenPgp(Arc::new(keyring)));
            reading.anchors.authorities.push(ScopedAuthority { scopes, authority, name });
        }
        if keyrings.len() > 1 {
            Keyring::merged(keyrings).map_err(|error| SignersError::GpgKeys(error.into()))?;
        }
        Ok(())
    }
}

/// The signers that have been read so far.
#[derive(Default)]
struct Reading {
    anchors: Anchors,
    carried: Vec<CarriedKey>,
    /// Everything that was given, as text.
    made_of: Vec<serde_json::Value>,
}

impl Reading {
    fn note(&mut self, option: &str, scope: &Scope, value: &dyn ToString) {
        self.made_of.push(serde_json::json!([option, scope.to_string(), value.to_string()]));
    }

    fn carry(&mut self, material: KeyMaterial, name: &str, scope: &Scope) {
        let (name, scopes) = (name.to_owned(), vec![scope.clone()]);
        self.carried.push(CarriedKey { material, name, scopes });
    }
}
