//! Options that say whose signatures count, the same for pack, verify and unpack.

use super::exit::Status;
use super::failure::Failure;
use bundle::signers::{PolicyChoice, ScopedText, SignerFiles, SignersError};
use bundle::trust::{GivenScope, PredicateType, Scoped};
use clap::Args;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Whose signatures count. SCOPE is HOST, HOST/NAMESPACE, HOST/REPOSITORY[:TAG], *.DOMAIN; without it, all images.
#[derive(Args)]
#[command(next_help_heading = "Whose signatures count")]
pub(super) struct Signers {
    /// Images of SCOPE may be signed by this public key (repeatable; pack carries it too)
    #[arg(long, value_name = "[SCOPE=]FILE")]
    key: Vec<Scoped<PathBuf>>,
    /// Signatures by keys and Fulcio certificates over images of SCOPE must be in the Rekor log with this public key
    /// (repeatable)
    #[arg(long, value_name = "[SCOPE=]FILE")]
    rekor_key: Vec<Scoped<PathBuf>>,
    /// Images of SCOPE may have GPG signatures by the public keys in this file, as gpg --export writes them (repeatable)
    #[arg(long, value_name = "[SCOPE=]FILE")]
    gpg_key: Vec<Scoped<PathBuf>>,
    /// Images of SCOPE may be signed with a certificate of these authorities (PEM): of a Fulcio, with
    /// --certificate-identity, --certificate-oidc-issuer and --rekor-key; or of an organisation, without an issuer
    #[arg(long, value_name = "[SCOPE=]FILE")]
    ca: Vec<Scoped<PathBuf>>,
    /// Images of SCOPE may be signed with a certificate under this pinned trusted_root.json, by
    /// --certificate-identity and --certificate-oidc-issuer; without those, keys need an entry of its logs (repeatable)
    #[arg(long, value_name = "[SCOPE=]FILE")]
    trusted_root: Vec<Scoped<PathBuf>>,
    /// Whom certificates for SCOPE must name: an e-mail address, a URI or a host name, to the letter
    #[arg(long, value_name = "[SCOPE=]IDENTITY")]
    certificate_identity: Vec<ScopedText>,
    /// Who must have authenticated the holders of certificates for SCOPE: the issuer's URL, to the letter
    #[arg(long, value_name = "[SCOPE=]URL")]
    certificate_oidc_issuer: Vec<ScopedText>,
    /// This containers-policy.json(5) alone decides, as container runtimes read it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["host_policy", "key", "rekor_key", "gpg_key", "ca", "trusted_root", "certificate_identity", "certificate_oidc_issuer"])]
    policy: Option<PathBuf>,
    /// /etc/containers/policy.json alone decides, as container runtimes read it
    #[arg(long, conflicts_with_all = ["key", "rekor_key", "gpg_key", "ca", "trusted_root", "certificate_identity", "certificate_oidc_issuer"])]
    host_policy: bool,
    /// Images of SCOPE need valid signatures by N distinct signers; the narrowest scope counts (repeatable)
    #[arg(long, value_name = "[SCOPE=]N")]
    threshold: Vec<Scoped<NonZeroUsize>>,
    /// Images of SCOPE need a verified attestation of this predicate type: a URI, or a name as cosign's --type has it
    /// (repeatable)
    #[arg(long, value_name = "[SCOPE=]PREDICATE_TYPE")]
    require_attestation: Vec<Scoped<PredicateType>>,
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

    /// The files, names and policy that were given.
    pub(super) fn files(&self) -> SignerFiles {
        let policy = match (&self.policy, self.host_policy) {
            (Some(file), _) => Some(PolicyChoice::File(file.clone())),
            (None, host) => host.then_some(PolicyChoice::Host),
        };
        SignerFiles {
            keys: self.key.clone(),
            rekor_keys: self.rekor_key.clone(),
            gpg_keys: self.gpg_key.clone(),
            authorities: self.ca.clone(),
            trusted_roots: self.trusted_root.clone(),
            identities: self.certificate_identity.clone(),
            issuers: self.certificate_oidc_issuer.clone(),
            policy,
            thresholds: self.threshold.clone(),
            required_attestations: self.require_attestation.clone(),
        }
    }
}

impl From<SignersError> for Failure {
    fn from(error: SignersError) -> Self {
        let failure = Self::of(Status::Usage, &error);
        error.hint().into_iter().fold(failure, Self::hint)
    }
}
