use super::*;

fn mirrored(source: &str, mirror: &str) -> Mirrored {
    let name = |text: &str| {
        let (host, path) = text.split_once('/').expect("a full name");
        Repository::new(host, path).expect("a repository")
    };
    Mirrored { source: name(source), mirror: name(mirror) }
}

fn request(pairs: &[(&str, &str)]) -> MirrorRequest {
    MirrorRequest {
        mirrored: pairs.iter().map(|(source, mirror)| mirrored(source, mirror)).collect(),
        withheld: Vec::new(),
        upstream: Upstream::AsItWas,
        transport: MirrorTransport::Tls,
    }
}

fn blocked(pairs: &[(&str, &str)]) -> MirrorRequest {
    MirrorRequest { upstream: Upstream::Blocked, ..request(pairs) }
}

fn run(own: Option<&str>, others: &[(&str, &str)], request: &MirrorRequest) -> Outcome<MirrorLeft> {
    let others: Vec<_> =
        others.iter().map(|(name, content)| ConfigFile::new(*name, *content)).collect();
    merge(own, None, &others, request).expect("a merge")
}

/// The content without its comment.
fn body(outcome: &Outcome<MirrorLeft>) -> &str {
    let content = outcome.content.as_deref().expect("content");
    content.split_once("\n\n").expect("a comment first").1
}

const APP: (&str, &str) = ("quay.io/org/app", "r.example:5000/org/app");
const WEB: (&str, &str) = ("quay.io/org/web", "r.example:5000/org/web");

#[test]
fn each_repository_gets_an_entry_and_earlier_ones_stay() {
    let first = run(None, &[], &request(&[APP]));
    assert_eq!(
        body(&first),
        "[[registry]]\nprefix = \"quay.io/org/app\"\nlocation = \"quay.io/org/app\"\n\
         [[registry.mirror]]\nlocation = \"r.example:5000/org/app\"\n"
    );
    let own = first.content.as_deref().expect("content");
    assert_eq!(run(Some(own), &[], &request(&[APP])).content, None);
    let mut insecure = blocked(&[WEB]);
    insecure.transport = MirrorTransport::Insecure;
    let second = run(Some(own), &[], &insecure);
    assert_eq!(
        body(&second),
        format!(
            "{}\n[[registry]]\nprefix = \"quay.io/org/web\"\nlocation = \"quay.io/org/web\"\nblocked = true\n\
             [[registry.mirror]]\nlocation = \"r.example:5000/org/web\"\ninsecure = true\n",
            body(&first)
        )
    );
    assert_eq!(second.changes, [Change::added("quay.io/org/web")]);
}

#[test]
fn source_moves_to_another_mirror_and_stays_blocked() {
    let own = run(None, &[], &blocked(&[APP])).content.expect("content");
    let moved = run(Some(&own), &[], &request(&[(APP.0, "new.example/app")]));
    assert!(body(&moved).contains("blocked = true"), "{}", body(&moved));
    assert!(!body(&moved).contains("r.example"), "{}", body(&moved));
    let change = moved.changes[0].to_string();
    assert!(change.contains("was served by r.example:5000/org/app"), "{change}");
}

#[test]
fn entries_of_other_files_for_the_same_prefix_stand() {
    let entry = |more: &str, mirror: &str| {
        format!(
            "[[registry]]\nprefix = \"quay.io/org/app/\"\nlocation = \"quay.io/org/app\"\n{more}\n\
             [[registry.mirror]]\nlocation = \"{mirror}\"\n"
        )
    };
    let ours = "r.example:5000/org/app";
    for (content, ask, code) in [
        (entry("", ours), request(&[APP]), "already-mirrored"),
        (entry("blocked = true", ours), blocked(&[APP]), "already-mirrored"),
        (entry("", ours), blocked(&[APP]), "not-blocked"),
        (entry("", "other.example/app"), request(&[APP]), "other-entry"),
        (entry("mirror-by-digest-only = true", ours), request(&[APP]), "other-entry"),
        (entry("", ours) + "pull-from-mirror = \"digest-only\"\n", request(&[APP]), "other-entry"),
        ("[[registry]]\nlocation = \"quay.io/org/app\"\n".into(), request(&[APP]), "other-entry"),
        (
            "[registries.block]\nregistries = [\"quay.io/org/app\"]\n".into(),
            request(&[APP]),
            "other-entry",
        ),
    ] {
        let outcome = run(None, &[("site.conf", &content)], &ask);
        assert_eq!(outcome.content, None, "{content}");
        assert_eq!(outcome.left[0].reason.code(), code, "{content}");
        assert!(outcome.left[0].to_string().contains("site.conf"));
    }
    // The twin: prefixes beside it and below it.
    for prefix in ["quay.io/org/app2", "quay.io/org/app/sub", "quay.io/org/ap", "*.quay.io"] {
        let content = entry("", "other.example/app").replace("quay.io/org/app/", prefix);
        let outcome = run(None, &[("site.conf", &content)], &request(&[APP]));
        assert!(!body(&outcome).contains("other.example"), "{prefix}");
    }
}

