use super::*;
use bundle_trust::policy::KeySource;
use serde_json::{Value, json};

fn repository(text: &str) -> Repository {
    text.parse().expect("a repository")
}

fn rule(name: &str) -> EnforcedRepository {
    EnforcedRepository {
        repository: repository(name),
        keys: vec![KeySource::Path("/etc/pki/sigstore/acme.pub".into())],
        log_keys: Vec::new(),
    }
}

fn request(names: &[&str]) -> PolicyRequest {
    PolicyRequest {
        enforced: names.iter().map(|name| rule(name)).collect(),
        unenforced: Vec::new(),
        unserved: Default::default(),
        open: Default::default(),
        level: PolicyLevel::default(),
        rejected: Rejected::StaysRejected,
    }
}

fn run(existing: &str, request: &PolicyRequest) -> Outcome<PolicyLeft> {
    merge(Some(existing.as_bytes()), request).expect("a merge")
}

/// What is written for a repository.
fn added(repository: &str) -> Value {
    let mut all = written();
    let mut itself = all[0].clone();
    itself["signedIdentity"] = json!({ "type": "exactRepository", "dockerRepository": repository });
    all.as_array_mut().expect("a list").push(itself);
    all
}

/// What demands the same of the repository itself.
fn written() -> Value {
    json!([{
        "type": "sigstoreSigned",
        "keyPath": "/etc/pki/sigstore/acme.pub",
        "signedIdentity": { "type": "matchRepository" },
    }])
}

fn policy(default: &str, docker: Value) -> String {
    json!({ "default": [{ "type": default }], "transports": { "docker": docker } }).to_string()
}

fn scopes(outcome: &Outcome<PolicyLeft>) -> Value {
    let content = outcome.content.as_ref().expect("new content");
    let document: Value = serde_json::from_str(content).expect("JSON");
    document["transports"]["docker"].clone()
}

fn codes(outcome: &Outcome<PolicyLeft>) -> Vec<(String, &'static str)> {
    outcome.left.iter().map(|left| (left.subject.clone(), left.reason.code())).collect()
}

const FEDORA: &str = r#"{
    "default": [
        {
            "type": "insecureAcceptAnything"
        }
    ],
    "transports": {
        "docker": {
	    "registry.access.redhat.com": [
		{
		    "type": "signedBy",
		    "keyType": "GPGKeys",
		    "keyPaths": ["/etc/pki/rpm-gpg/RPM-GPG-KEY-redhat-release"]
		}
	    ]
	},
        "docker-daemon": {
	    "": [
		{
		    "type": "insecureAcceptAnything"
		}
	    ]
	}
    }
}
"#;

#[test]
fn scopes_are_added_and_every_other_byte_stays() {
    let outcome = run(FEDORA, &request(&["quay.io/b/web", "quay.io/a/app"]));
    let content = outcome.content.expect("new content");
    let place = FEDORA.find("\n\t},\n        \"docker-daemon\"").expect("the end of docker");
    let (before, after) = FEDORA.split_at(place);
    assert!(content.starts_with(before) && content.ends_with(after), "{content}");
    let names: Vec<String> = outcome.changes.iter().map(|change| change.subject.clone()).collect();
    assert_eq!(names, ["quay.io/a/app", "quay.io/b/web"]);
    let document: Value = serde_json::from_str(&content).expect("JSON");
    assert_eq!(document["transports"]["docker"]["quay.io/a/app"], added("quay.io/a/app"));
    assert_eq!(outcome.left, []);
}

#[test]
fn a_second_run_changes_nothing() {
    let first = run(FEDORA, &request(&["quay.io/a/app"])).content.expect("new content");
    let second = run(&first, &request(&["quay.io/a/app"]));
    assert_eq!((second.content.clone(), codes(&second).len()), (None, 1));
    assert_eq!(codes(&second)[0].1, "already-enforced");
}

