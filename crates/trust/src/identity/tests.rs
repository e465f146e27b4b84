use super::*;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const OTHER: &str = "f3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What a row expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Agrees,
    Other,
    NotTheConfigured,
    NameOnly,
    Unreadable,
    Remap,
}
use Expected::*;

fn outcome(result: Result<(), IdentityError>) -> Expected {
    match result {
        Ok(()) => Agrees,
        Err(IdentityError::Other { .. }) => Other,
        Err(IdentityError::NotTheConfigured { .. }) => NotTheConfigured,
        Err(IdentityError::NameOnly { .. }) => NameOnly,
        Err(IdentityError::Unreadable { .. }) => Unreadable,
        Err(IdentityError::Remap { .. }) => Remap,
    }
}

/// Checks rows of claimed, source, expected; `@` and `@!` at the end stand for two digests.
fn check(rule: &str, rows: &[(&str, &str, Expected)]) {
    let whole = |text: &str| match (text.strip_suffix("@!"), text.strip_suffix('@')) {
        (Some(rest), _) => format!("{rest}@sha256:{OTHER}"),
        (None, Some(rest)) => format!("{rest}@sha256:{HEX}"),
        (None, None) => text.to_owned(),
    };
    let rule: IdentityRule = whole(rule).parse().expect("a rule");
    assert!(rows.len() >= 8, "{rule}: {} rows", rows.len());
    assert!(rows.iter().any(|row| row.2 == Agrees) && rows.iter().any(|row| row.2 != Agrees));
    for (claimed, source, expected) in rows {
        let reference: Reference = whole(source).parse().expect("a reference");
        let result = rule.check(&whole(claimed), &reference);
        assert_eq!(outcome(result), *expected, "{rule}: {claimed:?} for {source:?}");
    }
}

#[test]
fn match_repository_compares_normalised_host_and_path_alone() {
    check(
        "match-repository",
        &[
            ("quay.io/org/repo", "quay.io/org/repo:1", Agrees),
            ("quay.io/org/repo:other", "quay.io/org/repo:1", Agrees),
            ("quay.io/org/repo@", "quay.io/org/repo@!", Agrees),
            ("index.docker.io/library/alpine", "alpine:3", Agrees),
            ("alpine", "docker.io/library/alpine:3", Agrees),
            ("docker.io/alpine", "index.docker.io/alpine:3", Agrees),
            ("QUAY.io/org/repo", "QUAY.io/org/repo:1", Agrees),
            ("[::1]:5000/a", "[::1]:5000/a:1", Agrees),
            ("[::1]:5000/a", "[::1]:5001/a:1", Other),
            ("QUAY.io/org/repo", "quay.io/org/repo:1", Other),
            ("quay.io/org/repo-evil", "quay.io/org/repo:1", Other),
            ("quay.io/org/rep", "quay.io/org/repo:1", Other),
            ("quay.io/org/repo/sub", "quay.io/org/repo:1", Other),
            ("quay.io:443/org/repo", "quay.io/org/repo:1", Other),
            ("quay.io:0443/org/repo", "quay.io:443/org/repo:1", Other),
            ("quay.io:5000/org/repo", "quay.io/org/repo:1", Other),
            ("org/repo", "quay.io/org/repo:1", Other),
            ("quay.io.evil.example/org/repo", "quay.io/org/repo:1", Other),
            ("", "quay.io/org/repo:1", Unreadable),
            ("quay.io/Org/repo", "quay.io/org/repo:1", Unreadable),
            ("Org/repo", "quay.io/org/repo:1", Unreadable),
            ("quay.io/org/repo@sha512:00", "quay.io/org/repo:1", Unreadable),
            ("quay.io/org/repo ", "quay.io/org/repo:1", Unreadable),
            ("quay.io/org/repo\n", "quay.io/org/repo:1", Unreadable),
            ("docker://quay.io/org/repo", "quay.io/org/repo:1", Unreadable),
            ("\u{1b}[2J", "quay.io/org/repo:1", Unreadable),
        ],
    );
}

