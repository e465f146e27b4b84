//! Certificates that are configured for one host: `*.crt` are those of CAs, or the server's own; `*.cert` with `*.key`
//! is what this side shows (containers-certs.d(5)).

use super::RegistryError;
use bundle_oci::text::bounded_to;
use bundle_ownership::check_for_root;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

/// What keys say that nobody can use without a password: PKCS #8, and the older form.
const ENCRYPTED: [&str; 2] = ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"];

/// What a host's directory holds.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    pub(super) authorities: Vec<CertificateDer<'static>>,
    pub(super) client: Option<ClientCertificate>,
}

/// A certificate with its private key.
#[derive(Debug)]
pub(super) struct ClientCertificate {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Clone for ClientCertificate {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl Certificates {
    pub(super) fn is_empty(&self) -> bool {
        self.authorities.is_empty() && self.client.is_none()
    }

    /// As [`Self::read`], of a directory that nobody named: for root, nobody else may decide what is in it.
    ///
    /// # Errors
    /// As [`Self::read`]; what does not count is not passed over, since it says that the host speaks TLS.
    pub(super) fn find(directory: &Path) -> Result<Option<Self>, RegistryError> {
        Self::read_where(directory, |path| {
            check_for_root(path).map_err(|distrust| unusable(path, "it does not count", distrust))
        })
    }

    /// Reads a directory. `None` when it is not there, or belongs to others: a machine's directory can be root's own.
    ///
    /// # Errors
    /// A file that is there and cannot be used.
    pub(super) fn read(directory: &Path) -> Result<Option<Self>, RegistryError> {
        Self::read_where(directory, |_| Ok(()))
    }

    fn read_where(
        directory: &Path,
        check: impl Fn(&Path) -> Result<(), RegistryError>,
    ) -> Result<Option<Self>, RegistryError> {
        check(directory)?;
        let listing = match std::fs::read_dir(directory) {
            Ok(listing) => listing,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
                return Ok(None);
            }
            Err(e) => return Err(unusable(directory, "the directory cannot be read", e)),
        };
        let mut paths = listing
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| unusable(directory, "the directory cannot be read", e))?;
        paths.sort();
        let mut found = Self::default();
        for path in paths {
            match path.extension().and_then(|e| e.to_str()) {
                Some("crt") => {
                    check(&path)?;
                    found.authorities.extend(authorities(&path)?);
                }
                Some("cert") => {
                    check(&path)?;
                    check(&path.with_extension("key"))?;
                    found.client = Some(client(&path)?);
                }
                _ => {}
            }
        }
        Ok(Some(found))
    }
}

fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, RegistryError> {
    let found = CertificateDer::pem_slice_iter(&bytes(path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| unusable(path, "not a PEM file of certificates", e))?;
    match found.is_empty() {
        true => Err(wrong(path, "it holds no certificate")),
        false => Ok(found),
    }
}

fn client(path: &Path) -> Result<ClientCertificate, RegistryError> {
    let chain = authorities(path)?;
    let key_path = path.with_extension("key");
    let text = zeroize::Zeroizing::new(bytes(&key_path)?);
    if ENCRYPTED.iter().any(|mark| contains(&text, mark.as_bytes())) {
        return Err(wrong(&key_path, ENCRYPTED_KEY));
    }
    // Causes are not kept: they come from reading a private key.
    let key = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| wrong(&key_path, "not a PEM file with a private key"))?;
    let usable = provider().key_provider.load_private_key(key.clone_key());
    let usable = usable.map_err(|_| {
        wrong(
            &key_path,
            "a private key of a kind that TLS does not use here: expected RSA, ECDSA or Ed25519",
        )
    })?;
    let leaf = chain.first().map(|leaf| Certificate::from_der(leaf));
    let Some(Ok(leaf)) = leaf else {
        return Err(wrong(path, "the first certificate in it cannot be read"));
    };
    let stated = leaf.tbs_certificate().subject_public_key_info().to_der();
    let is_other = |key: &[u8]| stated.as_deref().is_ok_and(|stated| stated != key);
    if usable.public_key().is_some_and(|key| is_other(&key)) {
        return Err(wrong(path, "the private key beside it belongs to another certificate"));
    }
    Ok(ClientCertificate { chain, key })
}

/// What is wrong with a key that has a password.
pub(super) const ENCRYPTED_KEY: &str =
    "the private key is encrypted; expected one without a password";

fn contains(text: &[u8], mark: &[u8]) -> bool {
    text.windows(mark.len()).any(|window| window == mark)
}

fn bytes(path: &Path) -> Result<Vec<u8>, RegistryError> {
    std::fs::read(path).map_err(|e| unusable(path, "the file cannot be read", e))
}

/// The certificates that are configured for a registry cannot be used.
pub(super) fn unbuilt(
    registry: &str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> RegistryError {
    let named = PathBuf::from(bounded_to(registry, 255));
    unusable(&named, "the certificates for this registry cannot be used", error)
}

pub(super) fn wrong(path: &Path, what: &str) -> RegistryError {
    RegistryError::Setup { path: path.to_owned(), what: what.to_owned(), source: None }
}

pub(super) fn unusable(
    path: &Path,
    what: &str,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> RegistryError {
    RegistryError::Setup {
        path: path.to_owned(),
        what: what.to_owned(),
        source: Some(cause.into()),
    }
}

/// The one crypto provider of this program.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
