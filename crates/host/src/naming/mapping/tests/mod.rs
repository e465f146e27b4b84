//! Names at the target, and the places that they are.

mod places;
mod policies;

use super::*;

fn repository(text: &str) -> Repository {
    text.parse().expect("a repository")
}

fn mapping(prefix: &str, source_host: SourceHost, rules: &[&str]) -> Mapping {
    Mapping {
        host: "r.example:5000".into(),
        prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
        source_host,
        rules: rules.iter().map(|rule| rule.parse().expect("a rule")).collect(),
    }
}

#[test]
fn names_follow_path_host_and_rules() {
    use SourceHost::{FirstComponent, LeftOut};
    let rules = ["quay.io=q", "quay.io/org=ours/org", "quay.io/org/app=one", "docker.io=hub"];
    for (prefix, host, rules, source, expected) in [
        ("", LeftOut, &[][..], "quay.io/org/app", "org/app"),
        ("a/b", LeftOut, &[], "quay.io/org/app", "a/b/org/app"),
        ("", FirstComponent, &[], "quay.io/org/app", "quay.io/org/app"),
        ("m", FirstComponent, &[], "Quay.io:8443/org/app", "m/quay.io_8443/org/app"),
        ("m", FirstComponent, &[], "alpine", "m/docker.io/library/alpine"),
        ("m", LeftOut, &rules, "quay.io/org/app", "m/one"),
        ("m", LeftOut, &rules, "quay.io/org/app/sub", "m/one/sub"),
        ("m", LeftOut, &rules, "quay.io/org/app2", "m/ours/org/app2"),
        ("m", FirstComponent, &rules, "quay.io/orgs/app", "m/q/orgs/app"),
        ("m", LeftOut, &rules, "QUAY.io/org/app", "m/one"),
        ("m", FirstComponent, &rules, "quay.io.example/org/app", "m/quay.io.example/org/app"),
        ("m", FirstComponent, &rules, "quay.io:444/org/app", "m/quay.io_444/org/app"),
        // However a host is written, it is that host.
        ("m", FirstComponent, &rules, "quay.io:443/org/app", "m/one"),
        ("m", FirstComponent, &[], "QUAY.io:0443/org/app", "m/quay.io/org/app"),
        ("", LeftOut, &rules, "alpine", "hub/library/alpine"),
    ] {
        let mapping = mapping(prefix, host, rules);
        let target = mapping.target(&repository(source)).map(|target| target.to_string());
        assert_eq!(target, Ok(format!("r.example:5000/{expected}")), "{source}");
    }
}

#[test]
fn what_cannot_be_named_is_an_error() {
    let keep = mapping("", SourceHost::FirstComponent, &["[::1]:5000/mapped=v6"]);
    let six = repository("[::1]:5000/app");
    assert_eq!(keep.target(&six), Err(MappingError::Host(six)));
    assert!(keep.target(&repository("[::1]:5000/mapped/app")).is_ok());
    let long = mapping(&"a".repeat(240), SourceHost::LeftOut, &[]);
    assert!(matches!(long.target(&repository("quay.io/org")), Err(MappingError::Name { .. })));
    let twice = mapping("", SourceHost::LeftOut, &["quay.io/a=x", "quay.io/a=y"]);
    assert!(matches!(twice.target(&repository("quay.io/a/b")), Err(MappingError::Twice { .. })));
    assert!(twice.target(&repository("quay.io/b")).is_ok());
    assert!(matches!(twice.check(), Err(MappingError::Twice { .. })));
    assert_eq!(keep.check(), Ok(()));
    let same = mapping("", SourceHost::LeftOut, &["quay.io/a=x", "quay.io/a=x"]);
    assert!(same.target(&repository("quay.io/a/b")).is_ok());
    assert_eq!(same.check(), Ok(()));
}

#[test]
fn rules_are_full_names_and_bare_paths() {
    for text in ["quay.io=a", "quay.io/org=a/b", "localhost:5000/x=y", "INDEX.docker.io/a=b"] {
        assert!(text.parse::<MapRule>().is_ok(), "{text}");
    }
    let rule: MapRule = "INDEX.docker.io/a=b".parse().expect("a rule");
    assert_eq!(rule.to_string(), "docker.io/a=b");
    for text in [
        "",
        "=",
        "quay.io",
        "quay.io=",
        "=a",
        "org/app=a",
        "quay.io/=a",
        "quay.io/A=a",
        "quay.io=A",
        "quay.io=/a",
        "quay.io=a/",
        "quay.io=r.example:5000/a",
        "quay.io/a:1=b",
        "quay.io=a=b",
        "quay.io=..",
        "*.io=a",
    ] {
        assert!(text.parse::<MapRule>().is_err(), "{text}");
    }
    let long = format!("{}=b", "a".repeat(100_000)).parse::<MapRule>().expect_err("refused");
    assert!(long.to_string().len() < 600);
}

#[test]
fn sources_that_would_meet_are_all_named() {
    let plain = mapping("", SourceHost::LeftOut, &[]);
    let sources = [
        "quay.io/a",
        "docker.io/x/a",
        "r.redhat.com/a",
        "r.redhat.com/b",
        "quay.io/b",
        "quay.io/c",
    ]
    .map(repository);
    let Err(MappingError::Collisions(found)) = plain.targets(&sources) else {
        panic!("they collide")
    };
    let names: Vec<_> = found.iter().map(|one| (one.target.path(), one.sources.len())).collect();
    assert_eq!(names, [("a", 2), ("b", 2)]);
    let said = MappingError::Collisions(found).to_string();
    assert!(
        said.contains("quay.io/b and r.redhat.com/b would both become r.example:5000/b"),
        "{said}"
    );

    let kept = mapping("", SourceHost::FirstComponent, &[]);
    assert_eq!(kept.targets(&sources).map(|names| names.len()), Ok(6));
    assert_eq!(plain.targets([&sources[0], &sources[0]]).map(|names| names.len()), Ok(1));
    let apart = mapping("", SourceHost::LeftOut, &["r.redhat.com=redhat"]);
    assert!(apart.targets(&sources).is_ok());
    let again = mapping("", SourceHost::LeftOut, &["r.redhat.com=x", "quay.io=x"]);
    assert!(matches!(again.targets(&sources), Err(MappingError::Collisions(_))));
}

#[test]
fn hosts_and_ports_never_become_one_component() {
    let kept = mapping("", SourceHost::FirstComponent, &[]);
    let sources = ["quay.io:50/a", "quay.io-50/a", "quay.io/50/a", "quay.io.50/a"].map(repository);
    assert_eq!(kept.targets(&sources).map(|names| names.len()), Ok(4));
}

#[test]
fn a_rule_makes_a_name_explicit() {
    let mapping = mapping("", SourceHost::LeftOut, &["quay.io/a=x"]);
    assert!(mapping.is_explicit(&repository("quay.io/a/b")));
    assert!(!mapping.is_explicit(&repository("quay.io/ab")));
}

#[test]
fn another_name_of_a_host_is_that_host_and_no_beginning_of_one() {
    for (text, source) in [
        ("Quay.io:443/org=q", "quay.io/org"),
        ("index.docker.io=hub", "docker.io"),
        ("Index.Docker.io/org=hub", "docker.io/org"),
        ("index.docker.io.evil.example=hub", "index.docker.io.evil.example"),
        ("index.docker.io:5000/org=hub", "index.docker.io:5000/org"),
    ] {
        assert_eq!(text.parse::<MapRule>().expect("a rule").source(), source, "{text}");
    }
}
