//! Which settings count, and where each comes from.

use super::content::Settings;
use crate::naming::mapping::MapRule;
use bundle_trust::Scoped;
use std::fmt;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

/// Where a value comes from, the weakest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The machine's file.
    System(PathBuf),
    /// The user's file.
    User(PathBuf),
    /// An option.
    CommandLine,
}

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valued<T> {
    /// The value.
    pub value: T,
    /// Its origin.
    pub origin: Origin,
}

/// What counts, from all layers. The strongest layer decides single values. Lists are joined: each entry is an anchor
/// of its own. `require_seal` and `refuse_unsigned` count wherever they are `true`: a user cannot take back what the
/// machine demands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InForce {
    /// Where images go.
    pub to: Option<Valued<String>>,
    /// How many transfers at once.
    pub jobs: Option<Valued<NonZeroU16>>,
    /// Keys that verify signatures.
    pub key: Vec<Valued<Scoped<PathBuf>>>,
    /// Keys of transparency logs.
    pub rekor_key: Vec<Valued<Scoped<PathBuf>>>,
    /// OpenPGP keyrings.
    pub gpg_key: Vec<Valued<Scoped<PathBuf>>>,
    /// Trusted roots.
    pub trusted_root: Vec<Valued<Scoped<PathBuf>>>,
    /// A policy that decides.
    pub policy: Option<Valued<PathBuf>>,
    /// Whether the host's own policy decides.
    pub host_policy: Option<Valued<bool>>,
    /// The key of the operator's seal.
    pub seal_pub: Option<Valued<PathBuf>>,
    /// Names of the series that count; those of the strongest layer that names any.
    pub seal_name: Vec<Valued<String>>,
    /// Whether bundles without a good seal are refused.
    pub require_seal: Option<Valued<bool>>,
    /// Whether a seal admits no image that the operator accepted unsigned.
    pub refuse_unsigned: Option<Valued<bool>>,
    /// Whether the source's host is kept in names.
    pub keep_host: Option<Valued<bool>>,
    /// Exceptions in names; of two for one source, only the stronger layer's.
    pub map: Vec<Valued<MapRule>>,
}

/// A policy that decides instead of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyInForce<'a> {
    /// This file.
    File(&'a Valued<PathBuf>),
    /// The host's own.
    Host(&'a Origin),
}

impl PolicyInForce<'_> {
    /// Where that is said.
    pub fn origin(&self) -> &Origin {
        match self {
            Self::File(file) => &file.origin,
            Self::Host(origin) => origin,
        }
    }

    /// The key by which it is said.
    pub fn key(&self) -> &'static str {
        match self {
            Self::File(_) => "trust.policy",
            Self::Host(_) => "trust.host_policy",
        }
    }
}

/// One layer names a policy and the host's own at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} sets both trust.policy and trust.host_policy, and only one policy can decide")]
pub struct TwoPolicies(Origin);

/// One line of `bundle config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The key, as files have it: `trust.key`.
    pub key: &'static str,
    /// The value, as files have it but for the quotes.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

impl InForce {
    /// Joins layers, given in any order.
    pub fn of(layers: impl IntoIterator<Item = (Origin, Settings)>) -> Self {
        let mut layers: Vec<_> = layers.into_iter().collect();
        layers.sort_by(|a, b| a.0.cmp(&b.0));
        let mut all = Self::default();
        for (origin, settings) in layers {
            all.add(&origin, settings);
        }
        all
    }

    fn add(&mut self, origin: &Origin, settings: Settings) {
        let Settings { to, jobs, trust, mapping } = settings;
        replace(&mut self.to, to, origin);
        replace(&mut self.jobs, jobs, origin);
        append(&mut self.key, trust.key, origin);
        append(&mut self.rekor_key, trust.rekor_key, origin);
        append(&mut self.gpg_key, trust.gpg_key, origin);
        append(&mut self.trusted_root, trust.trusted_root, origin);
        replace(&mut self.policy, trust.policy, origin);
        replace(&mut self.host_policy, trust.host_policy, origin);
        replace(&mut self.seal_pub, trust.seal_pub, origin);
        if !trust.seal_name.is_empty() {
            self.seal_name.clear();
            append(&mut self.seal_name, trust.seal_name, origin);
        }
        for (known, new) in [
            (&mut self.require_seal, trust.require_seal),
            (&mut self.refuse_unsigned, trust.refuse_unsigned),
        ] {
            if !known.as_ref().is_some_and(|demanded| demanded.value) {
                replace(known, new, origin);
            }
        }
        replace(&mut self.keep_host, mapping.keep_host, origin);
        let stronger = &mapping.map;
        self.map.retain(|known| stronger.iter().all(|new| new.source() != known.value.source()));
        append(&mut self.map, mapping.map, origin);
    }

