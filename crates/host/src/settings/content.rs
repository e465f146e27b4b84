//! This tool's own configuration: `/etc/bundle/config.toml` and `~/.config/bundle/config.toml`.
//!
//! Both have the same keys, and an unknown one is an error: a misspelt `require_seal` would be a hole. Options that
//! open something for one run (`--allow-unsigned`, `--accept-unbound-names`, `--allow-rollback`, `--allow-unnumbered`, …) have no key here, so
//! that nobody forgets them in a file.
//!
//! ```toml
//! to = "registry.enclave.example:5000/mirror"
//! jobs = 4
//!
//! [trust]
//! key = ["registry.redhat.io=/etc/pki/sigstore/SIGSTORE-redhat-release3"]
//! rekor_key = []
//! gpg_key = []
//! trusted_root = []
//! policy = "/etc/bundle/policy.json"
//! host_policy = true
//! seal_pub = "/etc/bundle/seal.pub"
//! seal_name = "monthly"
//! require_seal = true
//! refuse_unsigned = true
//!
//! [mapping]
//! keep_host = false
//! map = ["registry.redhat.io=redhat"]
//! ```

use crate::naming::mapping::MapRule;
use bundle_oci::text::bounded;
use bundle_trust::Scoped;
use serde::Deserialize;
use std::fmt::Display;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use toml::Spanned;

/// The file of the machine, below the root.
pub const SYSTEM_FILE: [&str; 3] = ["etc", "bundle", "config.toml"];
/// The file of a user, below the configuration directory (`$XDG_CONFIG_HOME`, else `~/.config`).
pub const USER_FILE: [&str; 2] = ["bundle", "config.toml"];
/// Most transfers at once, as `--jobs` has it.
pub const MAX_JOBS: u16 = 64;
/// Largest file read, in bytes.
pub const MAX_FILE: usize = 1 << 20;

/// What one file says. What it does not say is `None` or empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Where images go, as `--to` takes it.
    pub to: Option<String>,
    /// How many transfers at once.
    pub jobs: Option<NonZeroU16>,
    /// What is trusted.
    pub trust: TrustSettings,
    /// What images are called at the target.
    pub mapping: MappingSettings,
}

/// `[trust]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustSettings {
    /// Keys that verify signatures.
    pub key: Vec<Scoped<PathBuf>>,
    /// Keys of transparency logs.
    pub rekor_key: Vec<Scoped<PathBuf>>,
    /// OpenPGP keyrings.
    pub gpg_key: Vec<Scoped<PathBuf>>,
    /// Trusted roots.
    pub trusted_root: Vec<Scoped<PathBuf>>,
    /// A policy that decides.
    pub policy: Option<PathBuf>,
    /// Whether the host's own policy decides.
    pub host_policy: Option<bool>,
    /// The key of the operator's seal.
    pub seal_pub: Option<PathBuf>,
    /// Names of the series that count, one or several.
    pub seal_name: Vec<String>,
    /// Whether bundles without a good seal are refused.
    pub require_seal: Option<bool>,
    /// `refuse_unsigned`: a seal does not admit images that the operator accepted unsigned.
    pub refuse_unsigned: Option<bool>,
}

/// `[mapping]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MappingSettings {
    /// Whether the source's host is the first component of names.
    pub keep_host: Option<bool>,
    /// Exceptions.
    pub map: Vec<MapRule>,
}

/// A file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Longer than [`MAX_FILE`].
    #[error("{file} has {size} bytes, more than {MAX_FILE}")]
    TooLarge {
        /// The file.
        file: String,
        /// Its length in bytes.
        size: usize,
    },
    /// Not UTF-8, not TOML, an unknown key, or a value of another type.
    #[error("{file}, line {line}: {why}")]
    Document {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there, bounded; names an unknown key.
        why: String,
    },
    /// A value that its option would refuse.
    #[error("{file}, line {line}: {key} cannot be used: {why}")]
    Value {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The key: `trust.key`.
        key: &'static str,
        /// What is wrong with it, bounded.
        why: String,
    },
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Wire {
    to: Option<Spanned<String>>,
    jobs: Option<Spanned<NonZeroU16>>,
    trust: WireTrust,
    mapping: WireMapping,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct WireTrust {
    key: Vec<Spanned<String>>,
    rekor_key: Vec<Spanned<String>>,
    gpg_key: Vec<Spanned<String>>,
    trusted_root: Vec<Spanned<String>>,
    policy: Option<Spanned<String>>,
    host_policy: Option<bool>,
    seal_pub: Option<Spanned<String>>,
    seal_name: Option<OneOrMany>,
    require_seal: Option<bool>,
    refuse_unsigned: Option<bool>,
}

/// A text, or a list of them.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct WireMapping {
    keep_host: Option<bool>,
    map: Vec<Spanned<String>>,
}

