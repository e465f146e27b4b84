//! Where images go, and which name each gets there.

use crate::host::naming::{Collision, MapRule, Mapping, MappingError, SourceHost};
use crate::oci::host_name::registry;
use crate::oci::reference::{is_host, is_path};
use crate::oci::{Reference, Repository};
use crate::trust::{Place, Places};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where images go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A registry, and how sources are called there.
    Registry(Mapping),
    /// An OCI image layout directory, made when it is not there. Entries have the source's full reference.
    Layout(PathBuf),
}

const EXPECTED: &str = "expected REGISTRY[/PREFIX] or oci:DIRECTORY";

/// The text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a target: {why}")]
pub struct TargetError {
    /// What was given, bounded.
    text: String,
    why: &'static str,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let refuse = |why| TargetError { text: text.chars().take(300).collect(), why };
        if let Some(directory) = text.strip_prefix("oci:") {
            return match directory.is_empty() {
                true => Err(refuse(EXPECTED)),
                false => Ok(Self::Layout(directory.into())),
            };
        }
        if text.contains("://") {
            return Err(refuse("write the registry without a scheme"));
        }
        let (host, prefix) = match text.split_once('/') {
            Some((host, prefix)) => (host, Some(prefix)),
            None => (text, None),
        };
        if !is_host(host) {
            return Err(refuse(EXPECTED));
        }
        if text.ends_with('/') {
            return Err(refuse("leave out the slash at its end"));
        }
        if prefix.is_some_and(|prefix| !is_path(prefix)) {
            return Err(refuse(
                "a prefix has lower-case letters, digits and single . _ __ - between them, and no tag",
            ));
        }
        Ok(Self::Registry(Mapping { prefix: prefix.map(str::to_owned), ..Mapping::to_host(host) }))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(Mapping { host, prefix: None, .. }) => f.write_str(host),
            Self::Registry(Mapping { host, prefix: Some(prefix), .. }) => {
                write!(f, "{host}/{prefix}")
            }
            Self::Layout(directory) => write!(f, "oci:{}", directory.display()),
        }
    }
}

impl Target {
    /// The same registry with other names: what becomes of the source's host, and exceptions. A layout directory keeps
    /// the full names whatever is said.
    ///
    /// # Errors
    /// [`MappingError::Twice`] when one source is mapped to two places.
    pub fn with_names(
        self,
        source_host: SourceHost,
        rules: Vec<MapRule>,
    ) -> Result<Self, MappingError> {
        let Self::Registry(mapping) = self else { return Ok(self) };
        let mapping = Mapping { source_host, rules, ..mapping };
        mapping.check()?;
        Ok(Self::Registry(mapping))
    }

    /// How sources are called at a registry; `None` for a layout directory.
    pub fn mapping(&self) -> Option<&Mapping> {
        match self {
            Self::Registry(mapping) => Some(mapping),
            Self::Layout(_) => None,
        }
    }

    /// The repositories that the content of `sources` goes to: target by source.
    ///
    /// # Errors
    /// [`MappingError`]: a source has no name there, or two would get the same one.
    pub(super) fn repositories<'s>(
        &self,
        sources: impl IntoIterator<Item = &'s Repository>,
    ) -> Result<BTreeMap<Repository, Repository>, MappingError> {
        match self {
            Self::Registry(mapping) => {
                let by_target = mapping.targets(sources)?;
                Ok(by_target.into_iter().map(|(target, source)| (source, target)).collect())
            }
            Self::Layout(_) => {
                let sources: Vec<&Repository> = sources.into_iter().collect();
                check_spellings(sources.iter().copied())?;
                Ok(sources.into_iter().map(|s| (s.clone(), s.clone())).collect())
            }
        }
    }
}

impl Places for Target {
    fn place_of(&self, source: &Repository) -> Place {
        match self {
            Self::Registry(mapping) => mapping.place_of(source),
            Self::Layout(_) => Place::of_its_own(source),
        }
    }
}