#[test]
fn what_a_wider_entry_says_is_carried_over() {
    let wider = |prefix: &str, location: &str, more: &str| {
        format!(
            "[[registry]]\nprefix = \"{prefix}\"\nlocation = \"{location}\"\n{more}\n\
             [[registry.mirror]]\nlocation = \"old.example/cache\"\ninsecure = true\n"
        )
    };
    let outcome = run(
        None,
        &[(
            "site.conf",
            &wider("quay.io", "proxy.example/quay", "blocked = true\ninsecure = true"),
        )],
        &request(&[APP]),
    );
    assert_eq!(
        body(&outcome),
        "[[registry]]\nprefix = \"quay.io/org/app\"\nlocation = \"proxy.example/quay/org/app\"\n\
         insecure = true\nblocked = true\n\
         [[registry.mirror]]\nlocation = \"r.example:5000/org/app\"\n\
         [[registry.mirror]]\nlocation = \"old.example/cache/org/app\"\ninsecure = true\n"
    );
    let digests = wider("quay.io", "quay.io", "mirror-by-digest-only = true");
    let outcome = run(None, &[("site.conf", &digests)], &request(&[APP]));
    assert!(body(&outcome).ends_with("insecure = true\npull-from-mirror = \"digest-only\"\n"));

    // The longest counts, wherever it stands, and a wildcard without a location changes no name.
    let both = [
        ("1.conf", wider("quay.io/org", "a.example/org", "")),
        ("2.conf", wider("quay.io", "b.example", "blocked = true")),
    ];
    let both: Vec<_> = both.iter().map(|(name, content)| (*name, content.as_str())).collect();
    let outcome = run(None, &both, &request(&[APP]));
    assert!(body(&outcome).contains("location = \"a.example/org/app\""));
    assert!(!body(&outcome).contains("blocked"));
    let any = "[[registry]]\nprefix = \"*.io\"\nblocked = true\n";
    let outcome = run(None, &[("site.conf", any)], &request(&[APP]));
    assert!(body(&outcome).contains("location = \"quay.io/org/app\"\nblocked = true\n"));
}

#[test]
fn a_wider_entry_that_does_it_already_is_enough() {
    let wider = "[[registry]]\nprefix = \"quay.io\"\nlocation = \"quay.io\"\n\
                 [[registry.mirror]]\nlocation = \"r.example:5000\"\n";
    let outcome = run(None, &[("site.conf", wider)], &request(&[APP]));
    assert_eq!(
        (outcome.content.clone(), outcome.left[0].reason.code()),
        (None, "already-mirrored")
    );
    // Unless more is asked for.
    assert!(run(None, &[("site.conf", wider)], &blocked(&[APP])).content.is_some());
}

#[test]
fn later_drop_ins_replace_earlier_ones_and_the_main_file() {
    let to = |mirror: &str| {
        format!(
            "[[registry]]\nlocation = \"quay.io/org/app\"\n[[registry.mirror]]\nlocation = \"{mirror}\"\n"
        )
    };
    let main = ConfigFile::new("registries.conf", to("x.example"));
    let others = [
        ConfigFile::new("20.conf", to("r.example:5000/org/app")),
        ConfigFile::new("10.conf", to("y.example")),
    ];
    let outcome = merge(None, Some(&main), &others, &request(&[APP])).expect("a merge");
    assert_eq!(outcome.left[0].reason, MirrorLeft::AlreadyMirrored { file: "20.conf".into() });
}

#[test]
fn entries_of_one_location_agree() {
    let wider = "[[registry]]\nprefix = \"quay.io/org/app\"\nlocation = \"hub.example\"\n\
                 [[registry]]\nprefix = \"quay.io/other\"\nlocation = \"hub.example\"\nblocked = true\n";
    let pairs = [("quay.io/org/app/x", "r.example/1"), ("quay.io/other/x", "r.example/2")];
    // In two files, so that it is not refused before.
    let (first, second) = wider.split_at(wider.rfind("[[registry]]").expect("two"));
    let outcome = run(None, &[("1.conf", first), ("2.conf", second)], &request(&pairs));
    assert_eq!(body(&outcome).matches("location = \"hub.example/x\"\nblocked = true").count(), 2);
}

#[test]
fn names_that_cannot_be_mirrored_are_named() {
    let outcome =
        run(None, &[], &request(&[("quay.io/a", "quay.io/a"), ("quay.io/b", "registry/b"), APP]));
    let codes: Vec<_> = outcome.left.iter().map(|left| left.reason.code()).collect();
    assert_eq!(codes, ["same-name", "short-host"]);
    assert!(body(&outcome).contains("quay.io/org/app"));
    assert!(run(None, &[], &request(&[("quay.io/b", "localhost/b")])).content.is_some());
}

