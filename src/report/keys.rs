//! Installed keys: what there is, what was installed without a push, what was taken away.

use super::unpack::{HolderReport, KeyReport};
use crate::host::{InstalledKeys, NamedBy, PolicyRule, RemovedFile, RemovedKey};
use crate::oci::Digest;
use crate::report::seal::SealReport;
use crate::trust::{ImageVerdict, KeyFingerprint, KeyUse};
use serde::Serialize;
use std::path::PathBuf;
use time::format_description::well_known::Rfc3339;

/// What `keys install` did.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstallReport {
    /// Version of this report's shape.
    pub report_version: &'static str,
    /// The archive.
    pub file: String,
    /// SHA-256 of the bytes of `bundle.json`.
    pub bundle_digest: Digest,
    /// True when the inventory is authentic.
    pub names_bound: bool,
    /// True when nothing was changed: the rest says what would be done.
    pub dry_run: bool,
    /// What the verifier says about every image.
    pub verdicts: Vec<ImageVerdict>,
    /// Keys that were installed, or would be.
    pub keys: Vec<KeyReport>,
    /// What became of the operator's seal.
    pub seal: SealReport,
    /// What the operator has to know.
    pub warnings: Vec<String>,
}

/// What `keys list` found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListReport {
    /// Version of this report's shape.
    pub report_version: &'static str,
    /// Keys that later runs trust, sorted by name.
    pub keys: Vec<ListedKey>,
    /// Files of the store that grant nothing.
    pub without_effect: Vec<WithoutEffect>,
}

/// One installed key.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedKey {
    /// Its name on the host.
    pub name: String,
    /// What it verifies.
    #[serde(rename = "use")]
    pub usage: KeyUse,
    /// Its name by its content.
    pub fingerprint: KeyFingerprint,
    /// Every scope, sorted.
    pub scopes: Vec<String>,
    /// Of a trusted root: whom its certificates may name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<HolderReport>,
    /// Where it lies.
    pub path: PathBuf,
    /// Digest of the bundle by which it was installed.
    pub bundle: Digest,
    /// When (RFC 3339, UTC).
    pub installed_at: String,
}

/// A file of the store that grants nothing.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WithoutEffect {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// What `keys remove` did.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveReport {
    /// Version of this report's shape.
    pub report_version: &'static str,
    /// Keys that are no anchors any more.
    pub keys: Vec<Removed>,
}

/// One key that was removed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// The name that it had.
    pub name: String,
    /// What it verified.
    #[serde(rename = "use")]
    pub usage: KeyUse,
    /// Its name by its content.
    pub fingerprint: KeyFingerprint,
    /// The scopes that it had.
    pub scopes: Vec<String>,
    /// The key file.
    pub path: PathBuf,
    /// What became of the key file.
    pub key_file: KeyFileOutcome,
    /// Rules of `/etc/containers/policy.json` that rest on the key all the same.
    pub policy_rules: Vec<PolicyRuleReport>,
    /// Why it is not known which there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_unread: Option<String>,
}

/// A rule of the host's policy.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRuleReport {
    /// The scope, or `default`.
    pub scope: String,
    /// How it names the key.
    pub named_by: KeyNaming,
}

/// How a rule names a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyNaming {
    /// By the path of its file.
    Path,
    /// The key itself stands in the rule.
    Content,
}

/// What became of a key file whose record was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyFileOutcome {
    /// It is gone.
    Removed,
    /// There was none.
    Missing,
    /// It was there before the key was installed, and stays.
    WasThere,
    /// It holds something else than was recorded, and stays.
    Changed,
}

impl ListReport {
    /// What is in the store of a host.
    pub fn new(installed: &InstalledKeys) -> Self {
        let keys = installed.keys.iter().map(|key| {
            let record = &key.record;
            let holders = record.grant.holders.iter().map(|(holder, scopes)| HolderReport {
                identity: holder.identity.clone(),
                issuer: holder.issuer.clone(),
                scopes: scopes.iter().cloned().collect(),
            });
            ListedKey {
                name: record.name.to_string(),
                usage: record.usage,
                fingerprint: record.fingerprint,
                scopes: record.grant.all_scopes().into_iter().collect(),
                holders: holders.collect(),
                path: key.path.clone(),
                bundle: record.origin.bundle,
                installed_at: record.origin.installed_at.format(&Rfc3339).unwrap_or_default(),
            }
        });
        let without_effect = installed.skipped.iter().map(|skipped| WithoutEffect {
            path: skipped.path.clone(),
            reason: skipped.reason.to_string(),
        });
        let (keys, without_effect) = (keys.collect(), without_effect.collect());
        Self { report_version: "1.0", keys, without_effect }
    }
}

impl RemoveReport {
    /// What was removed.
    pub fn new(removed: &[RemovedKey]) -> Self {
        let keys = removed.iter().map(|removed| Removed {
            name: removed.record.name.to_string(),
            usage: removed.record.usage,
            fingerprint: removed.record.fingerprint,
            scopes: removed.record.grant.all_scopes().into_iter().collect(),
            path: removed.path.clone(),
            key_file: match removed.file {
                RemovedFile::Removed => KeyFileOutcome::Removed,
                RemovedFile::Missing => KeyFileOutcome::Missing,
                RemovedFile::WasThere => KeyFileOutcome::WasThere,
                RemovedFile::Changed => KeyFileOutcome::Changed,
            },
            policy_rules: removed.rules.iter().flatten().map(rule_report).collect(),
            policy_unread: removed.rules.as_ref().err().map(ToString::to_string),
        });
        Self { report_version: "1.0", keys: keys.collect() }
    }
}

fn rule_report(rule: &PolicyRule) -> PolicyRuleReport {
    PolicyRuleReport {
        scope: rule.scope.clone(),
        named_by: match rule.by {
            NamedBy::Path => KeyNaming::Path,
            NamedBy::Content => KeyNaming::Content,
        },
    }
}
