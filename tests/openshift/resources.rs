//! What the resources say, and what they leave out.

use super::{Scene, documents, left_out, named, pack};
use crate::atomic::{looking_at, put};
use crate::harness::gpg::file_url;
use crate::harness::images::{self, CONFIG, Content};
use crate::harness::scene::HOST;
use crate::harness::signer::Signer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const POLICY: &str = "ClusterImagePolicy";
const MIRRORS: &str = "ImageDigestMirrorSet";

/// Sources and mirrors of a set.
fn mirrors(document: &Value, list: &str) -> BTreeMap<String, String> {
    let entries = document["spec"][list].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    entries.map(|entry| (text(&entry["source"]), text(&entry["mirrors"][0]))).collect()
}

/// The scopes of every policy, by the key that it has.
fn scopes(documents: &BTreeMap<String, Value>) -> BTreeMap<String, Vec<String>> {
    let policies = documents.values().filter(|document| document["kind"] == POLICY);
    policies
        .map(|document| {
            let key = &document["spec"]["policy"]["rootOfTrust"]["publicKey"]["keyData"];
            let key = STANDARD.decode(key.as_str().expect("a key")).expect("base64");
            let scopes = document["spec"]["scopes"].as_array().expect("a list").iter();
            let scopes = scopes.map(|scope| scope.as_str().expect("a scope").to_owned());
            (String::from_utf8(key).expect("PEM"), scopes.collect())
        })
        .collect()
}

#[test]
fn a_cluster_is_told_mirrors_and_keys() {
    let scene = Scene::new();
    let (one, two) = (Signer::p256(), Signer::p256());
    let side = &scene.side;
    for (repository, signer) in [("team/app", &one), ("team/db", &one), ("other/tool", &two)] {
        side.signed(repository, signer);
    }
    let digest = side.registry.manifest("other/tool", "1").expect("there").digest();
    let by_digest = format!("other/tool@{digest}");
    let (first, second) = (side.key("one.pub", &one), side.key("two.pub", &two));
    let first = format!("{HOST}/team={first}");
    let keys = ["--key", &first, "--key", &second];
    side.pack(&["team/app:1", "team/db:1", &by_digest], &["--name", "prod"]).expect_code(0);
    let more = ["--map", "registry.example/other=tools", "--install-keys"];
    let emitted = scene.emit(&[&keys[..], &more].concat());
    assert_eq!(emitted["leftOut"], json!([]));

    let documents = documents(&scene.directory());
    let name = |signer: &Signer| {
        format!("clusterimagepolicy-bundle-prod-{}.yaml", &signer.fingerprint().hex()[..16])
    };
    let (digests, tags) = (
        "imagedigestmirrorset-bundle-prod.yaml".to_owned(),
        "imagetagmirrorset-bundle-prod.yaml".to_owned(),
    );
    let mut expected = vec![name(&one), name(&two), digests.clone(), tags.clone()];
    expected.sort();
    assert_eq!(documents.keys().cloned().collect::<Vec<_>>(), expected);
    let pair = |path: &str, target: &str| (named(path), scene.target(target));
    let tagged = BTreeMap::from([pair("team/app", "team/app"), pair("team/db", "team/db")]);
    assert_eq!(mirrors(&documents[&tags], "imageTagMirrors"), tagged);
    let mut all = tagged;
    all.extend([pair("other/tool", "tools/tool")]);
    assert_eq!(mirrors(&documents[&digests], "imageDigestMirrors"), all);
    let entry = &documents[&digests]["spec"]["imageDigestMirrors"][0];
    assert_eq!(entry["mirrorSourcePolicy"], "NeverContactSource");
    assert_eq!(
        scopes(&documents),
        BTreeMap::from([
            (one.public_pem(), vec![named("team/app"), named("team/db")]),
            (two.public_pem(), vec![named("other/tool")]),
        ])
    );
    for document in documents.values().filter(|document| document["kind"] == POLICY) {
        let rule = &document["spec"]["policy"]["signedIdentity"]["matchPolicy"];
        assert_eq!(rule, "MatchRepository", "cosign names the repository alone");
    }
    assert_eq!(scene.enclave.tags(), [""; 0], "a dry run writes the directory alone");
    assert_eq!(scene.enclave.files(), [""; 0]);

    scene.emit(&[&keys[..], &["--mirror-source-policy", "allow"]].concat());
    let entry = super::documents(&scene.directory())[&tags]["spec"]["imageTagMirrors"][0].clone();
    assert_eq!(entry["mirrorSourcePolicy"], "AllowContactingSource");
}

