//! Who a signing certificate names (sigstore/fulcio docs/oid-info.md). Whether to believe it is checked elsewhere.

use super::{BundleFailure, Cause};
use crate::keys::Fingerprint;
use crate::reading::text::bounded;
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, Utf8StringRef};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::{GeneralName, OtherName};

/// The issuer as bare UTF-8; deprecated, but all certificates of the public instance have it.
const ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.1");
/// The issuer as a DER string.
const ISSUER_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.8");
/// The kind of `otherName` that holds a user name.
const USER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// The names in a signing certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Subject alternative names: e-mail addresses, URIs, host names, user names.
    identities: Vec<String>,
    issuer: Option<String>,
    key: Fingerprint,
}

impl Leaf {
    pub(super) fn read(der: &[u8]) -> Result<Self, BundleFailure> {
        let certificate = parse(der)?;
        let extensions = certificate.tbs_certificate().extensions().map_or(&[][..], Vec::as_slice);
        let names = match only(extensions, SUBJECT_ALT_NAME)? {
            Some(der) => SubjectAltName::from_der(der).map_err(|_| broken("its names"))?.0,
            None => Vec::new(),
        };
        let identities = names.iter().filter_map(identity).collect();
        let plain = only(extensions, ISSUER)?
            .map(|bytes| std::str::from_utf8(bytes).map_err(|_| broken("its issuer")))
            .transpose()?;
        let encoded = only(extensions, ISSUER_V2)?
            .map(|der| Utf8StringRef::from_der(der).map_err(|_| broken("its issuer")))
            .transpose()?;
        let encoded = encoded.as_ref().map(Utf8StringRef::as_str);
        if let (Some(plain), Some(encoded)) = (plain, encoded)
            && plain != encoded
        {
            let detail = format!("it names two, {:?} and {:?}", bounded(plain), bounded(encoded));
            return Err(BundleFailure::new(Cause::IssuerMismatch, detail));
        }
        let spki = certificate.tbs_certificate().subject_public_key_info();
        let key = Fingerprint::of_spki(&spki.to_der().map_err(|_| broken("its key"))?);
        Ok(Self { identities, issuer: encoded.or(plain).map(str::to_owned), key })
    }

    /// The key that it is for.
    pub(super) fn key(&self) -> Fingerprint {
        self.key
    }

    /// Both must be exactly as demanded. Of several names one is enough: the authority vouches for each.
    pub(super) fn check(&self, identity: &str, issuer: &str) -> Result<(), BundleFailure> {
        if identity.is_empty() || !self.identities.iter().any(|name| name == identity) {
            let named: Vec<String> = self.identities.iter().map(|name| bounded(name)).collect();
            return Err(BundleFailure::new(Cause::IdentityMismatch, format!("{named:?}")));
        }
        match self.issuer.as_deref() {
            Some(named) if named == issuer && !issuer.is_empty() => Ok(()),
            Some(other) => {
                Err(BundleFailure::new(Cause::IssuerMismatch, format!("{:?}", bounded(other))))
            }
            None => Err(BundleFailure::new(Cause::IssuerMismatch, "it names none")),
        }
    }
}

/// True for a certificate that names itself as its issuer, as roots do.
pub(super) fn is_self_issued(der: &[u8]) -> Result<bool, BundleFailure> {
    let certificate = parse(der)?;
    let names = certificate.tbs_certificate();
    Ok(names.subject() == names.issuer())
}

