//! Private keys as cosign keeps them: PKCS #8, encrypted under a password (go-tuf's `encrypted` format: scrypt, then
//! NaCl's secretbox, as JSON), in one PEM block.
//!
//! The cryptography is that of the crate `sigstore`. What comes before it is checked here: that crate panics when the
//! nonce has another length than it must, and does not say what is wrong with a file.

use bundle_trust::blocks::{self, BlocksError, Prose};
use bundle_trust::fields::{Fields, ShapeError, document};
use bundle_trust::text::bounded;
use bundle_trust::{SigningError, SigningKey, pem};
use serde_json::Value;
use sigstore::crypto::signing_key::kdf;
use zeroize::Zeroizing;

/// Largest key file read. One with an RSA-8192 key has 9 KiB.
pub const MAX_KEY_FILE: usize = 64 << 10;
/// Label of what is written here, and by cosign since 2.0.
const SIGSTORE: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// Label of what cosign wrote before.
const COSIGN: &str = "ENCRYPTED COSIGN PRIVATE KEY";
/// Costs of scrypt that go-tuf has ever written: others could take any memory. The larger one takes 64 MiB.
const COSTS: [u64; 2] = [1 << 15, 1 << 16];
/// Length of a secretbox's nonce, in bytes.
const NONCE: usize = 24;

/// A key file that was read; only its password is missing.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyFile {
    encrypted: Vec<u8>,
}