#[test]
fn a_policy_is_made_only_where_one_key_accepts_everything() {
    let scene = Scene::new();
    let (one, two) = (Signer::p256(), Signer::p256());
    let side = &scene.side;
    side.signed("good", &one);
    side.unsigned("unsigned");
    // The index alone: a runtime would choose a child.
    let index = side.unsigned("index");
    side.sign("index", &index.digest(), &one);
    // Two tags, each of another signer.
    side.signed("both", &one);
    let second = images::image("second", "linux/amd64", &[1_000]);
    second.push(&side.registry, "both", Some("2"));
    side.sign("both", &second.digest(), &two);
    // A policy on the upper one would refuse the lower one, and so on upwards.
    side.signed("a", &one);
    side.signed("a/b", &one);
    side.unsigned("a/b/c");
    // All of these are signed, so each has a scope of its own.
    side.signed("x", &one);
    side.signed("x/y", &one);
    let images = [
        "good:1",
        "unsigned:1",
        "index:1",
        "both:1",
        "both:2",
        "a:1",
        "a/b:1",
        "a/b/c:1",
        "x:1",
        "x/y:1",
    ];
    side.pack(&images, &[]).expect_code(0);
    let (first, second) = (side.key("one.pub", &one), side.key("two.pub", &two));
    let keys = ["--key", &first, "--key", &second];
    let unsigned = named("unsigned");
    let below = named("a/b/c");
    let allowed = ["--allow-unsigned", &unsigned, "--allow-unsigned", &below];
    let emitted = scene.emit(&[&keys[..], &allowed].concat());
    let expected = [
        ("a", "above-another"),
        ("a/b", "above-another"),
        ("a/b/c", "no-key"),
        ("both", "several-keys"),
        ("index", "uncovered"),
        ("unsigned", "no-key"),
    ];
    let expected = expected.map(|(path, code)| (named(path), code.to_owned()));
    assert_eq!(left_out(&emitted, POLICY), BTreeMap::from(expected));
    let expected = [(one.public_pem(), vec![named("good"), named("x"), named("x/y")])];
    assert_eq!(scopes(&documents(&scene.directory())), BTreeMap::from(expected));
    assert_eq!(left_out(&emitted, MIRRORS), BTreeMap::new(), "mirrors are for all");

    // What is left out is told to people too.
    let ran = scene.run(&[&["--dry-run"], &keys[..], &allowed].concat()).expect_code(0);
    assert!(
        ran.stdout.contains("registry.example/index: in no ClusterImagePolicy (uncovered)"),
        "{ran}"
    );
    assert!(ran.stdout.contains(&format!("oc apply -f {}", scene.directory().display())), "{ran}");

    let policy = side.text("policy.json", r#"{"default": [{"type": "insecureAcceptAnything"}]}"#);
    let by_policy = scene.emit(&["--policy", &policy, "--replace-emitted"]);
    let by_policy = left_out(&by_policy, POLICY);
    assert!(by_policy.values().all(|code| code == "by-policy"), "{by_policy:?}");
    assert_eq!(scopes(&documents(&scene.directory())), BTreeMap::new());
}

/// Sources of the mirrors by digest, and of those by tag.
fn mirrored(scene: &Scene) -> [Vec<String>; 2] {
    let documents = documents(&scene.directory());
    ["imageDigestMirrors", "imageTagMirrors"].map(|list| {
        let sets = documents.values().filter(|document| document["spec"][list].is_array());
        sets.flat_map(|set| mirrors(set, list).into_keys()).collect()
    })
}

#[test]
fn tags_are_mirrored_only_where_a_policy_demands() {
    let scene = Scene::new();
    let signer = Signer::p256();
    let side = &scene.side;
    side.signed("good", &signer);
    // The index alone is signed: no policy can demand it of a node that chooses a child.
    let index = side.unsigned("deep/index");
    side.sign("deep/index", &index.digest(), &signer);
    side.unsigned("deep");
    side.unsigned("plain");
    side.pack(&["good:1", "deep/index:1", "deep:1", "plain:1"], &[]).expect_code(0);
    let key = side.key("release.pub", &signer);
    let (deep, plain) = (format!("{}:1", named("deep")), named("plain"));
    let trust = ["--key", &key, "--allow-unsigned", &deep, "--allow-unsigned", &plain];
    let all = ["deep", "deep/index", "good", "plain"].map(named).to_vec();

    let emitted = scene.emit(&trust);
    assert_eq!(mirrored(&scene), [all.clone(), vec![named("good"), named("plain")]]);
    let reasons = ["deep", "deep/index"].map(|path| (named(path), "unenforced".to_owned()));
    assert_eq!(left_out(&emitted, "ImageTagMirrorSet"), BTreeMap::from(reasons));
    assert_eq!(emitted["unenforced"], json!([named("deep/index")]));
    let ran = scene.run(&[&["--dry-run", "--require-enforcement"], &trust[..]].concat());
    let ran = ran.expect_code(4);
    let said =
        "no policy demands the signatures of registry.example/deep/index; --allow-unenforced";
    assert!(ran.stdout.contains(said), "{ran}");

    let index = named("deep/index");
    let allowed = [&trust[..], &["--allow-unenforced", &index]].concat();
    let emitted = scene.emit(&allowed);
    assert_eq!(mirrored(&scene), [all.clone(), all]);
    assert_eq!(left_out(&emitted, "ImageTagMirrorSet"), BTreeMap::new());
    // Allowed or not, a demand for enforcement counts it.
    let ran = scene.run(&[&["--dry-run", "--require-enforcement"], &allowed[..]].concat());
    ran.expect_code(4);
    // What an earlier run was allowed stays.
    scene.emit(&trust);
    assert_eq!(mirrored(&scene)[1].len(), 4);
    // A permission that covers nothing is refused, and so is one without anything to configure.
    let ran =
        scene.run(&[&["--dry-run"], &trust[..], &["--allow-unenforced", "quay.io/x"]].concat());
    ran.expect_code(2);
    let ran =
        scene.enclave.unpack(&side.file(), &[&trust[..], &["--allow-unenforced", &index]].concat());
    ran.expect_code(2);
}

#[test]
fn signed_and_covered_repositories_leave_nothing_unenforced() {
    let (scene, _, key) = Scene::signed();
    let emitted = scene.emit(&["--key", &key]);
    assert_eq!(emitted.get("unenforced"), None);
    assert_eq!(mirrored(&scene)[1], [named("team/app")]);
    scene.run(&["--dry-run", "--require-enforcement", "--key", &key]).expect_code(0);
}

#[test]
fn names_that_the_schemas_refuse_are_left_out() {
    let scene = Scene::new();
    let signer = Signer::p256();
    for repository in ["good", "short", "six"] {
        scene.side.unsigned(repository);
    }
    let key = scene.side.key("release.pub", &signer);
    for (repository, identity) in
        [("good", "good.example/app"), ("short", "registry:5000/short"), ("six", "[::1]:5000/six")]
    {
        let index = scene.side.registry.manifest(repository, "1").expect("there");
        let document: Value = serde_json::from_slice(&index.bytes).expect("JSON");
        let children = document["manifests"].as_array().expect("a list").iter();
        let children = children.map(|child| child["digest"].as_str().expect("a digest").to_owned());
        for digest in std::iter::once(index.digest().to_string()).chain(children) {
            let digest = digest.parse().expect("a digest");
            crate::harness::signatures::sign_simple_as(
                &scene.side.registry,
                repository,
                &digest,
                &signer,
                identity,
            );
        }
    }
    let images = [
        ("good:1", "good.example/app:1"),
        ("short:1", "registry:5000/short:1"),
        ("six:1", "[::1]:5000/six:1"),
    ];
    pack(&scene.side, &images, &[]);
    let emitted = scene.emit(&["--key", &key]);
    let host = |names: &[&str]| -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), "host".to_owned())).collect()
    };
    assert_eq!(left_out(&emitted, MIRRORS), host(&["[::1]:5000/six"]));
    assert_eq!(left_out(&emitted, POLICY), host(&["[::1]:5000/six", "registry:5000/short"]));
    let documents = documents(&scene.directory());
    assert_eq!(
        scopes(&documents),
        BTreeMap::from([(signer.public_pem(), vec!["good.example/app".to_owned()])])
    );
    let set = mirrors(&documents["imagedigestmirrorset-bundle.yaml"], "imageDigestMirrors");
    assert_eq!(set.keys().collect::<Vec<_>>(), ["good.example/app", "registry:5000/short"]);
}

