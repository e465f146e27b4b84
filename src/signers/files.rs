//! One key file: bounded, read, parsed.

use super::SignersError;
use super::error::Holds;
use crate::trust::PublicKey;
use std::path::Path;

/// Larger files hold no keys and no certificates.
const MAX_FILE: u64 = 32 << 20;

/// Reads the public key of a signer; where the file is something else that can be trusted, the error says so.
///
/// # Errors
/// [`SignersError`].
pub(super) fn signer(path: &Path) -> Result<(PublicKey, String), SignersError> {
    let (bytes, name) = read(path)?;
    let key = PublicKey::from_pem(&bytes).map_err(|why| {
        let (path, holds) = (path.to_owned(), Holds::of(&bytes));
        SignersError::Key { path, why, holds }
    })?;
    Ok((key, name))
}

/// Reads one public key; gives the file's name too.
///
/// # Errors
/// [`SignersError`].
pub fn public_key(path: &Path) -> Result<(PublicKey, String), SignersError> {
    signer(path).map_err(|error| match error {
        SignersError::Key { path, why, .. } => SignersError::Key { path, why, holds: None },
        other => other,
    })
}

impl Holds {
    /// The kind of a file that is not a public key in PEM.
    fn of(file: &[u8]) -> Option<Self> {
        let holds = |text: &str| file.windows(text.len()).any(|window| window == text.as_bytes());
        // Every binary OpenPGP packet begins with the highest bit set.
        if holds("-----BEGIN PGP PUBLIC KEY") || file.first().is_some_and(|byte| byte & 0x80 != 0) {
            return Some(Self::OpenPgp);
        }
        if holds("-----BEGIN CERTIFICATE") {
            return Some(Self::Certificates);
        }
        (file.trim_ascii_start().first() == Some(&b'{')).then_some(Self::Json)
    }
}

/// Reads a file of a size that keys and certificates have; gives its name too.
///
/// # Errors
/// [`SignersError`].
pub fn read(path: &Path) -> Result<(Vec<u8>, String), SignersError> {
    let unreadable = |why| SignersError::Unreadable { path: path.to_owned(), why };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(SignersError::NotAFile(path.to_owned()));
    }
    if metadata.len() > MAX_FILE {
        return Err(SignersError::TooLong { path: path.to_owned(), length: metadata.len() });
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let name =
        path.file_name().map_or_else(|| "key".into(), |name| name.to_string_lossy().into_owned());
    Ok((bytes, name))
}