#[test]
fn the_transport_and_its_parent_are_made_where_they_are_missing() {
    for existing in [
        r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
        r#"{"default":[{"type":"insecureAcceptAnything"}],"transports":{}}"#,
        r#"{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{}}}"#,
        r#"{"default":[{"type":"insecureAcceptAnything"}],"transports":{"dir":{"":[{"type":"reject"}]}}}"#,
    ] {
        let outcome = run(existing, &request(&["quay.io/a"]));
        assert_eq!(scopes(&outcome), json!({ "quay.io/a": added("quay.io/a") }), "{existing}");
    }
}

#[test]
fn what_the_administrator_wrote_stands() {
    let other = json!([{ "type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k" }]);
    let accept = json!([{ "type": "insecureAcceptAnything" }]);
    let reject = json!([{ "type": "reject" }]);
    let mut stronger = written();
    stronger[0]["rekorPublicKeyPath"] = json!("/rekor");
    let mut weaker = written();
    weaker[0]["signedIdentity"] =
        json!({ "type": "exactRepository", "dockerRepository": "quay.io/x" });
    let mut list = written();
    list[0] = json!({ "type": "sigstoreSigned", "keyPaths": ["/etc/pki/sigstore/acme.pub"],
        "signedIdentity": { "type": "matchRepository" } });
    for (scope, existing, code) in [
        ("quay.io/a/app", &other, "other-rule"),
        ("quay.io/a/app", &accept, "other-rule"),
        ("quay.io/a/app", &reject, "other-rule"),
        ("quay.io/a/app", &stronger, "other-rule"),
        ("quay.io/a/app", &weaker, "other-rule"),
        ("quay.io/a/app", &written(), "already-enforced"),
        ("quay.io/a/app", &list, "already-enforced"),
        ("quay.io/a/app", &added("quay.io/a/app"), "already-enforced"),
        ("quay.io/a/app", &added("quay.io/a"), "other-rule"),
        ("quay.io/a", &other, "other-rule"),
        ("quay.io", &stronger, "other-rule"),
        ("*.io", &other, "other-rule"),
        ("", &other, "other-rule"),
        ("quay.io", &reject, "rejected"),
        ("", &reject, "rejected"),
        ("quay.io/a", &written(), "already-enforced"),
    ] {
        let existing = policy("insecureAcceptAnything", json!({ scope: existing }));
        let outcome = run(&existing, &request(&["quay.io/a/app"]));
        assert_eq!(outcome.content, None, "{existing}");
        assert_eq!(codes(&outcome), [("quay.io/a/app".into(), code)], "{existing}");
    }
    // The twin: scopes that cover it and accept everything, and scopes beside it.
    for scope in ["quay.io/a", "quay.io", "*.io", "", "quay.io/a/app2", "quay.io/a/app:1"] {
        let existing = policy("insecureAcceptAnything", json!({ scope: accept }));
        assert!(run(&existing, &request(&["quay.io/a/app"])).content.is_some(), "{scope}");
    }
}

#[test]
fn rejecting_default_opens_only_when_asked() {
    let empty = json!([{ "type": "reject" }]);
    for (existing, opens) in [
        (policy("reject", json!({})), true),
        (policy("insecureAcceptAnything", json!({ "": empty })), true),
        (policy("insecureAcceptAnything", json!({ "quay.io": empty })), false),
        (policy("reject", json!({ "quay.io/a": empty })), false),
    ] {
        let mut request = request(&["quay.io/a/app"]);
        let outcome = run(&existing, &request);
        assert_eq!((outcome.content.clone(), codes(&outcome)[0].1), (None, "rejected"));
        request.rejected = Rejected::BecomesSigned;
        assert_eq!(run(&existing, &request).content.is_some(), opens, "{existing}");
    }
}

#[test]
fn without_a_file_the_new_one_admits_only_what_is_enforced() {
    let outcome = merge(None, &request(&["quay.io/a/app"])).expect("a merge");
    let document: Value =
        serde_json::from_str(outcome.content.as_ref().expect("content")).expect("JSON");
    assert_eq!(document["default"], json!([{ "type": "reject" }]));
    assert_eq!(scopes(&outcome), json!({ "quay.io/a/app": added("quay.io/a/app") }));
    assert_eq!(outcome.changes[0].subject, "default: reject");
    assert!(outcome.content.expect("content").ends_with("]\n        }\n    }\n}\n"));
    let nothing = merge(None, &request(&[])).expect("a merge");
    assert_eq!((nothing.content, nothing.changes), (None, Vec::new()));
}

