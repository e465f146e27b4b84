//! Options about certificates: which authorities, whom they must name, who authenticated them.
//!
//! `--certificate-identity` and `--certificate-oidc-issuer` that stand for the same scope belong together.

use super::{SignersError, files};
use crate::trust::certificate::{Authorities, Fulcio, Pki, Subject, SubjectError};
use crate::trust::sigstore_bundle::KeylessPolicy;
use crate::trust::trusted_root::TrustedRoot;
use crate::trust::{Authority, Scope, ScopeError, Scoped, ScopedAuthority};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// `[SCOPE=]TEXT`, where a URL may have equals signs.
#[derive(Debug, Clone)]
pub struct ScopedText {
    /// The images.
    pub scope: Scope,
    /// The text.
    pub text: String,
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

/// Holders that certificates for one scope must name, and the issuers that authenticated them.
pub(super) struct Holders<'a> {
    pub(super) scope: &'a Scope,
    pub(super) identities: Vec<&'a str>,
    pub(super) issuers: Vec<&'a str>,
}

/// Brings together what stands for the same scope.
pub(super) fn holders<'a>(
    identities: &'a [ScopedText],
    issuers: &'a [ScopedText],
) -> Result<Vec<Holders<'a>>, SignersError> {
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
        let holders = holders.ok_or_else(|| SignersError::NoIdentity(issuer.scope.clone()))?;
        holders.issuers.push(&issuer.text);
    }
    let mixed = all.iter().find(|of| of.identities.len() > 1 && of.issuers.len() > 1);
    match mixed {
        Some(of) => Err(SignersError::Several(of.scope.clone())),
        None => Ok(all),
    }
}

/// The authorities of `--ca`.
pub(super) fn authorities(
    files: &[Scoped<PathBuf>],
    holders: &[Holders<'_>],
    has_log: bool,
) -> Result<Vec<ScopedAuthority>, SignersError> {
    if let (Some(file), true) = (files.first(), holders.is_empty()) {
        return Err(SignersError::Anybody(file.value.clone()));
    }
    let mut authorities = Vec::new();
    for file in files {
        let (bytes, name) = files::read(&file.value)?;
        let roots = Authorities::from_pem(&bytes)
            .map_err(|error| SignersError::unusable("--ca", &file.value, error.into()))?;
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
) -> Result<Vec<ScopedAuthority>, SignersError> {
    let mut authorities = Vec::new();
    for of in holders {
        if of.issuers.is_empty() {
            return Err(SignersError::NoIssuer(of.scope.clone()));
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
) -> Result<Vec<Authority>, SignersError> {
    let empty = || SignersError::Nobody;
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
                return Err(SignersError::NoLog);
            }
            let subject: Subject = identity
                .parse()
                .map_err(|error: SubjectError| SignersError::Identity(error.into()))?;
            let fulcio = Fulcio::new(roots.clone(), issuer, subject).ok_or_else(empty)?;
            authorities.push(Authority::Fulcio(fulcio));
        }
    }
    Ok(authorities)
}
