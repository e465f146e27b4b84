//! Which name an image gets at the target.
//!
//! By default the source's path, below the prefix of the target. `--keep-host` puts the source's host before it as one
//! more component; a `SRC=DST` rule replaces everything up to `SRC` by `DST`, and the narrowest one counts. Everything
//! that leads to a name is decided before anything is pushed, so that two sources never meet in one repository.

use bundle_oci::host_name::canonical;
use bundle_oci::reference::{is_host, is_path};
use bundle_oci::text::bounded;
use bundle_oci::{Repository, reference::ReferenceError};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// How sources become names at a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// `host[:port]` of the target.
    pub host: String,
    /// Path below which everything goes.
    pub prefix: Option<String>,
    /// What becomes of the source's host.
    pub source_host: SourceHost,
    /// Exceptions, in any order.
    pub rules: Vec<MapRule>,
}

/// What becomes of the source's host in a name at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceHost {
    /// It is left out: `quay.io/org/app` becomes `TARGET/org/app`.
    #[default]
    LeftOut,
    /// It is the first component: `TARGET/quay.io/org/app`. In lower case and without a default port, with `_` before
    /// another one, because no path has a colon and no host has an underscore: so two hosts never become one component,
    /// and one host never becomes two.
    FirstComponent,
}

/// `SRC=DST`: sources at or below `SRC` go to `DST` and what followed, below the target's prefix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MapRule {
    source: String,
    target: String,
}

/// The text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a mapping: {why}")]
pub struct MapRuleError {
    text: String,
    why: &'static str,
}

/// A source has no name at the target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// The name would be too long.
    #[error("{repository} has no name at the target")]
    Name {
        /// The source.
        repository: Repository,
        /// Why not.
        #[source]
        why: ReferenceError,
    },
    /// An IPv6 address is no component of a path.
    #[error("the host of {0} cannot stand in a path, it needs a mapping of its own")]
    Host(Repository),
    /// Two rules for the same source.
    #[error("{source_prefix:?} is mapped twice, to {first:?} and to {second:?}")]
    Twice {
        /// The source of both rules.
        source_prefix: String,
        /// One target.
        first: String,
        /// The other one.
        second: String,
    },
    /// Sources that would become one repository.
    #[error("{}", collisions(.0))]
    Collisions(Vec<Collision>),
}

/// Two sources or more with one name at the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    /// The name that they would share.
    pub target: Repository,
    /// The sources, sorted.
    pub sources: Vec<Repository>,
}

/// Most collisions that one message names.
const NAMED: usize = 5;

fn collisions(all: &[Collision]) -> String {
    let named = all.iter().take(NAMED).map(|collision| {
        let sources: Vec<_> =
            collision.sources.iter().take(NAMED).map(ToString::to_string).collect();
        let all = if sources.len() == 2 { "both" } else { "all" };
        format!("{} would {all} become {}", sources.join(" and "), collision.target)
    });
    let mut text = named.collect::<Vec<_>>().join("; ");
    if all.len() > NAMED {
        text.push_str(&format!("; and {} more", all.len() - NAMED));
    }
    text
}