/// The place of the first of the certificates above the signer's own that is a root.
pub(super) fn first_root(chain: &[Vec<u8>]) -> Result<Option<usize>, BundleFailure> {
    for (place, certificate) in chain.iter().enumerate().skip(1) {
        if is_self_issued(certificate)? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

fn parse(der: &[u8]) -> Result<Certificate, BundleFailure> {
    Certificate::from_der(der).map_err(|_| broken("it"))
}

fn broken(part: &str) -> BundleFailure {
    BundleFailure::new(Cause::Malformed, format!("a certificate of which {part} cannot be read"))
}

/// The value of an extension that may be there once: which of two counts is not for us to choose.
fn only(extensions: &[Extension], id: ObjectIdentifier) -> Result<Option<&[u8]>, BundleFailure> {
    let mut found = extensions.iter().filter(|extension| extension.extn_id == id);
    match (found.next(), found.next()) {
        (only, None) => Ok(only.map(|extension| extension.extn_value.as_bytes())),
        (_, Some(_)) => Err(broken(&format!("extension {id}, which it has twice,"))),
    }
}

fn identity(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::Rfc822Name(text)
        | GeneralName::DnsName(text)
        | GeneralName::UniformResourceIdentifier(text) => Some(text.as_str().to_owned()),
        GeneralName::OtherName(OtherName { type_id, value }) if *type_id == USER_NAME => {
            let text = value.decode_as::<Utf8StringRef<'_>>().ok()?;
            Some(text.as_str().to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    /// Names `builder@example.com`, `https://ci.example/job`, `ci.example` and the user `user!example.com`, all by
    /// `https://oidc.example` in both extensions; issued by itself.
    const CERTIFICATE: &str = concat!(
        "MIIB+DCCAZ2gAwIBAgIUZYVCt29juMj0kRzcUPw3CiCsh8owCgYIKoZIzj0EAwIwETEPMA0GA1UEAwwGaXNz",
        "dWVyMB4XDTI2MTEyMjIyNTUzM1oXDTM2MTExOTIyNTUzM1owETEPMA0GA1UEAwwGaXNzdWVyMFkwEwYHKoZI",
        "zj0CAQYIKoZIzj0DAQcDQgAE1fW+BhawZs2S5doHRyimIy7VhDicRJlCit46SJyhCbKmkE+WObrbv8ii4Nvi",
        "s700TlFlzkHO+Oemcwz4x+CBMqOB0jCBzzBkBgNVHREEXTBbgRNidWlsZGVyQGV4YW1wbGUuY29thhZodHRw",
        "czovL2NpLmV4YW1wbGUvam9iggpjaS5leGFtcGxloCAGCisGAQQBg78wAQegEgwQdXNlciFleGFtcGxlLmNv",
        "bTAiBgorBgEEAYO/MAEBBBRodHRwczovL29pZGMuZXhhbXBsZTAkBgorBgEEAYO/MAEIBBYMFGh0dHBzOi8v",
        "b2lkYy5leGFtcGxlMB0GA1UdDgQWBBQK4u+FKXWPiHQoTPGIcTgKzlDDMzAKBggqhkjOPQQDAgNJADBGAiEA",
        "1SPGWZOluEuEDNte00H+TEhiW+E6kQUJrqEj5hzFF/gCIQD0i9FrgYB4E5598Va1yeHqtjWnQmuABgDYjQip",
        "BzznwQ==",
    );

    fn certificate() -> Vec<u8> {
        STANDARD.decode(CERTIFICATE).expect("base64")
    }

    /// The certificate with the last place where `from` is in it replaced. Its signature is not looked at here.
    fn changed(from: &[u8], to: &[u8]) -> Vec<u8> {
        let mut der = certificate();
        let at = der.windows(from.len()).rposition(|bytes| bytes == from).expect("in it");
        der[at..at + from.len()].copy_from_slice(to);
        der
    }

    #[test]
    fn every_kind_of_name_is_read_and_compared_exactly() {
        let leaf = Leaf::read(&certificate()).expect("readable");
        let issuer = "https://oidc.example";
        let names =
            ["builder@example.com", "https://ci.example/job", "ci.example", "user!example.com"];
        assert_eq!(leaf.identities, names);
        for name in names {
            assert_eq!(leaf.check(name, issuer), Ok(()), "{name}");
            let other = leaf.check(name, "https://oidc.example/").expect_err(name);
            assert_eq!(other.cause, Cause::IssuerMismatch, "{name}");
        }
        for name in ["", "example.com", "BUILDER@example.com", "builder@example.com\0"] {
            let other = leaf.check(name, issuer).expect_err(name);
            assert_eq!(other.cause, Cause::IdentityMismatch, "{name:?}");
        }
    }

    #[test]
    fn the_two_issuers_must_agree_and_each_be_there_once() {
        let disagreeing = changed(b"https://oidc.example", b"https://evil.example");
        assert_eq!(Leaf::read(&disagreeing).expect_err("two").cause, Cause::IssuerMismatch);
        // 1.3.6.1.4.1.57264.1.8 becomes a second 1.3.6.1.4.1.57264.1.1.
        let doubled = changed(b"\x83\xbf\x30\x01\x08", b"\x83\xbf\x30\x01\x01");
        assert_eq!(Leaf::read(&doubled).expect_err("doubled").cause, Cause::Malformed);
        // Without the new one the old one counts.
        let old_only = changed(b"\x83\xbf\x30\x01\x08", b"\x83\xbf\x30\x01\x7f");
        let leaf = Leaf::read(&old_only).expect("readable");
        assert_eq!(leaf.issuer.as_deref(), Some("https://oidc.example"));
        assert_eq!(Leaf::read(b"x").expect_err("no certificate").cause, Cause::Malformed);
    }

    #[test]
    fn a_root_is_recognised_wherever_it_is_in_a_chain_but_at_its_start() {
        let root = certificate();
        assert_eq!(first_root(std::slice::from_ref(&root)), Ok(None));
        assert_eq!(first_root(&[root.clone(), root.clone()]), Ok(Some(1)));
        assert!(first_root(&[root, b"x".to_vec()]).is_err());
    }
}
