//! GPG signatures in registries and on lookaside servers: a lookup that fails is never "no signatures".

use super::script::{Script, full, status};
use super::{options, repository, told};
use crate::extension::document;
use crate::{Client, ExtensionSignature, Lookaside, RegistryError, SignaturePushed};
use bundle_oci::Digest;
use bundle_oci::atomic::{AtomicName, MAX_SIGNATURE};
use serde_json::{Value, json};

fn subject() -> Digest {
    Digest::of(b"manifest")
}

fn signature(content: &'static [u8]) -> ExtensionSignature {
    let name = AtomicName::of(subject(), content);
    ExtensionSignature { name, content: content.into() }
}

fn listed(signatures: &[&ExtensionSignature]) -> Value {
    let list: Vec<Value> = signatures.iter().map(|s| document(&s.name, &s.content)).collect();
    json!({ "signatures": list })
}

#[tokio::test]
async fn a_registry_keeps_signatures_when_it_says_so() {
    for (header, expected) in
        [(Some("1"), true), (Some("0"), false), (Some("true"), false), (None, false)]
    {
        let script = Script::start(move |seen| {
            let header = header.map(|value| ("x-registry-supports-signatures", value));
            let headers: Vec<(&str, &str)> = header.into_iter().collect();
            (seen.target == "/v2/").then(|| full(200, &headers, ""))
        })
        .await;
        let repository = repository(&script.address);
        assert_eq!(repository.keeps_signatures().await.expect("reached"), expected, "{header:?}");
        assert!(repository.keeps_signatures().await.is_ok());
        assert_eq!(script.lines(), [""; 0], "nothing but the first contact");
    }
}

