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

/// Larger files are no public keys.
const MAX_KEY_FILE: u64 = 1 << 20;

/// Reads the file of a key option; without a scope the key is for all images.
pub(super) fn read_scoped(option: &Scoped<PathBuf>) -> Result<KeyFile, Failure> {
    let (key, name) = read(&option.value)?;
    Ok(KeyFile { key, name, scope: option.scope.clone() })
}

/// Reads one public key.
pub(super) fn read(path: &Path) -> Result<(PublicKey, String), Failure> {
    let shown = path.display();
    let unreadable =
        |error: std::io::Error| Failure::usage(format!("key file {shown} cannot be read: {error}"));
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > MAX_KEY_FILE {
        return Err(Failure::usage(format!(
            "key file {shown} has {length} bytes: it is no public key"
        )));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let key = PublicKey::from_pem(&bytes)
        .map_err(|error| Failure::usage(format!("key file {shown} cannot be used: {error}")))?;
    let name =
        path.file_name().map_or_else(|| "key".into(), |name| name.to_string_lossy().into_owned());
    Ok((key, name))
}
