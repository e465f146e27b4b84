//! Which list applies.

use super::policy;
use bundle_oci::Reference;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A policy with these scopes of `docker`, and a few of another transport that must never apply.
fn with(scopes: &[&str]) -> String {
    let list = r#"[{"type":"reject"}]"#;
    let scopes: Vec<String> = scopes.iter().map(|scope| format!(r#""{scope}":{list}"#)).collect();
    format!(
        r#"{{"default":{list},"transports":{{"docker":{{{}}},"docker-daemon":{{"":{list},"quay.io/org/app":{list}}},"atomic":{{"":{list}}}}}}}"#,
        scopes.join(",")
    )
}

/// The places that apply to `source` when the policy has `scopes`.
fn places(scopes: &[&str], source: &str) -> String {
    let text = with(scopes);
    let source: Reference = source.parse().expect("a reference");
    policy(&text).requirements_for(&source).places()
}

fn docker(scope: &str) -> String {
    format!("transports.docker[{scope:?}]")
}

#[test]
fn the_narrowest_scope_applies_alone() {
    // From narrow to wide; leaving out the first ones lets the next apply.
    let order = [
        "registry.a.example:5000/org/team/app:1",
        "registry.a.example:5000/org/team/app",
        "registry.a.example:5000/org/team",
        "registry.a.example:5000/org",
        "registry.a.example:5000",
        "*.a.example",
        "*.example",
        "",
    ];
    for start in 0..order.len() {
        let found = places(&order[start..], "registry.a.example:5000/org/team/app:1");
        assert_eq!(found, docker(order[start]));
    }
    assert_eq!(places(&[], "registry.a.example:5000/org/team/app:1"), "default");
}

#[test]
fn scopes_are_compared_whole_by_normalised_names() {
    let pinned = format!("quay.io/org/app@sha256:{HEX}");
    for (scope, source) in [
        ("docker.io/library/alpine:3", "alpine:3"),
        ("docker.io/library/alpine", "index.docker.io/alpine:3"),
        ("docker.io/library", "alpine:3"),
        ("docker.io", "alpine:3"),
        ("quay.io/org/app:latest", "quay.io/org/app"),
        (&pinned, &pinned),
        ("*.example", "a.b.example/x:1"),
        ("localhost", "localhost/a:1"),
        ("[::1]:5000", "[::1]:5000/a:1"),
    ] {
        assert_eq!(places(&[scope], source), docker(scope), "{source}");
    }
    for (scope, source) in [
        ("alpine", "alpine:3"),
        ("library", "alpine:3"),
        ("index.docker.io/library/alpine", "index.docker.io/alpine:3"),
        ("docker.io/alpine", "alpine:3"),
        ("quay.io/org", "quay.io/org-evil/app:1"),
        ("quay.io/org/", "quay.io/org/app:1"),
        ("quay.io/org/*", "quay.io/org/app:1"),
        ("quay.io", "quay.io:8443/org/app:1"),
        ("quay.io:443", "quay.io/org/app:1"),
        ("quay.io/org/app:1", "quay.io/org/app:2"),
        ("quay.io/org/app:1", pinned.as_str()),
        (pinned.as_str(), "quay.io/org/app:1"),
        ("*.example", "example/x:1"),
        ("*.example:5000", "a.example:5000/x:1"),
        ("*.io", "quay.io.evil.example/x:1"),
        ("*", "quay.io/org/app:1"),
        ("default", "quay.io/org/app:1"),
    ] {
        assert_eq!(places(&[scope], source), "default", "{scope} for {source}");
    }
}

#[test]
fn reference_with_tag_and_digest_needs_the_scopes_of_both() {
    let both = format!("quay.io/org/app:prod@sha256:{HEX}");
    let pinned = format!("quay.io/org/app@sha256:{HEX}");
    // A wide permission for what is not tagged `prod` must not admit something under that tag.
    let found = places(&["quay.io/org/app:prod", "quay.io/org/app"], &both);
    assert_eq!(
        found,
        format!("{} and {}", docker("quay.io/org/app:prod"), docker("quay.io/org/app"))
    );
    let found = places(&["quay.io/org/app:prod", &pinned], &both);
    assert_eq!(found, format!("{} and {}", docker("quay.io/org/app:prod"), docker(&pinned)));
    assert_eq!(places(&["quay.io/org/app"], &both), docker("quay.io/org/app"));

    let text = with(&["quay.io/org/app"]);
    let policy = policy(&text);
    let source: Reference = both.parse().expect("a reference");
    let applicable = policy.requirements_for(&source);
    let names: Vec<String> =
        applicable.parts().iter().map(|part| part.source().to_string()).collect();
    assert_eq!(names, ["quay.io/org/app:prod", &pinned]);
}

#[test]
fn the_spelling_of_a_host_moves_no_image_out_of_a_scope() {
    let scoped = docker("quay.io/org");
    assert_eq!(places(&["quay.io/org"], "QUAY.io/org/app:1"), format!("default and {scoped}"));
    for spelling in ["quay.io:443", "Quay.io:0443", "quay.io:80"] {
        let found = places(&["quay.io/org"], &format!("{spelling}/org/app:1"));
        assert_eq!(found, format!("default and {scoped}"), "{spelling}");
    }
    for spelling in ["INDEX.docker.io/alpine:1", "registry-1.docker.io/library/alpine:1"] {
        let found = places(&["docker.io/library"], spelling);
        assert_eq!(found.matches(" and ").count(), 1, "{spelling}");
    }
    // The scope as it is written applies as in the stack.
    let own = docker("QUAY.io");
    let found = places(&["QUAY.io", "quay.io/org"], "QUAY.io/org/app:1");
    assert_eq!(found, format!("{own} and {scoped}"));
    // Where nothing differs, nothing is demanded twice.
    let text = with(&["*.example"]);
    let policy = policy(&text);
    let source: Reference = "A.example/x:T".parse().expect("a reference");
    assert_eq!(policy.requirements_for(&source).parts().len(), 1);
    // In a scope's text the case matters, as in the stack.
    assert_eq!(places(&["Quay.io"], "quay.io/org/app:1"), "default");
}
