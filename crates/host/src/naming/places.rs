//! Which sources a place at the target is shared by: the names of [`Mapping`] read backwards.

use super::mapping::{Mapping, SourceHost};
use bundle_oci::Repository;
use bundle_trust::{Place, Places, SharedPath};
use std::collections::BTreeSet;

impl Places for Mapping {
    /// A source without a name at the target is not published; its place is that of its path.
    fn place_of(&self, source: &Repository) -> Place {
        let Ok(target) = self.target(source) else { return Place::unknown(source) };
        let path = match &self.prefix {
            Some(prefix) => target.path().strip_prefix(prefix.as_str()).unwrap_or(target.path()),
            None => target.path(),
        };
        let path = path.trim_start_matches('/');
        let goes_there = |other: &Repository| self.target(other).as_ref() == Ok(&target);
        let mut others = self.by_rules(path);
        let mut shared = None;
        match self.source_host {
            SourceHost::FirstComponent => others.extend(by_first_component(path)),
            SourceHost::LeftOut => {
                let hosts: BTreeSet<&str> =
                    self.rules.iter().map(|rule| host_of(rule.source())).collect();
                let elsewhere = hosts.into_iter().filter(|host| {
                    Repository::new(host, path).is_ok_and(|other| !goes_there(&other))
                });
                let not_from = elsewhere.map(str::to_owned).collect();
                let is_given = self.is_explicit(source);
                shared = Some(SharedPath { path: path.to_owned(), not_from, is_given });
            }
        }
        others.retain(goes_there);
        Place::shared(target.to_string(), others, shared)
    }
}

impl Mapping {
    /// What rules could bring to `path`.
    fn by_rules(&self, path: &str) -> Vec<Repository> {
        let sources = self.rules.iter().filter_map(|rule| {
            let rest = path.strip_prefix(rule.target())?;
            let name = match rest.is_empty() || rest.starts_with('/') {
                true => format!("{}{rest}", rule.source()),
                false => return None,
            };
            let (host, path) = name.split_once('/')?;
            Repository::new(host, path).ok()
        });
        sources.collect()
    }
}

/// The source whose host is the first component of `path`.
fn by_first_component(path: &str) -> Option<Repository> {
    let (host, path) = path.split_once('/')?;
    Repository::new(&host.replacen('_', ":", 1), path).ok()
}

fn host_of(source: &str) -> &str {
    source.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(source: &str, source_host: SourceHost, rules: &[&str]) -> Place {
        let mapping = Mapping {
            prefix: Some("m".into()),
            source_host,
            rules: rules.iter().map(|rule| rule.parse().expect("a rule")).collect(),
            ..Mapping::to_host("r.example")
        };
        mapping.place_of(&source.parse().expect("a repository"))
    }

    fn shared(target: &str, others: &[&str], path: Option<(&str, &[&str])>) -> Place {
        let others = others.iter().map(|other| other.parse().expect("a repository")).collect();
        let path = path.map(|(path, hosts)| SharedPath {
            path: path.to_owned(),
            not_from: hosts.iter().map(|&host| host.to_owned()).collect(),
            is_given: false,
        });
        Place::shared(format!("r.example/m/{target}"), others, path)
    }

    #[test]
    fn a_place_is_shared_by_what_the_names_bring_there() {
        use SourceHost::{FirstComponent, LeftOut};
        let rules = ["quay.io=q", "quay.io/org=ours", "b.example/q/x=q/x"];
        for (source, host, rules, expected) in [
            ("a.example/org/app", LeftOut, &[][..], shared("org/app", &[], Some(("org/app", &[])))),
            // What a rule takes elsewhere is not there.
            (
                "a.example/org/app",
                LeftOut,
                &rules,
                shared("org/app", &[], Some(("org/app", &["quay.io"]))),
            ),
            (
                "a.example/q/x",
                LeftOut,
                &rules,
                shared("q/x", &["quay.io/x", "b.example/q/x"], Some(("q/x", &["quay.io"]))),
            ),
            // A narrower rule takes it away from the wider one.
            (
                "a.example/q/org/x",
                LeftOut,
                &rules,
                shared("q/org/x", &[], Some(("q/org/x", &["quay.io"]))),
            ),
            (
                "a.example/ours/x",
                FirstComponent,
                &rules,
                shared("a.example/ours/x", &["a.example/ours/x"], None),
            ),
            (
                "a.example:5000/x",
                FirstComponent,
                &["b.example=a.example_5000"],
                shared("a.example_5000/x", &["b.example/x", "a.example:5000/x"], None),
            ),
        ] {
            assert_eq!(place(source, host, rules), expected, "{source}");
        }
    }

    #[test]
    fn a_source_without_a_name_has_the_place_of_its_path() {
        let source = "[::1]:5000/app";
        let expected = Place::unknown(&source.parse().expect("a repository"));
        assert_eq!(place(source, SourceHost::FirstComponent, &[]), expected);
    }
}
