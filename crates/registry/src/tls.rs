//! TLS: whom a client believes, and how it shows itself.
//!
//! Certificates are verified by webpki against the CAs of the system and those that the operator gave for the host. One
//! more is trusted for that host: a server's certificate that equals one which the operator gave, byte for byte. That
//! is what `openssl req -x509` makes, with the mark of a CA, and webpki takes it for an authority alone. Its names,
//! its time and its purpose are checked all the same.

use super::certificates::{Certificates, ClientCertificate, provider};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::sync::Arc;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::oid::db::rfc5280::{ANY_EXTENDED_KEY_USAGE, ID_KP_SERVER_AUTH};
use x509_cert::ext::pkix::ExtendedKeyUsage;

/// Which certificates of servers are believed.
pub(super) enum Believed<'a> {
    /// Those that an authority of the system or one that was given made, and those that were given.
    Verified(&'a RootCertStore),
    /// Any: the operator does not want them checked.
    Any,
}

/// What a client needs to speak TLS, with the certificates that are given for the host.
///
/// # Errors
/// A certificate that no authority can have, a client certificate and a key that do not belong together.
pub(super) fn configuration(
    believed: Believed<'_>,
    given: &Certificates,
) -> Result<ClientConfig, Error> {
    let provider = provider();
    let verifier: Arc<dyn ServerCertVerifier> = match believed {
        Believed::Any => Arc::new(Unverified(Arc::clone(&provider))),
        Believed::Verified(system) => Arc::new(Verifier::new(system, given, &provider)?),
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut configuration = match &given.client {
        Some(client) => builder.with_client_cert_resolver(Arc::new(shown(client, &provider)?)),
        None => builder.with_no_client_auth(),
    };
    configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(configuration)
}

/// The client certificate with its key. rustls' own way in reads the certificate, which leaves out version 1; a server
/// decides itself what it takes.
fn shown(client: &ClientCertificate, provider: &CryptoProvider) -> Result<SingleCertAndKey, Error> {
    let key = provider.key_provider.load_private_key(client.key.clone_key())?;
    Ok(CertifiedKey::new(client.chain.clone(), key).into())
}

/// Verifies against authorities, and takes what was given for this very server.
#[derive(Debug)]
struct Verifier {
    /// `None` where there is no authority at all.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    given: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(
        system: &RootCertStore,
        given: &Certificates,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let mut roots = system.clone();
        for certificate in &given.authorities {
            roots.add(certificate.clone())?;
        }
        let authorities = match roots.is_empty() {
            true => None,
            false => {
                let roots = Arc::new(roots);
                let builder =
                    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
                Some(builder.build().map_err(|error| Error::General(error.to_string()))?)
            }
        };
        let given = given.authorities.clone();
        Ok(Self { authorities, given, provider: Arc::clone(provider) })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.given.iter().any(|given| given == end_entity) {
            return verify_given(end_entity, server_name, now);
        }
        let Some(authorities) = &self.authorities else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        authorities
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| match error {
                Error::InvalidCertificate(CertificateError::UnknownIssuer)
                    if !self.given.is_empty() =>
                {
                    Distrust::OtherAuthority.into()
                }
                // webpki's own errors have no variant in rustls for this one.
                other if other.to_string().contains("CaUsedAsEndEntity") => {
                    Distrust::IsAuthority.into()
                }
                other => other,
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Checks what is left of a certificate that was given: its time, its purpose and its names.
fn verify_given(
    certificate: &CertificateDer<'_>,
    server_name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    let read = Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let validity = read.tbs_certificate().validity();
    let seconds = |time: x509_cert::time::Time| time.to_unix_duration();
    let (from, until) = (seconds(validity.not_before), seconds(validity.not_after));
    if now.as_secs() < from.as_secs() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now.as_secs() > until.as_secs() {
        return Err(CertificateError::Expired.into());
    }
    let purpose = read.tbs_certificate().get_extension::<ExtendedKeyUsage>();
    let purpose = purpose.map_err(|_| CertificateError::BadEncoding)?;
    let is_server = |usage: &ExtendedKeyUsage| {
        usage.0.iter().any(|one| [ID_KP_SERVER_AUTH, ANY_EXTENDED_KEY_USAGE].contains(one))
    };
    if purpose.is_some_and(|(_, usage)| !is_server(&usage)) {
        return Err(CertificateError::InvalidPurpose.into());
    }
    rustls::client::verify_server_name(&parsed, server_name)?;
    Ok(ServerCertVerified::assertion())
}

/// Believes everybody, as `--tls-verify=false` says.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Why a certificate is not believed, where rustls has no words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Distrust {
    /// An authority made it that is neither the system's nor one that was given.
    #[error("another CA made it than those that were given")]
    OtherAuthority,
    /// It has the mark of a CA and was not given.
    #[error("it is the certificate of a CA (CA:TRUE)")]
    IsAuthority,
}

impl From<Distrust> for Error {
    fn from(distrust: Distrust) -> Self {
        CertificateError::Other(rustls::OtherError(Arc::new(distrust))).into()
    }
}

/// The trouble that TLS had, if it had any: where the connection failed, its library's error is somewhere below.
pub(super) fn trouble<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        // The error that was made into an I/O error is not in its chain.
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// What is wrong with a certificate, where that is the trouble.
pub(super) fn distrust(error: &CertificateError) -> Option<Distrust> {
    match error {
        CertificateError::Other(other) => other.0.downcast_ref().copied(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use std::time::Duration;

    /// Made once by `openssl req -x509 -subj /CN=registry -days 3650 -addext subjectAltName=DNS:r.example`: CA:TRUE.
    const GIVEN: &str = "MIIBkDCCATegAwIBAgIUbrBhr60tLFqRCMxR658biacTmVowCgYIKoZIzj0EAwIwEzERMA8GA1UEAwwIcmVnaXN0cnkwHhcNMjYxMTI4MTcxMjA3WhcNMzYxMTI1MTcxMjA3WjATMREwDwYDVQQDDAhyZWdpc3RyeTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJoLGRjbEPee1cCqH6dWAec6ciVt/RDmYfp84IyU7foxilkD5JKFugJJ2nx5kat9hO/bil8ZA9k2aXRy9xNXv16jaTBnMB0GA1UdDgQWBBQSEhWAwYT9KYa/Qr1rrJvoTVmYPzAfBgNVHSMEGDAWgBQSEhWAwYT9KYa/Qr1rrJvoTVmYPzAPBgNVHRMBAf8EBTADAQH/MBQGA1UdEQQNMAuCCXIuZXhhbXBsZTAKBggqhkjOPQQDAgNHADBEAiA59IHWZpdaBswglYLZmmZOL9Iu7vLjzI5AEtexQwC5SwIgX3csjbEpwpnWOxlGgD6HYJpAtVzWoK2XfoNpLDdKgx4=";
    /// The same for an authority's purpose: `-addext extendedKeyUsage=clientAuth`.
    const CLIENT: &str = "MIIBpTCCAUygAwIBAgIUUz1HyCymUKQLbpiH+wB/H/8qa5IwCgYIKoZIzj0EAwIwEzERMA8GA1UEAwwIcmVnaXN0cnkwHhcNMjYxMTI4MTcxMjA3WhcNMzYxMTI1MTcxMjA3WjATMREwDwYDVQQDDAhyZWdpc3RyeTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMpPdqNfmhhTCS0vaAnmCSJdaR0y49U10M0PUD7ztUgJRTusu3XhUwL0cogM4ZD/xBR4kQQrstgasQ3uPwoyYBujfjB8MB0GA1UdDgQWBBTytwduobo1oe4nrecvWcI5lJk3bjAfBgNVHSMEGDAWgBTytwduobo1oe4nrecvWcI5lJk3bjAPBgNVHRMBAf8EBTADAQH/MBQGA1UdEQQNMAuCCXIuZXhhbXBsZTATBgNVHSUEDDAKBggrBgEFBQcDAjAKBggqhkjOPQQDAgNHADBEAiA6feKGFQ6l5SoPRvX5EHrjUJEkeUw6q8K4pjXb5lnr7AIgdtv8wfxN4NujPDaVNIZu8UN6ksVon8jLP7oW/cLWwO0=";
    /// A moment when both are valid.
    const THEN: u64 = 1_795_972_327;

    fn certificate(text: &str) -> CertificateDer<'static> {
        BASE64_STANDARD.decode(text).expect("base64").into()
    }

    fn verify(given: &[&str], shown: &str, name: &str, at: u64) -> Result<(), Error> {
        let given = Certificates {
            authorities: given.iter().map(|one| certificate(one)).collect(),
            client: None,
        };
        let verifier = Verifier::new(&RootCertStore::empty(), &given, &provider())?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(at));
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        verifier.verify_server_cert(&certificate(shown), &[], &name, &[], now).map(|_| ())
    }

    #[test]
    fn what_was_given_is_trusted_for_its_names_time_and_purpose() {
        assert_eq!(verify(&[GIVEN], GIVEN, "r.example", THEN), Ok(()));
        assert_eq!(verify(&[CLIENT, GIVEN], GIVEN, "r.example", THEN), Ok(()));
        let ten_years = 10 * 366 * 86_400;
        for (given, shown, name, at, expected) in [
            (&[GIVEN][..], GIVEN, "r.example", THEN + ten_years, CertificateError::Expired),
            (&[GIVEN], GIVEN, "r.example", THEN - ten_years, CertificateError::NotValidYet),
            (&[CLIENT], CLIENT, "r.example", THEN, CertificateError::InvalidPurpose),
            (&[], GIVEN, "r.example", THEN, CertificateError::UnknownIssuer),
        ] {
            assert_eq!(verify(given, shown, name, at), Err(expected.into()));
        }
        for name in ["other.example", "sub.r.example", "127.0.0.1"] {
            let error = verify(&[GIVEN], GIVEN, name, THEN).expect_err(name);
            let Error::InvalidCertificate(of) = &error else { panic!("{error:?}") };
            assert!(matches!(of, CertificateError::NotValidForNameContext { .. }), "{of:?}");
        }
        let error = verify(&[CLIENT], GIVEN, "r.example", THEN).expect_err("not given");
        let Error::InvalidCertificate(of) = &error else { panic!("{error:?}") };
        assert_eq!(distrust(of), Some(Distrust::IsAuthority));
    }
}
