//! Annotations beside a signature: their names, the older spelling of some, and who reads each.

use super::VouchError;
use crate::certificate::Presented;
use crate::rekor::SignedEntry;
use std::collections::BTreeMap;

/// The annotation that holds a signed entry timestamp.
pub const LOG_ANNOTATION: &str = "dev.sigstore.cosign/bundle";
/// The annotation that holds the leaf certificate.
pub const CERTIFICATE_ANNOTATION: &str = "dev.sigstore.cosign/certificate";
/// The annotation that holds the certificates on the way from the leaf to a root.
pub const CHAIN_ANNOTATION: &str = "dev.sigstore.cosign/chain";
/// The annotation that holds a timestamp over the signature.
pub const TIMESTAMP_ANNOTATION: &str = "dev.sigstore.cosign/rfc3161timestamp";

const ALL: [&str; 4] =
    [LOG_ANNOTATION, CERTIFICATE_ANNOTATION, CHAIN_ANNOTATION, TIMESTAMP_ANNOTATION];
/// Those that signers write in the older spelling: cosign's first specification of signatures has these two.
const WRITTEN_OLD: [&str; 2] = [CERTIFICATE_ANNOTATION, CHAIN_ANNOTATION];
const NAMESPACE: &str = "dev.sigstore.cosign/";
/// As cosign's signature annotation still has it.
const OLD_NAMESPACE: &str = "dev.cosignproject.cosign/";

/// The annotations of a layer with a signature, the only way to what stands in them.
#[derive(Debug, Clone, Copy)]
pub struct Annotations<'a> {
    of_layer: &'a BTreeMap<String, String>,
    spellings: Spellings,
}

/// Which names are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spellings {
    /// The present one, and the older one where signers write it.
    Both,
    /// The present one: container runtimes know no other.
    Present,
}

impl<'a> From<&'a BTreeMap<String, String>> for Annotations<'a> {
    fn from(of_layer: &'a BTreeMap<String, String>) -> Self {
        Self { of_layer, spellings: Spellings::Both }
    }
}

impl<'a> Annotations<'a> {
    pub(crate) fn new(of_layer: &'a BTreeMap<String, String>, spellings: Spellings) -> Self {
        Self { of_layer, spellings }
    }

    /// The certificate that is said to have signed, with the way to its root.
    ///
    /// # Errors
    /// [`VouchError::Missing`], [`VouchError::Ambiguous`], [`VouchError::Certificate`].
    pub fn certificate(&self) -> Result<Presented, VouchError> {
        let leaf = self.get(CERTIFICATE_ANNOTATION)?;
        let leaf = leaf.ok_or(VouchError::Missing(CERTIFICATE_ANNOTATION))?;
        Ok(Presented::from_pem(leaf, self.get(CHAIN_ANNOTATION)?)?)
    }

    /// The entry of a log, if there is one.
    ///
    /// # Errors
    /// [`VouchError::Ambiguous`], [`VouchError::Log`].
    pub fn log_entry(&self) -> Result<Option<SignedEntry>, VouchError> {
        Ok(self.get(LOG_ANNOTATION)?.map(SignedEntry::parse).transpose()?)
    }

    /// The text of a timestamp, if there is one.
    ///
    /// # Errors
    /// [`VouchError::Ambiguous`].
    pub fn timestamp(&self) -> Result<Option<&'a str>, VouchError> {
        self.get(TIMESTAMP_ANNOTATION)
    }

    /// True when container runtimes find what was read: they know one spelling only.
    pub(crate) fn are_spelt_for_runtimes(&self) -> bool {
        self.spellings == Spellings::Present
            || ALL.iter().all(|name| self.text(name).is_some() || self.old(name).is_none())
    }

    fn get(&self, name: &'static str) -> Result<Option<&'a str>, VouchError> {
        let old = self.old(name).filter(|_| self.spellings == Spellings::Both);
        match (self.text(name), old) {
            (Some(present), Some(old)) if present != old => Err(VouchError::Ambiguous(name)),
            (None, old) if WRITTEN_OLD.contains(&name) => Ok(old),
            (present, _) => Ok(present),
        }
    }

    fn old(&self, name: &str) -> Option<&'a str> {
        let rest = name.strip_prefix(NAMESPACE)?;
        self.text(&format!("{OLD_NAMESPACE}{rest}"))
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.of_layer.get(name).map(String::as_str)
    }
}
