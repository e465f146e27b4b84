//! This tool's own configuration under the options: `/etc/bundle/config.toml`, then the user's, then the command line.

use super::exit::Status;
use super::failure::Failure;
use super::signers::Signers;
use super::standard_error::tell;
use super::text::safe;
use bundle::host::settings::Settings;
use bundle::host::settings::Valued;
use bundle::host::settings::{InForce, Origin, PolicyInForce};
use bundle::host::{FoundSettings, HostRoot, SettingsFile, system_settings, user_settings};
use bundle::ownership::check_for_root;
use bundle::signers::{PolicyChoice, SignerFiles};
use bundle::trust::Scoped;
use bundle::unpack::DEFAULT_JOBS;
use std::path::{Path, PathBuf};

/// The configuration files of a run, each where it was looked for.
pub(super) struct Files {
    pub(super) system: SettingsFile,
    /// `None` when nobody could say where the user's files are.
    pub(super) user: Option<SettingsFile>,
}

impl Files {
    /// Reads them. One of the user's that does not count is told.
    pub(super) fn read(root: &HostRoot) -> Result<Self, Failure> {
        let system = system_settings(root).map_err(|error| Failure::of(Status::Usage, &error))?;
        let user = configuration_directory().map(|directory| user_settings(&directory)).transpose();
        let user = user.map_err(|error| Failure::of(Status::Usage, &error))?;
        if let Some(FoundSettings::Ignored(error)) = user.as_ref().map(|user| &user.found) {
            tell!("warning: your configuration does not count: {}", safe(&error.to_string()));
        }
        Ok(Self { system, user })
    }

    /// What counts, with the options as the strongest layer.
    pub(super) fn in_force(&self, options: Settings) -> InForce {
        let mut layers = vec![(Origin::CommandLine, options)];
        if let FoundSettings::Read(settings) = &self.system.found {
            layers.push((Origin::System(self.system.path.clone()), (**settings).clone()));
        }
        if let Some(SettingsFile { path, found: FoundSettings::Read(settings) }) = &self.user {
            layers.push((Origin::User(path.clone()), (**settings).clone()));
        }
        InForce::of(layers)
    }
}

/// Where the user's configuration files are: `$XDG_CONFIG_HOME`, else `~/.config`. A relative one is not valid (XDG Base
/// Directory Specification).
fn configuration_directory() -> Option<PathBuf> {
    base_directory("XDG_CONFIG_HOME", ".config")
}

/// Where it is kept what a user's programs did: `$XDG_STATE_HOME`, else `~/.local/state`.
pub(super) fn state_directory() -> Option<PathBuf> {
    base_directory("XDG_STATE_HOME", ".local/state")
}

fn base_directory(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name).map(PathBuf::from).filter(|directory| directory.is_absolute())
    };
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)))
}

/// How many large blobs at once.
pub(super) fn jobs(in_force: &InForce) -> usize {
    in_force.jobs.as_ref().map_or(DEFAULT_JOBS, |jobs| jobs.value.get().into())
}

/// Whose signatures count: the options, and what the files add. A policy decides alone; one on the command line takes the
/// place of everything in the files, and `named_keys` (an option that a policy does not go with) cannot be given where a
/// file says that one decides.
pub(super) fn signers(
    given: &Signers,
    named_keys: Option<&'static str>,
    in_force: &InForce,
) -> Result<SignerFiles, Failure> {
    let mut joined = given.files();
    if joined.policy.is_some() {
        return Ok(joined);
    }
    let policy = in_force.policy().map_err(|error| Failure::of(Status::Usage, &error))?;
    let Some(policy) = policy else {
        joined.keys.extend(counting("trust.key", &in_force.key)?);
        joined.rekor_keys.extend(counting("trust.rekor_key", &in_force.rekor_key)?);
        joined.gpg_keys.extend(counting("trust.gpg_key", &in_force.gpg_key)?);
        joined.trusted_roots.extend(counting("trust.trusted_root", &in_force.trusted_root)?);
        return Ok(joined);
    };
    if let Some(option) = named_keys {
        let (origin, key) = (policy.origin(), policy.key());
        return Err(Failure::usage(format!(
            "{option} does not go with a policy, and {origin} says that one decides ({key})"
        ))
        .hint(format!(
            "leave out {option}, take {key} out of that file, or name another policy: --policy FILE"
        )));
    }
    match policy {
        PolicyInForce::File(file) => {
            check_named("trust.policy", &file.value, &file.origin)?;
            joined.policy = Some(PolicyChoice::Configured(file.value.clone()));
        }
        PolicyInForce::Host(_) => joined.policy = Some(PolicyChoice::Host),
    }
    Ok(joined)
}

/// The names of series that count: those of the command line take the place of the configured ones.
pub(super) fn seal_names(given: &[String], in_force: &InForce) -> Vec<String> {
    match given.is_empty() {
        true => in_force.seal_name.iter().map(|name| name.value.clone()).collect(),
        false => given.to_vec(),
    }
}

/// Whose seals count, and whether one is required: keys on the command line take the place of the configured one.
pub(super) fn seal(given: &[PathBuf], in_force: &InForce) -> Result<(Vec<PathBuf>, bool), Failure> {
    let required = in_force.require_seal.as_ref().is_some_and(|required| required.value);
    if !given.is_empty() {
        return Ok((given.to_vec(), required));
    }
    let configured = in_force.seal_pub.iter().map(|key| {
        check_named("trust.seal_pub", &key.value, &key.origin)?;
        Ok(key.value.clone())
    });
    Ok((configured.collect::<Result<_, Failure>>()?, required))
}

/// The files that configuration files name under `key`, as values of options.
fn counting(
    key: &'static str,
    files: &[Valued<Scoped<PathBuf>>],
) -> Result<Vec<Scoped<PathBuf>>, Failure> {
    let files = files.iter().map(|file| {
        check_named(key, &file.value.value, &file.origin)?;
        Ok(file.value.clone())
    });
    files.collect()
}

/// Checks a file that a configuration file names as the configuration file itself is checked: who can exchange it decides
/// who is trusted. What the command line names is the operator's word.
fn check_named(key: &'static str, file: &Path, origin: &Origin) -> Result<(), Failure> {
    if *origin == Origin::CommandLine {
        return Ok(());
    }
    check_for_root(file).map_err(|distrust| {
        let what = format!("{} does not count, which {origin} names ({key})", file.display());
        Failure::of(Status::Usage, &distrust).context(what).hint(
            "let root own it and every directory above it, writable by root alone; or name it on the command line",
        )
    })
}
