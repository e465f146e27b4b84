//! What was verified here and is not demanded by the hosts: named, with the way to a rule.

use super::error::UnpackError;
use super::plan::Planned;
use super::verify::Verified;
use crate::host::containers::apply::{Serving, Unenforced, UnenforcedRepository};
use crate::host::containers::policy::{Opening, PolicyLevel, PolicyRequest};
use crate::oci::Repository;
use crate::report::configuration::{FileReport, UnenforcedMirror, UnenforcedReport};
use crate::trust::{Admission, ImageVerdict, Scope};
use std::collections::{BTreeMap, BTreeSet};

/// The source repositories of which a trusted signature admitted an image, each with what the operator allows where
/// nothing demands it of the hosts.
///
/// # Errors
/// [`UnpackError::AllowsNothing`] for a permission that covers nothing.
pub(super) fn signed(
    verified: &Verified,
    allowed: &[Scope],
) -> Result<BTreeMap<Repository, Unenforced>, UnpackError> {
    let sources = || verified.verdicts().iter().map(ImageVerdict::source);
    for scope in allowed {
        if !sources().any(|source| scope.covers(source)) {
            return Err(UnpackError::AllowsNothing(Box::new(scope.clone())));
        }
    }
    let signed: BTreeSet<&Repository> = verified
        .verdicts()
        .iter()
        .filter(|verdict| is_by_signature(verdict.admission()))
        .map(|verdict| verdict.source().repository())
        .collect();
    let is_allowed = |repository: &Repository| {
        let mut own = sources().filter(|source| source.repository() == repository);
        own.all(|source| allowed.iter().any(|scope| scope.covers(source)))
    };
    let wanted = |repository: &Repository| match is_allowed(repository) {
        true => Unenforced::Served,
        false => Unenforced::NotServed,
    };
    Ok(signed.into_iter().map(|one| (one.clone(), wanted(one))).collect())
}

/// True for grounds that rest on somebody's signature, the operator's seal over a verdict included.
fn is_by_signature(admission: &Admission) -> bool {
    match admission {
        Admission::Signed | Admission::IndexUnsigned | Admission::PackVerdict => true,
        Admission::PolicyAcceptsAnything
        | Admission::UnsignedSealed
        | Admission::UnsignedAllowed { .. }
        | Admission::Refused(_) => false,
    }
}

/// Commands that lead to a rule.
#[derive(Debug)]
pub(super) struct Remedies {
    file: String,
    target: String,
    levels: BTreeMap<String, PolicyLevel>,
}

impl Remedies {
    pub(super) fn new(planned: &Planned, policy: &PolicyRequest) -> Self {
        let level = |rule: &crate::host::containers::policy::EnforcedRepository| {
            (rule.repository.to_string(), rule.level())
        };
        Self {
            file: planned.verified.archive().path().display().to_string(),
            target: planned.plan.target().to_string(),
            levels: policy.enforced.iter().map(level).collect(),
        }
    }

    /// The command after which `repository`, of which `code` says why it has no rule, gets one.
    fn command(&self, repository: &str, code: &str) -> String {
        let Self { file, target, .. } = self;
        let again = format!("bundle config install {file} --to {target}");
        match code {
            "needs-policy-level" => {
                let level = self.levels.get(repository).copied().unwrap_or_default();
                format!("{again} --policy-level {level}, when all hosts are as new")
            }
            "kept-at-target" => format!(
                "bundle unpack {file} --to {target} --install-config --on-existing-attachment replace"
            ),
            "single-images" | "by-policy" => format!("{again} --key {repository}=FILE"),
            "root-of-logs" | "several-logs" => format!("{again} --rekor-key {repository}=FILE"),
            "no-key" | "uncovered" => format!(
                "cosign sign --recursive --new-bundle-format=false --key KEY {repository}@DIGEST by its publisher, and pack it again"
            ),
            _ => format!("mend that, then {again}"),
        }
    }
}

/// What stays unenforced, each with the first reason that the policy's entry in the report has.
pub(super) fn reports(
    open: Vec<UnenforcedRepository>,
    files: &[FileReport],
    remedies: &Remedies,
) -> Vec<UnenforcedReport> {
    let policy = files.iter().find(|file| file.path.ends_with("policy.json"));
    let report = |one: UnenforcedRepository| {
        let repository = one.repository.to_string();
        let mut left = policy.into_iter().flat_map(|file| &file.left);
        let left = left.find(|left| left.subject == repository);
        let said = (one.opening.code(), one.opening.to_string());
        let (code, reason) = match &one.opening {
            Opening::Whole => left.map_or(said, |left| (left.code, left.reason.clone())),
            Opening::Narrower { .. } | Opening::Key { .. } | Opening::OfRoot { .. } => said,
        };
        UnenforcedReport {
            enforce: remedies.command(&repository, code),
            repository,
            code,
            reason,
            mirror: match one.serving {
                Serving::Withheld => UnenforcedMirror::Withheld,
                Serving::Allowed => UnenforcedMirror::Allowed,
                Serving::Already => UnenforcedMirror::Already,
            },
        }
    };
    open.into_iter().map(report).collect()
}