impl Mapping {
    /// Everything goes below the target's host, under the path that it has.
    pub fn to_host(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            prefix: None,
            source_host: SourceHost::LeftOut,
            rules: Vec::new(),
        }
    }

    /// Refuses rules that contradict each other, whether or not a source has need of them.
    ///
    /// # Errors
    /// [`MappingError::Twice`].
    pub fn check(&self) -> Result<(), MappingError> {
        let mut known: BTreeMap<&str, &MapRule> = BTreeMap::new();
        for rule in &self.rules {
            let first = known.entry(rule.source()).or_insert(rule);
            if first.target != rule.target {
                return Err(twice(first, rule));
            }
        }
        Ok(())
    }

    /// The repository that `source` goes to.
    ///
    /// # Errors
    /// [`MappingError::Name`], [`MappingError::Host`], [`MappingError::Twice`].
    pub fn target(&self, source: &Repository) -> Result<Repository, MappingError> {
        let path = match self.rule_for(source)? {
            Some((rule, rest)) => format!("{}{rest}", rule.target),
            None if self.source_host == SourceHost::FirstComponent => {
                let host = canonical(source.host()).replacen(':', "_", 1);
                if !is_path(&host) {
                    return Err(MappingError::Host(source.clone()));
                }
                format!("{host}/{}", source.path())
            }
            None => source.path().to_owned(),
        };
        let path = self.prefix.iter().map(String::as_str).chain([path.as_str()]);
        Repository::new(&self.host, &path.collect::<Vec<_>>().join("/"))
            .map_err(|why| MappingError::Name { repository: source.clone(), why })
    }

    /// The names of all `sources`: source by target.
    ///
    /// # Errors
    /// As [`Self::target`]; [`MappingError::Collisions`] names every one.
    pub fn targets<'s>(
        &self,
        sources: impl IntoIterator<Item = &'s Repository>,
    ) -> Result<BTreeMap<Repository, Repository>, MappingError> {
        let mut by_target: BTreeMap<Repository, Vec<Repository>> = BTreeMap::new();
        for source in sources {
            let known = by_target.entry(self.target(source)?).or_default();
            if !known.contains(source) {
                known.push(source.clone());
            }
        }
        let (single, several): (Vec<_>, Vec<_>) =
            by_target.into_iter().partition(|(_, sources)| sources.len() == 1);
        if several.is_empty() {
            let pair = |(target, mut sources): (_, Vec<_>)| sources.pop().map(|one| (target, one));
            return Ok(single.into_iter().filter_map(pair).collect());
        }
        let collision = |(target, mut sources): (_, Vec<Repository>)| {
            sources.sort();
            Collision { target, sources }
        };
        Err(MappingError::Collisions(several.into_iter().map(collision).collect()))
    }

    /// True when a rule names where `source` goes: then somebody has decided that, and it is no accident.
    pub fn is_explicit(&self, source: &Repository) -> bool {
        matches!(self.rule_for(source), Ok(Some(_)))
    }

    /// The narrowest rule for `source`, and what follows its prefix there.
    fn rule_for(&self, source: &Repository) -> Result<Option<(&MapRule, String)>, MappingError> {
        let name = format!("{}/{}", canonical(source.host()), source.path());
        let mut found: Option<(&MapRule, String)> = None;
        for rule in &self.rules {
            let Some(rest) = name.strip_prefix(&rule.source) else { continue };
            if !rest.is_empty() && !rest.starts_with('/') {
                continue;
            }
            match &found {
                Some((known, _)) if known.source == rule.source && known.target != rule.target => {
                    return Err(twice(known, rule));
                }
                Some((known, _)) if known.source.len() >= rule.source.len() => {}
                _ => found = Some((rule, rest.to_owned())),
            }
        }
        Ok(found)
    }
}

fn twice(first: &MapRule, second: &MapRule) -> MappingError {
    MappingError::Twice {
        source_prefix: first.source.clone(),
        first: first.target.clone(),
        second: second.target.clone(),
    }
}

impl MapRule {
    /// What it is for: `host[:port]`, or that and a path.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Where that goes, below the target's prefix.
    pub fn target(&self) -> &str {
        &self.target
    }
}

impl FromStr for MapRule {
    type Err = MapRuleError;

    fn from_str(text: &str) -> Result<Self, MapRuleError> {
        let refuse = |why| MapRuleError { text: bounded(text), why };
        let (source, target) =
            text.split_once('=').ok_or_else(|| refuse("expected SOURCE=PATH"))?;
        let (host, path) = match source.split_once('/') {
            Some((host, path)) => (host, Some(path)),
            None => (source, None),
        };
        // As everywhere, a first component that is plainly no host would mean docker.io: here it has to be said.
        let is_full = host.contains(['.', ':', '[']) || host == "localhost";
        if !is_host(host) || !is_full || path.is_some_and(|path| !is_path(path)) {
            return Err(refuse(
                "the source is a full name: HOST, HOST/NAMESPACE or HOST/REPOSITORY",
            ));
        }
        if !is_path(target) {
            return Err(refuse("the target is a path below that of the registry, without a host"));
        }
        let host = match canonical(host).as_str() {
            "index.docker.io" => "docker.io".to_owned(),
            host => host.to_owned(),
        };
        let source = std::iter::once(host.as_str()).chain(path).collect::<Vec<_>>().join("/");
        Ok(Self { source, target: target.to_owned() })
    }
}

impl fmt::Display for MapRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.source, self.target)
    }
}

#[cfg(test)]
mod tests;