#[test]
fn match_exact_wants_the_same_text_with_a_pin_in_both() {
    check(
        "match-exact",
        &[
            ("quay.io/org/repo:1", "quay.io/org/repo:1", Agrees),
            ("alpine:3", "docker.io/library/alpine:3", Agrees),
            ("quay.io/org/repo@", "quay.io/org/repo@", Agrees),
            ("quay.io/org/repo:1@", "quay.io/org/repo:1@", Agrees),
            ("quay.io/org/repo:2", "quay.io/org/repo:1", Other),
            ("quay.io/org/repo@", "quay.io/org/repo@!", Other),
            ("quay.io/org/repo:1", "quay.io/org/repo@", Other),
            ("quay.io/org/repo@", "quay.io/org/repo:1", Other),
            ("quay.io/org/repo:1", "quay.io/org/repo:1@", Other),
            ("quay.io/org/repo-evil:1", "quay.io/org/repo:1", Other),
            ("quay.io:443/org/repo:1", "quay.io/org/repo:1", Other),
            ("quay.io/org/repo", "quay.io/org/repo:latest", NameOnly),
            ("quay.io/org/repo", "quay.io/org/repo", NameOnly),
            ("quay.io/org/repo:latest", "quay.io/org/repo", Other),
        ],
    );
}

#[test]
fn match_repo_digest_or_exact_ignores_the_tag_at_a_digest() {
    check(
        "match-repo-digest-or-exact",
        &[
            ("quay.io/org/repo:1", "quay.io/org/repo:1", Agrees),
            ("quay.io/org/repo:2", "quay.io/org/repo@", Agrees),
            ("quay.io/org/repo@!", "quay.io/org/repo@", Agrees),
            ("quay.io/org/repo:1@", "quay.io/org/repo:1@", Agrees),
            ("quay.io/org/repo:2", "quay.io/org/repo:1", Other),
            ("quay.io/org/repo@", "quay.io/org/repo:1", Other),
            ("quay.io/org/repo:1", "quay.io/org/repo:1@", Other),
            ("quay.io/org/repo-evil:1", "quay.io/org/repo@", Other),
            ("quay.io:5000/org/repo:1", "quay.io/org/repo@", Other),
            ("quay.io/org/repo", "quay.io/org/repo@", NameOnly),
            ("quay.io/org/repo", "quay.io/org/repo:1", NameOnly),
            ("quay.io/org/repo:1", "quay.io/org/repo", Other),
        ],
    );
}

#[test]
fn exact_reference_ignores_where_the_image_comes_from() {
    check(
        "exact-reference=quay.io/org/repo:1",
        &[
            ("quay.io/org/repo:1", "mirror.example/copy:9", Agrees),
            ("quay.io/org/repo:1", "quay.io/org/repo:1", Agrees),
            ("mirror.example/copy:9", "mirror.example/copy:9", NotTheConfigured),
            ("quay.io/org/repo:2", "quay.io/org/repo:1", NotTheConfigured),
            ("quay.io/org/repo:1@", "quay.io/org/repo:1", NotTheConfigured),
            ("quay.io/org/repo@", "quay.io/org/repo@", NotTheConfigured),
            ("quay.io/org/repo-evil:1", "quay.io/org/repo:1", NotTheConfigured),
            ("quay.io:443/org/repo:1", "quay.io/org/repo:1", NotTheConfigured),
            ("quay.io/org/repo", "quay.io/org/repo:1", NameOnly),
            ("quay.io/org/repo:", "quay.io/org/repo:1", Unreadable),
        ],
    );
}

