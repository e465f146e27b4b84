//! Manifests and tags that are not what they should be.

use super::absence::kind;
use super::script::{Script, full};
use super::{empty_config, image, repository};
use crate::RegistryError;
use bundle_oci::{Digest, media_type};

#[tokio::test]
async fn a_page_in_a_manifests_place_is_an_error() {
    let manifest = image(&empty_config(), &[], "");
    let json = String::from_utf8(manifest.bytes().to_vec()).expect("text");
    for (announced, body, good) in [
        (media_type::OCI_MANIFEST, json.as_str(), true),
        ("application/vnd.oci.image.manifest.v1+json; charset=utf-8", &json, true),
        ("application/json", &json, true),
        ("text/plain", &json, true),
        ("text/html", &json, false),
        ("text/html", "<html>Please log in</html>", false),
        ("application/json", r#"{"schemaVersion":2}"#, false),
        (media_type::OCI_MANIFEST, "<html>", false),
        (media_type::OCI_INDEX, &json, false),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", &json, false),
    ] {
        let (announced, body) = (announced.to_owned(), body.to_owned());
        let named = announced.clone();
        let script = Script::start(move |seen| {
            let found = seen.target.contains("/manifests/");
            found.then(|| full(200, &[("content-type", &announced)], body.clone()))
        })
        .await;
        match repository(&script.address).manifest_by_tag("v1").await {
            Ok(found) => {
                assert!(good, "{named}");
                assert_eq!(found.expect("there").digest(), manifest.digest());
            }
            Err(error) => assert!(!good && kind(&error) == "bad manifest", "{named}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_not_carried_is_named_under_a_general_type_too() {
    const SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    for (announced, body, named) in [
        ("application/json", r#"{"schemaVersion":1,"fsLayers":[]}"#.to_owned(), "schema 1"),
        ("text/plain", format!(r#"{{"schemaVersion":1,"mediaType":"{SIGNED}"}}"#), "schema 1"),
        (SIGNED, r#"{"schemaVersion":1}"#.to_owned(), SIGNED),
        ("application/json", r#"{"mediaType":"a/b"}"#.to_owned(), "\"a/b\""),
        ("application/json", "[1]".to_owned(), "application/json"),
    ] {
        let script = Script::start(move |seen| {
            let found = seen.target.contains("/manifests/");
            found.then(|| full(200, &[("content-type", announced)], body.clone()))
        })
        .await;
        let error = repository(&script.address).manifest_by_tag("v1").await.expect_err(announced);
        let cause = std::error::Error::source(&error).expect("a cause").to_string();
        assert!(cause.contains(named), "{announced}: {cause}");
    }
}

#[tokio::test]
async fn other_bytes_than_asked_for_by_digest_are_refused() {
    let manifest = image(&empty_config(), &[], "");
    let bytes = manifest.bytes().clone();
    let script = Script::start(move |seen| {
        let found = seen.target.contains("/manifests/");
        found.then(|| full(200, &[("content-type", media_type::OCI_MANIFEST)], bytes.clone()))
    })
    .await;
    let repository = repository(&script.address);
    let right = repository.manifest_by_digest(&manifest.digest()).await;
    assert!(right.expect("asked").is_some());
    let asked = Digest::of(b"another");
    match repository.manifest_by_digest(&asked).await {
        Err(RegistryError::DigestMismatch { expected, found, .. }) => {
            assert_eq!((expected, found), (asked, manifest.digest()));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_manifest_larger_than_any_registry_takes_is_not_read() {
    let script = Script::start(|seen| {
        let found = seen.target.contains("/manifests/");
        found.then(|| full(200, &[("content-type", media_type::OCI_INDEX)], vec![b' '; 5 << 20]))
    })
    .await;
    let error = repository(&script.address).manifest_by_tag("v1").await;
    assert_eq!(kind(&error.expect_err("too large")), "bad answer");
}

#[tokio::test]
async fn the_digest_of_a_tag_is_had_by_get_where_head_does_not_tell() {
    let manifest = image(&empty_config(), &[], "");
    let digest = manifest.digest().to_string();
    for (code, header) in [
        (200, Some(("docker-content-digest", digest.as_str()))),
        (200, None),
        (200, Some(("docker-content-digest", "nonsense"))),
        (405, None),
    ] {
        let bytes = manifest.bytes().clone();
        let header = header.map(|(name, value)| (name, value.to_owned()));
        let told_by_head = header.as_ref().is_some_and(|(_, v)| *v == digest);
        let script = Script::start(move |seen| match seen.method.as_str() {
            "HEAD" => {
                let headers = header.iter().map(|(n, v)| (*n, v.as_str())).collect::<Vec<_>>();
                Some(full(code, &headers, ""))
            }
            _ if seen.target == "/v2/" => None,
            _ => Some(full(200, &[("content-type", media_type::OCI_MANIFEST)], bytes.clone())),
        })
        .await;
        let found = repository(&script.address).manifest_digest("v1").await;
        assert_eq!(found.expect("asked"), Some(manifest.digest()));
        assert_eq!(script.seen().len(), if told_by_head { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_manifest_that_breaks_off_is_asked_for_again() {
    let manifest = image(&empty_config(), &[], "");
    let bytes = manifest.bytes().clone();
    let script = Script::start(move |seen| {
        let headers = [("content-type", media_type::OCI_MANIFEST)];
        let found = seen.target.contains("/manifests/");
        found.then(|| match seen.before {
            0 => super::script::broken(200, &headers, bytes.len(), &bytes[..50]),
            _ => full(200, &headers, bytes.clone()),
        })
    })
    .await;
    let found = repository(&script.address).manifest_by_tag("v1").await;
    assert_eq!(found.expect("asked").expect("there").digest(), manifest.digest());
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test]
async fn tags_come_in_pages_that_stay_on_the_registry() {
    let page = |tags: &str| format!(r#"{{"name":"team/app","tags":{tags}}}"#);
    let script = Script::start(move |seen| {
        let (link, tags) = match seen.target.as_str() {
            "/v2/team/app/tags/list?n=1000" => {
                ("</v2/team/app/tags/list?last=b>; rel=\"next\"", r#"["a","b"]"#)
            }
            "/v2/team/app/tags/list?last=b" => ("<?last=c>; rel=next", r#"["c"]"#),
            "/v2/team/app/tags/list?last=c" => ("", "null"),
            _ => return None,
        };
        Some(full(200, &[("link", link)], page(tags)))
    })
    .await;
    let tags = repository(&script.address).tags().await.expect("listed");
    assert_eq!(tags, ["a", "b", "c"]);

    for link in [
        "<http://127.0.0.1:9/v2/team/app/tags/list?last=a>; rel=next",
        "<//example.com/v2/team/app/tags/list>; rel=next",
        "</v2/team/app/tags/list?n=1000>; rel=next",
        "<http://[>; rel=next",
    ] {
        let script = Script::start(move |seen| {
            let found = seen.target.contains("/tags/");
            found.then(|| full(200, &[("link", link)], page(r#"["a"]"#)))
        })
        .await;
        let error = repository(&script.address).tags().await;
        assert_eq!(kind(&error.expect_err(link)), "bad answer", "{link}");
    }
}
