use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::{Digest, Repository};
use bundle_trust::PublicKey;
use serde_json::{Value, json};
use std::path::Path;

fn repository(text: &str) -> Repository {
    text.parse().expect("a repository")
}

fn name(text: &str) -> ResourceName {
    text.parse().expect("a name")
}

fn key() -> PublicKey {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/trust/cosign/p256.pub");
    PublicKey::from_pem(&std::fs::read(path).expect("a file")).expect("a key")
}

fn read(resource: &Resource) -> Value {
    serde_saphyr::from_str(&resource.content).expect("YAML")
}

fn source(source: &str, mirrors: &[&str]) -> MirroredSource {
    let mirrors = mirrors.iter().map(|name| repository(name)).collect();
    MirroredSource { source: repository(source), mirrors }
}

fn scopes(key_name: &str, scopes: &[&str]) -> KeyScopes {
    let scopes = scopes.iter().map(|name| repository(name)).collect();
    KeyScopes { name: name(key_name), scopes, key: key(), log_key: None }
}

#[test]
fn mirror_sets_say_what_the_schemas_want() {
    let sources = [
        source("quay.io/b", &["r.example:5000/b", "s.example/b"]),
        source("quay.io/a", &["r.example:5000/a"]),
    ];
    let digests = digest_mirror_set(&name("enclave"), &sources, MirrorSource::NeverContacted);
    let digests = digests.expect("a resource");
    assert_eq!(digests.file, "imagedigestmirrorset-enclave.yaml");
    assert_eq!(
        read(&digests),
        json!({
            "apiVersion": "config.openshift.io/v1",
            "kind": "ImageDigestMirrorSet",
            "metadata": { "name": "enclave" },
            "spec": { "imageDigestMirrors": [
                { "source": "quay.io/a", "mirrors": ["r.example:5000/a"],
                  "mirrorSourcePolicy": "NeverContactSource" },
                { "source": "quay.io/b", "mirrors": ["r.example:5000/b", "s.example/b"],
                  "mirrorSourcePolicy": "NeverContactSource" },
            ] },
        })
    );
    let tags = tag_mirror_set(&name("enclave"), &sources, MirrorSource::Allowed).expect("one");
    let tags = read(&tags);
    assert_eq!(tags["kind"], "ImageTagMirrorSet");
    let entry = &tags["spec"]["imageTagMirrors"][0];
    assert_eq!(entry["mirrorSourcePolicy"], "AllowContactingSource");
}

#[test]
fn mirror_sets_that_a_cluster_would_refuse_are_refused() {
    let set = |sources: &[MirroredSource]| {
        digest_mirror_set(&name("x"), sources, MirrorSource::NeverContacted).map(drop)
    };
    let good = source("quay.io/a", &["localhost:5000/a"]);
    assert_eq!(set(std::slice::from_ref(&good)), Ok(()));
    assert_eq!(set(&[]), Err(OpenshiftError::Empty("ImageDigestMirrorSet")));
    assert_eq!(
        set(&[source("quay.io/a", &[])]),
        Err(OpenshiftError::Empty("ImageDigestMirrorSet"))
    );
    let twice = Err(OpenshiftError::TwoMirrors(repository("quay.io/a")));
    assert_eq!(set(&[good.clone(), good]), twice);
    let short = Repository::new("registry", "a").expect("a repository");
    for host in [repository("[::1]:5000/a"), short] {
        let set =
            set(&[MirroredSource { source: repository("quay.io/a"), mirrors: vec![host.clone()] }]);
        assert_eq!(set, Err(OpenshiftError::Host(host)));
    }
    // With a port it is a host for container tools; a policy's scope has to have a dot all the same.
    let port = Repository::new("registry:5000", "a").expect("a repository");
    assert_eq!(
        set(&[MirroredSource { source: repository("quay.io/a"), mirrors: vec![port.clone()] }]),
        Ok(())
    );
    assert_eq!(check_scope(&port), Err(OpenshiftError::Host(port)));
}

#[test]
fn policies_hold_the_key_and_the_scopes() {
    let mut group = scopes("release", &["quay.io/b", "quay.io/a"]);
    group.log_key = Some(key());
    let resources = cluster_image_policies(&[group]).expect("resources");
    let data = STANDARD.encode(key().to_pem());
    assert_eq!(
        read(&resources[0]),
        json!({
            "apiVersion": "config.openshift.io/v1",
            "kind": "ClusterImagePolicy",
            "metadata": { "name": "release" },
            "spec": {
                "scopes": ["quay.io/a", "quay.io/b"],
                "policy": {
                    "rootOfTrust": {
                        "policyType": "PublicKey",
                        "publicKey": { "keyData": data, "rekorKeyData": data },
                    },
                    "signedIdentity": { "matchPolicy": "MatchRepository" },
                },
            },
        })
    );
}

