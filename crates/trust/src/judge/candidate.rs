//! Who may have signed one image, each with what is demanded of the proof.

use super::attestation::{Opened, Wrapping};
use super::bundle::Held;
use crate::certificate::{Fulcio, Pki};
use crate::keys::Hashing;
use crate::keys::PublicKey;
use crate::keys::keyring::Keyring as Keys;
use crate::keys::message::Message;
use crate::openpgp::{AtomicClaim, Keyring, judge_atomic};
use crate::outcome::SignatureCode;
use crate::outcome::judgement::{Judgement, Voucher};
use crate::outcome::signer::{Proof, Signer};
use crate::rekor::LogKey;
use crate::sigstore_bundle::simple_signing::{Accompanied, Accompanying};
use crate::sigstore_bundle::{Claim, Evidence, KeylessPolicy, Material, Subject};
use crate::trusted_root::TrustedRoot;
use crate::vouched::Signed;
use bundle_oci::{Descriptor, Manifest};
use std::borrow::Cow;
use std::sync::Arc;

/// One anchor, seen from one image.
pub(crate) struct Candidate<'a> {
    /// Its name in reports: the file of an option, the place in a policy.
    pub(crate) name: &'a str,
    pub(crate) means: Means<'a>,
}

/// By what a candidate proves that it signed.
pub(crate) enum Means<'a> {
    /// By this key, no log demanded.
    Key(&'a PublicKey),
    /// By this key, with an entry of one of these logs.
    LoggedKey { key: &'a PublicKey, logs: Logs<'a> },
    /// By a certificate under a pinned root, with all that the root demands.
    Keyless(&'a KeylessPolicy),
    /// By a certificate of Fulcio, with an entry of one of these logs.
    Fulcio { fulcio: &'a Fulcio, logs: Logs<'a> },
    /// By a certificate of an organisation, valid at this time (seconds since 1970).
    Pki { pki: &'a Pki, now: u64 },
    /// By a GPG key that is good at this time (seconds since 1970). `files` are what the keyring was made of, with the
    /// names that they have in reports.
    OpenPgp { keyring: Arc<Keyring>, files: Vec<(&'a str, &'a Keyring)>, now: u64 },
}

/// Tries every candidate until one verifies; else gives the outcome that says most.
pub(super) fn first_verified(
    candidates: &[Candidate<'_>],
    judge: impl Fn(&Candidate<'_>) -> Result<Judgement, Judgement>,
) -> Judgement {
    let mut best: Option<Judgement> = None;
    for candidate in candidates {
        let mut judgement = judge(candidate).unwrap_or_else(|judgement| judgement);
        judgement.anchor.get_or_insert_with(|| candidate.name.into());
        let verified = judgement.code.is_verified();
        best = Some(match best {
            Some(best) => best.or_better(judgement),
            None => judgement,
        });
        if verified {
            break;
        }
    }
    best.unwrap_or_else(|| Judgement::bare(SignatureCode::NoKey))
}

/// The logs of which one must have an entry.
#[derive(Clone, Default)]
pub(crate) struct Logs<'a> {
    /// Keys of logs, for entries beside simple signatures.
    pub(crate) keys: Cow<'a, [LogKey]>,
    /// Roots that name logs, for the same.
    pub(crate) roots: Vec<&'a TrustedRoot>,
    /// The logs of `keys` as roots, for entries in bundles and beside envelopes.
    pub(crate) of_keys: Vec<&'a TrustedRoot>,
}

impl Logs<'_> {
    /// Everything as roots.
    fn all(&self) -> impl Iterator<Item = &TrustedRoot> {
        self.of_keys.iter().chain(&self.roots).copied()
    }
}

impl Candidate<'_> {
    /// Vouches for the raw payload of a simple signature, or says why not. Nothing in the payload is looked at.
    /// `message` is the payload of `signed`.
    pub(crate) fn vouch_simple(
        &self,
        signed: &Signed<'_>,
        message: &Message<'_>,
    ) -> Result<Voucher, Judgement> {
        let Signed { annotations, payload, signature } = *signed;
        let content = Accompanying::Simple { payload, signature };
        let accompanied = Accompanied { annotations, content };
        match &self.means {
            Means::Key(key) => {
                key.verify_message(Hashing::Sha256, message, signature)?;
                Ok(Signer::Key(key.fingerprint()).into())
            }
            Means::LoggedKey { key, logs } => {
                let by_keys = || -> Result<Voucher, Judgement> {
                    key.verify_message(Hashing::Sha256, message, signature)?;
                    let (key, logged) = signed.by_logged_key([*key], &logs.keys)?;
                    let beyond_runtimes = !annotations.are_spelt_for_runtimes();
                    let logs = vec![(&logged).into()];
                    let proof = Proof { logs, beyond_runtimes, ..Proof::default() };
                    Ok(Voucher { signer: Signer::Key(key.fingerprint()), proof })
                };
                let by_root = |root: &TrustedRoot| Ok(accompanied.verify_logged(key, root)?.into());
                let none = logs.keys.is_empty() && !logs.roots.is_empty();
                let first = (!none).then(by_keys);
                first_vouched(first, logs.roots.iter().map(|root| by_root(root)))
            }
            Means::Keyless(policy) => {
                let mut voucher = Voucher::from(accompanied.verify_keyless(policy)?);
                voucher.proof.beyond_runtimes = !annotations.are_spelt_for_runtimes()
                    || voucher.proof.logs.is_empty()
                    || !accompanied.has_chain_for_runtimes()
                    || !policy.expects_email();
                Ok(voucher)
            }
            Means::Fulcio { fulcio, logs } => {
                let found = signed.by_fulcio(fulcio, &logs.keys)?;
                let note = "as this rule has it, no proof was demanded that the certificate was logged (SCT)";
                let (logs, note) = (vec![(&found.logged).into()], Some(note.to_owned()));
                let proof = Proof {
                    logs,
                    note,
                    certified: Some(found.leaf.key().fingerprint()),
                    beyond_runtimes: !annotations.are_spelt_for_runtimes()
                        || !fulcio.expects_email(),
                    ..Proof::default()
                };
                Ok(Voucher { signer: Signer::Certificate(fulcio.holder()), proof })
            }
            Means::Pki { pki, now } => {
                let leaf = signed.by_pki(pki, *now)?;
                let note = "the certificate is valid now; nothing proves when it signed";
                let proof = Proof {
                    note: Some(note.to_owned()),
                    certified: Some(leaf.key().fingerprint()),
                    beyond_runtimes: !annotations.are_spelt_for_runtimes(),
                    ..Proof::default()
                };
                Ok(Voucher { signer: Signer::Certificate(pki.holder()), proof })
            }
            Means::OpenPgp { .. } => Err(Judgement::bare(SignatureCode::NoKey)),
        }
    }

    /// Judges a GPG signature. Nobody but the holder of a GPG key makes those.
    pub(crate) fn judge_atomic(
        &self,
        message: &[u8],
        claim: &AtomicClaim<'_>,
    ) -> Result<Judgement, Judgement> {
        let Means::OpenPgp { keyring, files, now } = &self.means else {
            return Err(Judgement::bare(SignatureCode::NoKey));
        };
        let now = i64::try_from(*now).unwrap_or(i64::MAX);
        let mut judgement = Judgement::from(judge_atomic(message, keyring, claim, now));
        if let Some(Signer::OpenPgp(primary)) = &judgement.signer {
            let file = files.iter().find(|(_, keyring)| keyring.contains(primary));
            judgement.anchor = file.map(|(name, _)| (*name).into());
        }
        Ok(judgement)
    }

    /// Vouches for a bare envelope in `layer`, or says why not. Its statement has to be judged all the same.
    pub(crate) fn vouch_envelope(
        &self,
        layer: &Descriptor,
        opened: &Opened<'_>,
        subject: &Manifest,
    ) -> Result<Voucher, Judgement> {
        let envelope = opened.envelope();
        let content = Accompanying::Envelope { envelope, subject };
        let accompanied = Accompanied { annotations: (&layer.annotations).into(), content };
        match &self.means {
            Means::Key(key) => {
                let message = opened.message();
                key.verify_message(Hashing::Sha256OrMatched, message, &envelope.signature)?;
                Ok(Signer::Key(key.fingerprint()).into())
            }
            Means::LoggedKey { key, logs } => first_vouched(
                None,
                logs.all().map(|root| Ok(accompanied.verify_logged(key, root)?.into())),
            ),
            Means::Keyless(policy) => Ok(accompanied.verify_keyless(policy)?.into()),
            Means::Fulcio { .. } | Means::Pki { .. } => Err(beyond_this_authority()),
            Means::OpenPgp { .. } => Err(Judgement::bare(SignatureCode::NoKey)),
        }
    }

    /// Judges a bundle as a signature or attestation of `subject`. `Verified` says that the digest was signed as an
    /// image, not yet under which name.
    pub(crate) fn judge_bundle(&self, held: &Held<'_>) -> Result<Judgement, Judgement> {
        let (bundle, subject) = (held.bundle(), held.subject());
        let proven = match &self.means {
            Means::Key(key) => {
                return Ok(held.judge(&Keys::of(std::slice::from_ref(key))));
            }
            Means::OpenPgp { .. } => Err(Judgement::bare(SignatureCode::NoKey)),
            _ if bundle.material() == Material::Key
                && !matches!(self.means, Means::LoggedKey { .. }) =>
            {
                Err(Judgement::bare(SignatureCode::CertificateMissing))
            }
            Means::LoggedKey { .. } if bundle.material() == Material::Certificate => {
                Err(Judgement::bare(SignatureCode::CertificateUnsupported))
            }
            Means::LoggedKey { key, logs } => {
                let logged =
                    |root| Ok(bundle.verify_logged(key, root, Subject::Manifest(subject))?);
                first_vouched(None, logs.all().map(logged))
            }
            Means::Keyless(policy) => {
                bundle.verify_keyless(policy, Subject::Manifest(subject)).map_err(Judgement::from)
            }
            Means::Fulcio { .. } | Means::Pki { .. } => Err(beyond_this_authority()),
        };
        match (proven, held.opened()) {
            (Ok(evidence), opened) => Ok(judge_evidence(evidence, opened, subject)),
            (Err(failure), Some(opened)) => Err(opened.unverified(Wrapping::Bundle, failure)),
            (Err(failure), None) => Err(failure),
        }
    }
}

/// What a verified bundle is worth.
fn judge_evidence(
    evidence: Evidence,
    opened: Option<&Opened<'_>>,
    subject: &Manifest,
) -> Judgement {
    match (&evidence.claim, opened) {
        (Claim::Signature, None) => Judgement::by(evidence, SignatureCode::Verified, None),
        (_, Some(opened)) => {
            opened.judge_statement(evidence.into(), Wrapping::Bundle, &subject.digest())
        }
        (Claim::Attestation(predicate_type), None) => {
            Judgement::by(evidence.clone(), SignatureCode::AttestationVerified, None)
                .with_predicate(predicate_type)
        }
    }
}

/// The first that vouches; else why the first of them does not.
fn first_vouched<T>(
    first: Option<Result<T, Judgement>>,
    others: impl Iterator<Item = Result<T, Judgement>>,
) -> Result<T, Judgement> {
    let mut failure = None;
    for outcome in first.into_iter().chain(others) {
        match outcome {
            Ok(vouched) => return Ok(vouched),
            Err(judgement) => failure = failure.or(Some(judgement)),
        }
    }
    Err(failure.unwrap_or_else(|| Judgement::bare(SignatureCode::LogEntryUntrusted)))
}

/// Such certificates count in simple signatures only, as in container runtimes.
fn beyond_this_authority() -> Judgement {
    let detail = "certificates under --ca and policies count in simple signatures only; --trusted-root takes others";
    Judgement::refused(SignatureCode::CertificateUnsupported, detail)
}
