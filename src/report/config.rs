//! Which configuration counts (schema: `schemas/config-report.schema.json`).

use serde::Serialize;
use std::path::PathBuf;

/// The report of `bundle config`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigReport {
    /// Version of this report's shape.
    pub report_version: &'static str,
    /// Files that were looked for, the weakest first.
    pub files: Vec<ConfigFileReport>,
    /// Everything that is set, in the order of the file.
    pub settings: Vec<SettingReport>,
    /// The key of the policy that decides alone, if one does: then keys of these files are not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<&'static str>,
}

/// One file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigFileReport {
    /// Where it was looked for.
    pub file: PathBuf,
    /// Whose it is.
    pub layer: ConfigLayer,
    /// What was found.
    pub found: ConfigFound,
    /// Why it does not count, where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigLayer {
    /// The machine's.
    System,
    /// The user's.
    User,
}

/// What was found of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigFound {
    /// It counts.
    Read,
    /// There is none.
    Absent,
    /// It does not count.
    Ignored,
}

/// One value.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingReport {
    /// The key, as files have it: `trust.key`.
    pub key: &'static str,
    /// The value, as files have it but for the quotes.
    pub value: String,
    /// The file that it comes from.
    pub from: String,
}
