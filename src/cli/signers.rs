//! Options that say whose signatures count, the same for pack, verify and unpack.

use super::certificates::{self, ScopedText};
use super::exit::Status;
use super::failure::Failure;
use super::keys::{self, KeyFile};
use bundle::host::PolicyFile;
use bundle::oci::Digest;
use bundle::pack::CarriedKey;
use bundle::trust::openpgp::{Keyring, SingleKey};
use bundle::trust::rekor::LogKey;
use bundle::trust::trusted_root::TrustedRoot;
use bundle::trust::{
    Anchors, Authority, GivenScope, KeyMaterial, Log, LogAuthority, PredicateType, PublicKey,
    Scope, Scoped, ScopedAuthority, ScopedKey,
};
use clap::Args;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Whose signatures count. SCOPE is HOST, HOST/NAMESPACE, HOST/REPOSITORY[:TAG], *.DOMAIN; without it, all images.
#[derive(Args, Clone)]
#[command(next_help_heading = "Whose signatures count")]
pub(super) struct Signers {
    /// Images of SCOPE may be signed by this public key (repeatable; pack carries it too)
    #[arg(long, value_name = "[SCOPE=]FILE")]
    pub(super) key: Vec<Scoped<PathBuf>>,
    /// Signatures by keys and Fulcio certificates over images of SCOPE must be in the Rekor log with this public key
    /// (repeatable)
    #[arg(long, value_name = "[SCOPE=]FILE")]
    pub(super) rekor_key: Vec<Scoped<PathBuf>>,
    /// Images of SCOPE may have GPG signatures by the public keys in this file, as gpg --export writes them (repeatable)
    #[arg(long, value_name = "[SCOPE=]FILE")]
    pub(super) gpg_key: Vec<Scoped<PathBuf>>,
    /// Images of SCOPE may be signed with a certificate of these authorities (PEM): of a Fulcio, with
    /// --certificate-identity, --certificate-oidc-issuer and --rekor-key; or of an organisation, without an issuer
    #[arg(long, value_name = "[SCOPE=]FILE")]
    ca: Vec<Scoped<PathBuf>>,
    /// Images of SCOPE may be signed with a certificate under this pinned trusted_root.json, by
    /// --certificate-identity and --certificate-oidc-issuer; without those, keys need an entry of its logs (repeatable)
    #[arg(long, value_name = "[SCOPE=]FILE")]
    pub(super) trusted_root: Vec<Scoped<PathBuf>>,
    /// Whom certificates for SCOPE must name: an e-mail address, a URI or a host name, to the letter
    #[arg(long, value_name = "[SCOPE=]IDENTITY")]
    certificate_identity: Vec<ScopedText>,
    /// Who must have authenticated the holders of certificates for SCOPE: the issuer's URL, to the letter
    #[arg(long, value_name = "[SCOPE=]URL")]
    certificate_oidc_issuer: Vec<ScopedText>,
    /// This containers-policy.json(5) alone decides, as container runtimes read it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["host_policy", "key", "rekor_key", "gpg_key", "ca", "trusted_root", "certificate_identity", "certificate_oidc_issuer"])]
    pub(super) policy: Option<PathBuf>,
    /// Whether a configuration file names that policy: then what another user could have written does not count for root.
    #[arg(skip)]
    pub(super) policy_of_configuration: bool,
    /// /etc/containers/policy.json alone decides, as container runtimes read it
    #[arg(long, conflicts_with_all = ["key", "rekor_key", "gpg_key", "ca", "trusted_root", "certificate_identity", "certificate_oidc_issuer"])]
    pub(super) host_policy: bool,
    /// Images of SCOPE need valid signatures by N distinct signers; the narrowest scope counts (repeatable)
    #[arg(long, value_name = "[SCOPE=]N")]
    threshold: Vec<Scoped<NonZeroUsize>>,
    /// Images of SCOPE need a verified attestation of this predicate type: a URI, or a name as cosign's --type has it
    /// (repeatable)
    #[arg(long, value_name = "[SCOPE=]PREDICATE_TYPE")]
    require_attestation: Vec<Scoped<PredicateType>>,
}

