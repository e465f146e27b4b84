//! Bundles that were signed with a certificate (docs/spec/verification.md §6.1).

use super::proof::{Claim, Evidence, Signer, Subject};
use super::wire::{self, Timestamps};
use super::{Bundle, BundleFailure, Cause, Content, Version, log};
use crate::certificate::{Leaf, Subject as Named, is_self_issued};
use crate::formats::dsse::{Envelope, IN_TOTO};
use crate::formats::statement::{COSIGN_SIGNATURE, Statement};
use crate::reading::text::bounded;
use crate::rekor::Verifier;
use crate::trusted_root::TrustedRoot;
use sigstore_verify::VerificationPolicy;
use std::sync::Arc;

/// Who must have signed, and who is believed about it.
#[derive(Debug, Clone)]
pub struct KeylessPolicy {
    /// Authorities and logs. Roots come from nowhere else.
    pub root: Arc<TrustedRoot>,
    /// The subject alternative name that the certificate must have, exactly and of the kind that the text is of (see
    /// [`Named::of`]): an e-mail address, a URI, a host name, or Fulcio's user name.
    pub identity: String,
    /// The issuer of the identity, exactly, mostly a URL.
    pub issuer: String,
}

impl KeylessPolicy {
    fn subject(&self) -> Named {
        Named::of(&self.identity)
    }

    /// True when the identity is an e-mail address, the one kind that a policy `fulcio` can name.
    pub(crate) fn expects_email(&self) -> bool {
        matches!(self.subject(), Named::Email(_))
    }
}

impl Bundle {
    /// Verifies a bundle that was signed with a certificate, at the times that are proven, never at the current one.
    ///
    /// Mandatory are: a time, from a log's promise or from a timestamp; a log entry, where the root names a log; the
    /// proof that the certificate was published, where the root names a certificate transparency log. Whatever more is
    /// there must be right too. No part of it is looked up anywhere; the local clock only tells times that lie in the
    /// future.
    ///
    /// # Errors
    /// [`BundleFailure`], with the first cause found.
    pub fn verify_keyless(
        &self,
        policy: &KeylessPolicy,
        subject: Subject<'_>,
    ) -> Result<Evidence, BundleFailure> {
        let Some(signing) = self.material.certificates.first() else {
            return Err(BundleFailure::new(Cause::OtherMaterial, "it has no certificate"));
        };
        if let Content::Envelope(envelope) = &self.content {
            check_payload_type(envelope)?;
        }
        let root = &policy.root;
        let wire = wire::bundle(self, self.chain()?, Timestamps::Checked)?;
        let verified = root.verifier().verify(wire::artifact(subject)?, &wire, &demands(root))?;
        let leaf = Leaf::read(signing)?;
        leaf.check(&policy.issuer, &policy.subject())?;
        // The library gives the times of timestamps first, then those that logs promised.
        let times = verified.verified_timestamps().iter().map(|time| time.as_second());
        let timestamps: Vec<i64> = times.take(self.material.timestamps.len()).collect();
        Ok(Evidence {
            signer: Signer::Certificate {
                identity: policy.identity.clone(),
                issuer: policy.issuer.clone(),
                key: leaf.key().fingerprint(),
                sct_verified: verified.sct_verified(),
            },
            claim: claim(&self.content, subject)?,
            log: log::check(self, root, Verifier::Certificate(signing), &timestamps)?,
            timestamps,
            unchecked_timestamps: 0,
        })
    }

    /// The certificates without a root, which is never taken from a bundle. Only the first version may have one, at the
    /// end of its chain, as old clients wrote it.
    fn chain(&self) -> Result<&[Vec<u8>], BundleFailure> {
        let chain = &self.material.certificates[..];
        for (place, certificate) in chain.iter().enumerate().skip(1) {
            if !is_self_issued(certificate)? {
                continue;
            }
            if self.version == Version::V0_1 && place + 1 == chain.len() {
                return Ok(&chain[..place]);
            }
            return Err(BundleFailure::new(Cause::Malformed, "its chain holds a root certificate"));
        }
        Ok(chain)
    }
}

