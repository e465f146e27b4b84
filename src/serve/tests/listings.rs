use super::*;

/// Follows `Link` from `path`; gives all pages.
async fn pages(server: &Server, path: &str) -> Vec<Value> {
    let (mut pages, mut next) = (Vec::new(), Some(path.to_owned()));
    while let Some(path) = next {
        let answer = server.get(&path).await;
        assert_eq!(answer.status(), 200, "{path}");
        next = header(&answer, "link").map(|link| {
            let (target, relation) = link.split_once(';').expect("a relation");
            assert_eq!(relation.trim(), "rel=\"next\"");
            target.trim_matches(['<', '>']).to_owned()
        });
        let body = answer.bytes().await.expect("a body");
        pages.push(serde_json::from_slice(&body).expect("JSON"));
    }
    pages
}

#[tokio::test]
async fn tags_and_repositories_are_listed_in_order_and_in_pages() {
    let server = Server::new().await;
    for (repository, tag) in
        [("b/x", "1"), ("a", "z"), ("a", "B"), ("a", "a"), ("a", "10"), ("a", "9")]
    {
        server.push_artifact(repository, Target::Tag(tag), json!({})).await;
    }
    let all = json!(["10", "9", "B", "a", "z"]);
    assert_eq!(server.json("/v2/a/tags/list").await, json!({"name": "a", "tags": all}));
    let pages_of_two = pages(&server, "/v2/a/tags/list?n=2").await;
    let tags: Vec<_> = pages_of_two.iter().map(|page| page["tags"].clone()).collect();
    assert_eq!(tags, [json!(["10", "9"]), json!(["B", "a"]), json!(["z"])]);
    for (query, wanted) in [
        ("n=5", json!(["10", "9", "B", "a", "z"])),
        ("n=0", json!([])),
        ("last=B", json!(["a", "z"])),
        ("n=1&last=C", json!(["a"])),
        ("last=zz", json!([])),
    ] {
        let page = server.json(&format!("/v2/a/tags/list?{query}")).await;
        assert_eq!(page["tags"], wanted, "{query}");
    }
    assert_eq!(header(&server.get("/v2/a/tags/list?n=5").await, "link"), None);
    for bad in ["-1", "x", "+1", "99999999999999999999999"] {
        let answer = server.get(&format!("/v2/a/tags/list?n={bad}")).await;
        assert_eq!(refusal(answer).await, refused(400, "PAGINATION_NUMBER_INVALID"), "{bad}");
    }
    let unknown = server.get("/v2/c/tags/list").await;
    assert_eq!(refusal(unknown).await, refused(404, "NAME_UNKNOWN"));

    let repositories = pages(&server, "/v2/_catalog?n=1").await;
    assert_eq!(repositories, [json!({"repositories": ["a"]}), json!({"repositories": ["b/x"]})]);
}

#[tokio::test]
async fn referrers_are_listed_with_type_and_annotations_and_filtered() {
    let server = Server::new().await;
    let image = server.push_artifact("a", Target::Tag("1"), json!({})).await;
    let attach =
        |kind: &str| json!({"subject": image, "artifactType": kind, "annotations": {"kind": kind}});
    let sbom = server.push_artifact("a", Target::Digest, attach("x/sbom+json")).await;
    let signature = server.push_artifact("a", Target::Tag("s"), attach("x/sig")).await;
    let untyped = json!({"subject": image});
    let untyped = server.push_artifact("a", Target::Digest, untyped).await;
    server.push_artifact("b", Target::Digest, attach("x/elsewhere")).await;

    let path = format!("/v2/a/referrers/{}", image.digest);
    let answer = server.get(&path).await;
    assert_eq!(header(&answer, "content-type"), Some(OCI_INDEX));
    assert_eq!(header(&answer, "oci-filters-applied"), None);
    let list = server.json(&path).await;
    let mut wanted = [sbom.digest, signature.digest, untyped.digest];
    wanted.sort();
    let listed = list["manifests"].as_array().expect("a list");
    let digests: Vec<_> = listed.iter().map(|entry| entry["digest"].clone()).collect();
    assert_eq!(json!(digests), json!(wanted));
    let of = |digest: Digest| {
        let mut entries = listed.iter();
        entries.find(|e| e["digest"] == json!(digest)).expect("listed")
    };
    assert_eq!(of(sbom.digest)["artifactType"], "x/sbom+json");
    assert_eq!(of(sbom.digest)["annotations"], json!({"kind": "x/sbom+json"}));
    assert_eq!(of(sbom.digest)["size"], sbom.size);
    assert_eq!(of(untyped.digest)["artifactType"], OCI_EMPTY);

    for (query, count) in [("x%2Fsbom%2Bjson", 1), ("x/sbom+json", 1), ("x/none", 0)] {
        let answer = server.get(&format!("{path}?artifactType={query}")).await;
        assert_eq!(header(&answer, "oci-filters-applied"), Some("artifactType"));
        let body = answer.bytes().await.expect("a body");
        let list: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(list["manifests"].as_array().map(Vec::len), Some(count), "{query}");
    }
    assert_eq!(pages(&server, &format!("{path}?n=2")).await.len(), 2);

    for nothing in ["a", "never-pushed"] {
        let list = server.json(&format!("/v2/{nothing}/referrers/{}", absent())).await;
        assert_eq!(list, json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}));
    }
    let gone = format!("/v2/a/manifests/{}", sbom.digest);
    assert_eq!(server.delete(&gone).await, 202);
    let list = server.json(&path).await;
    assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_list_of_referrers_is_never_longer_than_a_manifest_may_be() {
    let server = Server::new().await;
    let subject = Descriptor::new(OCI_MANIFEST, absent(), 5);
    let mut wanted = Vec::new();
    for number in 0..3 {
        let text = format!("{number}{}", "x".repeat(2 << 20));
        let extra = json!({"subject": subject, "annotations": {"text": text}});
        wanted.push(server.push_artifact("a", Target::Digest, extra).await.digest);
    }
    wanted.sort();
    let path = format!("/v2/a/referrers/{}?artifactType={OCI_EMPTY}", absent());
    let pages = pages(&server, &path).await;
    assert!(pages.iter().all(|page| page.to_string().len() <= 4 << 20));
    let listed = pages.iter().flat_map(|page| page["manifests"].as_array().expect("a list"));
    let digests: Vec<_> = listed.map(|entry| entry["digest"].clone()).collect();
    assert_eq!((json!(digests), pages.len()), (json!(wanted), 3));
}
