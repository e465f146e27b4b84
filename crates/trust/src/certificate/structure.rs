//! The parts of an X.509 certificate (RFC 5280 §4.1).

use crate::reading::text::bounded;
use spki::ObjectIdentifier;
use std::collections::BTreeSet;
use x509_cert::Certificate;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{self, Decode, Encode as _};
use x509_cert::time::Time;

/// A certificate whose extensions each stand once.
pub(super) struct Structure(Certificate);

/// From the first second to the last, since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: u64,
    pub(super) not_after: u64,
}

impl Structure {
    /// Reads a certificate; the error is bounded text.
    pub(super) fn parse(der: &[u8]) -> Result<Self, String> {
        let certificate = Certificate::from_der(der).map_err(|error| explain(&error))?;
        let structure = Self(certificate);
        let mut seen = BTreeSet::new();
        let twice = structure.extensions().map(|(id, _)| id).find(|id| !seen.insert(*id));
        match twice {
            Some(id) => Err(bounded(&format!("the extension {id} stands in it twice"))),
            None => Ok(structure),
        }
    }

    fn extensions(&self) -> impl Iterator<Item = (ObjectIdentifier, &[u8])> {
        let extensions = self.0.tbs_certificate().extensions();
        let extensions = extensions.map(Vec::as_slice).unwrap_or_default();
        extensions.iter().map(|one| (one.extn_id, one.extn_value.as_bytes()))
    }

    /// The content of an extension.
    pub(super) fn raw(&self, id: ObjectIdentifier) -> Option<&[u8]> {
        self.extensions().find(|(found, _)| *found == id).map(|(_, value)| value)
    }

    /// An extension, read.
    pub(super) fn extension<'a, T>(&'a self) -> Result<Option<T>, String>
    where
        T: AssociatedOid + Decode<'a, Error = der::Error>,
    {
        let read = |value| T::from_der(value).map_err(|error| explain(&error));
        self.raw(T::OID).map(read).transpose()
    }

    /// True when it names itself as its issuer, as roots do.
    pub(super) fn is_self_issued(&self) -> bool {
        let names = self.0.tbs_certificate();
        names.subject() == names.issuer()
    }

    /// The key that it is for, as SubjectPublicKeyInfo in DER.
    pub(super) fn key(&self) -> Result<Vec<u8>, String> {
        let key = self.0.tbs_certificate().subject_public_key_info();
        key.to_der().map_err(|error| explain(&error))
    }

    pub(super) fn validity(&self) -> Validity {
        let validity = self.0.tbs_certificate().validity();
        let seconds = |time: Time| time.to_unix_duration().as_secs();
        Validity {
            not_before: seconds(validity.not_before),
            not_after: seconds(validity.not_after),
        }
    }
}

fn explain(error: &der::Error) -> String {
    bounded(&error.to_string())
}