/// The anchors of a run, and what they were made of.
pub(super) struct Given {
    pub(super) anchors: Anchors,
    pub(super) policy: Option<PolicyFile>,
    /// What was given, to be carried along.
    pub(super) carried: Vec<CarriedKey>,
    /// SHA-256 over every option and file.
    pub(super) digest: Digest,
}

impl Signers {
    /// The first option that was given and does not go with a policy.
    pub(super) fn names_keys(&self) -> Option<&'static str> {
        let given = [
            ("--key", !self.key.is_empty()),
            ("--rekor-key", !self.rekor_key.is_empty()),
            ("--gpg-key", !self.gpg_key.is_empty()),
            ("--ca", !self.ca.is_empty()),
            ("--trusted-root", !self.trusted_root.is_empty()),
            ("--certificate-identity", !self.certificate_identity.is_empty()),
            ("--certificate-oidc-issuer", !self.certificate_oidc_issuer.is_empty()),
        ];
        given.into_iter().find_map(|(option, given)| given.then_some(option))
    }

    /// The options that bind this run alone: an installed key counts by itself afterwards.
    pub(super) fn not_remembered(&self) -> Vec<&'static str> {
        let given = [
            ("--threshold", self.threshold.iter().any(|demand| demand.value.get() > 1)),
            ("--require-attestation", !self.require_attestation.is_empty()),
        ];
        given.into_iter().filter_map(|(option, given)| given.then_some(option)).collect()
    }

    /// Every scope, with the option that it was given with.
    pub(super) fn scopes(&self) -> Vec<GivenScope> {
        fn of<T>(option: &'static str, given: &[Scoped<T>]) -> impl Iterator<Item = GivenScope> {
            given.iter().map(move |given| GivenScope::new(option, &given.scope))
        }
        let texts = |option, given: &[ScopedText]| -> Vec<GivenScope> {
            given.iter().map(|given| GivenScope::new(option, &given.scope)).collect()
        };
        of("--key", &self.key)
            .chain(of("--rekor-key", &self.rekor_key))
            .chain(of("--gpg-key", &self.gpg_key))
            .chain(of("--ca", &self.ca))
            .chain(of("--trusted-root", &self.trusted_root))
            .chain(texts("--certificate-identity", &self.certificate_identity))
            .chain(texts("--certificate-oidc-issuer", &self.certificate_oidc_issuer))
            .chain(of("--threshold", &self.threshold))
            .chain(of("--require-attestation", &self.require_attestation))
            .collect()
    }

    /// Reads every file that is named; the policy of the host below `root`.
    pub(super) fn read(&self, root: &Path) -> Result<Given, Failure> {
        let mut made_of = Vec::new();
        let mut note = |option: &str, scope: &dyn ToString, value: &dyn ToString| {
            made_of.push(serde_json::json!([option, scope.to_string(), value.to_string()]));
        };
        let mut anchors = Anchors::default();
        let mut carried = Vec::new();
        let mut carry = |material: KeyMaterial, name: &str, scope: &Scope| {
            let (name, scopes) = (name.to_owned(), vec![scope.clone()]);
            carried.push(CarriedKey { material, name, scopes });
        };
        for option in &self.key {
            let file = keys::read_signer(option)?;
            note("key", &file.scope, &file.key.fingerprint());
            let (scope, key, name) = (file.scope.clone(), file.key.clone(), file.name.clone());
            carry(KeyMaterial::Cosign(key.clone()), &name, &scope);
            anchors.keys.push(ScopedKey { scope, key, name });
        }
        for option in &self.rekor_key {
            let KeyFile { key, name, scope } = keys::read_scoped(option)?;
            note("rekor-key", &scope, &key.fingerprint());
            let key = LogKey::new(key).map_err(|error| {
                Failure::usage(format!(
                    "--rekor-key {} cannot be used: {error}",
                    option.value.display()
                ))
            })?;
            carry(KeyMaterial::Rekor(key.clone()), &name, &scope);
            let log = Log::of_key(key).map_err(|error| {
                Failure::usage(format!(
                    "--rekor-key {} cannot be used: {error}",
                    option.value.display()
                ))
            })?;
            anchors.logs.push(LogAuthority { scope, log, name });
        }
        for option in &self.ca {
            note("ca", &option.scope, &Digest::of(&keys::read_file(&option.value)?.0));
        }
        for option in &self.certificate_identity {
            note("certificate-identity", &option.scope, &option.text);
        }
        for option in &self.certificate_oidc_issuer {
            note("certificate-oidc-issuer", &option.scope, &option.text);
        }
        let holders =
            certificates::holders(&self.certificate_identity, &self.certificate_oidc_issuer)?;
        let has_log = !anchors.logs.is_empty();
        anchors.authorities = certificates::authorities(&self.ca, &holders, has_log)?;
        if self.ca.is_empty() && self.trusted_root.is_empty() && !holders.is_empty() {
            return Err(Failure::usage(
                "--certificate-identity needs the authority: --trusted-root or --ca",
            ));
        }
        for option in &self.trusted_root {
            let (bytes, name) = keys::read_file(&option.value)?;
            note("trusted-root", &option.scope, &Digest::of(&bytes));
            let root = TrustedRoot::parse(&bytes).map_err(|error| {
                let file = option.value.display();
                Failure::usage(format!("--trusted-root {file} cannot be used: {error}"))
            })?;
            let root = Arc::new(root);
            carry(KeyMaterial::TrustedRoot(Arc::clone(&root)), &name, &option.scope);
            if holders.is_empty() {
                let (scope, log) = (option.scope.clone(), Log::Root(root));
                anchors.logs.push(LogAuthority { scope, log, name });
            } else {
                let keyless = certificates::keyless(&root, (&option.scope, &name), &holders)?;
                anchors.authorities.extend(keyless);
            }
        }
        anchors.authorities.extend(self.gpg_keys(&mut note, &mut carry)?);
        let policy_file = match (&self.policy, self.host_policy) {
            (Some(file), _) if self.policy_of_configuration => Some(PolicyFile::configured(file)),
            (Some(file), _) => Some(PolicyFile::open(file)),
            (None, true) => Some(PolicyFile::of_host(root)),
            (None, false) => None,
        };
        let policy = match policy_file {
            Some(policy) => {
                let policy = policy.map_err(|error| Failure::of(Status::Usage, &error))?;
                note("policy", &Scope::Everything, &policy.digest());
                Some(policy)
            }
            None => None,
        };
        for option in &self.threshold {
            note("threshold", &option.scope, &option.value);
        }
        for option in &self.require_attestation {
            note("require-attestation", &option.scope, &option.value);
        }
        anchors.thresholds = self.threshold.clone();
        anchors.required_attestations = self.require_attestation.clone();
        let digest = Digest::of(serde_json::Value::from(made_of).to_string().as_bytes());
        anchors.now =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Ok(Given { anchors, policy, carried, digest })
    }

    /// GPG keys; all of them together must make sense, because a revocation in one file counts for the others.
    fn gpg_keys(
        &self,
        note: &mut dyn FnMut(&str, &dyn ToString, &dyn ToString),
        carry: &mut dyn FnMut(KeyMaterial, &str, &Scope),
    ) -> Result<Vec<ScopedAuthority>, Failure> {
        let mut authorities = Vec::new();
        let mut keyrings = Vec::new();
        for option in &self.gpg_key {
            let (bytes, name) = keys::read_file(&option.value)?;
            note("gpg-key", &option.scope, &Digest::of(&bytes));
            let unusable = |error| {
                let file = option.value.display();
                Failure::usage(format!("--gpg-key {file} cannot be used: {error}"))
            };
            let keyring =
                Keyring::read(&bytes).map_err(|error| match PublicKey::from_pem(&bytes) {
                    Ok(_) => unusable(error).hint("a cosign key is given with --key [SCOPE=]FILE"),
                    Err(_) => unusable(error),
                })?;
            for key in SingleKey::all_of(&bytes).map_err(unusable)? {
                carry(KeyMaterial::OpenPgp(key), &name, &option.scope);
            }
            keyrings.push(keyring.clone());
            let (scopes, authority) =
                (vec![option.scope.clone()], Authority::OpenPgp(Arc::new(keyring)));
            authorities.push(ScopedAuthority { scopes, authority, name });
        }
        if keyrings.len() > 1 {
            Keyring::merged(keyrings).map_err(|error| {
                Failure::usage(format!("the files of --gpg-key cannot be used together: {error}"))
            })?;
        }
        Ok(authorities)
    }
}