impl Settings {
    /// Reads the content of `file`, which is only named in errors.
    ///
    /// # Errors
    /// [`SettingsError`]. Paths must be absolute: nobody could say what another one is relative to.
    pub fn parse(file: &str, content: &[u8]) -> Result<Self, SettingsError> {
        if content.len() > MAX_FILE {
            return Err(SettingsError::TooLarge { file: bounded(file), size: content.len() });
        }
        let text = std::str::from_utf8(content)
            .map_err(|error| document(file, content, error.valid_up_to(), "it is not UTF-8"))?;
        let wire: Wire = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            document(file, content, start, error.message())
        })?;
        let reading = Reading { file, content };
        let trust = wire.trust;
        Ok(Self {
            to: wire.to.map(|to| reading.not_empty("to", to)).transpose()?,
            jobs: wire.jobs.map(|jobs| reading.jobs(jobs)).transpose()?,
            trust: TrustSettings {
                key: reading.scoped("trust.key", trust.key)?,
                rekor_key: reading.scoped("trust.rekor_key", trust.rekor_key)?,
                gpg_key: reading.scoped("trust.gpg_key", trust.gpg_key)?,
                trusted_root: reading.scoped("trust.trusted_root", trust.trusted_root)?,
                policy: reading.optional_path("trust.policy", trust.policy)?,
                host_policy: trust.host_policy,
                seal_pub: reading.optional_path("trust.seal_pub", trust.seal_pub)?,
                seal_name: match trust.seal_name {
                    None => Vec::new(),
                    Some(OneOrMany::One(name)) => vec![name],
                    Some(OneOrMany::Many(names)) => names,
                },
                require_seal: trust.require_seal,
                refuse_unsigned: trust.refuse_unsigned,
            },
            mapping: MappingSettings {
                keep_host: wire.mapping.keep_host,
                map: reading.all("mapping.map", wire.mapping.map)?,
            },
        })
    }
}

impl Settings {
    /// The same with every path below `root`, which stands for `/`.
    #[must_use]
    pub fn below(mut self, root: &Path) -> Self {
        let trust = &mut self.trust;
        let lists =
            [&mut trust.key, &mut trust.rekor_key, &mut trust.gpg_key, &mut trust.trusted_root];
        let scoped = lists.into_iter().flatten().map(|scoped| &mut scoped.value);
        for path in scoped.chain(&mut trust.policy).chain(&mut trust.seal_pub) {
            *path = root.join(path.strip_prefix("/").unwrap_or(path));
        }
        self
    }
}

fn document(file: &str, content: &[u8], start: usize, why: &str) -> SettingsError {
    SettingsError::Document { file: bounded(file), line: line(content, start), why: bounded(why) }
}

/// The line of the byte at `start`, from 1.
fn line(content: &[u8], start: usize) -> usize {
    let before = content.iter().take(start);
    1 + before.filter(|byte| **byte == b'\n').count()
}

/// Reads values of a file.
struct Reading<'f> {
    file: &'f str,
    content: &'f [u8],
}

impl Reading<'_> {
    fn refused<T>(&self, key: &'static str, at: &Spanned<T>, why: impl Display) -> SettingsError {
        let line = line(self.content, at.span().start);
        SettingsError::Value { file: bounded(self.file), line, key, why: bounded(&why.to_string()) }
    }

    fn jobs(&self, jobs: Spanned<NonZeroU16>) -> Result<NonZeroU16, SettingsError> {
        match jobs.get_ref().get() <= MAX_JOBS {
            true => Ok(jobs.into_inner()),
            false => Err(self.refused("jobs", &jobs, format!("it is not in 1..={MAX_JOBS}"))),
        }
    }

    fn not_empty(&self, key: &'static str, text: Spanned<String>) -> Result<String, SettingsError> {
        match text.get_ref().is_empty() {
            true => Err(self.refused(key, &text, "it is empty")),
            false => Ok(text.into_inner()),
        }
    }

    fn all<T>(
        &self,
        key: &'static str,
        texts: Vec<Spanned<String>>,
    ) -> Result<Vec<T>, SettingsError>
    where
        T: FromStr,
        T::Err: Display,
    {
        let one = |text: &Spanned<String>| {
            text.get_ref().parse().map_err(|error| self.refused(key, text, error))
        };
        texts.iter().map(one).collect()
    }

    fn scoped(
        &self,
        key: &'static str,
        texts: Vec<Spanned<String>>,
    ) -> Result<Vec<Scoped<PathBuf>>, SettingsError> {
        let one = |text: &Spanned<String>| {
            let parsed: Result<Scoped<PathBuf>, _> = text.get_ref().parse();
            let scoped = parsed.map_err(|error| self.refused(key, text, error))?;
            self.absolute(key, text, &scoped.value)?;
            Ok(scoped)
        };
        texts.iter().map(one).collect()
    }

    fn optional_path(
        &self,
        key: &'static str,
        text: Option<Spanned<String>>,
    ) -> Result<Option<PathBuf>, SettingsError> {
        let Some(text) = text else { return Ok(None) };
        let path = PathBuf::from(text.get_ref());
        self.absolute(key, &text, &path)?;
        Ok(Some(path))
    }

    fn absolute(
        &self,
        key: &'static str,
        text: &Spanned<String>,
        path: &Path,
    ) -> Result<(), SettingsError> {
        if path.is_absolute() {
            return Ok(());
        }
        let why = format!("{:?} is not an absolute path", bounded(&path.to_string_lossy()));
        Err(self.refused(key, text, why))
    }
}

#[cfg(test)]
#[path = "content_tests.rs"]
mod tests;