#[test]
fn exact_repository_ignores_origin_and_tag_of_the_image() {
    check(
        "exact-repository=quay.io/org/repo",
        &[
            ("quay.io/org/repo", "mirror.example/copy:9", Agrees),
            ("quay.io/org/repo:2", "mirror.example/copy:9", Agrees),
            ("quay.io/org/repo@", "mirror.example/copy@!", Agrees),
            ("mirror.example/copy", "mirror.example/copy:9", NotTheConfigured),
            ("quay.io/org/repo-evil", "quay.io/org/repo:1", NotTheConfigured),
            ("quay.io/org/repo/sub", "quay.io/org/repo:1", NotTheConfigured),
            ("quay.io/org", "quay.io/org/repo:1", NotTheConfigured),
            ("quay.io:443/org/repo", "quay.io/org/repo:1", NotTheConfigured),
            ("org/repo", "quay.io/org/repo:1", NotTheConfigured),
            ("quay.io/org/REPO", "quay.io/org/repo:1", Unreadable),
        ],
    );
}

#[test]
fn remap_identity_replaces_whole_components_and_rereads() {
    check(
        "remap-identity=mirror.example/vendor=quay.io/org",
        &[
            ("quay.io/org/repo:1", "mirror.example/vendor/repo:1", Agrees),
            ("quay.io/org/repo:2", "mirror.example/vendor/repo@", Agrees),
            ("quay.io/org:1", "mirror.example/vendor:1", Agrees),
            // Outside the prefix the source's own name stands.
            ("elsewhere.example/a:1", "elsewhere.example/a:1", Agrees),
            ("mirror.example/vendor-evil/repo:1", "mirror.example/vendor-evil/repo:1", Agrees),
            ("quay.io/org-evil/repo:1", "mirror.example/vendor-evil/repo:1", NotTheConfigured),
            ("quay.io/org/repo:1", "mirror.example/vendor-evil/repo:1", NotTheConfigured),
            ("quay.io/org/repo:1", "mirror.example:5000/vendor/repo:1", NotTheConfigured),
            ("quay.io/org/repo:1", "mirror.example/vendo/repo:1", NotTheConfigured),
            ("quay.io/org/repo:2", "mirror.example/vendor/repo:1", NotTheConfigured),
            ("mirror.example/vendor/repo:1", "mirror.example/vendor/repo:1", NotTheConfigured),
            ("quay.io/org/repo", "mirror.example/vendor/repo:1", NameOnly),
        ],
    );
    check(
        "remap-identity=mirror.example=docker.io",
        &[
            ("docker.io/org/app:1", "mirror.example/org/app:1", Agrees),
            ("org/app:1", "mirror.example/org/app:1", Agrees),
            ("docker.io/library/app:1", "mirror.example/library/app:1", Agrees),
            // What results must be a full name: docker.io/app would be read as docker.io/library/app.
            ("docker.io/library/app:1", "mirror.example/app:1", Remap),
            ("app:1", "mirror.example/app:1", Remap),
            ("mirror.example/org/app:1", "mirror.example/org/app:1", NotTheConfigured),
            ("org/app:1", "mirror.example:5000/org/app:1", NotTheConfigured),
            ("org/app:1", "mirror.example.evil.example/org/app:1", NotTheConfigured),
        ],
    );
    check(
        "remap-identity=mirror.example:5000=short",
        &[
            ("a/b:1", "a/b:1", Agrees),
            ("x.example/a/b:1", "x.example/a/b:1", Agrees),
            ("docker.io/short/a:1", "short/a:1", Agrees),
            // A short name is not one in full, whatever it would be read as.
            ("docker.io/short/a:1", "mirror.example:5000/a:1", Remap),
            ("short/a:1", "mirror.example:5000/a:1", Remap),
            ("a:1", "mirror.example:5000/a:1", Remap),
            ("short/a:1", "mirror.example/a:1", NotTheConfigured),
            ("short/a:1", "mirror.example:50001/a:1", NotTheConfigured),
        ],
    );
}

