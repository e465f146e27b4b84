//! Lists of referrers: a lookup that fails is never "nothing attached".

use super::script::{Script, full, status};
use super::{attachment, empty_config, image, repository};
use crate::{ListEntry, ListRoom, ReferrersFrom, RegistryError, fallback_tag};
use bundle_oci::{Descriptor, Manifest, media_type};

/// An index that lists `manifests`.
fn index(manifests: &[&Manifest]) -> String {
    let entry = |m: &&Manifest| {
        let (size, digest) = (m.bytes().len(), m.digest());
        format!(r#"{{"mediaType":"{}","digest":"{digest}","size":{size}}}"#, m.media_type())
    };
    let entries: Vec<String> = manifests.iter().map(entry).collect();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{}],"annotations":{{"kept":"yes"}}}}"#,
        media_type::OCI_INDEX,
        entries.join(",")
    )
}

fn subject() -> Manifest {
    image(&empty_config(), &[], "")
}

fn entry(referrer: &Manifest) -> ListEntry {
    ListEntry::of(referrer, ListRoom::Verified)
}

const INDEX: (&str, &str) = ("content-type", media_type::OCI_INDEX);

#[tokio::test]
async fn referrers_api_is_read_to_its_last_page_without_doubles() {
    let subject = subject();
    let [a, b, c] = ["a", "b", "c"].map(|name| attachment(&subject, name));
    let pages = [index(&[&a, &b]), index(&[&b, &c]), index(&[])];
    let first = format!("/v2/team/app/referrers/{}", subject.digest());
    let script = Script::start(move |seen| {
        let (page, link) = match seen.target.as_str() {
            "/v2/" => return None,
            "/v2/team/app/referrers/2" => (1, "<3>; rel=\"next\""),
            "/v2/team/app/referrers/3" => (2, ""),
            target if target == first => (0, "</v2/team/app/referrers/2>; rel=\"next\""),
            _ => return None,
        };
        Some(full(200, &[INDEX, ("link", link)], pages[page].clone()))
    })
    .await;
    let found = repository(&script.address).referrers(&subject.digest()).await;
    let found = found.expect("listed");
    assert_eq!(found.how, ReferrersFrom::Api);
    let digests: Vec<_> = found.descriptors.iter().map(|d| d.digest).collect();
    assert_eq!(digests, [a.digest(), b.digest(), c.digest()]);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_whole_is_an_error() {
    let subject = subject();
    let digest = subject.digest();
    let good = index(&[&attachment(&subject, "a")]);
    let image_bytes = subject.bytes().clone();
    type Answer = (u16, &'static str, String);
    let json = media_type::OCI_INDEX;
    let cases: [(Answer, bool); 11] = [
        ((200, json, good.clone()), true),
        ((200, "application/json", good.clone()), true),
        ((200, "text/html", good.clone()), false),
        ((200, "text/html", "<html>".into()), false),
        ((200, json, "{}".into()), false),
        ((200, media_type::OCI_MANIFEST, String::from_utf8_lossy(&image_bytes).into()), false),
        ((401, "", String::new()), false),
        ((403, "", String::new()), false),
        ((429, "", String::new()), false),
        ((500, "", String::new()), false),
        ((410, "", String::new()), false),
    ];
    for ((code, media_type, body), listed) in cases {
        let named = format!("{code} {media_type} {body}");
        let script = Script::start(move |seen| {
            let list = seen.target.contains("/referrers/");
            list.then(|| full(code, &[("content-type", media_type)], body.clone()))
        })
        .await;
        let found = repository(&script.address).referrers(&digest).await;
        assert_eq!(found.is_ok(), listed, "{named}: {found:?}");
    }
    // A later page that is missing, leads elsewhere, or never ends.
    for (link, second) in [
        ("<2>; rel=next", 404),
        ("<2>; rel=next", 500),
        ("<http://127.0.0.1:9/v2/>; rel=next", 200),
        ("<2>; rel=next", 200),
    ] {
        let page = good.clone();
        let script = Script::start(move |seen| {
            let list = seen.target.contains("/referrers/");
            list.then(|| match seen.target.ends_with("/2") {
                true if second != 200 => status(second),
                _ => full(200, &[INDEX, ("link", link)], page.clone()),
            })
        })
        .await;
        let found = repository(&script.address).referrers(&digest).await;
        assert!(found.is_err(), "{link} {second}: {found:?}");
    }
}

#[tokio::test]
async fn without_an_api_the_fallback_tag_counts() {
    let subject = subject();
    let digest = subject.digest();
    let a = attachment(&subject, "a");
    let list = index(&[&a]);
    let tag_url = format!("/v2/team/app/manifests/{}", fallback_tag(&digest));
    let oci = media_type::OCI_INDEX;
    let image_type = media_type::OCI_MANIFEST;
    let text = |m: &Manifest| String::from_utf8_lossy(m.bytes()).into_owned();
    for code in [303, 400, 404, 405, 406] {
        for (tag, media_type, body, wanted) in [
            (200, oci, list.clone(), Some(vec![a.digest()])),
            (404, "text/html", "<html>".into(), Some(vec![])),
            // The tag resolves to the image itself, or to another image: no list.
            (200, image_type, text(&subject), Some(vec![])),
            (200, image_type, text(&a), Some(vec![])),
            (401, "", String::new(), None),
            (403, "", String::new(), None),
            (429, "", String::new(), None),
            (500, "", String::new(), None),
            (200, "text/html", "<html>".into(), None),
        ] {
            let tag_url = tag_url.clone();
            let script = Script::start(move |seen| match seen.target.as_str() {
                target if target == tag_url => {
                    Some(full(tag, &[("content-type", media_type)], body.clone()))
                }
                target if target.contains("/referrers/") => {
                    Some(full(code, &[("location", "http://127.0.0.1:9/ui")], "<html>"))
                }
                _ => None,
            })
            .await;
            let found = repository(&script.address).referrers(&digest).await;
            let digests = found.map(|found| {
                assert_eq!(found.how, ReferrersFrom::FallbackTag);
                found.descriptors.iter().map(|d| d.digest).collect::<Vec<_>>()
            });
            assert_eq!(digests.ok(), wanted, "{code}, then {tag} {media_type}");
        }
    }
}

#[tokio::test]
async fn what_is_in_a_list_stays_when_it_grows() {
    let subject = subject();
    let digest = subject.digest();
    let [a, b] = ["a", "b"].map(|name| attachment(&subject, name));
    let stored = std::sync::Arc::new(std::sync::Mutex::new(index(&[&a]).into_bytes()));
    let kept = std::sync::Arc::clone(&stored);
    let script = Script::start(move |seen| {
        if seen.target == "/v2/" {
            return None;
        }
        let mut stored = stored.lock().expect("no test panicked");
        if seen.method == "PUT" && seen.before > 0 {
            *stored = seen.body.clone().expect("whole").to_vec();
            return Some(status(201));
        }
        // The first write is lost to another client that wrote at the same time.
        match seen.method.as_str() {
            "PUT" => Some(status(201)),
            _ => Some(full(200, &[INDEX], stored.clone())),
        }
    })
    .await;
    let repository = repository(&script.address);
    for referrer in [&a, &b, &b] {
        let added = repository.add_referrers_to_fallback_tag(&digest, &[entry(referrer)]).await;
        added.expect("added");
    }
    let puts = script.seen().iter().filter(|s| s.method == "PUT").count();
    assert_eq!(puts, 2, "one lost, one kept, none for what is there");
    let bytes = kept.lock().expect("no test panicked").clone();
    let list = Manifest::parse(bytes.into(), media_type::OCI_INDEX).expect("an index");
    let entries: Vec<&Descriptor> = list.children().iter().collect();
    assert_eq!(entries.len(), 2);
    assert_eq!(*entries[0], a.descriptor());
    assert_eq!(entries[1].digest, b.digest());
    assert_eq!(entries[1].artifact_type.as_deref(), Some("application/x-test"));
    assert_eq!(list.annotations()["kept"], "yes");
}

#[tokio::test]
async fn a_registry_that_forgets_what_is_added_is_an_error() {
    let subject = subject();
    let script = Script::start(|seen| match seen.method.as_str() {
        "PUT" => Some(status(201)),
        _ if seen.target == "/v2/" => None,
        _ => Some(status(404)),
    })
    .await;
    let repository = repository(&script.address);
    let referrer = attachment(&subject, "a");
    let added =
        repository.add_referrers_to_fallback_tag(&subject.digest(), &[entry(&referrer)]).await;
    assert!(matches!(added, Err(RegistryError::BadAnswer { .. })), "{added:?}");
}

#[tokio::test]
async fn a_tag_that_is_no_list_fails_only_what_is_verified() {
    let subject = subject();
    let image = attachment(&subject, "somebody's");
    let twice = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"manifests":[]}"#;
    let docker = r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[]}"#;
    for (media_type, content) in [
        (media_type::OCI_MANIFEST, image.bytes().to_vec()),
        (media_type::OCI_INDEX, twice.into()),
        (media_type::OCI_INDEX, "null".into()),
        ("application/vnd.docker.distribution.manifest.list.v2+json", docker.into()),
    ] {
        let answer = content.clone();
        let script = Script::start(move |seen| match seen.method.as_str() {
            "PUT" => Some(status(201)),
            _ if seen.target == "/v2/" => None,
            _ => Some(full(200, &[("content-type", media_type)], answer.clone())),
        })
        .await;
        let repository = repository(&script.address);
        let [a, b] = ["a", "b"].map(|name| attachment(&subject, name));
        let unverified = ListEntry::of(&a, ListRoom::Unverified);
        let add = async |entries: &[ListEntry]| {
            repository.add_referrers_to_fallback_tag(&subject.digest(), entries).await
        };
        let full = add(std::slice::from_ref(&unverified)).await.expect("no failure");
        assert_eq!(full, [a.digest()], "{media_type}");
        add(&[entry(&b)]).await.expect_err("it has to be listed");
        add(&[unverified, entry(&b)]).await.expect_err("it has to be listed");
        assert!(!script.seen().iter().any(|seen| seen.method == "PUT"), "what is there stays");
    }
    // No access is not an answer about the tag.
    let script = Script::start(|seen| (seen.target != "/v2/").then(|| status(403))).await;
    let unverified = ListEntry::of(&image, ListRoom::Unverified);
    let repository = repository(&script.address);
    repository
        .add_referrers_to_fallback_tag(&subject.digest(), &[unverified])
        .await
        .expect_err("denied");
}

#[tokio::test]
async fn a_tag_that_resolves_to_its_image_by_itself_can_become_a_list() {
    let subject = subject();
    let bytes = subject.bytes().clone();
    let stored = std::sync::Mutex::new(None);
    let script = Script::start(move |seen| {
        let mut stored = stored.lock().expect("no test panicked");
        if seen.method == "PUT" {
            *stored = seen.body.clone();
            return Some(status(201));
        }
        match (&*stored, seen.target.contains("/manifests/")) {
            (Some(list), true) => Some(full(200, &[INDEX], list.clone())),
            (None, true) => {
                let image = [("content-type", media_type::OCI_MANIFEST)];
                Some(full(200, &image, bytes.clone()))
            }
            (_, false) if seen.target.contains("/tags/list") => {
                Some(full(200, &[], r#"{"name":"team/app","tags":["v1"]}"#))
            }
            _ => None,
        }
    })
    .await;
    let repository = repository(&script.address);
    let referrer = attachment(&subject, "a");
    let added =
        repository.add_referrers_to_fallback_tag(&subject.digest(), &[entry(&referrer)]).await;
    added.expect("added");
}
