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

/// Reads the file of `--key`; where it is something else that can be trusted, the hint names the option for that.
pub(super) fn read_signer(option: &Scoped<PathBuf>) -> Result<KeyFile, Failure> {
    read_scoped(option).map_err(|failure| match read_file(&option.value) {
        Ok((bytes, _)) => option_for(&bytes).into_iter().fold(failure, Failure::hint),
        Err(_) => failure,
    })
}

/// The option that takes a file which is not a public key in PEM.
fn option_for(file: &[u8]) -> Option<&'static str> {
    let holds = |text: &str| file.windows(text.len()).any(|window| window == text.as_bytes());
    // Every binary OpenPGP packet begins with the highest bit set.
    if holds("-----BEGIN PGP PUBLIC KEY") || file.first().is_some_and(|byte| byte & 0x80 != 0) {
        return Some("a GPG key is given with --gpg-key [SCOPE=]FILE");
    }
    if holds("-----BEGIN CERTIFICATE") {
        return Some("the certificate of an authority is given with --ca [SCOPE=]FILE");
    }
    let is_root = file.trim_ascii_start().first() == Some(&b'{');
    is_root.then_some("a trusted_root.json is given with --trusted-root [SCOPE=]FILE")
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