#[test]
fn a_scope_that_would_cover_what_it_does_not_accept_is_left_out() {
    let open = policy("insecureAcceptAnything", json!({}));
    let mut below = request(&["quay.io/a", "quay.io/b"]);
    below.unenforced = vec![repository("quay.io/a/unsigned"), repository("quay.io/bb")];
    let outcome = run(&open, &below);
    assert_eq!(codes(&outcome), [("quay.io/a".into(), "covers-another")]);
    assert_eq!(scopes(&outcome), json!({ "quay.io/b": added("quay.io/b") }));

    // Not where the other one has a scope of its own.
    let own = policy(
        "insecureAcceptAnything",
        json!({ "quay.io/a/unsigned": [{ "type": "insecureAcceptAnything" }] }),
    );
    assert_eq!(codes(&run(&own, &below)), []);

    // What is left for another reason counts too, and so does what is left because of that.
    let mut chain = request(&["quay.io/a", "quay.io/a/b", "quay.io/a/b/c"]);
    chain.enforced[2].keys.push(KeySource::Path("/other".into()));
    let outcome = run(&open, &chain);
    assert_eq!(outcome.content, None);
    let mut codes = codes(&outcome);
    codes.sort();
    assert_eq!(
        codes,
        [
            ("quay.io/a".into(), "covers-another"),
            ("quay.io/a/b".into(), "covers-another"),
            ("quay.io/a/b/c".into(), "needs-policy-level"),
        ]
    );
}

#[test]
fn only_what_the_hosts_know_is_written() {
    let open = policy("insecureAcceptAnything", json!({}));
    let data = || KeySource::Data(b"pem".to_vec());
    for (keys, log_keys, level, member) in [
        (vec![data()], vec![], "5.22", json!({ "keyData": "cGVt" })),
        (vec![data(), data()], vec![], "5.33", json!({ "keyDatas": ["cGVt", "cGVt"] })),
        (vec![data()], vec![data()], "5.24", json!({ "rekorPublicKeyData": "cGVt" })),
        (
            vec![data()],
            vec![KeySource::Path("/a".into()), KeySource::Path("/b".into())],
            "5.33",
            json!({ "rekorPublicKeyPaths": ["/a", "/b"] }),
        ),
    ] {
        let mut request = request(&["quay.io/a"]);
        request.enforced[0].keys = keys;
        request.enforced[0].log_keys = log_keys;
        let needs: PolicyLevel = level.parse().expect("a level");
        request.level = needs;
        let written = scopes(&run(&open, &request))["quay.io/a"][0].clone();
        for (key, value) in member.as_object().expect("an object") {
            assert_eq!(&written[key], value);
        }
        if needs > PolicyLevel::ONE_KEY {
            request.level = PolicyLevel::ONE_KEY;
            assert_eq!(codes(&run(&open, &request)), [("quay.io/a".into(), "needs-policy-level")]);
        }
    }
}

