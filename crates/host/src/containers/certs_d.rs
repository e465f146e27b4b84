//! Where the CA of the enclave's registry goes: `/etc/containers/certs.d/HOST[:PORT]/` (containers-certs.d(5)). Every
//! `*.crt` file there is a root for that registry alone, so this tool's own file stands beside others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::reference::is_host;
use bundle_oci::text::bounded;
use std::fmt;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

/// Name of the file.
pub const FILE: &str = "bundle-ca.crt";
/// Largest file of certificates read, in bytes.
pub const MAX_FILE: usize = 1 << 20;
/// Most certificates in it.
pub const MAX_CERTIFICATES: usize = 100;

const DIRECTORY: [&str; 3] = ["etc", "containers", "certs.d"];
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// Characters of a line of base64 (RFC 7468 §2).
const LINE: usize = 64;

/// Why there is no such file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaError {
    /// The host is none.
    #[error("{0:?} is not the host of a registry")]
    Host(String),
    /// Longer than [`MAX_FILE`].
    #[error("the CA file has {0} bytes, more than {MAX_FILE}")]
    TooLarge(usize),
    /// A private key among the certificates.
    #[error("the CA file holds a private key")]
    PrivateKey,
    /// A block of another kind.
    #[error("the CA file holds a block {0:?}, expected certificates")]
    OtherBlock(String),
    /// A block that is no certificate.
    #[error("certificate {0} of the CA file is damaged")]
    Damaged(usize),
    /// No certificate, or more than [`MAX_CERTIFICATES`].
    #[error("the CA file holds {0} certificates, expected 1 to {MAX_CERTIFICATES}")]
    Count(usize),
}

/// What is to be done with the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaFile {
    /// It is written.
    Written(String),
    /// It has this content already.
    AlreadyThere,
    /// It has another content: somebody else's decision, or a change of the CA.
    Differs,
}

/// The path of the file below the root, component by component.
///
/// # Errors
/// When `host` is no host: nothing else may become a part of a path.
pub fn place(host: &str) -> Result<[String; 5], CaError> {
    if !is_host(host) {
        return Err(CaError::Host(bounded(host)));
    }
    let [etc, containers, certs] = DIRECTORY.map(str::to_owned);
    Ok([etc, containers, certs, host.to_owned(), FILE.to_owned()])
}

/// What becomes of the file when `given` is to be trusted and `existing` is there.
///
/// # Errors
/// [`CaError`] when `given` is anything but certificates.
pub fn merge(existing: Option<&[u8]>, given: &[u8]) -> Result<CaFile, CaError> {
    let content = canonical(given)?;
    Ok(match existing {
        None => CaFile::Written(content),
        Some(there) if canonical(there).as_ref() == Ok(&content) => CaFile::AlreadyThere,
        Some(_) => CaFile::Differs,
    })
}

/// Certificates in PEM, in the order given, without whatever stands between them.
fn canonical(file: &[u8]) -> Result<String, CaError> {
    if file.len() > MAX_FILE {
        return Err(CaError::TooLarge(file.len()));
    }
    let text = String::from_utf8_lossy(file);
    let mut out = String::new();
    let mut count = 0;
    for block in text.split("-----BEGIN").skip(1) {
        let label = block.split("-----").next().unwrap_or_default().trim();
        if label.contains("PRIVATE KEY") {
            return Err(CaError::PrivateKey);
        }
        if label != "CERTIFICATE" {
            return Err(CaError::OtherBlock(bounded(label)));
        }
        count += 1;
        let der = der(&format!("-----BEGIN{block}")).ok_or(CaError::Damaged(count))?;
        write_block(&mut out, &der);
    }
    if (1..=MAX_CERTIFICATES).contains(&count) { Ok(out) } else { Err(CaError::Count(count)) }
}

/// The DER of one block, when it is exactly a certificate.
fn der(block: &str) -> Option<Vec<u8>> {
    let (body, _) = block.strip_prefix(BEGIN)?.split_once(END)?;
    let joined: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let der = STANDARD.decode(joined).ok()?;
    let certificate = Certificate::from_der(&der).ok()?;
    (certificate.to_der().ok()? == der).then_some(der)
}

fn write_block(out: &mut String, der: &[u8]) {
    out.push_str(BEGIN);
    for (place, character) in STANDARD.encode(der).chars().enumerate() {
        if place % LINE == 0 {
            out.push('\n');
        }
        out.push(character);
    }
    out.push('\n');
    out.push_str(END);
    out.push('\n');
}

impl fmt::Display for CaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Written(_) => "written",
            Self::AlreadyThere => "left alone, it has this content already",
            Self::Differs => "left alone, it has other content",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn certificate() -> String {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/trust/keys/certificate.pem");
        std::fs::read_to_string(path).expect("a certificate")
    }

    #[test]
    fn the_file_lies_in_the_registrys_own_directory() {
        let place_of = |host: &str| place(host).map(|parts| parts.join("/"));
        let expected = "etc/containers/certs.d/r.example:5000/bundle-ca.crt";
        assert_eq!(place_of("r.example:5000"), Ok(expected.to_owned()));
        assert!(place_of("[::1]:5000").is_ok());
        for host in ["", "..", ".", "a/b", "../x", "r.example/", "r.example:x", "a\0b"] {
            assert!(place_of(host).is_err(), "{host:?}");
        }
    }

    #[test]
    fn certificates_are_written_once_and_others_are_left() {
        let given = certificate();
        let CaFile::Written(content) = merge(None, given.as_bytes()).expect("certificates") else {
            panic!("there was none")
        };
        let again = merge(Some(content.as_bytes()), given.as_bytes());
        assert_eq!(again, Ok(CaFile::AlreadyThere));
        let prose = format!("the CA of the enclave\r\n{}", given.replace('\n', "\r\n"));
        assert_eq!(merge(Some(content.as_bytes()), prose.as_bytes()), Ok(CaFile::AlreadyThere));
        let two = given.repeat(2);
        assert_eq!(merge(Some(content.as_bytes()), two.as_bytes()), Ok(CaFile::Differs));
        assert_eq!(merge(Some(b"broken"), given.as_bytes()), Ok(CaFile::Differs));
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let good = certificate();
        let key = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        for (given, expected) in [
            (String::new(), CaError::Count(0)),
            (good.repeat(MAX_CERTIFICATES + 1), CaError::Count(MAX_CERTIFICATES + 1)),
            (format!("{good}{}", key.replace("PUBLIC", "PRIVATE")), CaError::PrivateKey),
            (format!("{good}{key}"), CaError::OtherBlock("PUBLIC KEY".into())),
            (format!("{good}{BEGIN}\nAAAA\n{END}\n"), CaError::Damaged(2)),
            (good.replace(END, ""), CaError::Damaged(1)),
            (" ".repeat(MAX_FILE + 1), CaError::TooLarge(MAX_FILE + 1)),
        ] {
            assert_eq!(merge(None, given.as_bytes()), Err(expected));
        }
    }
}
