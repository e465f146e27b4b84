//! What indexes list beside images, and indexes among what is attached.

use crate::harness::command::Program;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::images::{self, Content, TestImage};
use crate::harness::registry::Registry;
use crate::harness::scene::{Connected, Enclave, HOST};
use crate::harness::servers::BundleServe;
use bundle::oci::media_type::OCI_INDEX;
use reqwest::Method;
use serde_json::{Value, json};
use std::fs::File;
use std::path::Path;

/// An index of these entries; `more` fields are added.
fn index(entries: &[Value], more: Value) -> Content {
    let mut document = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
    for (key, value) in more.as_object().into_iter().flatten() {
        document[key] = value.clone();
    }
    Content::new(OCI_INDEX, document.to_string())
}

/// What buildx leaves as a cache: layers and its own configuration, and an image beside them.
fn cache() -> (TestImage, Vec<Content>, Content) {
    let image = images::image("app", "linux/amd64", &[700]);
    let blobs = vec![
        Content::new("application/vnd.buildkit.cacheconfig.v0", "{\"layers\":[]}"),
        Content::new("application/xml", "<a/>"),
        Content::new(images::LAYER, crate::harness::layers::layer("cache", 200_000).bytes),
    ];
    let mut entries = vec![image.manifest.descriptor()];
    entries[0]["platform"] = json!({"os": "linux", "architecture": "amd64"});
    entries.extend(blobs.iter().map(Content::descriptor));
    let listed = index(&entries, json!({}));
    (image, blobs, listed)
}

fn has_all(layout: &Path, blobs: &[Content]) -> bool {
    blobs.iter().all(|blob| {
        let file = layout.join("blobs/sha256").join(blob.digest().hex());
        std::fs::read(file).is_ok_and(|bytes| bytes == blob.bytes)
    })
}

#[test]
fn blobs_that_an_index_lists_travel_as_they_are() {
    let side = Connected::start();
    let (image, blobs, listed) = cache();
    image.push(&side.registry, "app", None);
    for blob in &blobs {
        side.registry.push_blob("app", &blob.bytes);
    }
    side.registry.push_manifest("app", "1", &listed);
    side.pack(&["app:1"], &[]).expect_code(0);
    let report = side.inspect();
    assert_eq!(report["images"][0]["digest"], listed.digest().to_string());
    assert_eq!(report["totals"]["blobs"], 7, "{report}");
    let file = side.file();
    let enclave = Enclave::start();
    let allowed = ["--allow-unsigned", HOST];

    enclave.unpack(&file, &allowed).expect_code(0);
    let there = enclave.registry.manifest("app", "1").expect("the index");
    assert_eq!(there.bytes, listed.bytes);
    for blob in &blobs {
        assert_eq!(enclave.registry.blob("app", &blob.digest()).as_ref(), Some(&blob.bytes));
        let by_digest = enclave.registry.manifest("app", &blob.digest().to_string());
        assert!(by_digest.is_none(), "a blob is never an image");
    }
    for (name, streamed) in [("by-place", false), ("in-order", true)] {
        let directory = side.output(name);
        let target = format!("oci:{}", directory.display());
        match streamed {
            true => {
                let input = File::open(&file).expect("archive");
                enclave.unpack_pipe(&target, &allowed).stdin(input).run().expect_code(0);
            }
            false => drop(enclave.unpack_to(&file, &target, &allowed).expect_code(0)),
        }
        assert!(has_all(&directory, &blobs), "{name}");
    }
    let server = BundleServe::of_files(&[&file]);
    let served = Registry::at(server.address());
    for blob in &blobs {
        let found = served.blob("app", &blob.digest());
        assert_eq!(found.as_ref(), Some(&blob.bytes));
    }
    drop(server);
    // A filter by platform leaves out images, not what is none.
    std::fs::remove_file(&file).expect("archive");
    side.pack(&["app:1"], &["--platform", "linux/amd64"]).expect_code(0);
    assert_eq!(side.inspect()["totals"]["blobs"], 7);
}

#[test]
fn missing_content_of_an_index_is_named_by_its_type() {
    let side = Connected::start();
    let (image, blobs, listed) = cache();
    image.push(&side.registry, "app", None);
    // The registry would not take the index without them; it may lose them later.
    for blob in &blobs {
        side.registry.push_blob("app", &blob.bytes);
    }
    side.registry.push_manifest("app", "1", &listed);
    let proxy = FaultProxy::start(side.address());
    let xml = blobs[1].digest().to_string();
    let is_xml = move |path: &str| path.contains(&xml);
    proxy.add(Rule::new(Method::GET, is_xml, Fault::status(404)));
    let source = format!("{}/app:1={HOST}/app:1", proxy.address());
    let ran = Program::bundle().args(&["pack", "-q", &source, "-o"]).arg(side.file()).run();
    ran.expect_code(5).expect_error(&["application/xml", &blobs[1].digest().to_string()]);
}

#[test]
fn an_attached_index_of_referrers_travels_whole() {
    let side = Connected::start();
    let image = side.unsigned("app");
    let subject = image.manifest.descriptor();
    let sboms = ["a", "b"].map(|seed| images::artifact("application/spdx+json", &image, seed));
    for sbom in &sboms {
        sbom.push_referrer(&side.registry, "app");
    }
    let entries: Vec<Value> = sboms.iter().map(|sbom| sbom.manifest.descriptor()).collect();
    let inner = index(&entries, json!({}));
    side.registry.push_manifest("app", &inner.digest().to_string(), &inner);
    let outer = index(
        &[inner.descriptor(), entries[0].clone()],
        json!({"subject": subject, "artifactType": "application/vnd.example.set"}),
    );
    side.registry.push_manifest("app", &outer.digest().to_string(), &outer);

    side.pack(&["app:1"], &[]).expect_code(0);
    let attached = side.inspect()["images"][0]["attachments"].clone();
    let digests: Vec<&str> = attached
        .as_array()
        .expect("attachments")
        .iter()
        .map(|attachment| attachment["digest"].as_str().expect("digest"))
        .collect();
    assert!(digests.contains(&outer.digest().to_string().as_str()), "{digests:?}");
    assert_eq!(digests.len(), 3);
    let enclave = Enclave::start();
    enclave.unpack(&side.file(), &["--allow-unsigned", HOST]).expect_code(0);
    for content in [&outer, &inner, &sboms[0].manifest, &sboms[1].manifest] {
        let there = enclave.registry.manifest("app", &content.digest().to_string());
        assert_eq!(there.expect("there").bytes, content.bytes);
    }
}
