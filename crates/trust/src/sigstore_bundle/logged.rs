//! Bundles that were signed with a key, where a log entry is demanded (docs/spec/verification.md §5.6).

use super::keyless::{check_payload_type, claim};
use super::proof::{Evidence, Signer, Subject};
use super::wire::{self, Timestamps};
use super::{Bundle, BundleFailure, Cause, Content, Material, log};
use crate::keys::Hashing;
use crate::keys::PublicKey;
use crate::rekor::Verifier;
use crate::trusted_root::TrustedRoot;
use sigstore_types::DerPublicKey;
use sigstore_verify::{Error, PublicKeyVerificationPolicy};

impl Bundle {
    /// Verifies a bundle that was signed with `key`, with at least one log entry of a log of `root`, bound to content,
    /// signature and key. Timestamps must be right where `root` has timestamp authorities; elsewhere they are counted
    /// and not looked at, because a key has no validity that they could prove.
    ///
    /// Where the log wants other hashes than the signer took, as with P-384 and P-521 keys and SHA-256, the bundle is
    /// refused as [`Cause::Unsupported`].
    ///
    /// # Errors
    /// [`BundleFailure`], with the first cause found.
    pub fn verify_logged(
        &self,
        key: &PublicKey,
        root: &TrustedRoot,
        subject: Subject<'_>,
    ) -> Result<Evidence, BundleFailure> {
        if self.material() != Material::Key {
            return Err(BundleFailure::new(Cause::OtherMaterial, "it has a certificate"));
        }
        let own = self.check_signature(key, subject)?;
        let claim = claim(&self.content, subject)?;
        if self.material.entries.is_empty() {
            return Err(BundleFailure::new(Cause::LogEntryMissing, "it has no log entry"));
        }
        let (timestamps, count) = match root.has_timestamp_authorities() {
            true => (Timestamps::Checked, self.material.timestamps.len()),
            false => (Timestamps::LeftOut, 0),
        };
        let wire = wire::bundle(self, &[], timestamps)?;
        let policy = PublicKeyVerificationPolicy::new(DerPublicKey::from_bytes(key.spki()));
        let verified = root.verifier().verify(wire::artifact(subject)?, &wire, &policy).map_err(
            |error| match (error, own) {
                (Error::SignatureInvalid(_), Own::Verified) => BundleFailure::new(
                    Cause::Unsupported,
                    "a log entry for this kind of key with this hash",
                ),
                (error, _) => error.into(),
            },
        )?;
        // The library gives the times that logs promised first, then those of timestamps.
        let times: Vec<i64> =
            verified.verified_timestamps().iter().map(|time| time.as_second()).collect();
        let timestamps = times[times.len().saturating_sub(count)..].to_vec();
        Ok(Evidence {
            signer: Signer::Key(key.fingerprint()),
            claim,
            log: log::check(self, root, Verifier::Key(key), &timestamps)?,
            timestamps,
            unchecked_timestamps: self.material.timestamps.len() - count,
        })
    }

    /// The same check as where no log is demanded, so that a demanded log can only make it stricter.
    fn check_signature(&self, key: &PublicKey, subject: Subject<'_>) -> Result<Own, BundleFailure> {
        let message = match (&self.content, subject) {
            (Content::Envelope(envelope), _) => {
                check_payload_type(envelope)?;
                &envelope.signed_bytes()[..]
            }
            (Content::Message { .. }, Subject::Manifest(manifest)) => &manifest.bytes()[..],
            (Content::Message { .. }, Subject::Artifact(bytes)) => bytes,
            (Content::Message { .. }, Subject::Sha256(_) | Subject::Sha512(_)) => {
                return Ok(Own::NeedsContent);
            }
        };
        key.verify(Hashing::Sha256OrMatched, message, self.signature())
            .map(|()| Own::Verified)
            .map_err(|error| BundleFailure::new(Cause::WrongSignature, error.to_string()))
    }
}

/// How far our own check of the signature came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    Verified,
    /// Only the digest is known: the library checks signatures over that.
    NeedsContent,
}
