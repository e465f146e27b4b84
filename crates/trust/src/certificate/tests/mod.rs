//! Certificates with one property changed, each beside the one that is accepted.

mod names;
mod path;
mod pem;

use super::*;
use crate::testing::Signer;
use crate::testing::certificates::{
    ADDRESS, DNS, EMAIL, Sketch, URI, authority, extension, key_usage, names, new_issuer, oid,
    old_issuer, pem, purposes, tlv,
};
use crate::{Algorithm, BlocksError, KeyError};
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
};

const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
const SERVER: &str = "1.3.6.1.5.5.7.3.1";
const ANY: &str = "2.5.29.37.0";
const ISSUER: &str = "https://login.example";
const ME: &[u8] = b"me@example.com";
/// 2023-11-14 22:13:20.
const AT: u64 = 1_700_000_000;
const AROUND: (&str, &str) = ("20231114221000Z", "20231114222000Z");
const BEFORE: (&str, &str) = ("20231114220000Z", "20231114221000Z");
const AFTER: (&str, &str) = ("20231114222000Z", "20231114223000Z");

fn p384() -> Signer {
    Signer::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).expect("a P-384 key"))
}

fn p521() -> Signer {
    Signer::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P521_SHA512_ASN1_SIGNING).expect("a P-521 key"))
}

/// A root, an intermediate, and somebody who signs.
struct World {
    root: Signer,
    middle: Signer,
    signer: Signer,
}

impl World {
    fn new() -> Self {
        Self { root: Signer::p256(), middle: p384(), signer: Signer::p256() }
    }

    fn root(&self) -> Sketch {
        Sketch::new("root", &self.root, "root").with(authority(None)).with(key_usage(5))
    }

    fn middle(&self) -> Sketch {
        let sketch = Sketch::new("middle", &self.middle, "root");
        sketch.with(authority(Some(0))).with(key_usage(5)).with(purposes(&[CODE_SIGNING]))
    }

    /// A leaf with nothing but its validity.
    fn bare(&self) -> Sketch {
        Sketch::new("", &self.signer, "middle").valid(AROUND.0, AROUND.1)
    }

    fn leaf(&self) -> Sketch {
        let sketch = self.bare().with(key_usage(0)).with(purposes(&[CODE_SIGNING]));
        sketch.with(names(&[(EMAIL, ME)])).with(new_issuer(ISSUER)).with(old_issuer(ISSUER))
    }

    fn roots(&self) -> Authorities {
        Authorities::from_pem(self.root().pem(&self.root).as_bytes()).expect("a root")
    }

    fn chain(&self, middle: &Sketch) -> String {
        middle.pem(&self.root) + &self.root().pem(&self.root)
    }

    fn fulcio(&self, roots: Authorities) -> Fulcio {
        Fulcio::new(roots, ISSUER, Subject::Email("me@example.com".into())).expect("expectations")
    }

    /// `leaf` by way of `middle`, under the policy `fulcio`.
    fn check_with(&self, leaf: &Sketch, middle: &Sketch) -> Result<Leaf, CertificateError> {
        let chain = self.chain(middle);
        let presented = Presented::from_pem(&leaf.pem(&self.middle), Some(&chain))?;
        self.fulcio(self.roots()).verify(&presented, AT)
    }

    fn check(&self, leaf: &Sketch) -> Result<Leaf, CertificateError> {
        self.check_with(leaf, &self.middle())
    }

    fn pki(&self, email: Option<&str>, host_name: Option<&str>) -> Pki {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Pki::new(self.roots(), None, text(email), text(host_name)).expect("expectations")
    }

    fn check_pki(&self, leaf: &Sketch, pki: &Pki) -> Result<Leaf, CertificateError> {
        let chain = self.chain(&self.middle());
        pki.verify(&Presented::from_pem(&leaf.pem(&self.middle), Some(&chain))?, AT)
    }
}

fn no_path(reason: &str) -> CertificateError {
    CertificateError::NoPath(reason.into())
}