    /// The policy that decides, if any does: then keys of all layers are not asked. Of two, that of the stronger layer.
    ///
    /// # Errors
    /// [`TwoPolicies`].
    pub fn policy(&self) -> Result<Option<PolicyInForce<'_>>, TwoPolicies> {
        let host = self.host_policy.as_ref().filter(|host| host.value);
        Ok(match (&self.policy, host) {
            (Some(file), Some(host)) if file.origin == host.origin => {
                return Err(TwoPolicies(file.origin.clone()));
            }
            (Some(file), Some(host)) if file.origin < host.origin => {
                Some(PolicyInForce::Host(&host.origin))
            }
            (Some(file), _) => Some(PolicyInForce::File(file)),
            (None, Some(host)) => Some(PolicyInForce::Host(&host.origin)),
            (None, None) => None,
        })
    }

    /// Every value that was set, in the order of the file.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut row = |key, value: String, origin: &Origin| {
            rows.push(Row { key, value, origin: origin.clone() });
        };
        let path = |path: &Path| path.display().to_string();
        let scoped = |one: &Scoped<PathBuf>| format!("{}={}", one.scope, one.value.display());
        if let Some(one) = &self.to {
            row("to", one.value.clone(), &one.origin);
        }
        if let Some(one) = &self.jobs {
            row("jobs", one.value.to_string(), &one.origin);
        }
        for (key, list) in [
            ("trust.key", &self.key),
            ("trust.rekor_key", &self.rekor_key),
            ("trust.gpg_key", &self.gpg_key),
            ("trust.trusted_root", &self.trusted_root),
        ] {
            list.iter().for_each(|one| row(key, scoped(&one.value), &one.origin));
        }
        for (key, one) in [("trust.policy", &self.policy), ("trust.seal_pub", &self.seal_pub)] {
            one.iter().for_each(|one| row(key, path(&one.value), &one.origin));
        }
        for one in &self.seal_name {
            row("trust.seal_name", one.value.clone(), &one.origin);
        }
        for (key, one) in [
            ("trust.host_policy", &self.host_policy),
            ("trust.require_seal", &self.require_seal),
            ("trust.refuse_unsigned", &self.refuse_unsigned),
            ("mapping.keep_host", &self.keep_host),
        ] {
            one.iter().for_each(|one| row(key, one.value.to_string(), &one.origin));
        }
        for one in &self.map {
            row("mapping.map", one.value.to_string(), &one.origin);
        }
        rows
    }
}

fn replace<T>(known: &mut Option<Valued<T>>, value: Option<T>, origin: &Origin) {
    if let Some(value) = value {
        *known = Some(Valued { value, origin: origin.clone() });
    }
}

