//! X.509 certificates of any property, made on the spot.

use super::HasPublicKey as _;
use super::Signer;
use crate::Algorithm;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spki::ObjectIdentifier;
use spki::der::Encode as _;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OCTETS: u8 = 0x04;
const BITS: u8 = 0x03;
const UTF8: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Tags of the names in a subject alternative name.
pub const EMAIL: u8 = 0x81;
/// Tag of a DNS name among subject alternative names.
pub const DNS: u8 = 0x82;
/// Tag of a URI among subject alternative names.
pub const URI: u8 = 0x86;
/// Tag of an IP address among subject alternative names.
pub const ADDRESS: u8 = 0x87;

/// What a certificate says, and whose key it is about.
#[derive(Clone)]
pub struct Sketch {
    /// Version of the certificate: 3 is usual.
    pub version: u8,
    /// Common name of the subject.
    pub subject: String,
    /// Common name of the issuer.
    pub issuer: String,
    /// Public key of the subject, DER.
    pub spki: Vec<u8>,
    /// `YYYYMMDDHHMMSSZ`.
    pub not_before: &'static str,
    /// End of its validity, as GeneralizedTime or UTCTime has it.
    pub not_after: &'static str,
    /// Extensions, DER.
    pub extensions: Vec<Vec<u8>>,
}

impl Sketch {
    /// Valid from 2020 to the end of time.
    pub fn new(subject: &str, key: &Signer, issuer: &str) -> Self {
        Self {
            version: 3,
            subject: subject.into(),
            issuer: issuer.into(),
            spki: key.spki(),
            not_before: "20200101000000Z",
            not_after: "99991231235959Z",
            extensions: Vec::new(),
        }
    }

    /// Adds an extension.
    pub fn with(mut self, extension: Vec<u8>) -> Self {
        self.extensions.push(extension);
        self
    }

    /// Sets its validity.
    pub fn valid(mut self, not_before: &'static str, not_after: &'static str) -> Self {
        (self.not_before, self.not_after) = (not_before, not_after);
        self
    }

    /// The certificate in DER.
    pub fn signed_by(&self, issuer: &Signer) -> Vec<u8> {
        let algorithm = signature_algorithm(issuer);
        let mut parts = Vec::new();
        if self.version > 1 {
            parts.push(tlv(0xa0, &tlv(0x02, &[self.version - 1])));
        }
        parts.extend([
            tlv(0x02, &[1]),
            algorithm.clone(),
            name(&self.issuer),
            tlv(SEQUENCE, &[time(self.not_before), time(self.not_after)].concat()),
            name(&self.subject),
            self.spki.clone(),
        ]);
        if !self.extensions.is_empty() {
            parts.push(tlv(0xa3, &tlv(SEQUENCE, &self.extensions.concat())));
        }
        let body = tlv(SEQUENCE, &parts.concat());
        let signature = [vec![0], issuer.sign(&body)].concat();
        tlv(SEQUENCE, &[body, algorithm, tlv(BITS, &signature)].concat())
    }

    /// The same as one PEM block.
    pub fn pem(&self, issuer: &Signer) -> String {
        pem(&self.signed_by(issuer))
    }
}

/// The certificate as PEM.
pub fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

/// A value with its tag and its length.
pub fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut der = vec![tag];
    match value.len() {
        short @ 0..=127 => der.push(u8::try_from(short).expect("short")),
        _ => {
            der.push(0x80 | u8::try_from(significant.len()).expect("short"));
            der.extend(significant);
        }
    }
    der.extend(value);
    der
}

/// DER of an object identifier.
pub fn oid(id: &str) -> Vec<u8> {
    ObjectIdentifier::new_unwrap(id).to_der().expect("DER")
}

/// An extension with a value in DER.
pub fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[0x01, 0x01, 0xff] } else { &[] };
    tlv(SEQUENCE, &[&oid(id), critical, &tlv(OCTETS, value)].concat())
}

/// Basic constraints of an authority.
pub fn authority(path_length: Option<u8>) -> Vec<u8> {
    let length = path_length.map_or_else(Vec::new, |length| tlv(0x02, &[length]));
    let content = [vec![0x01, 0x01, 0xff], length].concat();
    extension("2.5.29.19", true, &tlv(SEQUENCE, &content))
}

/// A key usage with one bit: 0 for digital signatures, 2 for encipherment, 5 for certificates.
pub fn key_usage(bit: u8) -> Vec<u8> {
    extension("2.5.29.15", true, &tlv(BITS, &[7 - bit, 0x80 >> bit]))
}

/// An extended key usage.
pub fn purposes(ids: &[&str]) -> Vec<u8> {
    let ids: Vec<Vec<u8>> = ids.iter().map(|id| oid(id)).collect();
    extension("2.5.29.37", false, &tlv(SEQUENCE, &ids.concat()))
}

/// A critical subject alternative name.
pub fn names(names: &[(u8, &[u8])]) -> Vec<u8> {
    let names: Vec<Vec<u8>> = names.iter().map(|(tag, value)| tlv(*tag, value)).collect();
    extension("2.5.29.17", true, &tlv(SEQUENCE, &names.concat()))
}

/// Fulcio's issuer in the old form.
pub fn old_issuer(url: &str) -> Vec<u8> {
    extension("1.3.6.1.4.1.57264.1.1", false, url.as_bytes())
}

/// Fulcio's issuer in the new form.
pub fn new_issuer(url: &str) -> Vec<u8> {
    extension("1.3.6.1.4.1.57264.1.8", false, &tlv(UTF8, url.as_bytes()))
}

fn name(common_name: &str) -> Vec<u8> {
    let value = [oid("2.5.4.3"), tlv(UTF8, common_name.as_bytes())].concat();
    tlv(SEQUENCE, &tlv(SET, &tlv(SEQUENCE, &value)))
}

/// Two digits of the year until 2049 (RFC 5280 §4.1.2.5).
fn time(text: &str) -> Vec<u8> {
    if text < "2050" {
        tlv(UTC_TIME, &text.as_bytes()[2..])
    } else {
        tlv(GENERALIZED_TIME, text.as_bytes())
    }
}

fn signature_algorithm(signer: &Signer) -> Vec<u8> {
    match signer.public().algorithm() {
        Algorithm::EcdsaP256 => tlv(SEQUENCE, &oid("1.2.840.10045.4.3.2")),
        Algorithm::EcdsaP384 => tlv(SEQUENCE, &oid("1.2.840.10045.4.3.3")),
        Algorithm::EcdsaP521 => tlv(SEQUENCE, &oid("1.2.840.10045.4.3.4")),
        Algorithm::Ed25519 => tlv(SEQUENCE, &oid("1.3.101.112")),
        Algorithm::Rsa { .. } => {
            tlv(SEQUENCE, &[oid("1.2.840.113549.1.1.11"), vec![0x05, 0x00]].concat())
        }
    }
}