#[test]
fn signatures_of_releases_come_along() {
    const RELEASES: &str = "quay.io/openshift-release-dev/ocp-release";
    let scene = Scene::new();
    let side = &scene.side;
    let release = side.unsigned("release");
    let plain = side.unsigned("plain");
    let config = json!({
        "os": "linux",
        "architecture": "amd64",
        "config": { "Labels": { "io.openshift.release": "4.20.1" } },
        "rootfs": { "type": "layers", "diff_ids": [] },
    });
    let labelled = images::manifest(Content::new(CONFIG, config.to_string()), vec![], json!({}));
    labelled.push(&side.registry, "labelled", Some("1"));
    let lookaside = tempfile::tempdir().expect("directory");
    let signature = |number: u8| [b"\x90a signature ".as_slice(), &[number]].concat();
    for (repository, digest, numbers) in [
        ("release", release.digest(), &[1, 2][..]),
        ("plain", plain.digest(), &[3]),
        ("labelled", labelled.digest(), &[4]),
    ] {
        for (place, number) in numbers.iter().enumerate() {
            put(lookaside.path(), repository, &digest, place + 1, &signature(*number));
        }
    }
    let configuration = looking_at(&file_url(lookaside.path()));
    let configuration = ["--registries-d", configuration.path().to_str().expect("path")];
    let release_name = format!("{RELEASES}:4.20.1-x86_64");
    let images = [
        ("release:1", release_name.as_str()),
        ("plain:1", "quay.io/org/plain:1"),
        ("labelled:1", "registry.example/mirror/release:1"),
    ];
    pack(side, &images, &configuration);
    scene.emit(&["--allow-unsigned", "*"]);
    let documents = documents(&scene.directory());
    let maps: BTreeMap<String, Vec<Vec<u8>>> = documents
        .values()
        .filter(|document| document["kind"] == "ConfigMap")
        .map(|document| {
            let name = document["metadata"]["name"].as_str().expect("a name").to_owned();
            let entries = document["binaryData"].as_object().expect("entries").iter();
            let content = entries.map(|(key, value)| {
                assert!(key.starts_with(&format!("{name}-")), "{key}");
                STANDARD.decode(value.as_str().expect("a text")).expect("base64")
            });
            let mut content: Vec<_> = content.collect();
            content.sort();
            (name, content)
        })
        .collect();
    let name = |image: &images::TestImage| format!("sha256-{}", image.digest().hex());
    let expected =
        [(name(&release), vec![signature(1), signature(2)]), (name(&labelled), vec![signature(4)])];
    assert_eq!(maps, BTreeMap::from(expected), "and nothing of what is no release");
}