fn append<T>(known: &mut Vec<Valued<T>>, values: Vec<T>, origin: &Origin) {
    known.extend(values.into_iter().map(|value| Valued { value, origin: origin.clone() }));
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(file) | Self::User(file) => file.display().fmt(f),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(origin: Origin, text: &str) -> (Origin, Settings) {
        (origin, Settings::parse("test", text.as_bytes()).expect("settings"))
    }

    fn system(text: &str) -> (Origin, Settings) {
        layer(Origin::System("/etc/bundle/config.toml".into()), text)
    }

    fn user(text: &str) -> (Origin, Settings) {
        layer(Origin::User("/home/a/.config/bundle/config.toml".into()), text)
    }

    fn lines(layers: Vec<(Origin, Settings)>) -> Vec<String> {
        let rows = InForce::of(layers).rows();
        rows.iter().map(|row| format!("{} = {} ({})", row.key, row.value, row.origin)).collect()
    }

    #[test]
    fn the_strongest_layer_decides_and_lists_are_joined() {
        let layers = || {
            vec![
                layer(Origin::CommandLine, "jobs = 9"),
                user(
                    "to = \"b.example\"\n[trust]\nkey = [\"quay.io=/b\"]\n[mapping]\nmap = [\"quay.io=u\"]",
                ),
                system(
                    "to = \"a.example\"\njobs = 2\n[trust]\nkey = [\"/a\"]\npolicy = \"/p\"\n\
                     [mapping]\nkeep_host = true\nmap = [\"quay.io=s\", \"r.example=s\"]",
                ),
            ]
        };
        let (system, user) = ("/etc/bundle/config.toml", "/home/a/.config/bundle/config.toml");
        let expected = vec![
            format!("to = b.example ({user})"),
            "jobs = 9 (command line)".to_owned(),
            format!("trust.key = *=/a ({system})"),
            format!("trust.key = quay.io=/b ({user})"),
            format!("trust.policy = /p ({system})"),
            format!("mapping.keep_host = true ({system})"),
            format!("mapping.map = r.example=s ({system})"),
            format!("mapping.map = quay.io=u ({user})"),
        ];
        assert_eq!(lines(layers()), expected);
        assert_eq!(lines(layers().into_iter().rev().collect()), expected, "in any order");
    }

    #[test]
    fn one_policy_decides() {
        let (file, host) = ("[trust]\npolicy = \"/p\"", "[trust]\nhost_policy = true");
        let off = "[trust]\nhost_policy = false";
        let decides = |layers: Vec<(Origin, Settings)>| {
            let all = InForce::of(layers);
            all.policy().map(|policy| policy.map(|one| (one.key(), one.origin().to_string())))
        };
        let (system_file, user_file) =
            ("/etc/bundle/config.toml", "/home/a/.config/bundle/config.toml");
        for (layers, expected) in [
            (vec![], None),
            (vec![system(off)], None),
            (vec![system(file)], Some(("trust.policy", system_file))),
            (vec![system(host)], Some(("trust.host_policy", system_file))),
            (vec![system(file), user(host)], Some(("trust.host_policy", user_file))),
            (vec![system(host), user(file)], Some(("trust.policy", user_file))),
            (vec![system(file), user(off)], Some(("trust.policy", system_file))),
        ] {
            let expected = expected.map(|(key, origin)| (key, origin.to_owned()));
            assert_eq!(decides(layers), Ok(expected));
        }
        let both = format!("{file}\nhost_policy = true");
        assert!(decides(vec![system(&both)]).is_err());
        assert!(decides(vec![user(&both)]).is_err());
    }

    #[test]
    fn the_strongest_layer_that_names_series_decides() {
        let names = |layers: Vec<(Origin, Settings)>| {
            let all = InForce::of(layers);
            all.seal_name.iter().map(|name| name.value.clone()).collect::<Vec<_>>()
        };
        let (one, two) = ("[trust]\nseal_name = \"a\"", "[trust]\nseal_name = [\"b\", \"\"]");
        assert_eq!(names(vec![system(one), user("")]), ["a"]);
        assert_eq!(names(vec![system(one), user(two)]), ["b", ""]);
        assert_eq!(names(vec![system(two), user(one)]), ["a"]);
        assert_eq!(names(vec![system(""), user("")]), [""; 0]);
    }

    #[test]
    fn nobody_takes_back_what_the_machine_demands() {
        let seal =
            |value: bool| format!("[trust]\nrequire_seal = {value}\nrefuse_unsigned = {value}");
        for (weak, strong, expected) in
            [(true, false, true), (false, true, true), (false, false, false), (true, true, true)]
        {
            let all = InForce::of([system(&seal(weak)), user(&seal(strong))]);
            for demanded in [all.require_seal, all.refuse_unsigned] {
                let demanded = demanded.expect("it was set");
                assert_eq!(demanded.value, expected, "{weak} {strong}");
                assert_eq!(matches!(demanded.origin, Origin::System(_)), weak);
            }
        }
        assert_eq!(InForce::of([system("")]).require_seal, None);
    }
}
