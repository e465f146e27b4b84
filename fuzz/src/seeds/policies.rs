//! Policies: every requirement, every source of keys, every rule of identity, every kind of scope. The target finds the
//! files by what their names say.

use bundle::trust::policy::Policy;
use bundle_fuzz::{reading, world};
use serde_json::{Value, json};

/// Hands over every seed: target, name, content.
pub fn put_all(put: &mut dyn FnMut(&str, &str, &[u8])) {
    let mut put = |name: &str, policy: Value| {
        let text = policy.to_string();
        Policy::parse(text.as_bytes()).expect(name);
        put("policy", name, text.as_bytes());
    };
    let requirements = requirements();
    for (name, requirement) in &requirements {
        put(name, json!({"default": [requirement]}));
    }
    let both = json!([requirements[2].1, requirements[3].1]);
    put("both", json!({"default": both}));
    let reject = json!([{"type": "reject"}]);
    put(
        "scopes",
        json!({
            "default": reject,
            "transports": {
                "docker": {
                    "quay.io/org/repo:1": [requirements[2].1],
                    "quay.io/org/repo": reject, "quay.io/org": reject, "quay.io": reject,
                    "*.io": reject, "": [requirements[0].1],
                },
                "dir": {"/var/images": reject}, "oci": {"/var/images:1": reject},
                "docker-daemon": {"": [requirements[0].1]}, "containers-storage": {"": reject},
            },
        }),
    );
    for (name, identity) in [
        ("match-exact", json!({"type": "matchExact"})),
        ("match-repository", json!({"type": "matchRepository"})),
        ("match-repo-digest-or-exact", json!({"type": "matchRepoDigestOrExact"})),
        (
            "exact-reference",
            json!({"type": "exactReference", "dockerReference": "quay.io/org/repo:1"}),
        ),
        (
            "exact-repository",
            json!({"type": "exactRepository", "dockerRepository": "quay.io/org/repo"}),
        ),
        (
            "remap-identity",
            json!({"type": "remapIdentity", "prefix": "quay.io", "signedPrefix": "example.com/a"}),
        ),
    ] {
        let mut requirement = requirements[2].1.clone();
        requirement["signedIdentity"] = identity;
        put(name, json!({"default": [requirement]}));
    }
}

fn requirements() -> Vec<(&'static str, Value)> {
    let data = |text: &str| reading::encoded(text.as_bytes());
    let repository = json!({"type": "matchRepository"});
    let sigstore = |sources: Value| {
        let mut requirement = json!({"type": "sigstoreSigned", "signedIdentity": repository});
        for (key, value) in sources.as_object().into_iter().flatten() {
            requirement[key] = value.clone();
        }
        requirement
    };
    let fulcio = json!({
        "caPath": "/ca.pem", "oidcIssuer": world::ISSUER, "subjectEmail": world::ME,
    });
    let pki = json!({
        "caRootsPath": "/ca.pem", "caIntermediatesPath": "/ca.pem",
        "subjectEmail": world::ME, "subjectHostname": "host.example",
    });
    let key = data(&world::key().to_pem());
    let log = data(&world::log_key().key().to_pem());
    vec![
        ("accept-anything", json!({"type": "insecureAcceptAnything"})),
        ("reject", json!({"type": "reject"})),
        ("key-path", sigstore(json!({"keyPath": "/key.pub"}))),
        ("key-paths", sigstore(json!({"keyPaths": ["/key.pub", "/rekor.pub"]}))),
        ("key-data", sigstore(json!({"keyData": key}))),
        ("key-datas", sigstore(json!({"keyDatas": [key, log]}))),
        ("missing", sigstore(json!({"keyPath": "/nowhere"}))),
        ("log-path", sigstore(json!({"keyPath": "/key.pub", "rekorPublicKeyPath": "/rekor.pub"}))),
        ("log-datas", sigstore(json!({"keyPath": "/key.pub", "rekorPublicKeyDatas": [log]}))),
        ("fulcio", sigstore(json!({"fulcio": fulcio, "rekorPublicKeyData": log}))),
        ("pki", sigstore(json!({"pki": pki}))),
        ("gpg-path", json!({"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/gpg"})),
        ("gpg-paths", json!({"type": "signedBy", "keyType": "GPGKeys", "keyPaths": ["/gpg"]})),
        (
            "base-layer",
            json!({"type": "signedBaseLayer", "baseLayerIdentity": {"type": "matchExact"}}),
        ),
    ]
}