/// The reason why a private key file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// Not one PEM block, or not alone.
    #[error("it is not an encrypted private key of cosign: {0}")]
    Pem(#[from] BlocksError),
    /// A private key that anybody could use.
    #[error("it holds a private key without encryption: import it with a password first")]
    Unencrypted,
    /// A public key, where the private one is needed.
    #[error("it holds a public key; give the private one")]
    Public,
    /// Not go-tuf's JSON.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A cipher, a key derivation or a cost that cosign does not use.
    #[error("it is encrypted in a way that cosign does not use: {0}")]
    Method(String),
    /// The password does not open it. A damaged file looks the same.
    #[error("the password is wrong, or the file is damaged")]
    Password,
    /// The decrypted content is not a key that can be used.
    #[error(transparent)]
    Key(#[from] SigningError),
    /// It cannot be encrypted.
    #[error("the key cannot be encrypted")]
    Encryption,
}

impl KeyFile {
    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyFileError`], everything but the password.
    pub fn parse(file: &[u8]) -> Result<Self, KeyFileError> {
        let read = |label| blocks::read_one(file, label, MAX_KEY_FILE, Prose::Nowhere);
        let encrypted = match read(SIGSTORE) {
            Err(BlocksError::OtherBlock(line)) => match line.trim_matches('-') {
                "BEGIN PUBLIC KEY" => return Err(KeyFileError::Public),
                "BEGIN PRIVATE KEY" | "BEGIN EC PRIVATE KEY" | "BEGIN RSA PRIVATE KEY" => {
                    return Err(KeyFileError::Unencrypted);
                }
                _ => read(COSIGN)?,
            },
            other => other?,
        };
        check_method(&document("the encrypted key", &encrypted)?)?;
        Ok(Self { encrypted })
    }

    /// Decrypts the key. Cost: what scrypt is for, about 0.1 s and up to 64 MiB.
    ///
    /// # Errors
    /// [`KeyFileError::Password`], [`KeyFileError::Key`].
    pub fn unlock(&self, password: &[u8]) -> Result<SigningKey, KeyFileError> {
        let der = kdf::decrypt(&self.encrypted, password).map_err(|_| KeyFileError::Password)?;
        Ok(SigningKey::from_pkcs8(&Zeroizing::new(der))?)
    }

    /// The file of a key that was made here, encrypted under `password`, which may be empty.
    ///
    /// # Errors
    /// [`KeyFileError::Key`] for keys that come from a file; [`KeyFileError::Encryption`].
    pub fn lock(key: &SigningKey, password: &[u8]) -> Result<String, KeyFileError> {
        let der = key.to_pkcs8()?;
        let encrypted = kdf::encrypt(&der, password).map_err(|_| KeyFileError::Encryption)?;
        Ok(pem::encode(SIGSTORE, &encrypted))
    }
}

/// Compares the method with the only one that there is.
fn check_method(value: &Value) -> Result<(), KeyFileError> {
    let refuse = |what: &str| Err(KeyFileError::Method(bounded(what)));
    let file = Fields::exactly("the encrypted key", value, &["kdf", "cipher", "ciphertext"])?;
    let kdf = Fields::exactly("kdf", file.need("kdf")?, &["name", "params", "salt"])?;
    let params = Fields::exactly("params", kdf.need("params")?, &["N", "r", "p"])?;
    let cipher = Fields::exactly("cipher", file.need("cipher")?, &["name", "nonce"])?;
    for (name, expected) in
        [(kdf.text("name")?, "scrypt"), (cipher.text("name")?, "nacl/secretbox")]
    {
        if name != expected {
            return refuse(name);
        }
    }
    let number = |key| params.need(key)?.as_u64().ok_or_else(|| params.not(key, "a number"));
    let (cost, blocks, lanes) = (number("N")?, number("r")?, number("p")?);
    if !COSTS.contains(&cost) || (blocks, lanes) != (8, 1) {
        return refuse(&format!("scrypt with N={cost}, r={blocks}, p={lanes}"));
    }
    if cipher.bytes("nonce")?.len() != NONCE {
        return Err(cipher.not("nonce", "of 24 bytes").into());
    }
    kdf.bytes("salt")?;
    file.bytes("ciphertext")?;
    Ok(())
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an encrypted private key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    fn made(password: &[u8]) -> (SigningKey, String) {
        let key = SigningKey::generate().expect("a key");
        let file = KeyFile::lock(&key, password).expect("a file");
        (key, file)
    }

    #[test]
    fn a_key_comes_back_with_its_password_and_no_other() {
        for (password, other) in [(&b"correct horse"[..], &b"correct horsf"[..]), (b"", b"x")] {
            let (key, file) = made(password);
            assert!(file.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
            assert!(file.lines().all(|line| line.len() <= 64) && file.ends_with("-----\n"));
            let read = KeyFile::parse(file.as_bytes()).expect("a key file");
            let unlocked = read.unlock(password).expect("the password");
            assert_eq!(unlocked.public_key(), key.public_key());
            assert_eq!(read.unlock(other).err(), Some(KeyFileError::Password));
            // The label of cosign 1.
            let older = file.replace(SIGSTORE, COSIGN);
            let older = KeyFile::parse(older.as_bytes()).expect("a key file");
            assert_eq!(older, read);
        }
    }

    /// The JSON of a key file with the value at `pointer` replaced, as PEM.
    fn changed(file: &str, pointer: &str, value: Value) -> String {
        let bytes = blocks::read_one(file.as_bytes(), SIGSTORE, MAX_KEY_FILE, Prose::Nowhere);
        let mut json: Value = serde_json::from_slice(&bytes.expect("a block")).expect("JSON");
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        json.pointer_mut(parent).expect("a parent")[key] = value;
        pem::encode(SIGSTORE, json.to_string().as_bytes())
    }

    #[test]
    fn key_file_of_another_shape_is_refused_before_its_password() {
        let (_, file) = made(b"");
        let same = changed(&file, "/kdf/params/r", json!(8));
        assert!(KeyFile::parse(same.as_bytes()).is_ok(), "the positive twin");
        for (pointer, value) in [
            ("/kdf/name", json!("pbkdf2")),
            ("/cipher/name", json!("aes")),
            ("/kdf/params/N", json!(1 << 30)),
            ("/kdf/params/N", json!(2)),
            ("/kdf/params/r", json!(8000)),
            ("/kdf/params/p", json!(2)),
        ] {
            let refused = KeyFile::parse(changed(&file, pointer, value).as_bytes());
            assert!(matches!(refused, Err(KeyFileError::Method(_))), "{pointer}: {refused:?}");
        }
        for (pointer, value) in [
            ("/cipher/nonce", json!(STANDARD.encode([0; 23]))),
            ("/cipher/nonce", json!(STANDARD.encode([0; 25]))),
            ("/kdf/salt", json!("?")),
            ("/kdf/params/N", json!("32768")),
            ("/kdf/params/more", json!(1)),
            ("/kdf/params", json!([32768, 8, 1])),
            ("/ciphertext", json!("")),
            ("/more", json!(1)),
        ] {
            let refused = KeyFile::parse(changed(&file, pointer, value).as_bytes());
            assert!(matches!(refused, Err(KeyFileError::Shape(_))), "{pointer}: {refused:?}");
        }
        for (pointer, value) in
            [("/ciphertext", json!("AAAA")), ("/cipher/nonce", json!(STANDARD.encode([0; 24])))]
        {
            let read = KeyFile::parse(changed(&file, pointer, value).as_bytes()).expect("a file");
            assert_eq!(read.unlock(b"").err(), Some(KeyFileError::Password), "{pointer}");
        }
    }

    #[test]
    fn what_people_mix_up_is_named() {
        let (key, file) = made(b"");
        let plain = pem::encode("PRIVATE KEY", &key.to_pkcs8().expect("PKCS #8"));
        let refused = |file: &str| KeyFile::parse(file.as_bytes()).expect_err("refused");
        assert_eq!(refused(&plain), KeyFileError::Unencrypted);
        assert_eq!(refused(&key.public_key().to_pem()), KeyFileError::Public);
        assert_eq!(refused(""), KeyFileError::Pem(BlocksError::NoBlock));
        assert_eq!(refused(&file.repeat(2)), KeyFileError::Pem(BlocksError::TooMany(1)));
        let both = format!("{file}{plain}");
        assert_eq!(refused(&both), KeyFileError::Unencrypted);
        let other = plain.replace("PRIVATE KEY", "THING");
        assert!(matches!(refused(&other), KeyFileError::Pem(BlocksError::OtherBlock(_))));
        let long = format!("{file}{}", "\n".repeat(MAX_KEY_FILE));
        assert!(matches!(refused(&long), KeyFileError::Pem(BlocksError::TooLarge { .. })));
        // A key of another kind inside.
        let encrypted = kdf::encrypt(b"no key", b"").expect("encrypted");
        let inside = KeyFile::parse(pem::encode(SIGSTORE, &encrypted).as_bytes());
        let unlocked = inside.expect("a key file").unlock(b"");
        assert_eq!(unlocked.err(), Some(KeyFileError::Key(SigningError::Malformed)));
    }
}
