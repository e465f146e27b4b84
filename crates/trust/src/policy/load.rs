//! Keys in place of their sources. Files are read by the caller's reader, and only those that the image at hand needs:
//! a missing key of an unrelated scope refuses nothing, a missing key of this one refuses the image, whatever other
//! keys there are.

use super::lookup::Applicable;
use super::requirement::{KeyType, PolicyRequirement, SignedBy};
use super::sigstore::{FulcioSources, PkiSources, SignerSources, SigstoreSigned};
use super::sources::{KeySource, Sources};
use super::{Policy, RequirementList, node};
use crate::reading::text::bounded;
use crate::{Algorithm, IdentityRule, KeyError, PublicKey};
use bundle_oci::Reference;
use std::io;
use std::path::Path;

/// Largest file of certificates or keyring accepted, in bytes. A single key has its own, narrower limit.
pub const MAX_KEY_FILE: usize = 8 << 20;

/// Gives the content of a file that the policy names. Called again for every requirement that names it; bounding what
/// is read and remembering it is the caller's business.
pub type Reader<'r> = dyn FnMut(&Path) -> io::Result<Vec<u8>> + 'r;

/// A requirement that is ready to be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Where it stands: `default[0]`, `transports.docker["quay.io"][1]`. Bounded.
    pub place: String,
    /// What its identity is compared with.
    pub source: Reference,
    /// What it demands.
    pub requirement: LoadedRequirement,
}

/// What one requirement demands, with its keys. All requirements that apply have to be satisfied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadedRequirement {
    /// Nothing.
    AcceptAnything,
    /// What no image can satisfy.
    Reject,
    /// What no image can satisfy because the container stack evaluates it for none; says why.
    Unsatisfiable(&'static str),
    /// One signature of cosign's by one of `signers`.
    SigstoreSigned {
        /// Who may sign.
        signers: Signers,
        /// ECDSA keys of logs, one of which must have recorded the signature; never an empty list. `None` when no log
        /// is demanded.
        rekor_keys: Option<Vec<PublicKey>>,
        /// What the signature must name.
        identity: IdentityRule,
    },
    /// One OpenPGP signature by a key of any of the keyrings.
    SignedBy {
        /// Keyrings as they were read, never an empty list; armoured or not.
        keyrings: Vec<Vec<u8>>,
        /// What the signature must name.
        identity: IdentityRule,
    },
}

/// Who may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signers {
    /// Any of these keys; never an empty list.
    Keys(Vec<PublicKey>),
    /// A holder of a certificate by Fulcio. There are always keys of logs beside it.
    Fulcio(RawFulcio),
    /// A holder of a certificate by an authority of one's own. There never are keys of logs beside it.
    Pki(RawPki),
}

/// `fulcio`; the certificates are not parsed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFulcio {
    /// Root certificates in PEM.
    pub ca_pem: Vec<u8>,
    /// The issuer that the certificate must name.
    pub oidc_issuer: String,
    /// The e-mail address that the certificate must name.
    pub subject_email: String,
}

/// `pki`; the certificates are not parsed yet. At least one of e-mail address and host name is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawPki {
    /// Root certificates in PEM.
    pub roots_pem: Vec<u8>,
    /// Intermediate certificates in PEM.
    pub intermediates_pem: Option<Vec<u8>>,
    /// The e-mail address that the certificate must name.
    pub subject_email: Option<String>,
    /// The host name that the certificate must be for.
    pub subject_hostname: Option<String>,
}

/// A key or certificate that a policy names cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{origin}, which {place} of the policy names, cannot be used")]
pub struct LoadError {
    /// Where in the policy: `default[0].keyPaths[1]`. Bounded.
    pub place: String,
    /// The file's name, bounded, or `the data`.
    pub origin: String,
    /// Why not.
    #[source]
    pub cause: LoadCause,
}

/// Why a key or certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadCause {
    /// The file cannot be read.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// There is too much in it.
    #[error("it has {0} bytes, more than the {MAX_KEY_FILE} that are read")]
    TooLarge(usize),
    /// It is not exactly one usable public key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Logs sign with ECDSA, and nothing else is accepted from them.
    #[error("it is a key of algorithm {0}, that of a log must be ECDSA")]
    NotEcdsa(Algorithm),
}

impl Applicable<'_> {
    /// Loads what applies, in the order of the file.
    ///
    /// # Errors
    /// [`LoadError`] for the first source that cannot be used. The image is refused then, as no requirement may be
    /// evaluated without one of its keys.
    pub fn load(&self, read: &mut Reader<'_>) -> Result<Vec<Loaded>, LoadError> {
        let mut loaded = Vec::new();
        for part in &self.parts {
            for (place, requirement) in part.list.placed() {
                let requirement = requirement.load(read)?;
                loaded.push(Loaded { place, source: part.source.clone(), requirement });
            }
        }
        Ok(loaded)
    }
}

