//! The certificate of the key that signed.

use super::authorities::{Authorities, Authority};
use super::error::{CertificateError, Part};
use super::identity::{self, Identity, Subject};
use super::structure::{Structure, Validity};
use super::{MAX_CHAIN, MAX_CHAIN_CERTIFICATES, MAX_LEAF, path};
use crate::PublicKey;
use crate::reading::blocks::{self, Limit, Prose};
use crate::reading::text::bounded;
use bundle_oci::Digest;
use rustls_pki_types::CertificateDer;
use spki::ObjectIdentifier;
use webpki::EndEntityCert;
use x509_cert::der::{Decode as _, asn1::Utf8StringRef};
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, SubjectAltName};

/// Who authenticated the owner, as bare text: the old form.
const ISSUER_OLD: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.1");
/// The same in DER (sigstore/fulcio docs/oid-info.md).
const ISSUER_NEW: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.8");
const CERTIFICATE: &str = "CERTIFICATE";

/// A leaf certificate and the way from it, as they came with a signature. Nothing about them is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    leaf: Vec<u8>,
    intermediates: Vec<CertificateDer<'static>>,
    ends_in_root: bool,
}

impl Presented {
    /// Reads the annotations: exactly one certificate in `leaf`; all but the last of `chain` are intermediates, as the
    /// last is the root, which is never taken from there; nor is any other that issued itself. An empty chain is none.
    ///
    /// # Errors
    /// [`CertificateError::Pem`], [`CertificateError::Structure`].
    pub fn from_pem(leaf: &str, chain: Option<&str>) -> Result<Self, CertificateError> {
        let pem = |part| move |error| CertificateError::Pem { part, error };
        let leaf = blocks::read_one(leaf.as_bytes(), CERTIFICATE, MAX_LEAF, Prose::BeforeBlocks)
            .map_err(pem(Part::Leaf))?;
        let limit = Limit { bytes: MAX_CHAIN, blocks: MAX_CHAIN_CERTIFICATES };
        let mut chain = match chain.filter(|chain| !chain.is_empty()) {
            Some(chain) => blocks::read(chain.as_bytes(), CERTIFICATE, limit, Prose::BeforeBlocks)
                .map_err(pem(Part::Chain))?,
            None => Vec::new(),
        };
        let broken = |reason| CertificateError::Structure { part: Part::Chain, reason };
        let is_root = |der: &[u8]| Structure::parse(der).map(|der| der.is_self_issued());
        let root = chain.pop();
        let ends_in_root = root.map_or(Ok(true), |root| is_root(&root)).map_err(broken)?;
        let mut intermediates = Vec::new();
        for der in chain {
            let is_root = is_root(&der).map_err(broken)?;
            let authority = Authority::parse(der).map_err(broken)?.filter(|_| !is_root);
            // One that may not sign certificates leads nowhere.
            intermediates.extend(authority.map(|authority| authority.der));
        }
        Ok(Self { leaf, intermediates, ends_in_root })
    }

    /// The leaf in DER: what an entry of a log must be about.
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// The leaf and the intermediates, in DER.
    pub(crate) fn certificates(&self) -> Vec<Vec<u8>> {
        let intermediates = self.intermediates.iter().map(|der| der.to_vec());
        std::iter::once(self.leaf.clone()).chain(intermediates).collect()
    }

    /// True when the last certificate of the chain is a root, or there is no chain. Container runtimes leave the last one
    /// out as well; where it is no root, something is missing that other readers take from there.
    pub(crate) fn ends_in_root(&self) -> bool {
        self.ends_in_root
    }

    /// Checks that the leaf may sign and leads to one of `roots`, through what came with it and `trusted`, at `at`.
    pub(super) fn verify(
        &self,
        roots: &Authorities,
        trusted: Option<&Authorities>,
        at: u64,
    ) -> Result<Leaf, CertificateError> {
        let der = CertificateDer::from(self.leaf.as_slice());
        let end = EndEntityCert::try_from(&der).map_err(|error| structure(&error.to_string()))?;
        let trusted = trusted.map(Authorities::all).unwrap_or_default();
        let trusted = trusted.iter().map(|authority| authority.der.clone());
        let intermediates: Vec<_> = trusted.chain(self.intermediates.iter().cloned()).collect();
        path::verify(&end, &intermediates, roots, at)?;
        Leaf::read(&self.leaf)
    }
}

