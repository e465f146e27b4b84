use super::*;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn scope(text: &str) -> Scope {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn pattern(text: &str) -> Pattern {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn reference(text: &str) -> Reference {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_scope_covers_what_lies_within_and_nothing_beside() {
    let pinned = format!("quay.io/org/repo@sha256:{HEX}");
    let other = format!("quay.io/org/repo@sha256:{}", HEX.replace('e', "0"));
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("*", &["quay.io/a:1", "[::1]:5000/a:1"], &[]),
        ("", &["alpine:3"], &[]),
        (
            "quay.io",
            &["quay.io/a:1", "quay.io/a/b:1", "QUAY.io/a:1", "quay.io:443/a:1"],
            &["quay.io:8443/a:1", "a.quay.io/a:1", "quay.iox/a:1"],
        ),
        ("quay.io:443", &["quay.io:443/a:1", "quay.io/a:1"], &["quay.io:4430/a:1"]),
        ("registry:5000/", &["registry:5000/a:1"], &["registry:5001/a:1"]),
        ("localhost:5000", &["localhost:5000/a:1"], &["localhost/a:1"]),
        ("[::1]:5000", &["[::1]:5000/a:1"], &["[::1]/a:1"]),
        (
            "*.example.com",
            &["a.example.com/x:1", "a.b.example.com/x:1"],
            &[
                "example.com/x:1",
                "evilexample.com/x:1",
                "a.example.com:5000/x:1",
                "a.example.com.evil/x:1",
            ],
        ),
        ("*.example.com:5000", &["a.example.com:5000/x:1"], &["a.example.com/x:1"]),
        (
            "quay.io/org",
            &["quay.io/org:1", "quay.io/org/repo:1", "quay.io/org/a/b:1"],
            &["quay.io/org-evil/repo:1", "quay.io/orga:1", "quay.io/other/org:1"],
        ),
        (
            "quay.io/org/repo",
            &["quay.io/org/repo:1", &pinned],
            &["quay.io/org/repo-evil:1", "quay.io/org/rep:1", "quay.io:5000/org/repo:1"],
        ),
        (
            "quay.io/org/repo:*",
            &["quay.io:0443/org/repo:1", "QUAY.io/org/repo:2", &pinned],
            &["quay.io/org/repo/sub:1", "quay.io/org/repo-evil:1", "quay.io:5000/org/repo:1"],
        ),
        ("alpine:*", &["alpine:3"], &["docker.io/library/alpine/sub:3"]),
        (
            "quay.io/org/repo:1",
            &["quay.io/org/repo:1"],
            &["quay.io/org/repo:10", "quay.io/org/repo:2", "quay.io/org/repo/sub:1", &pinned],
        ),
        (&pinned, &[&pinned], &[&other, "quay.io/org/repo:1"]),
        ("alpine", &["alpine:3", "index.docker.io/library/alpine:3"], &["docker.io/org/alpine:3"]),
        ("alpine:v3", &["docker.io/library/alpine:v3"], &["alpine:v4"]),
        ("docker.io/alpine:3", &["docker.io/library/alpine:3"], &["docker.io/x/alpine:3"]),
        ("org/app", &["docker.io/org/app:1"], &["quay.io/org/app:1"]),
        (
            "index.docker.io",
            &["registry-1.docker.io/a/b:3", "docker.io/org/app:1"],
            &["quay.io/a:1"],
        ),
    ];
    for (text, inside, outside) in cases {
        for covered in *inside {
            assert!(scope(text).covers(&reference(covered)), "{text:?} covers {covered}");
        }
        for beside in *outside {
            assert!(!scope(text).covers(&reference(beside)), "{text:?} does not cover {beside}");
        }
        assert_eq!(scope(&scope(text).to_string()), scope(text), "{text:?} reads back");
    }
}

#[test]
fn what_is_malformed_or_ambiguous_is_refused() {
    for text in [
        "*.",
        "*.*",
        "*quay.io",
        "*.1.2.3",
        "quay.io/",
        "quay.io/a/",
        "quay.io//a",
        "Quay",
        "a b",
        "quay.io/*",
        "quay.io/A",
        "quay.io/a:",
        "quay.io/a@sha256:00",
        "quay.io:*",
        "quay.io/:*",
        "*:*",
        ":*",
        "quay.io/a:1:*",
        "quay.io/a:*:*",
        "quay.io/a\u{1b}",
        "https://quay.io",
    ] {
        let error = text.parse::<Scope>();
        let host_slash = text == "quay.io/";
        assert_eq!(error.is_ok(), host_slash, "{text:?}: {error:?}");
    }
    for text in ["registry:5000", "alpine:3", "docker.io/bitnami", "index.docker.io/x"] {
        let error = text.parse::<Scope>();
        assert!(matches!(error, Err(ScopeError::Ambiguous { .. })), "{text:?}: {error:?}");
    }
    let long = "a/".repeat(1 << 16);
    let error = long.parse::<Scope>().expect_err("long");
    assert!(error.to_string().len() < 600, "{}", error.to_string().len());
}

#[test]
fn what_was_recorded_is_never_read_as_more() {
    let recorded = |text: &str| Scope::recorded(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let exact = recorded("quay.io/org");
    assert!(exact.covers(&reference("quay.io/org:1")));
    assert!(scope("quay.io/org").covers(&reference("quay.io/org/repo:1")));
    assert!(!exact.covers(&reference("quay.io/org/repo:1")));
    assert_eq!(recorded(&exact.to_string()), exact, "{exact} reads back");
    assert_eq!(recorded("quay.io/org/repo:1"), scope("quay.io/org/repo:1"));
    assert!(Scope::recorded("Quay").is_err());
}

#[test]
fn patterns_are_scopes_and_names_below_a_namespace() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("*", &["quay.io/a:1"], &[]),
        ("quay.io/*", &["quay.io:443/a:1", "quay.io/a/b:1"], &["quay.io:8443/a:1"]),
        (
            "quay.io/org/*",
            &["quay.io/org/a:1", "quay.io/org/a/b:1"],
            &["quay.io/org:1", "quay.io/orga/b:1"],
        ),
        ("docker.io/bitnami/*", &["bitnami/nginx:1"], &["docker.io/library/bitnami:1"]),
        ("quay.io/org/a:1", &["quay.io/org/a:1"], &["quay.io/org/a:2"]),
    ];
    for (text, inside, outside) in cases {
        for covered in *inside {
            assert!(pattern(text).covers(&reference(covered)), "{text:?} covers {covered}");
        }
        for beside in *outside {
            assert!(!pattern(text).covers(&reference(beside)), "{text:?} does not cover {beside}");
        }
        assert_eq!(pattern(&pattern(text).to_string()), pattern(text), "{text:?} reads back");
    }
    for text in ["", "/*", "**", "a b/*", "quay.io/*/a", "quay.io/A/*"] {
        assert!(text.parse::<Pattern>().is_err(), "{text:?}");
    }
}

#[test]
fn scopes_are_ordered_from_everything_to_one_digest() {
    let digest = format!("quay.io/a/b@sha256:{HEX}");
    let order =
        ["*", "*.io", "*.quay.io", "quay.io", "quay.io/a", "quay.io/a/b", "quay.io/a/b:1", &digest];
    for pair in order.windows(2) {
        assert!(scope(pair[0]).specificity() < scope(pair[1]).specificity(), "{pair:?}");
    }
}
