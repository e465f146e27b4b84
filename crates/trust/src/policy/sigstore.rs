//! `sigstoreSigned`: a key, a certificate by Fulcio, or a certificate by an authority of one's own.

use super::node::{Node, PolicyError};
use super::signed_identity;
use super::sources::{Holds, Member, Sources, names};
use crate::IdentityRule;

const KEYS: [Member; 4] = [
    ("keyPath", Holds::Path),
    ("keyPaths", Holds::Paths),
    ("keyData", Holds::Data),
    ("keyDatas", Holds::Datas),
];
const REKOR_KEYS: [Member; 4] = [
    ("rekorPublicKeyPath", Holds::Path),
    ("rekorPublicKeyPaths", Holds::Paths),
    ("rekorPublicKeyData", Holds::Data),
    ("rekorPublicKeyDatas", Holds::Datas),
];
const FULCIO_CA: [Member; 2] = [("caPath", Holds::Path), ("caData", Holds::Data)];
const PKI_ROOTS: [Member; 2] = [("caRootsPath", Holds::Path), ("caRootsData", Holds::Data)];
const PKI_INTERMEDIATES: [Member; 2] =
    [("caIntermediatesPath", Holds::Path), ("caIntermediatesData", Holds::Data)];

/// `sigstoreSigned`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigstoreSigned {
    /// Who may sign.
    pub signers: SignerSources,
    /// Logs, one of which must have recorded the signature; `None` when no log is demanded. Always there with Fulcio,
    /// never with a PKI.
    pub rekor_keys: Option<Sources>,
    /// What the signature must name.
    pub identity: IdentityRule,
}

/// Who may sign: exactly one of three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerSources {
    /// Any of these keys.
    Keys(Sources),
    /// A holder of a short-lived certificate.
    Fulcio(FulcioSources),
    /// A holder of a certificate that is valid now.
    Pki(PkiSources),
}

/// `fulcio`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FulcioSources {
    /// Root certificates in PEM.
    pub ca: Sources,
    /// The issuer that the certificate must name.
    pub oidc_issuer: String,
    /// The e-mail address that the certificate must name.
    pub subject_email: String,
}

/// `pki`. At least one of e-mail address and host name is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PkiSources {
    /// Root certificates in PEM.
    pub roots: Sources,
    /// Intermediate certificates in PEM.
    pub intermediates: Option<Sources>,
    /// The e-mail address that the certificate must name.
    pub subject_email: Option<String>,
    /// The host name that the certificate must be for.
    pub subject_hostname: Option<String>,
}

impl SigstoreSigned {
    pub(super) fn read(node: &Node<'_>) -> Result<Self, PolicyError> {
        let rekor = names(&REKOR_KEYS);
        let signers = [&names(&KEYS)[..], &["fulcio", "pki"]].concat();
        let known = [&signers[..], &rekor, &["type", "signedIdentity"]].concat();
        let object = node.object(&known)?;
        let signer = object.exactly_one(&signers)?;
        let log = object.at_most_one(&rekor)?;
        let signers = match signer {
            "fulcio" if log.is_none() => return Err(object.none_of(&rekor)),
            "fulcio" => SignerSources::Fulcio(FulcioSources::read(&object.need("fulcio")?)?),
            "pki" => {
                // The stack refuses this pair: a PKI's signatures are judged at the current time, not at a log's.
                object.at_most_one(&[&["pki"], &rekor[..]].concat())?;
                SignerSources::Pki(PkiSources::read(&object.need("pki")?)?)
            }
            _ => SignerSources::Keys(Sources::need(&object, &KEYS)?),
        };
        let rekor_keys = Sources::find(&object, &REKOR_KEYS)?;
        let identity = signed_identity::read_or_default(&object)?;
        Ok(Self { signers, rekor_keys, identity })
    }
}

impl FulcioSources {
    fn read(node: &Node<'_>) -> Result<Self, PolicyError> {
        let known = [&names(&FULCIO_CA)[..], &["oidcIssuer", "subjectEmail"]].concat();
        let object = node.object(&known)?;
        Ok(Self {
            ca: Sources::need(&object, &FULCIO_CA)?,
            oidc_issuer: object.need("oidcIssuer")?.text()?.to_owned(),
            subject_email: object.need("subjectEmail")?.text()?.to_owned(),
        })
    }
}

impl PkiSources {
    fn read(node: &Node<'_>) -> Result<Self, PolicyError> {
        const SUBJECTS: [&str; 2] = ["subjectEmail", "subjectHostname"];
        let certificate_keys = [names(&PKI_ROOTS), names(&PKI_INTERMEDIATES)].concat();
        let object = node.object(&[&certificate_keys[..], &SUBJECTS].concat())?;
        let pki = Self {
            roots: Sources::need(&object, &PKI_ROOTS)?,
            intermediates: Sources::find(&object, &PKI_INTERMEDIATES)?,
            subject_email: object.text(SUBJECTS[0])?,
            subject_hostname: object.text(SUBJECTS[1])?,
        };
        match (&pki.subject_email, &pki.subject_hostname) {
            (None, None) => Err(object.none_of(&SUBJECTS)),
            _ => Ok(pki),
        }
    }
}