#[test]
fn file_that_the_stack_refuses_is_refused_by_its_fault() {
    for (existing, named) in [
        (r#"{"default":[{"type":"reject"}],"extra":1}"#, "extra"),
        (r#"{"default":[{"type":"reject","more":1}]}"#, "more"),
        (r#"{"default":[]}"#, "default"),
        (r#"{"default":[{"type":"reject"}],"default":[{"type":"reject"}]}"#, "duplicate"),
        (r#"{"transports":{}}"#, "default"),
        (r#"{"default":[{"type":"reject"}],"transports":null}"#, "transports"),
        (r#"{"default":[{"type":"reject"}]} x"#, "trailing"),
        ("", "JSON"),
    ] {
        let error = merge(Some(existing.as_bytes()), &request(&["quay.io/a"])).expect_err(existing);
        let PolicyMergeError::Existing(cause) = error else { panic!("{error}") };
        assert!(cause.to_string().contains(named), "{existing}: {cause}");
    }
}

#[test]
fn keys_that_a_policy_cannot_name_are_refused() {
    let open = policy("insecureAcceptAnything", json!({}));
    for path in ["relative.pub", "", "/a/../b", "/a//b", "/a\nb", "/./a", "/"] {
        let mut request = request(&["quay.io/a"]);
        request.enforced[0].keys = vec![KeySource::Path(path.into())];
        let error = merge(Some(open.as_bytes()), &request).expect_err(path);
        assert!(matches!(error, PolicyMergeError::KeyPath { .. }), "{path}: {error}");
    }
    let mut none = request(&["quay.io/a"]);
    none.enforced[0].keys.clear();
    assert!(matches!(merge(Some(open.as_bytes()), &none), Err(PolicyMergeError::NoKey(_))));
    let mut mixed = request(&["quay.io/a"]);
    mixed.enforced[0].keys.push(KeySource::Data(b"pem".to_vec()));
    assert!(matches!(merge(Some(open.as_bytes()), &mixed), Err(PolicyMergeError::MixedSources(_))));
}

#[test]
fn one_repository_under_two_rules_gets_none() {
    let open = policy("insecureAcceptAnything", json!({}));
    let mut twice = request(&["quay.io/a", "quay.io/a"]);
    assert!(run(&open, &twice).content.is_some(), "the same rule twice is one");
    twice.enforced[1].keys = vec![KeySource::Path("/other".into())];
    let outcome = run(&open, &twice);
    assert_eq!((outcome.content.clone(), codes(&outcome)[0].1), (None, "not-enforceable"));
    let mut both = request(&["quay.io/a"]);
    both.unenforced = vec![repository("quay.io/a")];
    assert_eq!(codes(&run(&open, &both)), [("quay.io/a".into(), "not-enforceable")]);
}

#[test]
fn the_longest_names_are_told_apart() {
    let long = |end: &str| format!("quay.io/{}/{end}", "a".repeat(230));
    let existing = policy(
        "insecureAcceptAnything",
        json!({ long("x"): [{ "type": "insecureAcceptAnything" }] }),
    );
    let outcome = run(&existing, &request(&[&long("x"), &long("y")]));
    assert_eq!(codes(&outcome), [(long("x"), "other-rule")]);
    assert_eq!(scopes(&outcome)[long("y")], added(&long("y")));
}

#[test]
fn the_proof_refuses_what_a_merge_must_not_make() {
    let signed = written();
    let old = policy("insecureAcceptAnything", json!({ "quay.io": [{ "type": "reject" }] }));
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let check = |new: &str, added: &[&str], rejected| {
        proof::check(old.as_bytes(), new.as_bytes(), &names(added), rejected)
    };
    let reject = json!([{ "type": "reject" }]);
    let good =
        policy("insecureAcceptAnything", json!({ "quay.io": reject, "r.example/a": signed }));
    assert_eq!(check(&good, &["r.example/a"], Rejected::StaysRejected), Ok(()));
    for (what, new, added) in [
        ("opens", json!({ "quay.io": reject, "quay.io/a": signed }), "quay.io/a"),
        ("replaces", json!({ "quay.io": signed }), "quay.io"),
        ("removes", json!({ "r.example/a": signed }), "r.example/a"),
        (
            "adds more than it says",
            json!({ "quay.io": reject, "x.example": signed, "r.example/a": signed }),
            "r.example/a",
        ),
        ("does not add", json!({ "quay.io": reject }), "r.example/a"),
    ] {
        let new = policy("insecureAcceptAnything", new);
        for rejected in [Rejected::StaysRejected, Rejected::BecomesSigned] {
            assert!(check(&new, &[added], rejected).is_err(), "{what}");
        }
    }
    let default = policy("reject", json!({ "quay.io": reject, "r.example/a": signed }));
    assert!(check(&default, &["r.example/a"], Rejected::StaysRejected).is_err());
}

#[test]
fn a_rule_for_an_address_names_the_repository_once() {
    let existing = policy("insecureAcceptAnything", json!({}));
    let outcome = run(&existing, &request(&["[::1]:5000/a", "quay.io:443/a"]));
    let all = scopes(&outcome);
    assert_eq!(all["[::1]:5000/a"], written());
    assert_eq!(all["quay.io:443/a"], added("quay.io:443/a"));
}
