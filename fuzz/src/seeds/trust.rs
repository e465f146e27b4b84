//! What the verifier reads, all of it valid. That it is, is asserted here: a seed that is refused begins nothing.

use bundle::trust::sigstore_bundle::{Bundle, Subject};
use bundle::trust::trusted_root::TrustedRoot;
use bundle_fuzz::bundles::{BOUND, LOGGED, SIGNED};
use bundle_fuzz::{bundles, openpgp, reading, world};
use serde_json::{Value, json};
use std::path::Path;

type Put<'a> = dyn FnMut(&str, &str, &[u8]) + 'a;

/// Hands over every seed: target, name, content.
pub fn put_all(put: &mut Put<'_>) {
    put("openpgp_keyring", "key", openpgp::KEY);
    for (name, message) in ["open", "zip"].into_iter().zip(openpgp::MESSAGES) {
        put("openpgp_message", name, message);
    }
    put_payloads(put);
    put_entries(put);
    put_bundles(put);
    put_statements(put);
    put_pem(put);
    put_roots(put);
    put_identities(put);
}

fn put_payloads(put: &mut Put<'_>) {
    let cosign: Value = serde_json::from_str(&world::payload()).expect("JSON");
    let mut stated = cosign.clone();
    stated["optional"] = json!({"creator": "somebody", "timestamp": 1_700_000_000, "x": [1.5]});
    let mut tagged = cosign.clone();
    tagged["critical"]["identity"]["docker-reference"] = world::source().to_string().into();
    let mut atomic = stated.clone();
    atomic["critical"]["type"] = "atomic container signature".into();
    for (name, payload) in
        [("cosign", cosign), ("stated", stated), ("tagged", tagged), ("atomic", atomic)]
    {
        put("payload", name, payload.to_string().as_bytes());
    }
}

/// With a first byte that says what follows.
fn marked(mark: u8, bytes: &[u8]) -> Vec<u8> {
    [&[mark], bytes].concat()
}

fn put_entries(put: &mut Put<'_>) {
    let key = world::key().to_pem();
    let certificate = world::certificate_pem(&world::constant_certificate());
    for (name, verifier) in [("key", key), ("certificate", certificate)] {
        let digest = bundle::oci::Digest::of(world::PAYLOAD).hex();
        let signature = reading::encoded(&world::constant_signature(world::PAYLOAD));
        let verifier = reading::encoded(verifier.as_bytes());
        let body = json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": digest}},
                "signature": {"content": signature, "publicKey": {"content": verifier}},
            },
        });
        let body = body.to_string();
        let entry = world::promised(body.as_bytes());
        let annotation = world::promise(&entry).to_string();
        put("rekor_set", &format!("{name}-annotation"), &marked(0, annotation.as_bytes()));
        put("rekor_set", &format!("{name}-entry"), &marked(1, entry.to_string().as_bytes()));
        put("rekor_set", &format!("{name}-body"), &marked(2, body.as_bytes()));
    }
}

fn put_bundles(put: &mut Put<'_>) {
    let root = world::trusted_root().to_string();
    let keyless = world::keyless(TrustedRoot::parse(root.as_bytes()).expect("a usable root"));
    let logs = world::log_root();
    let subject = Subject::Manifest(world::manifest());
    for (name, bundle) in [
        ("key-statement", bundles::of_statement(bundles::by_key())),
        ("key-old-statement", bundles::of_old_statement(bundles::by_key())),
        ("key-message", bundles::of_message(bundles::by_key())),
    ] {
        let parsed = Bundle::parse(bundle.to_string().as_bytes()).expect(name);
        parsed.verify_logged(world::key(), &logs, subject).expect(name);
        put_bundle(put, name, &bundle);
    }
    for (name, bundle) in [
        ("certificate-statement", bundles::of_statement(bundles::by_certificate())),
        ("certificate-old-statement", bundles::of_old_statement(bundles::by_certificate())),
        ("certificate-message", bundles::of_message(bundles::by_certificate())),
    ] {
        let parsed = Bundle::parse(bundle.to_string().as_bytes()).expect(name);
        parsed.verify_keyless(&keyless, subject).expect(name);
        put_bundle(put, name, &bundle);
    }
}