#[test]
fn more_scopes_than_fit_make_more_policies() {
    let names: Vec<String> = (0..=2 * MAX_SCOPES).map(|n| format!("quay.io/r{n:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let resources = cluster_image_policies(&[scopes("a.b", &names)]).expect("resources");
    let counts: Vec<_> = resources
        .iter()
        .map(|resource| {
            let document = read(resource);
            let scopes = document["spec"]["scopes"].as_array().expect("a list").len();
            (resource.file.clone(), document["metadata"]["name"].clone(), scopes)
        })
        .collect();
    assert_eq!(
        counts,
        [
            ("clusterimagepolicy-a.b.yaml".into(), json!("a.b"), 256),
            ("clusterimagepolicy-a.b-2.yaml".into(), json!("a.b-2"), 256),
            ("clusterimagepolicy-a.b-3.yaml".into(), json!("a.b-3"), 1),
        ]
    );
}

#[test]
fn policies_that_a_cluster_would_refuse_or_join_are_refused() {
    let run = |groups: &[KeyScopes]| cluster_image_policies(groups).map(drop);
    assert_eq!(run(&[scopes("a", &["quay.io/a"]), scopes("b", &["quay.io/b"])]), Ok(()));
    assert_eq!(
        run(&[scopes("a", &["quay.io/a"]), scopes("b", &["quay.io/a"])]),
        Err(OpenshiftError::TwoPolicies(repository("quay.io/a")))
    );
    let reserved = OpenshiftError::Reserved("openshift-x".into());
    assert_eq!(run(&[scopes("openshift-x", &["quay.io/a"])]), Err(reserved));
    assert_eq!(run(&[scopes("a", &[])]), Err(OpenshiftError::Empty("ClusterImagePolicy")));
    let six = repository("[::1]:5000/a");
    assert_eq!(run(&[scopes("a", &["[::1]:5000/a"])]), Err(OpenshiftError::Host(six)));
}

#[test]
fn names_are_those_of_rfc_1123() {
    for text in ["a", "0", "a-b.c0", &"a".repeat(253)] {
        assert!(text.parse::<ResourceName>().is_ok(), "{text}");
    }
    let long = "a".repeat(254);
    for text in ["", "A", "a_b", "-a", "a-", "a..b", ".a", "a.", "a.-b", "ä", "a/b", "a\n", &long]
    {
        assert!(text.parse::<ResourceName>().is_err(), "{text:?}");
    }
}

#[test]
fn keys_are_one_block_with_one_newline() {
    let pem = key().to_pem();
    assert_eq!(key_data(&pem), Ok(STANDARD.encode(&pem)));
    for bad in [
        String::new(),
        format!("prose\n{pem}"),
        format!("{pem}\n"),
        pem.trim_end().to_owned(),
        pem.repeat(2),
        pem.replace("PUBLIC", "PRIVATE"),
        "-----BEGIN PUBLIC KEY-----\n\n-----END PUBLIC KEY-----\n".to_owned(),
    ] {
        assert_eq!(key_data(&bad), Err(OpenshiftError::KeyForm), "{bad}");
    }
    let of = |body: usize| {
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", "A".repeat(body))
    };
    let frame = of(0).len();
    let most = MAX_KEY_DATA / 4 * 3;
    assert!(key_data(&of(most - frame)).is_ok());
    assert_eq!(key_data(&of(most - frame + 1)), Err(OpenshiftError::KeyLength(MAX_KEY_DATA + 4)));
}

#[test]
fn release_signatures_lie_where_the_cluster_looks() {
    let release = Digest::of(b"release");
    let mut signed = ReleaseSignatures { release, signatures: vec![vec![0, 255], b"two".to_vec()] };
    let resource = release_config_map(&signed).expect("a resource");
    let name = format!("sha256-{}", release.hex());
    assert_eq!(
        read(&resource),
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": name,
                "namespace": "openshift-config-managed",
                "labels": { "release.openshift.io/verification-signatures": "" },
            },
            "binaryData": { format!("{name}-1"): "AP8=", format!("{name}-2"): "dHdv" },
        })
    );
    let key = format!("{name}-1").len();
    signed.signatures = vec![vec![0; MAX_CONFIG_MAP - key]];
    assert!(release_config_map(&signed).is_ok());
    signed.signatures[0].push(0);
    let large = release_config_map(&signed);
    assert!(matches!(large, Err(OpenshiftError::LargeConfigMap { .. })));
    signed.signatures.clear();
    assert_eq!(release_config_map(&signed), Err(OpenshiftError::Empty("ConfigMap")));
}
