//! Key files: exactly one public key, written in exactly one way; or a trusted root, as it came.
//!
//! What kind of key it is, and whether it is strong enough, is decided where it verifies something; here it is made
//! sure that what lies on the host is that key and nothing beside it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::Digest;
use bundle_trust::openpgp::{KeyringError, SingleKey};
use bundle_trust::trusted_root::{MAX_TRUSTED_ROOT, TrustedRoot};
use bundle_trust::{KeyFingerprint, KeyUse};

/// Largest file of one PEM key read. An RSA-16384 key takes about 2,800 bytes.
const MAX_PEM_FILE: u64 = 16 << 10;
/// Largest file of one OpenPGP key read. Years of new expiries and subkeys of a vendor's key take some 20 KiB.
const MAX_OPENPGP_FILE: u64 = 1 << 20;

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
/// RFC 7468 §2: lines of exactly 64 characters, the last one shorter.
const LINE: usize = 64;

/// Why a text is not a key file in canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// It holds a private key.
    #[error("it holds a private key")]
    Private,
    /// It is PEM of something else, such as a certificate.
    #[error("it is not PEM of a public key")]
    Label,
    /// More than one block, text around it, other line lengths or line ends.
    #[error("it is not exactly one PEM block in canonical form")]
    NotCanonical,
    /// It is not one OpenPGP key in canonical form.
    #[error(transparent)]
    OpenPgp(#[from] KeyringError),
    /// It is not a trusted root that can be used.
    #[error("it is not a trusted root: {0}")]
    TrustedRoot(String),
}

/// Largest key file of this use.
pub(super) const fn max_file(usage: KeyUse) -> u64 {
    match usage {
        KeyUse::Cosign | KeyUse::Rekor => MAX_PEM_FILE,
        KeyUse::OpenPgp => MAX_OPENPGP_FILE,
        KeyUse::TrustedRoot => MAX_TRUSTED_ROOT as u64,
    }
}

/// The fingerprint of the key in a file, which must be in the one form in which keys of this use are installed.
///
/// # Errors
/// Anything else.
pub fn check(usage: KeyUse, content: &[u8]) -> Result<KeyFingerprint, PublicKeyError> {
    match usage {
        KeyUse::Cosign | KeyUse::Rekor => fingerprint(content).map(KeyFingerprint::Sha256),
        KeyUse::OpenPgp => Ok(SingleKey::read(content)?.fingerprint().into()),
        KeyUse::TrustedRoot => match TrustedRoot::parse(content) {
            Ok(_) => Ok(Digest::of(content).into()),
            Err(error) => Err(PublicKeyError::TrustedRoot(error.to_string())),
        },
    }
}

/// The SHA-256 of the key (its DER SubjectPublicKeyInfo) in a canonical PEM file: one `PUBLIC KEY` block by RFC 7468,
/// lines of 64 characters ended by a line feed, nothing before or after.
///
/// # Errors
/// Anything else; two files of one key are therefore the same bytes.
pub fn fingerprint(pem: &[u8]) -> Result<Digest, PublicKeyError> {
    let text = std::str::from_utf8(pem).map_err(|_| PublicKeyError::NotCanonical)?;
    if text.contains("PRIVATE KEY-----") {
        return Err(PublicKeyError::Private);
    }
    if !text.contains(BEGIN) {
        return Err(PublicKeyError::Label);
    }
    let encoded: String = text
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(&format!("{END}\n")))
        .ok_or(PublicKeyError::NotCanonical)?
        .split('\n')
        .collect();
    let der = STANDARD.decode(encoded).map_err(|_| PublicKeyError::NotCanonical)?;
    if der.is_empty() || canonical(&der) != text {
        return Err(PublicKeyError::NotCanonical);
    }
    Ok(Digest::of(&der))
}

/// The canonical PEM file of a DER SubjectPublicKeyInfo.
fn canonical(der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut text = format!("{BEGIN}\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(END);
    text.push('\n');
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A key file that holds `content` in the place of a key. Nothing here looks inside.
    pub(crate) fn key_file(content: &[u8]) -> (String, Digest) {
        (canonical(content), Digest::of(content))
    }

    #[test]
    fn the_fingerprint_is_the_hash_of_the_der() {
        for length in [1, 47, 48, 49, 91, 96, 294] {
            let (pem, expected) = key_file(&vec![7; length]);
            assert_eq!(fingerprint(pem.as_bytes()), Ok(expected), "{length}");
        }
    }

    /// P-256 key and fingerprint as `openssl pkey -pubin -outform DER | sha256sum` prints it.
    #[test]
    fn a_key_as_openssl_writes_it_is_canonical() {
        let pem =
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/host/p256.pub"));
        let expected =
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/host/p256.sha256"))
                .trim();
        assert_eq!(fingerprint(pem.as_bytes()).map(|f| f.hex()), Ok(expected.to_owned()));
    }

    #[test]
    fn any_other_form_is_refused() {
        let (pem, _) = key_file(&[7; 91]);
        for (what, text) in [
            ("two blocks", pem.repeat(2)),
            ("prose before", format!("The key of ACME\n{pem}")),
            ("text after", format!("{pem}x")),
            ("no last line end", pem.trim_end().to_owned()),
            ("DOS line ends", pem.replace('\n', "\r\n")),
            ("one long line", format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode([7; 91]))),
            ("an empty line", pem.replacen('\n', "\n\n", 1)),
            ("no content", format!("{BEGIN}\n{END}\n")),
            ("bad base64", pem.replacen("BwcH", "Bw?H", 1)),
        ] {
            assert_eq!(fingerprint(text.as_bytes()), Err(PublicKeyError::NotCanonical), "{what}");
        }
        assert_eq!(fingerprint(b"\xff"), Err(PublicKeyError::NotCanonical));
    }

    #[test]
    fn private_keys_and_certificates_are_named_as_such() {
        let (pem, _) = key_file(&[7; 91]);
        for label in ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED SIGSTORE PRIVATE KEY"] {
            let text = pem.replace("PUBLIC KEY", label);
            assert_eq!(fingerprint(text.as_bytes()), Err(PublicKeyError::Private), "{label}");
            let beside = format!("{pem}{text}");
            assert_eq!(fingerprint(beside.as_bytes()), Err(PublicKeyError::Private), "{label}");
        }
        for label in ["CERTIFICATE", "RSA PUBLIC KEY"] {
            let text = pem.replace("PUBLIC KEY", label);
            assert_eq!(fingerprint(text.as_bytes()), Err(PublicKeyError::Label), "{label}");
        }
    }
}
