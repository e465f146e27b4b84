//! Key options: `[SCOPE=]FILE`.

use super::failure::Failure;
use bundle::trust::{PublicKey, Scope, Scoped};
use std::path::{Path, PathBuf};

/// A public key file that was read.
pub(super) struct KeyFile {
    pub(super) key: PublicKey,
    pub(super) name: String,
    pub(super) scope: Scope,
}

/// Larger files hold no keys and no certificates.
const MAX_FILE: u64 = 32 << 20;

/// Reads the file of a key option; without a scope the key is for all images.
pub(super) fn read_scoped(option: &Scoped<PathBuf>) -> Result<KeyFile, Failure> {
    let (key, name) = read(&option.value)?;
    Ok(KeyFile { key, name, scope: option.scope.clone() })
}

/// Reads one public key.
pub(super) fn read(path: &Path) -> Result<(PublicKey, String), Failure> {
    let (bytes, name) = read_file(path)?;
    let key = PublicKey::from_pem(&bytes).map_err(|error| {
        Failure::usage(format!("key file {} cannot be used: {error}", path.display()))
    })?;
    Ok((key, name))
}

/// Reads a file of a size that keys and certificates have; gives its name too.
pub(super) fn read_file(path: &Path) -> Result<(Vec<u8>, String), Failure> {
    let shown = path.display();
    let unreadable =
        |error: std::io::Error| Failure::usage(format!("file {shown} cannot be read: {error}"));
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Failure::usage(format!("{shown} is not a regular file")));
    }
    if metadata.len() > MAX_FILE {
        return Err(Failure::usage(format!(
            "file {shown} has {} bytes: it holds no key and no certificate",
            metadata.len()
        )));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let name =
        path.file_name().map_or_else(|| "key".into(), |name| name.to_string_lossy().into_owned());
    Ok((bytes, name))
}
