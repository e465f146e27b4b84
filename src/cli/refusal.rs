//! Refused images: why, and how to go on.

use super::verdict;
use bundle::report::seal::SealReport;
use bundle::trust::{Admission, ImageVerdict, KeyUse, RefusalCode, SignatureCode};
use bundle::unpack::Refused;

/// Whom hints are for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hints {
    /// The command that failed, without `bundle`.
    pub(super) command: &'static str,
    /// The operator was asked for a fingerprint: those that are carried are not shown, as they would be there to be copied.
    pub(super) asked: bool,
}

impl Hints {
    /// Hints of a command that asks nobody.
    pub(super) fn of(command: &'static str) -> Self {
        Self { command, asked: false }
    }

    /// How the command is typed with one more option.
    fn with_key(self, file: &str) -> String {
        let to = match self.command {
            "unpack" | "config install" => " --to …",
            _ => "",
        };
        format!("bundle {} {file} --key SCOPE=FILE{to}", self.command)
    }
}

/// What to do about refused images: which keys are carried, what to compare them with, which commands go on.
pub(super) fn ways_on(refused: &Refused, file: &str, hints_for: Hints) -> Vec<String> {
    let asked = hints_for.asked;
    let mut hints: Vec<String> = refused.idle_scopes.iter().map(ToString::to_string).collect();
    hints.extend(by_codes(refused));
    if refused.seal == SealReport::Unexamined && !refused.by_policy {
        hints.push(
            "the bundle has a seal: give the operator's public key, received by another way, with --seal-pub FILE; it admits the images that were verified when the bundle was packed"
                .into(),
        );
    }
    if hints_for.command == "unpack" && refused.verdicts.iter().any(ImageVerdict::is_admitted) {
        hints.push("to publish the others without the refused ones: --skip-refused".into());
    }
    if refused.by_policy {
        hints.push(
            "the policy decides alone: change it as containers-policy.json(5) says, or leave out --policy and --host-policy and give --key SCOPE=FILE"
                .into(),
        );
        return hints;
    }
    let code = |verdict: &ImageVerdict| match verdict.admission() {
        Admission::Refused(refusal) => Some(refusal.code),
        _ => None,
    };
    let unbound: Vec<_> =
        refused.refusals().filter(|v| code(v) == Some(RefusalCode::NameUnbound)).collect();
    if let Some(verdict) = unbound.first() {
        hints.push(
            "the signatures name no repository; bind the names with the operator's seal (--seal-pub FILE), or with the bundle digest that pack printed, received by another way (--expect-bundle sha256:…)"
                .into(),
        );
        hints.push(format!(
            "to do without that binding, give --accept-unbound-names {}",
            verdict.source().repository()
        ));
    }
    // Where a trusted signature is for another name, no other key helps.
    let renamed = refused.refusals().filter(|verdict| verdict::signed_source(verdict).is_some());
    if unbound.len() + renamed.count() == refused.refusals().count() {
        return hints;
    }
    for key in refused.carried.iter().filter(|_| !asked) {
        let scopes = if key.scopes.is_empty() {
            String::new()
        } else {
            format!(", at pack for {}", key.scopes.join(", "))
        };
        hints.push(format!(
            "the bundle carries {} {} ({}{scopes})",
            key.file, key.fingerprint, key.algorithm
        ));
    }
    let openpgp = refused.carried_authorities.iter().filter(|of| of.usage == KeyUse::OpenPgp);
    let openpgp: Vec<String> =
        openpgp.map(|key| format!("the bundle carries {} {}", key.file, key.fingerprint)).collect();
    let carries_keys = !refused.carried.is_empty() || !openpgp.is_empty();
    hints.extend(openpgp);
    if !carries_keys {
        if !refused.any_anchor {
            hints.push(
                "the bundle carries no key: give the publisher's public key with --key SCOPE=FILE"
                    .into(),
            );
        }
    } else {
        hints.push(
            "a carried key proves nothing by itself: compare its fingerprint with the publisher's, received by another way, then give --trust-fingerprint SCOPE=FINGERPRINT"
                .into(),
        );
        hints.push(format!("with the publisher's key at hand, run: {}", hints_for.with_key(file)));
    }
    // A bundle that is authentic has no more signers for it.
    let short = |v: &ImageVerdict| code(v) == Some(RefusalCode::ThresholdNotMet);
    if unbound.is_empty() && !refused.names_bound && !refused.refusals().all(short) {
        hints.push("give the bundle digest that pack printed, received by another way: --expect-bundle sha256:…".into());
    }
    // Never offered where something claims to sign: letting it in unsigned would waive the check that failed. Nor where
    // such a permission gave way.
    let unsigned = |v: &&ImageVerdict| {
        !v.signatures().iter().any(|s| s.claims_to_sign())
            && code(v) != Some(RefusalCode::PlaceProtected)
    };
    if let Some(verdict) = refused.refusals().find(unsigned) {
        hints.push(format!(
            "if the image may come unsigned, give --allow-unsigned {}",
            verdict.source().repository()
        ));
    }
    hints
}

/// The way on from what is wrong with single signatures, each once.
fn by_codes(refused: &Refused) -> Vec<String> {
    let findings = || refused.refusals().flat_map(ImageVerdict::signatures);
    let any = |code| findings().any(|finding| finding.code == code);
    let refusal = |code| {
        refused.refusals().any(|verdict| {
            matches!(verdict.admission(), Admission::Refused(refusal) if refusal.code == code)
        })
    };
    let mut hints = Vec::new();
    if any(SignatureCode::LogEntryMissing) {
        hints.push(
            "the signatures have no log entry: if none is demanded for these images, give --rekor-key or --trusted-root a narrower scope",
        );
    }
    if any(SignatureCode::CertificateUnsupported) {
        hints.push(
            "the signatures have certificates: give --trusted-root FILE, --certificate-identity and --certificate-oidc-issuer",
        );
    }
    if any(SignatureCode::FormNotInPolicy) {
        hints.push(
            "Sigstore bundles satisfy no policy, because container runtimes cannot read them: give --key or --trusted-root instead of the policy",
        );
    }
    if refusal(RefusalCode::PlaceProtected) {
        hints.push(
            "give one of the two sources a place of its own: --map SOURCE=PATH, or --keep-host for all; or give the key or \
             rule that protects the other one a narrower scope",
        );
    }
    if refusal(RefusalCode::ThresholdNotMet) {
        hints
            .push("give the key of every signer: --threshold counts distinct signers that are trusted here");
    }
    let renamed = refused.refusals().filter_map(|verdict| {
        let source = verdict::signed_source(verdict)?;
        Some(format!(
            "the image {} is signed under another name; pack it under that name: bundle pack {source}",
            verdict.source()
        ))
    });
    hints.into_iter().map(str::to_owned).chain(renamed.take(MAX_RENAMED)).collect()
}

/// Images listed that are signed under another name.
const MAX_RENAMED: usize = 3;