/// Sources whose names only the spelling of a host tells apart would be one for whoever reads them.
fn check_spellings<'s>(
    sources: impl IntoIterator<Item = &'s Repository>,
) -> Result<(), MappingError> {
    let mut known: BTreeMap<(String, &str), BTreeSet<&Repository>> = BTreeMap::new();
    for source in sources {
        known.entry((registry(source.host()), source.path())).or_default().insert(source);
    }
    let several = known.into_values().filter(|spellings| spellings.len() > 1);
    let collisions: Vec<Collision> = several
        .filter_map(|spellings| {
            let target = (*spellings.first()?).clone();
            Some(Collision { target, sources: spellings.into_iter().cloned().collect() })
        })
        .collect();
    match collisions.is_empty() {
        true => Ok(()),
        false => Err(MappingError::Collisions(collisions)),
    }
}

/// The name under which an image is published, as people write it.
pub(super) fn published_as(repository: &Repository, source: &Reference, target: &Target) -> String {
    match (target, source.tag(), source.digest()) {
        (Target::Layout(_), ..) => source.to_string(),
        (Target::Registry(_), Some(tag), _) => format!("{repository}:{tag}"),
        (Target::Registry(_), None, Some(digest)) => format!("{repository}@{digest}"),
        (Target::Registry(_), None, None) => repository.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::reference::is_attachment_tag;

    #[test]
    fn targets_read_back_and_others_are_refused() {
        for text in ["r.example:5000", "r.example/a/b", "127.0.0.1:5000/x", "[::1]:5000", "oci:/d"]
        {
            assert_eq!(text.parse::<Target>().map(|t| t.to_string()), Ok(text.into()));
        }
        for text in ["", "oci:", "https://r.example", "r.example/", "r.example/A", "r.example/a:b"]
        {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_target_is_said() {
        for (text, why) in [
            ("https://r.example", "scheme"),
            ("docker://r.example/a", "scheme"),
            ("r.example/", "slash"),
            ("r.example/a/", "slash"),
            ("r.example/A", "lower-case"),
            ("r.example/a:1", "no tag"),
            ("/", "REGISTRY[/PREFIX]"),
        ] {
            let error = text.parse::<Target>().expect_err(text).to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn names_at_a_registry_follow_the_mapping() {
        let source = Repository::new("quay.io", "org/app").expect("a name");
        let name = |target: &Target| {
            let all = target.repositories([&source]).expect("names");
            all[&source].to_string()
        };
        for (target, expected) in [
            ("r.example:5000", "r.example:5000/org/app"),
            ("r.example/mirror/quay", "r.example/mirror/quay/org/app"),
            ("oci:somewhere", "quay.io/org/app"),
        ] {
            assert_eq!(name(&target.parse().expect("a target")), expected);
        }
        let long: Target = format!("r.example/{}", "a".repeat(240)).parse().expect("a target");
        assert!(long.repositories([&source]).is_err());

        let named = |target: &str, rules: &[&str]| {
            let rules = rules.iter().map(|rule| rule.parse().expect("a rule")).collect();
            let target: Target = target.parse().expect("a target");
            target.with_names(SourceHost::FirstComponent, rules)
        };
        let kept = named("r.example/m", &[]).expect("a target");
        assert_eq!(name(&kept), "r.example/m/quay.io/org/app");
        assert_eq!(kept.to_string(), "r.example/m", "as it was given");
        let mapped = named("r.example/m", &["quay.io/org=o"]).expect("a target");
        assert_eq!(name(&mapped), "r.example/m/o/app");
        let layout = named("oci:somewhere", &["quay.io/org=o"]).expect("a target");
        assert_eq!(name(&layout), "quay.io/org/app");
        let twice = named("r.example", &["docker.io=a", "quay.io=x", "docker.io=b"]);
        assert!(matches!(twice, Err(MappingError::Twice { .. })), "{twice:?}");
    }

    #[test]
    fn tags_of_attachments_are_no_images() {
        let hex = "0".repeat(64);
        for tag in [format!("sha256-{hex}"), format!("sha256-{hex}.sig"), format!("sha256-{hex}.x")]
        {
            assert!(is_attachment_tag(&tag), "{tag}");
        }
        for tag in ["1.0", "sha256-abc", "sha256", &format!("x-sha256-{hex}")] {
            assert!(!is_attachment_tag(tag), "{tag}");
        }
    }
}