fn put_bundle(put: &mut Put<'_>, name: &str, bundle: &Value) {
    let mut unproven = bundle.clone();
    unproven["verificationMaterial"]["tlogEntries"][0]["inclusionProof"] = Value::Null;
    unproven["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1".into();
    for (kind, bundle) in [("", bundle), ("-promised", &unproven)] {
        let text = bundle.to_string();
        put("sigstore_bundle", &format!("{name}{kind}"), &marked(0, text.as_bytes()));
        let genuine = marked(SIGNED | BOUND | LOGGED, text.as_bytes());
        put("sigstore_bundle", &format!("{name}{kind}-genuine"), &genuine);
    }
}

fn put_statements(put: &mut Put<'_>) {
    let signature = bundles::image_statement();
    let mut provenance = signature.clone();
    provenance["predicateType"] = "https://slsa.dev/provenance/v1".into();
    provenance["predicate"] = json!({"buildDefinition": {"externalParameters": {"a": [1, {}]}}});
    for (name, statement) in [("signature", signature), ("provenance", provenance)] {
        let statement = statement.to_string();
        let envelope = world::enveloped(statement.as_bytes(), bundle::trust::dsse::IN_TOTO);
        put("statement", &format!("{name}-envelope"), &marked(0, envelope.to_string().as_bytes()));
        put("statement", &format!("{name}-bare"), &marked(1, statement.as_bytes()));
        put("statement", &format!("{name}-bundle"), &marked(2, statement.as_bytes()));
    }
}

fn put_pem(put: &mut Put<'_>) {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/trust");
    for folder in ["keys", "cosign"] {
        for entry in std::fs::read_dir(testdata.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|end| end == "pem" || end == "pub") {
                let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
                put("pem", name, &std::fs::read(&path).expect("a key file"));
            }
        }
    }
    let leaf = world::certificate_pem(&world::certificate());
    let root = world::certificate_pem(&world::authority_certificate());
    put("pem", "leaf", leaf.as_bytes());
    put("pem", "root", root.as_bytes());
    put("pem", "roots", format!("prose\n{root}{root}").as_bytes());
    put("pem", "leaf-and-chain", format!("{leaf}\0{root}{root}").as_bytes());
}

fn put_roots(put: &mut Put<'_>) {
    let root = world::trusted_root();
    let mut timed = root.clone();
    timed["timestampAuthorities"] = root["certificateAuthorities"].clone();
    let mut published = root.clone();
    published["ctlogs"] = root["tlogs"].clone();
    let mut logs = root.clone();
    logs["certificateAuthorities"] = json!([]);
    for (name, root) in [("root", root), ("timed", timed), ("published", published), ("logs", logs)]
    {
        let text = root.to_string();
        TrustedRoot::parse(text.as_bytes()).expect(name);
        put("trusted_root", name, text.as_bytes());
    }
}

fn put_identities(put: &mut Put<'_>) {
    let digest = world::manifest().digest();
    let pinned = format!("quay.io/org/repo@{digest}");
    for (name, rule, claimed, source) in [
        ("exact", "match-exact", "quay.io/org/repo:1", "quay.io/org/repo:1"),
        ("digest", "match-repo-digest-or-exact", "quay.io/org/repo:1", &pinned),
        ("repository", "match-repository", "alpine", "index.docker.io/library/alpine:3"),
        ("local", "match-repository", "[::1]:5000/a/b", "[::1]:5000/a/b:1"),
        ("exact-reference", "exact-reference=quay.io/a:1", "quay.io/a:1", "quay.io/b:1"),
        ("exact-repository", "exact-repository=quay.io/a", "quay.io/a", "quay.io/b:1"),
        (
            "remap",
            "remap-identity=quay.io/org=example.com:5000",
            "example.com:5000/repo:1",
            "quay.io/org/repo:1",
        ),
    ] {
        put("identity", name, format!("{rule}\n{claimed}\n{source}").as_bytes());
    }
}
