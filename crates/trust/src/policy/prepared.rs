//! What a policy demands of the images of one run, every key and certificate of it loaded.

use super::load::{Loaded, LoadedRequirement, RawFulcio, RawPki, Reader, Signers};
use super::{LoadError, Policy};
use crate::certificate::{Authorities, AuthorityError, Fulcio, Pki, Subject};
use crate::identity::IdentityRule;
use crate::keys::PublicKey;
use crate::openpgp::{Keyring, KeyringError};
use crate::reading::text::explain;
use crate::rekor::{LogKey, LogKeyError};
use crate::scopes::scope::Scope;
use crate::trusted_root::TrustedRoot;
use bundle_oci::Reference;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A policy and what it demands of some images. Of any other image it demands what cannot be met.
#[derive(Debug, Clone)]
pub struct PreparedPolicy {
    demands: BTreeMap<String, Vec<Demand>>,
    /// Scopes that demand signatures, with their places in the policy.
    signed: Vec<(Scope, String)>,
}

/// One requirement for one image.
#[derive(Debug, Clone)]
pub(crate) struct Demand {
    /// Where it stands in the policy.
    pub(crate) place: String,
    /// What identities are compared with.
    pub(crate) source: Reference,
    pub(crate) kind: DemandKind,
}

/// What a requirement demands.
#[derive(Debug, Clone)]
pub(crate) enum DemandKind {
    AcceptAnything,
    Reject,
    /// What cannot be met, and why.
    Unusable(String),
    /// One signature by one of these.
    Signed {
        signers: DemandedSigners,
        identity: IdentityRule,
    },
}

/// Whose signature.
#[derive(Debug, Clone)]
pub(crate) enum DemandedSigners {
    Keys { keys: Vec<PublicKey>, logs: Option<DemandedLogs> },
    Fulcio { fulcio: Fulcio, logs: DemandedLogs },
    Pki(Pki),
    OpenPgp(Arc<Keyring>),
}

/// Logs of which one must have an entry.
#[derive(Debug, Clone)]
pub(crate) struct DemandedLogs {
    pub(crate) keys: Vec<LogKey>,
    /// The same, for attestations; none where their keys are of a kind that those logs do not have.
    pub(crate) root: Option<Arc<TrustedRoot>>,
}

impl DemandedLogs {
    fn new(keys: Vec<PublicKey>) -> Result<Self, LogKeyError> {
        let root = TrustedRoot::of_log_keys(&keys).ok().map(Arc::new);
        Ok(Self { keys: keys.into_iter().map(LogKey::new).collect::<Result<_, _>>()?, root })
    }
}

/// Why a requirement cannot be evaluated, beyond what keeps a source from being loaded.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("the certificates of the authority cannot be used")]
    Authority(#[from] AuthorityError),
    #[error("the key of the log cannot be used")]
    Log(#[from] LogKeyError),
    #[error("it expects nothing of a certificate")]
    ExpectsNothing,
}

impl PreparedPolicy {
    /// Loads what `policy` names for each of `sources`, as the user wrote them. What cannot be loaded refuses the images
    /// that need it, and no other, as in the container stack.
    pub fn new<'r>(
        policy: &Policy,
        sources: impl IntoIterator<Item = &'r Reference>,
        read: &mut Reader<'_>,
    ) -> Self {
        let mut demands = BTreeMap::new();
        for source in sources {
            demands
                .entry(source.to_string())
                .or_insert_with(|| of_image(policy, source, &mut *read));
        }
        Self { demands, signed: policy.signed_scopes() }
    }

    /// Every scope of which the policy demands signatures, and where that stands; not what applies where no scope does.
    pub(crate) fn signed_scopes(&self) -> impl Iterator<Item = (&Scope, &str)> {
        self.signed.iter().map(|(scope, place)| (scope, place.as_str()))
    }

    /// What `source` must satisfy, all of it; nothing for an image that was not asked for at the beginning.
    pub(crate) fn demands(&self, source: &Reference) -> &[Demand] {
        self.demands.get(&source.to_string()).map_or(&[], Vec::as_slice)
    }
}

fn of_image(policy: &Policy, source: &Reference, read: &mut Reader<'_>) -> Vec<Demand> {
    let applicable = policy.requirements_for(source);
    match applicable.load(read) {
        Ok(loaded) => loaded.into_iter().map(Demand::from).collect(),
        Err(error) => {
            let LoadError { place, .. } = &error;
            let kind = DemandKind::Unusable(explain(&error));
            vec![Demand { place: place.clone(), source: source.clone(), kind }]
        }
    }
}

impl From<Loaded> for Demand {
    fn from(Loaded { place, source, requirement }: Loaded) -> Self {
        let kind = match requirement {
            LoadedRequirement::AcceptAnything => DemandKind::AcceptAnything,
            LoadedRequirement::Reject => DemandKind::Reject,
            LoadedRequirement::Unsatisfiable(why) => DemandKind::Unusable(why.to_owned()),
            LoadedRequirement::SigstoreSigned { signers, rekor_keys, identity } => {
                match demanded(signers, rekor_keys) {
                    Ok(signers) => DemandKind::Signed { signers, identity },
                    Err(error) => DemandKind::Unusable(format!("{place}: {}", explain(&error))),
                }
            }
            LoadedRequirement::SignedBy { keyrings, identity } => match merged(&keyrings) {
                Ok(keyring) => {
                    let signers = DemandedSigners::OpenPgp(Arc::new(keyring));
                    DemandKind::Signed { signers, identity }
                }
                Err(error) => DemandKind::Unusable(format!("{place}: {}", explain(&error))),
            },
        };
        Self { place, source, kind }
    }
}

/// All keyrings as one: a revocation in one copy of a key counts for every other.
fn merged(keyrings: &[Vec<u8>]) -> Result<Keyring, KeyringError> {
    let keyrings = keyrings.iter().map(|bytes| Keyring::read(bytes));
    Keyring::merged(keyrings.collect::<Result<Vec<_>, _>>()?)
}

fn demanded(
    signers: Signers,
    rekor_keys: Option<Vec<PublicKey>>,
) -> Result<DemandedSigners, Unusable> {
    let logs = rekor_keys.map(DemandedLogs::new).transpose()?;
    Ok(match signers {
        Signers::Keys(keys) => DemandedSigners::Keys { keys, logs },
        Signers::Fulcio(RawFulcio { ca_pem, oidc_issuer, subject_email }) => {
            let roots = Authorities::from_pem(&ca_pem)?;
            let fulcio = Fulcio::new(roots, oidc_issuer, Subject::Email(subject_email));
            let fulcio = fulcio.ok_or(Unusable::ExpectsNothing)?;
            DemandedSigners::Fulcio { fulcio, logs: logs.ok_or(Unusable::ExpectsNothing)? }
        }
        Signers::Pki(RawPki { roots_pem, intermediates_pem, subject_email, subject_hostname }) => {
            let roots = Authorities::from_pem(&roots_pem)?;
            let intermediates =
                intermediates_pem.map(|pem| Authorities::from_pem(&pem)).transpose()?;
            let pki = Pki::new(roots, intermediates, subject_email, subject_hostname);
            DemandedSigners::Pki(pki.ok_or(Unusable::ExpectsNothing)?)
        }
    })
}