/// A certificate that leads to a trusted root. Its issuer and its identities say whose key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    key: PublicKey,
    digest: Digest,
    identities: Vec<Identity>,
    issuer: Issuer,
    validity: Validity,
    has_purpose: bool,
}

/// What Fulcio says about who authenticated the owner.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Issuer {
    old: Option<String>,
    new: Option<String>,
}

impl Leaf {
    /// Reads a certificate that is known to lead to a trusted root.
    pub(crate) fn read(der: &[u8]) -> Result<Self, CertificateError> {
        let parsed = Structure::parse(der).map_err(|reason| structure(&reason))?;
        let usage = parsed.extension::<KeyUsage>().map_err(|reason| structure(&reason))?;
        if usage.is_some_and(|usage| !usage.digital_signature() && !usage.non_repudiation()) {
            return Err(CertificateError::Usage);
        }
        let names = parsed.extension::<SubjectAltName>().map_err(|reason| structure(&reason))?;
        let names = names.map(|SubjectAltName(names)| names).unwrap_or_default();
        let identities: Option<Vec<Identity>> = names.iter().map(Identity::of).collect();
        let purposes = parsed.extension::<ExtendedKeyUsage>();
        let key = parsed.key().map_err(|reason| structure(&reason))?;
        Ok(Self {
            key: PublicKey::from_spki(key).map_err(CertificateError::Key)?,
            digest: Digest::of(der),
            identities: identities
                .ok_or_else(|| structure("an IP address or a user name in it is malformed"))?,
            issuer: Issuer::read(&parsed)?,
            validity: parsed.validity(),
            has_purpose: purposes.map_err(|reason| structure(&reason))?.is_some(),
        })
    }

    /// The key that it vouches for.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// SHA-256 of the certificate in DER.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whom it names, in its own order. The texts are the certificate's and as long as it has them.
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// Its first and its last second, since 1970.
    pub fn validity(&self) -> (u64, u64) {
        (self.validity.not_before, self.validity.not_after)
    }

    /// True when it says for which purposes it is. That code signing is among them has then been checked.
    pub(super) fn has_purpose(&self) -> bool {
        self.has_purpose
    }

    /// Its issuer and one of its names are the expected ones to the letter. An empty expectation matches nothing.
    ///
    /// # Errors
    /// Those of [`Self::issuer`], [`CertificateError::OtherIssuer`], [`CertificateError::OtherSubject`].
    pub(crate) fn check(&self, issuer: &str, subject: &Subject) -> Result<(), CertificateError> {
        let found = self.issuer()?;
        if found != issuer || issuer.is_empty() {
            return Err(CertificateError::OtherIssuer(bounded(found)));
        }
        match subject.is_among(&self.identities) {
            true => Ok(()),
            false => Err(CertificateError::OtherSubject(identity::list(&self.identities))),
        }
    }

    /// Who authenticated its owner, as Fulcio states it.
    ///
    /// # Errors
    /// [`CertificateError::NoIssuer`] without such a statement, [`CertificateError::IssuersDiffer`] with two.
    pub fn issuer(&self) -> Result<&str, CertificateError> {
        match (&self.issuer.old, &self.issuer.new) {
            (Some(old), Some(new)) if old != new => {
                Err(CertificateError::IssuersDiffer { old: bounded(old), new: bounded(new) })
            }
            (Some(issuer), _) | (None, Some(issuer)) => Ok(issuer),
            (None, None) => Err(CertificateError::NoIssuer),
        }
    }
}

/// True for a certificate that names itself as its issuer, as roots do.
pub(crate) fn is_self_issued(der: &[u8]) -> Result<bool, CertificateError> {
    let parsed = Structure::parse(der);
    parsed
        .map(|parsed| parsed.is_self_issued())
        .map_err(|reason| CertificateError::Structure { part: Part::Chain, reason })
}

impl Issuer {
    fn read(parsed: &Structure) -> Result<Self, CertificateError> {
        let old = parsed.raw(ISSUER_OLD).map(std::str::from_utf8).transpose();
        let new = parsed.raw(ISSUER_NEW).map(Utf8StringRef::from_der).transpose();
        Ok(Self {
            old: old.map_err(|_| structure("its issuer is not UTF-8"))?.map(str::to_owned),
            new: new
                .map_err(|_| structure("its issuer is not a UTF8String in DER"))?
                .map(|text| text.as_str().to_owned()),
        })
    }
}

fn structure(reason: &str) -> CertificateError {
    CertificateError::Structure { part: Part::Leaf, reason: bounded(reason) }
}