/// Names are not among the demands: they are compared here, on all names of the certificate.
fn demands(root: &TrustedRoot) -> VerificationPolicy {
    let mut policy = VerificationPolicy::any_identity();
    if !root.has_ct_keys() {
        policy = policy.skip_sct();
    }
    if !root.has_logs() {
        policy = policy.skip_tlog_unsafe();
    }
    policy
}

pub(super) fn check_payload_type(envelope: &Envelope) -> Result<(), BundleFailure> {
    if envelope.payload_type == IN_TOTO {
        return Ok(());
    }
    Err(BundleFailure::new(Cause::PayloadType, format!("{:?}", bounded(&envelope.payload_type))))
}

/// What a bundle whose signature is verified says about the subject.
pub(super) fn claim(content: &Content, subject: Subject<'_>) -> Result<Claim, BundleFailure> {
    let Content::Envelope(envelope) = content else {
        return Ok(Claim::Signature);
    };
    let statement = Statement::parse(&envelope.payload)?;
    let named = match subject {
        Subject::Manifest(manifest) => statement.names(&manifest.digest()),
        Subject::Sha256(digest) => statement.names(&digest),
        // SHA-512 counts here too, and is compared by the library.
        Subject::Artifact(_) | Subject::Sha512(_) => true,
    };
    if !named {
        return Err(BundleFailure::new(Cause::SubjectMismatch, "no subject has its SHA-256"));
    }
    Ok(if statement.predicate_type == COSIGN_SIGNATURE {
        Claim::Signature
    } else {
        Claim::Attestation(bounded(&statement.predicate_type))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::CertificateError;
    use crate::sigstore_bundle::VerificationMaterial;
    use crate::testing::Signer as Key;
    use crate::testing::certificates::Sketch;

    #[test]
    fn root_in_a_chain_stands_at_the_end_of_version_0_1_only() {
        let key = Key::p256();
        let root = Sketch::new("root", &key, "root").signed_by(&key);
        let leaf = Sketch::new("leaf", &key, "root").signed_by(&key);
        let none = b"x".to_vec();
        for (name, version, chain, expected) in [
            ("no root", Version::V0_2, vec![&leaf, &leaf], Some(2)),
            ("a root at the end", Version::V0_1, vec![&leaf, &root], Some(1)),
            ("the same in a newer version", Version::V0_2, vec![&leaf, &root], None),
            ("a root in the middle", Version::V0_1, vec![&leaf, &root, &leaf], None),
            ("two roots", Version::V0_1, vec![&leaf, &root, &root], None),
            ("a signer that issued itself", Version::V0_2, vec![&root], Some(1)),
            ("no certificate", Version::V0_1, vec![&leaf, &none], None),
        ] {
            let material = VerificationMaterial {
                certificates: chain.into_iter().cloned().collect(),
                entries: Vec::new(),
                timestamps: Vec::new(),
            };
            let content = Content::Message { digest: None, signature: vec![1] };
            let bundle = Bundle { content, version, material };
            let found = bundle.chain().map(<[_]>::len).map_err(|failure| failure.cause);
            assert_eq!(found, expected.ok_or(Cause::Malformed), "{name}");
        }
    }

    #[test]
    fn faults_of_a_certificate_are_causes_of_a_bundle() {
        let (old, new) = (String::from("a"), String::from("b"));
        for (fault, cause) in [
            (CertificateError::IssuersDiffer { old, new }, Cause::IssuerMismatch),
            (CertificateError::NoIssuer, Cause::IssuerMismatch),
            (CertificateError::OtherIssuer("a".into()), Cause::IssuerMismatch),
            (CertificateError::OtherSubject("a".into()), Cause::IdentityMismatch),
            (CertificateError::Usage, Cause::UntrustedCertificate),
        ] {
            assert_eq!(BundleFailure::from(fault.clone()).cause, cause, "{fault:?}");
        }
        let broken = Leaf::read(b"x").expect_err("no certificate");
        assert_eq!(BundleFailure::from(broken).cause, Cause::Malformed);
    }
}
