//! Scopes as options gave them, held against the images that are there.
//!
//! A scope that covers nothing is a slip of the pen more often than an intention, and one that goes unnoticed switches
//! off what was asked for: `--key quay.io/orgg=K` verifies no image of `quay.io/org`.

use super::scope::{Pattern, Scope};
use crate::reading::text::bounded;
use bundle_oci::Reference;
use std::collections::BTreeSet;
use std::fmt;

/// Most names that a scope is compared with to find the nearest one.
const COMPARED: usize = 2_000;
/// Most bytes of a name that are compared.
const COMPARED_LENGTH: usize = 128;

/// A scope and the option that it was given with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenScope {
    option: &'static str,
    pattern: Pattern,
}

/// A scope that covers none of the images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdleScope {
    /// The option, with its dashes.
    pub option: &'static str,
    /// The scope, bounded.
    pub scope: String,
    /// The name among the images that it resembles most.
    pub nearest: Option<String>,
}

impl fmt::Display for IdleScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { option, scope, nearest } = self;
        write!(f, "{option}: the scope {scope} covers no image")?;
        match nearest {
            Some(nearest) => write!(f, "; the nearest name is {nearest}"),
            None => Ok(()),
        }
    }
}

impl GivenScope {
    /// The scope of an option such as `--key`.
    pub fn new(option: &'static str, scope: &Scope) -> Self {
        Self { option, pattern: Pattern::from(scope.clone()) }
    }

    /// The pattern of an option such as `--allow-unsigned`.
    pub fn of_pattern(option: &'static str, pattern: &Pattern) -> Self {
        Self { option, pattern: pattern.clone() }
    }
}

/// The scopes that cover none of the images, each once. `sources` come with their digests, as scopes may name these.
pub fn idle_scopes<'s>(
    given: &[GivenScope],
    sources: impl IntoIterator<Item = &'s Reference> + Clone,
) -> Vec<IdleScope> {
    let mut idle: Vec<IdleScope> = Vec::new();
    for GivenScope { option, pattern } in given {
        if sources.clone().into_iter().any(|source| pattern.covers(source)) {
            continue;
        }
        let scope = bounded(&pattern.to_string());
        if idle.iter().any(|known| known.option == *option && known.scope == scope) {
            continue;
        }
        let nearest = nearest(pattern, sources.clone());
        idle.push(IdleScope { option, scope, nearest });
    }
    idle
}

/// The name that resembles the pattern most: a host for a host, a repository for a repository, an image for an image.
fn nearest<'s>(
    pattern: &Pattern,
    sources: impl IntoIterator<Item = &'s Reference>,
) -> Option<String> {
    let name_of = |source: &Reference| match pattern.scope() {
        Scope::Everything => None,
        Scope::Domain(_) | Scope::Host(_) => Some(source.repository().host().to_owned()),
        Scope::Repository(_) | Scope::Exactly(_) => Some(source.repository().to_string()),
        Scope::Image(_) => Some(source.to_string()),
    };
    let names: BTreeSet<String> = sources.into_iter().filter_map(name_of).take(COMPARED).collect();
    let text = pattern.scope().to_string();
    names
        .into_iter()
        .min_by_key(|name| strsim::damerau_levenshtein(cut(&text), cut(part_like(&text, name))))
        .map(|name| bounded(&name))
}

/// The part of a name that a scope of this form is about: a scope also covers what lies below it, and a domain the hosts
/// before it.
fn part_like<'n>(scope: &str, name: &'n str) -> &'n str {
    if let Some(domain) = scope.strip_prefix("*.") {
        let labels = domain.split('.').count();
        return name.rmatch_indices('.').nth(labels - 1).map_or(name, |(at, _)| &name[at + 1..]);
    }
    let depth = scope.split('/').count();
    name.match_indices('/').nth(depth - 1).map_or(name, |(at, _)| &name[..at])
}

/// The start of a text that is compared: names are ASCII, whatever else would be is compared as far as it is.
fn cut(text: &str) -> &str {
    text.get(..COMPARED_LENGTH).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Vec<Reference> {
        ["quay.io/org/app:1.0", "quay.io/org/db:2.3", "registry.example.com/tools/cli:7"]
            .map(|text| text.parse().expect("reference"))
            .to_vec()
    }

    fn scope(text: &str) -> GivenScope {
        GivenScope::new("--key", &text.parse().expect("scope"))
    }

    #[test]
    fn scope_that_covers_an_image_is_not_idle() {
        for text in ["*", "quay.io", "quay.io/org", "quay.io/org/app", "quay.io/org/app:1.0"] {
            assert!(idle_scopes(&[scope(text)], &sources()).is_empty(), "{text}");
        }
        let pattern = GivenScope::of_pattern("--allow-unsigned", &"quay.io/*".parse().expect("it"));
        assert!(idle_scopes(&[pattern], &sources()).is_empty());
    }

    #[test]
    fn idle_scope_names_option_and_nearest_name() {
        for (text, nearest) in [
            ("quay.oi", "quay.io"),
            ("quay.io/orgg", "quay.io/org/app"),
            ("quay.io/org/bd", "quay.io/org/db"),
            ("quay.io/org/app:1.1", "quay.io/org/app:1.0"),
            ("*.example.org", "registry.example.com"),
            ("registry.example.com/tool", "registry.example.com/tools/cli"),
        ] {
            let idle = idle_scopes(&[scope(text)], &sources());
            let [idle] = idle.as_slice() else { panic!("{text}: {idle:?}") };
            assert_eq!((idle.option, idle.scope.as_str()), ("--key", text));
            assert_eq!(idle.nearest.as_deref(), Some(nearest), "{text}");
        }
    }

    #[test]
    fn pattern_below_a_repository_alone_is_idle_for_itself() {
        let pattern: Pattern = "quay.io/org/app/*".parse().expect("pattern");
        let idle = idle_scopes(&[GivenScope::of_pattern("--allow-unsigned", &pattern)], &sources());
        assert_eq!(idle.len(), 1);
        assert_eq!(idle[0].scope, "quay.io/org/app/*");
    }

    #[test]
    fn scope_given_twice_is_named_once() {
        let given = [scope("ghcr.io"), scope("ghcr.io")];
        assert_eq!(idle_scopes(&given, &sources()).len(), 1);
    }

    #[test]
    fn nearest_of_many_long_names_is_found_at_once() {
        let long = "a".repeat(120);
        let many: Vec<Reference> = (0..20_000)
            .map(|n| format!("quay.io/{long}/r{n}:1").parse().expect("reference"))
            .collect();
        let idle = idle_scopes(&[scope("ghcr.io/org")], &many);
        assert!(idle[0].nearest.is_some());
    }
}