#[test]
fn an_edited_file_and_unusable_others_are_errors() {
    let own = run(None, &[], &request(&[APP])).content.expect("content");
    for edited in [
        format!("{own}# mine\n"),
        own.replace("quay.io/org/app\"\n[[", "x.io/app\"\n\n[["),
        format!("unqualified-search-registries = []\n{own}"),
        own.replace("prefix", "extra = 1\nprefix"),
        "[[registry]".into(),
        String::new(),
    ] {
        let result = merge(Some(&edited), None, &[], &request(&[]));
        assert!(matches!(result, Err(RegistriesConfError::Edited)), "{edited}");
    }
    for content in ["[[registry]", "registry = 3", "[[registry]]\nblocked = \"yes\""] {
        let result = merge(None, None, &[ConfigFile::new("x.conf", content)], &request(&[]));
        assert!(matches!(result, Err(RegistriesConfError::Unreadable { .. })), "{content}");
    }
}

#[test]
fn prefixes_match_as_in_the_stack() {
    for (prefix, name, length) in [
        ("quay.io", "quay.io/a", Some(7)),
        ("quay.io/a", "quay.io/a", Some(9)),
        ("quay.io/a", "quay.io/ab", None),
        ("quay.io", "quay.io.evil/a", None),
        ("quay.io", "quay.io:5000/a", Some(7)),
        ("*.io", "quay.io/a", Some(7)),
        ("*.io", "quay.iox/a", None),
        ("*.io", "x.example/a.io/b", None),
        ("*.quay.io", "quay.io/a", None),
        ("", "quay.io/a", None),
    ] {
        assert_eq!(entry::matched(prefix, name), length, "{prefix} {name}");
    }
}

/// Every prefix of the content, with its mirrors.
fn mirrors(outcome: &Outcome<MirrorLeft>) -> Vec<(String, Vec<String>)> {
    let content = outcome.content.as_deref().expect("content");
    let entries = own_file::read(content).expect("own content");
    let locations = |entry: &Entry| entry.mirrors.iter().map(|one| one.location.clone()).collect();
    entries.iter().map(|(prefix, entry)| (prefix.clone(), locations(entry))).collect()
}

fn expected(all: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    all.iter().map(|(prefix, mirrors)| (prefix.to_string(), texts(mirrors))).collect()
}

const SUB: (&str, &str) = ("tools.example/org/app/sub", "r.example:5000/org/app/sub");

#[test]
fn what_another_source_fills_is_not_served_below_an_entry() {
    let all = expected(&[(APP.0, &[APP.1]), ("quay.io/org/app/sub", &[]), (SUB.0, &[SUB.1])]);
    let together = run(None, &[], &request(&[APP, SUB]));
    assert_eq!(mirrors(&together), all);
    for order in [[APP, SUB], [SUB, APP]] {
        let first = run(None, &[], &request(&order[..1]));
        let second = run(first.content.as_deref(), &[], &request(&order[1..]));
        assert_eq!(mirrors(&second), all);
        let again = run(second.content.as_deref(), &[], &request(&order));
        assert_eq!(again.content, None, "it is there");
        // It is not a source that is served.
        let served = sources(second.content.as_deref().expect("content")).expect("names");
        assert!(!served.iter().any(|name| name.to_string() == "quay.io/org/app/sub"));
    }
    // Its own source may come later.
    let own = ("quay.io/org/app/sub", "r.example:5000/quay/sub");
    let later = run(together.content.as_deref(), &[], &request(&[own]));
    assert!(mirrors(&later).contains(&(own.0.to_owned(), vec![own.1.to_owned()])));
    // The twins: beside it, and the same source.
    let beside = ("tools.example/org/apple", "r.example:5000/org/apple");
    assert_eq!(mirrors(&run(None, &[], &request(&[APP, beside]))).len(), 2);
    let below = ("quay.io/org/app/sub", "r.example:5000/org/app/sub");
    let both = expected(&[(APP.0, &[APP.1]), (below.0, &[below.1])]);
    assert_eq!(mirrors(&run(None, &[], &request(&[APP, below]))), both);
}

#[test]
fn what_is_withheld_is_not_served_below_an_entry() {
    let below = ("quay.io/org/app/sub", "r.example:5000/org/app/sub");
    let mut wanted = blocked(&[APP]);
    wanted.withheld = vec![mirrored(below.0, below.1)];
    let outcome = run(None, &[], &wanted);
    assert_eq!(mirrors(&outcome), expected(&[(APP.0, &[APP.1]), (below.0, &[])]));
    assert_eq!(body(&outcome).matches("blocked = true").count(), 2, "{outcome:?}");
    // Other mirrors of the source serve it as before; another file's own entry stays in force.
    let site =
        "[[registry]]\nlocation = \"quay.io\"\n[[registry.mirror]]\nlocation = \"m.example/q\"\n";
    let outcome = run(None, &[("site.conf", site)], &wanted);
    let others = expected(&[
        (APP.0, &[APP.1, "m.example/q/org/app"]),
        (below.0, &["m.example/q/org/app/sub"]),
    ]);
    assert_eq!(mirrors(&outcome), others);
    let own = format!("[[registry]]\nlocation = \"{}\"\n", below.0);
    let outcome = run(None, &[("site.conf", &own)], &wanted);
    assert_eq!(mirrors(&outcome), expected(&[(APP.0, &[APP.1])]));
}