impl Policy {
    /// Tries to load everything, whichever image it is for, and gives all that cannot be used: to check a policy
    /// before it is relied on.
    pub fn load_all(&self, read: &mut Reader<'_>) -> Vec<LoadError> {
        let requirements = self.lists().flat_map(RequirementList::requirements);
        requirements.filter_map(|requirement| requirement.load(read).err()).collect()
    }
}

impl RequirementList {
    fn placed(&self) -> impl Iterator<Item = (String, &PolicyRequirement)> {
        let place = |index| node::item(&self.place, index);
        self.requirements.iter().enumerate().map(move |(index, item)| (place(index), item))
    }
}

impl PolicyRequirement {
    fn load(&self, read: &mut Reader<'_>) -> Result<LoadedRequirement, LoadError> {
        match self {
            Self::InsecureAcceptAnything => Ok(LoadedRequirement::AcceptAnything),
            Self::Reject => Ok(LoadedRequirement::Reject),
            Self::SignedBaseLayer { .. } => {
                Ok(LoadedRequirement::Unsatisfiable("signedBaseLayer is not implemented by anyone"))
            }
            Self::SignedBy(signed) => signed.load(read),
            Self::SigstoreSigned(signed) => signed.load(read),
        }
    }
}

impl SignedBy {
    fn load(&self, read: &mut Reader<'_>) -> Result<LoadedRequirement, LoadError> {
        if self.key_type != KeyType::GpgKeys {
            let why = "of all values of keyType only GPGKeys is implemented";
            return Ok(LoadedRequirement::Unsatisfiable(why));
        }
        let keyrings = self.keys.load(read, Ok)?;
        Ok(LoadedRequirement::SignedBy { keyrings, identity: self.identity.clone() })
    }
}

impl SigstoreSigned {
    fn load(&self, read: &mut Reader<'_>) -> Result<LoadedRequirement, LoadError> {
        let signers = match &self.signers {
            SignerSources::Keys(keys) => Signers::Keys(keys.load(read, public_key)?),
            SignerSources::Fulcio(fulcio) => Signers::Fulcio(fulcio.load(read)?),
            SignerSources::Pki(pki) => Signers::Pki(pki.load(read)?),
        };
        let rekor_keys =
            self.rekor_keys.as_ref().map(|keys| keys.load(read, log_key)).transpose()?;
        Ok(LoadedRequirement::SigstoreSigned {
            signers,
            rekor_keys,
            identity: self.identity.clone(),
        })
    }
}

impl FulcioSources {
    fn load(&self, read: &mut Reader<'_>) -> Result<RawFulcio, LoadError> {
        Ok(RawFulcio {
            ca_pem: self.ca.load(read, Ok)?.concat(),
            oidc_issuer: self.oidc_issuer.clone(),
            subject_email: self.subject_email.clone(),
        })
    }
}

impl PkiSources {
    fn load(&self, read: &mut Reader<'_>) -> Result<RawPki, LoadError> {
        let intermediates = self.intermediates.as_ref();
        Ok(RawPki {
            roots_pem: self.roots.load(read, Ok)?.concat(),
            intermediates_pem: intermediates
                .map(|sources| sources.load(read, Ok).map(|pem| pem.concat()))
                .transpose()?,
            subject_email: self.subject_email.clone(),
            subject_hostname: self.subject_hostname.clone(),
        })
    }
}

impl Sources {
    /// Reads every source and makes something of its content.
    fn load<T>(
        &self,
        read: &mut Reader<'_>,
        parse: impl Fn(Vec<u8>) -> Result<T, LoadCause>,
    ) -> Result<Vec<T>, LoadError> {
        let mut load = |(place, source): (String, &KeySource)| {
            let origin = match source {
                KeySource::Path(path) => bounded(&path.to_string_lossy()),
                KeySource::Data(_) => "the data".to_owned(),
            };
            content(source, read).and_then(&parse).map_err(|cause| LoadError {
                place,
                origin,
                cause,
            })
        };
        self.iter().map(&mut load).collect()
    }
}

fn content(source: &KeySource, read: &mut Reader<'_>) -> Result<Vec<u8>, LoadCause> {
    let bytes = match source {
        KeySource::Path(path) => read(path).map_err(LoadCause::Read)?,
        KeySource::Data(bytes) => bytes.clone(),
    };
    match bytes.len() {
        0 => Err(LoadCause::Empty),
        length if length > MAX_KEY_FILE => Err(LoadCause::TooLarge(length)),
        _ => Ok(bytes),
    }
}

/// One key. The stack reads the first block of a file and nothing after it, so that a second key is silently unused;
/// here the file must hold one block and nothing after it.
fn public_key(bytes: Vec<u8>) -> Result<PublicKey, LoadCause> {
    Ok(PublicKey::from_pem(&bytes)?)
}

fn log_key(bytes: Vec<u8>) -> Result<PublicKey, LoadCause> {
    let key = public_key(bytes)?;
    match key.algorithm() {
        Algorithm::EcdsaP256 | Algorithm::EcdsaP384 | Algorithm::EcdsaP521 => Ok(key),
        other => Err(LoadCause::NotEcdsa(other)),
    }
}
