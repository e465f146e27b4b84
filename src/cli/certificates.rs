//! Options about certificates: which authorities, whom they must name, who authenticated them.
//!
//! `--certificate-identity` and `--certificate-oidc-issuer` that stand for the same scope belong together.

use super::failure::Failure;
use super::keys;
use bundle::trust::certificate::{Authorities, Fulcio, Pki, Subject};
use bundle::trust::sigstore_bundle::KeylessPolicy;
use bundle::trust::trusted_root::TrustedRoot;
use bundle::trust::{Authority, Scope, ScopeError, Scoped, ScopedAuthority};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// `[SCOPE=]TEXT`, where a URL may have equals signs.
#[derive(Debug, Clone)]
pub(super) struct ScopedText {
    pub(super) scope: Scope,
    pub(super) text: String,
}

impl FromStr for ScopedText {
    type Err = ScopeError;

    fn from_str(option: &str) -> Result<Self, ScopeError> {
        let before = option.split_once('=').map_or(option, |(before, _)| before);
        if before.contains("://") {
            return Ok(Self { scope: Scope::Everything, text: option.to_owned() });
        }
        let Scoped { scope, value: text } = option.parse()?;
        Ok(Self { scope, text })
    }
}

/// Whom certificates for one scope must name, and by whom he was authenticated.
pub(super) struct Holders<'a> {
    pub(super) scope: &'a Scope,
    pub(super) identities: Vec<&'a str>,
    pub(super) issuers: Vec<&'a str>,
}

/// Brings together what stands for the same scope.
pub(super) fn holders<'a>(
    identities: &'a [ScopedText],
    issuers: &'a [ScopedText],
) -> Result<Vec<Holders<'a>>, Failure> {
    let mut all: Vec<Holders<'a>> = Vec::new();
    for identity in identities {
        match all.iter_mut().find(|holders| *holders.scope == identity.scope) {
            Some(holders) => holders.identities.push(&identity.text),
            None => all.push(Holders {
                scope: &identity.scope,
                identities: vec![&identity.text],
                issuers: Vec::new(),
            }),
        }
    }
    for issuer in issuers {
        let holders = all.iter_mut().find(|holders| *holders.scope == issuer.scope);
        let holders = holders.ok_or_else(|| {
            Failure::usage(format!(
                "--certificate-oidc-issuer for {} has no --certificate-identity for the same scope",
                issuer.scope
            ))
        })?;
        holders.issuers.push(&issuer.text);
    }
    let mixed = all.iter().find(|of| of.identities.len() > 1 && of.issuers.len() > 1);
    match mixed {
        Some(of) => Err(Failure::usage(format!(
            "several --certificate-identity and several --certificate-oidc-issuer for {}: which belong together?",
            of.scope
        ))
        .hint("give them narrower scopes, one issuer for each")),
        None => Ok(all),
    }
}

/// The authorities of `--ca`.
pub(super) fn authorities(
    files: &[Scoped<PathBuf>],
    holders: &[Holders<'_>],
    has_log: bool,
) -> Result<Vec<ScopedAuthority>, Failure> {
    if let (Some(file), true) = (files.first(), holders.is_empty()) {
        return Err(Failure::usage(format!(
            "--ca {} without --certificate-identity: whom must a certificate name?",
            file.value.display()
        )));
    }
    let mut authorities = Vec::new();
    for file in files {
        let (bytes, name) = keys::read_file(&file.value)?;
        let roots = Authorities::from_pem(&bytes).map_err(|error| {
            Failure::usage(format!("--ca {} cannot be used: {error}", file.value.display()))
        })?;
        for of in holders {
            for authority in of_holders(&roots, of, has_log)? {
                let scopes = vec![file.scope.clone(), of.scope.clone()];
                authorities.push(ScopedAuthority { scopes, authority, name: name.clone() });
            }
        }
    }
    Ok(authorities)
}

/// The authority of `--trusted-root`, for everybody whom certificates may name.
pub(super) fn keyless(
    root: &Arc<TrustedRoot>,
    (scope, name): (&Scope, &str),
    holders: &[Holders<'_>],
) -> Result<Vec<ScopedAuthority>, Failure> {
    let mut authorities = Vec::new();
    for of in holders {
        if of.issuers.is_empty() {
            return Err(Failure::usage(format!(
                "--certificate-identity for {} has no --certificate-oidc-issuer for the same scope",
                of.scope
            ))
            .hint("also give --certificate-oidc-issuer for the same scope"));
        }
        for (identity, issuer) in
            of.identities.iter().flat_map(|id| of.issuers.iter().map(move |issuer| (*id, *issuer)))
        {
            let policy = KeylessPolicy {
                root: Arc::clone(root),
                identity: identity.to_owned(),
                issuer: issuer.to_owned(),
            };
            let scopes = vec![scope.clone(), of.scope.clone()];
            let (authority, name) = (Authority::Keyless(policy), name.to_owned());
            authorities.push(ScopedAuthority { scopes, authority, name });
        }
    }
    Ok(authorities)
}

fn of_holders(
    roots: &Authorities,
    of: &Holders<'_>,
    has_log: bool,
) -> Result<Vec<Authority>, Failure> {
    let empty =
        || Failure::usage("--certificate-identity and --certificate-oidc-issuer name somebody");
    let mut authorities = Vec::new();
    for &identity in &of.identities {
        if of.issuers.is_empty() {
            let (email, host) = match identity.contains('@') {
                true => (Some(identity.to_owned()), None),
                false => (None, Some(identity.to_owned())),
            };
            let pki = Pki::new(roots.clone(), None, email, host).ok_or_else(empty)?;
            authorities.push(Authority::Pki(pki));
        }
        for &issuer in &of.issuers {
            if !has_log {
                return Err(Failure::usage(
                    "--ca with --certificate-oidc-issuer needs --rekor-key: only a log proves when such a certificate signed",
                ));
            }
            let subject: Subject = identity
                .parse()
                .map_err(|error| Failure::usage(format!("--certificate-identity: {error}")))?;
            let fulcio = Fulcio::new(roots.clone(), issuer, subject).ok_or_else(empty)?;
            authorities.push(Authority::Fulcio(fulcio));
        }
    }
    Ok(authorities)
}