#[test]
fn names_are_read_as_distribution_reads_them() {
    let sha512 = format!("sha512:{HEX}{OTHER}");
    for (text, normal) in [
        ("alpine".to_owned(), "docker.io/library/alpine".to_owned()),
        ("localhost:5000".into(), "docker.io/library/localhost:5000".into()),
        ("localhost/a".into(), "localhost/a".into()),
        ("Upper.example/a".into(), "Upper.example/a".into()),
        ("a:1/b".into(), "a:1/b".into()),
        ("a.b:99999/c:T".into(), "a.b:99999/c:T".into()),
        // No host has an underscore, so this is a name without one.
        ("foo_bar.com/x:1".into(), "foo_bar.com/x:1".into()),
        (format!("quay.io/a@{sha512}"), format!("quay.io/a@{sha512}")),
        (format!("a/{HEX}"), format!("docker.io/a/{HEX}")),
    ] {
        assert_eq!(text.parse::<Named>().map(|named| named.to_string()), Ok(normal), "{text}");
    }
    for (text, why) in [
        ("", NamedError::Name),
        ("/a", NamedError::Name),
        ("quay.io/", NamedError::Name),
        ("quay.io//a", NamedError::Name),
        ("-a.example/b", NamedError::Name),
        ("a.example:/b", NamedError::Name),
        ("a.example:x/b", NamedError::Name),
        ("user@a.example/b", NamedError::Digest),
        ("[::1]:5000/a", NamedError::Name),
        ("Foo/bar", NamedError::Name),
        ("a/b:t/c", NamedError::Name),
        ("quay.io/a:", NamedError::Tag),
        ("quay.io/a:b:c", NamedError::Tag),
        ("quay.io/a:\u{0661}", NamedError::Tag),
        ("quay.io/a@", NamedError::Digest),
        (&format!("quay.io/a@sha256:{}", HEX.to_uppercase()), NamedError::Digest),
        (&format!("quay.io/a@SHA256:{HEX}"), NamedError::Digest),
        (&format!("quay.io/a@md5:{}", &HEX[..32]), NamedError::Digest),
        (&format!("quay.io/a@sha512:{HEX}"), NamedError::Digest),
        (HEX, NamedError::Identifier),
        (&format!("quay.io/{}", "a".repeat(248)), NamedError::TooLong),
        (&"a/".repeat(1 << 20), NamedError::TooLong),
    ] {
        assert_eq!(text.parse::<Named>(), Err(why), "{text:.80}");
    }
    assert!(format!("quay.io/{}", "a".repeat(247)).parse::<Named>().is_ok());
}

#[test]
fn a_rule_reads_back_as_it_was_written() {
    for text in [
        "match-exact",
        "match-repo-digest-or-exact",
        "match-repository",
        "exact-reference=quay.io/a/b:1",
        "exact-repository=quay.io/a/b",
        "remap-identity=m.example:5000=quay.io/a",
    ] {
        let rule: IdentityRule = text.parse().expect("a rule");
        assert_eq!(rule.to_string(), text);
    }
    let short: IdentityRule = "exact-repository=alpine".parse().expect("a rule");
    assert_eq!(short.to_string(), "exact-repository=docker.io/library/alpine");
    for text in [
        "",
        "matchRepository",
        "match-repository=",
        "exact-reference",
        "exact-reference=quay.io/a/b",
        "exact-reference=",
        "exact-repository=A",
        "remap-identity=quay.io",
        "remap-identity==quay.io",
        "remap-identity=quay.io=",
        "remap-identity=quay.io/=b.example",
        "remap-identity=quay.io/a:1=b.example",
        "remap-identity=quay.io/A=b.example",
        "remap-identity=a.example=b.example=c.example",
        "remap-identity=[::1]:5000=b.example",
    ] {
        assert!(text.parse::<IdentityRule>().is_err(), "{text:?}");
    }
}

#[test]
fn a_message_stays_short_however_long_the_claim() {
    let source: Reference = "quay.io/a:1".parse().expect("a reference");
    let long = "a".repeat(1 << 20);
    let error = IdentityRule::MatchExact.check(&long, &source).expect_err("refused");
    assert!(error.to_string().len() < 400);
    let error = long.parse::<IdentityRule>().expect_err("refused");
    assert!(error.to_string().len() < 500);
    let error = IdentityRule::exact_reference(&long).expect_err("refused");
    assert!(error.to_string().len() < 400);
}