#[tokio::test]
async fn only_whole_and_sound_lists_are_read() {
    let (one, two) = (signature(b"\x90one"), signature(b"\x90two"));
    let good = listed(&[&one, &two]);
    let changed = |pointer: &str, value: Value| {
        let mut list = good.clone();
        *list.pointer_mut(pointer).expect("it is there") = value;
        list.to_string()
    };
    let own = "0".repeat(32);
    let foreign = format!("{}@{own}", Digest::of(b"another"));
    let twice = listed(&[&one, &one]).to_string();
    let most: Vec<_> = (0..129)
        .map(|n| document(&format!("{}@{n:032x}", subject()).parse().expect("a name"), b"\x90"))
        .collect();
    let list_of = move |count: usize| json!({ "signatures": most[..count] }).to_string();
    let both = vec![one.clone(), two.clone()];
    let second = vec![two.clone()];
    let large = json!({"signatures": [], "padding": "x".repeat(8 << 20)}).to_string();
    let cases: Vec<(u16, String, Option<Vec<ExtensionSignature>>)> = vec![
        (200, good.to_string(), Some(both)),
        (200, json!({"signatures": []}).to_string(), Some(vec![])),
        (200, json!({"signatures": null}).to_string(), Some(vec![])),
        (404, "{}".into(), Some(vec![])),
        // Those of other kinds are nobody's business here.
        (200, changed("/signatures/0/type", json!("tekton")), Some(second.clone())),
        (200, changed("/signatures/0/schemaVersion", json!(3)), Some(second)),
        (200, changed("/signatures/0/name", json!("one")), None),
        (200, changed("/signatures/0/name", json!(foreign)), None),
        (200, changed("/signatures/0/content", json!("***")), None),
        (200, changed("/signatures/0/content", json!("")), None),
        (200, changed("/signatures/0/content", json!(7)), None),
        (200, changed("/signatures/0", json!([])), None),
        (200, changed("/signatures", json!({})), None),
        (200, twice, None),
        (200, "[]".into(), None),
        (200, "{}".into(), None),
        (200, "<html>".into(), None),
        (200, r#"{"signatures":[],"signatures":[]}"#.into(), None),
        (200, list_of(129), None),
        (200, large, None),
        (401, String::new(), None),
        (403, String::new(), None),
        (429, String::new(), None),
        (500, String::new(), None),
        (503, String::new(), None),
    ];
    for (code, body, expected) in cases {
        let shown: String = format!("{code} {body}").chars().take(200).collect();
        let script = Script::start(move |seen| {
            (seen.target != "/v2/").then(|| full(code, &[], body.clone()))
        })
        .await;
        let found = repository(&script.address).signatures(&subject()).await;
        let line = format!("GET /extensions/v2/team/app/signatures/{}", subject());
        assert_eq!(script.lines()[0], line);
        match (found, expected) {
            (Ok(found), Some(expected)) => assert_eq!(found, expected, "{shown}"),
            (Err(error), None) => assert!(told(&error).chars().count() < 1_000, "{error}"),
            (found, _) => panic!("{shown}: {found:?}"),
        }
    }
    let script =
        Script::start(move |seen| (seen.target != "/v2/").then(|| full(200, &[], list_of(128))))
            .await;
    let found = repository(&script.address).signatures(&subject()).await.expect("the most");
    assert_eq!(found.len(), 128);
}

#[tokio::test]
async fn a_signature_is_put_as_one_object() {
    let script = Script::start(|seen| (seen.method == "PUT").then(|| status(201))).await;
    let own = signature(b"\x90one");
    let pushed = repository(&script.address).push_signature(&own).await.expect("taken");
    assert_eq!(pushed, SignaturePushed::Published);
    let seen = script.seen();
    assert_eq!(seen[0].line(), format!("PUT /extensions/v2/team/app/signatures/{}", subject()));
    let body = seen[0].body.clone().expect("a body");
    let sent: Value = serde_json::from_slice(&body).expect("JSON");
    let expected = json!({
        "schemaVersion": 2, "type": "atomic", "name": own.name, "content": "kG9uZQ==",
    });
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_conflict_is_fine_only_for_the_same_signature() {
    let own = signature(b"\x90one");
    let mut other = signature(b"\x90two");
    other.name = own.name.clone();
    for (there, fine) in [(&own, true), (&other, false)] {
        let there = listed(&[there]).to_string();
        let script = Script::start(move |seen| match seen.method.as_str() {
            "PUT" => Some(status(409)),
            _ if seen.target == "/v2/" => None,
            _ => Some(full(200, &[], there.clone())),
        })
        .await;
        match repository(&script.address).push_signature(&own).await {
            Ok(pushed) => assert!(fine && pushed == SignaturePushed::AlreadyThere),
            Err(error) => {
                assert!(!fine && error.to_string().contains("something else"), "{error}");
            }
        }
    }
    for code in [400, 401, 403, 404, 500] {
        let script = Script::start(move |seen| (seen.method == "PUT").then(|| status(code))).await;
        assert!(repository(&script.address).push_signature(&own).await.is_err(), "{code}");
    }
}

fn lookaside(base: &str) -> Lookaside {
    let repository = "registry.example:5000/team/app".parse().expect("a name");
    Client::new(options()).expect("a client").lookaside(&repository, base).expect("a URL")
}

#[tokio::test]
async fn lookaside_paths_are_those_of_the_container_stack() {
    for (base, start) in
        [("", ""), ("/", ""), ("/sigs", "/sigs"), ("/sigs/", "/sigs/"), ("/a%20b", "/a%20b")]
    {
        let script = Script::start(|_| Some(full(200, &[], "content"))).await;
        let found = lookaside(&format!("http://{}{base}", script.address));
        let found = found.signature(&subject(), 7).await.expect("an answer");
        assert_eq!(found.as_deref(), Some(&b"content"[..]));
        let hex = subject().hex();
        let expected = format!("GET {start}/team/app@sha256={hex}/signature-7");
        assert_eq!(script.lines(), [expected]);
        assert!(script.seen()[0].header("authorization").is_none());
    }
}

#[tokio::test]
async fn only_404_says_that_a_lookaside_has_no_more() {
    for code in [401, 403, 410, 429, 500, 503, 204, 206, 304, 301] {
        let script = Script::start(move |_| Some(status(code))).await;
        let base = format!("http://{}", script.address);
        let error = lookaside(&base).signature(&subject(), 1).await.expect_err("a failure");
        let attempts = script.lines().len();
        assert_eq!(attempts > 1, matches!(code, 429 | 500 | 503), "{code}: {attempts}");
        // Logging in to the registry would not help.
        let hint = error.hint().unwrap_or_default();
        assert!(!hint.contains("authfile"), "{code}: {hint}");
    }
    let script = Script::start(|_| Some(status(404))).await;
    let base = format!("http://{}", script.address);
    assert_eq!(lookaside(&base).signature(&subject(), 1).await.expect("none"), None);
}

#[tokio::test]
async fn lookaside_is_bounded_and_leads_only_where_it_may() {
    let target = Script::start(|_| Some(full(200, &[], "moved"))).await;
    let end = format!("http://{}/there", target.address);
    let script = Script::start(move |seen| match seen.target.as_str() {
        path if path.starts_with("/moved") => Some(full(302, &[("location", end.as_str())], "")),
        path if path.starts_with("/file") => {
            Some(full(302, &[("location", "file:///etc/passwd")], ""))
        }
        path if path.starts_with("/loop") => Some(full(302, &[("location", "/loop/again")], "")),
        path if path.starts_with("/most") => Some(full(200, &[], vec![0; MAX_SIGNATURE as usize])),
        path if path.starts_with("/more") => {
            Some(full(200, &[], vec![0; MAX_SIGNATURE as usize + 1]))
        }
        _ => None,
    })
    .await;
    let get = async |path: &str| {
        let server = lookaside(&format!("http://{}{path}", script.address));
        server.signature(&subject(), 1).await
    };
    assert_eq!(get("/moved").await.expect("followed").as_deref(), Some(&b"moved"[..]));
    assert!(get("/most").await.expect("read").is_some());
    for path in ["/file", "/loop", "/more"] {
        let error = get(path).await.expect_err(path);
        assert!(matches!(error, RegistryError::BadAnswer { .. }), "{path}: {error:?}");
    }
}

#[test]
fn a_lookaside_is_no_url_with_a_password() {
    let repository = "registry.example/team/app".parse().expect("a name");
    let client = Client::new(options()).expect("a client");
    assert!(client.lookaside(&repository, "https://sigs.example/x").is_ok());
    for base in ["https://user:secret@sigs.example/x", "https://user@sigs.example", "s3://x", ""] {
        let error = client.lookaside(&repository, base).err().expect("refused");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
