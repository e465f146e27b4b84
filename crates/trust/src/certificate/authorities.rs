//! Certificates that may sign certificates.

use super::structure::{Structure, Validity};
use super::{MAX_AUTHORITIES, MAX_AUTHORITIES_FILE};
use crate::BlocksError;
use crate::reading::blocks::{self, Limit, Prose};
use rustls_pki_types::CertificateDer;
use spki::ObjectIdentifier;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
const ANY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// Why a file of authorities cannot be used. One unusable certificate is enough: none is skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// Not PEM with certificates and nothing else in it.
    #[error(transparent)]
    Pem(#[from] BlocksError),
    /// Not an X.509 certificate in DER.
    #[error("certificate {place} is not well formed: {reason}")]
    Structure {
        /// Which one of the file, from 1.
        place: usize,
        /// What is wrong.
        reason: String,
    },
    /// A certificate that may not sign others. Version 1 certificates do not say that they may.
    #[error("certificate {0} is not that of an authority")]
    NotAuthority(usize),
}

/// The certificates of authorities: roots, or intermediates that an administrator trusts to lead to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorities(Vec<Authority>);

/// One certificate that may sign others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) der: CertificateDer<'static>,
    pub(super) validity: Validity,
    /// How many intermediates may follow, if that is limited.
    pub(super) path_length: Option<u8>,
    code_signing: bool,
}

impl Authorities {
    /// Reads a file with one or more `CERTIFICATE` blocks and any prose beside them.
    ///
    /// # Errors
    /// [`AuthorityError`]: other blocks, nothing, certificates that are damaged or not those of authorities.
    pub fn from_pem(file: &[u8]) -> Result<Self, AuthorityError> {
        let limit = Limit { bytes: MAX_AUTHORITIES_FILE, blocks: MAX_AUTHORITIES };
        let blocks = blocks::read(file, "CERTIFICATE", limit, Prose::Anywhere)?;
        let read = |(place, der)| match Authority::parse(der) {
            Ok(Some(authority)) => Ok(authority),
            Ok(None) => Err(AuthorityError::NotAuthority(place + 1)),
            Err(reason) => Err(AuthorityError::Structure { place: place + 1, reason }),
        };
        blocks.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn all(&self) -> &[Authority] {
        &self.0
    }
}

impl Authority {
    /// `None` for a certificate that is well formed but not that of an authority.
    pub(super) fn parse(der: Vec<u8>) -> Result<Option<Self>, String> {
        let structure = Structure::parse(&der)?;
        let constraints = structure.extension::<BasicConstraints>()?.filter(|found| found.ca);
        let signs = structure.extension::<KeyUsage>()?.is_none_or(|usage| usage.key_cert_sign());
        let purposes = structure.extension::<ExtendedKeyUsage>()?;
        let validity = structure.validity();
        Ok(constraints.filter(|_| signs).map(|constraints| Self {
            validity,
            path_length: constraints.path_len_constraint,
            code_signing: purposes.is_none_or(|ExtendedKeyUsage(purposes)| {
                purposes.contains(&CODE_SIGNING) || purposes.contains(&ANY_USAGE)
            }),
            der: CertificateDer::from(der),
        }))
    }

    /// True when it may stand at the root of a path for code signing at this time.
    pub(super) fn is_root_at(&self, at: u64) -> bool {
        let Validity { not_before, not_after } = self.validity;
        self.code_signing && (not_before..=not_after).contains(&at)
    }
}
