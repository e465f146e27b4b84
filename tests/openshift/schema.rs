//! The rules of the resource definitions (openshift/api `config/v1`: imagedigestmirrorsets, imagetagmirrorsets,
//! clusterimagepolicies; Kubernetes' ConfigMap), told field by field and by nothing that the writer uses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What a cluster would refuse in a resource.
pub(super) fn check(document: &Value) -> Vec<String> {
    let mut faults = Faults(Vec::new());
    match document["kind"].as_str().unwrap_or_default() {
        "ImageDigestMirrorSet" => faults.mirror_set(document, "imageDigestMirrors"),
        "ImageTagMirrorSet" => faults.mirror_set(document, "imageTagMirrors"),
        "ClusterImagePolicy" => faults.policy(document),
        "ConfigMap" => faults.config_map(document),
        other => faults.add(format!("unknown kind {other:?}")),
    }
    faults.0
}

struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, fault: impl Into<String>) {
        self.0.push(fault.into());
    }

    fn demand(&mut self, holds: bool, what: &str, value: &Value) {
        if !holds {
            self.add(format!("{what}: {value}"));
        }
    }

    /// An object with exactly these fields.
    fn fields<'v>(&mut self, value: &'v Value, names: &[&str]) -> Map<String, Value> {
        let object = value.as_object().cloned().unwrap_or_default();
        let found: BTreeSet<&str> = object.keys().map(String::as_str).collect();
        let expected: BTreeSet<&str> = names.iter().copied().collect();
        self.demand(found == expected, &format!("exactly {names:?}"), value);
        object
    }

    fn texts(&mut self, value: &Value) -> Vec<String> {
        let items = value.as_array().cloned().unwrap_or_default();
        let texts: Vec<String> = items.iter().filter_map(Value::as_str).map(Into::into).collect();
        self.demand(value.is_array() && texts.len() == items.len(), "a list of texts", value);
        // x-kubernetes-list-type: set
        let distinct: BTreeSet<&String> = texts.iter().collect();
        self.demand(distinct.len() == texts.len(), "distinct", value);
        texts
    }

    fn header(&mut self, document: &Value, version: &str, metadata: &[&str], body: &str) {
        self.fields(document, &["apiVersion", "kind", "metadata", body]);
        self.demand(document["apiVersion"] == version, version, &document["apiVersion"]);
        self.fields(&document["metadata"], metadata);
        let name = &document["metadata"]["name"];
        self.demand(name.as_str().is_some_and(is_subdomain), "a name of RFC 1123", name);
    }

    fn mirror_set(&mut self, document: &Value, list: &str) {
        self.header(document, "config.openshift.io/v1", &["name"], "spec");
        self.fields(&document["spec"], &[list]);
        let entries = document["spec"][list].as_array().cloned().unwrap_or_default();
        self.demand(!entries.is_empty(), "at least one entry", document);
        for entry in &entries {
            self.fields(entry, &["source", "mirrors", "mirrorSourcePolicy"]);
            let source = &entry["source"];
            self.demand(source.as_str().is_some_and(|s| is_place(s, 1)), "a source", source);
            let mirrors = self.texts(&entry["mirrors"]);
            self.demand(!mirrors.is_empty(), "a mirror", entry);
            let all = mirrors.iter().all(|mirror| is_place(mirror, 1));
            self.demand(all, "mirrors", &entry["mirrors"]);
            let policy = entry["mirrorSourcePolicy"].as_str().unwrap_or_default();
            let known = ["NeverContactSource", "AllowContactingSource"].contains(&policy);
            self.demand(known, "a policy for the source", entry);
        }
    }

    fn policy(&mut self, document: &Value) {
        self.header(document, "config.openshift.io/v1", &["name"], "spec");
        let name = document["metadata"]["name"].as_str().unwrap_or_default();
        if name.starts_with("openshift") {
            self.add(format!("{name} is reserved"));
        }
        let spec = &document["spec"];
        self.fields(spec, &["scopes", "policy"]);
        let scopes = self.texts(&spec["scopes"]);
        self.demand(!scopes.is_empty() && scopes.len() <= 256, "1 to 256 scopes", &spec["scopes"]);
        for scope in scopes {
            // A domain name with a dot, or localhost.
            if scope.len() > 512 || !is_place(&scope, 2) {
                self.add(format!("{scope:?} is no scope"));
            }
        }
        let policy = &spec["policy"];
        self.fields(policy, &["rootOfTrust", "signedIdentity"]);
        self.fields(&policy["signedIdentity"], &["matchPolicy"]);
        let rule = policy["signedIdentity"]["matchPolicy"].as_str().unwrap_or_default();
        let known = ["MatchRepository", "MatchRepoDigestOrExact"].contains(&rule);
        self.demand(known, "an identity rule without more fields", policy);
        let root = &policy["rootOfTrust"];
        self.fields(root, &["policyType", "publicKey"]);
        self.demand(root["policyType"] == "PublicKey", "PublicKey", root);
        let keys = root["publicKey"].as_object().cloned().unwrap_or_default();
        self.demand(keys.contains_key("keyData"), "a key", root);
        for (field, value) in keys {
            self.demand(["keyData", "rekorKeyData"].contains(&field.as_str()), "known", root);
            let encoded = value.as_str().unwrap_or_default();
            let pem = STANDARD.decode(encoded).ok().and_then(|pem| String::from_utf8(pem).ok());
            let is_key = pem.is_some_and(|pem| {
                pem.starts_with("-----BEGIN PUBLIC KEY-----\n")
                    && pem.ends_with("\n-----END PUBLIC KEY-----\n")
                    && pem.matches("-----BEGIN").count() == 1
            });
            self.demand(encoded.len() <= 8192 && is_key, &field, &value);
        }
    }

    fn config_map(&mut self, document: &Value) {
        self.header(document, "v1", &["name", "namespace", "labels"], "binaryData");
        let metadata = &document["metadata"];
        self.demand(
            metadata["namespace"] == "openshift-config-managed",
            "where the cluster looks",
            metadata,
        );
        let labels =
            self.fields(&metadata["labels"], &["release.openshift.io/verification-signatures"]);
        self.demand(labels.values().all(|value| value == ""), "an empty label", metadata);
        let entries = document["binaryData"].as_object().cloned().unwrap_or_default();
        self.demand(!entries.is_empty(), "a signature", document);
        let mut size = 0;
        for (key, value) in &entries {
            let digits = key.strip_prefix("sha256-").and_then(|rest| rest.split_once('-'));
            let named = digits.is_some_and(|(hex, number)| {
                hex.len() == 64
                    && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
                    && number.parse::<u32>().is_ok_and(|number| number > 0)
            });
            self.demand(named, "sha256-HEX-NUMBER", &Value::from(key.as_str()));
            match value.as_str().and_then(|text| STANDARD.decode(text).ok()) {
                Some(content) => size += key.len() + content.len(),
                None => self.add(format!("{key} is not in base64")),
            }
        }
        self.demand(size <= 1 << 20, "1 MiB", &Value::from(size));
    }
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253
        && !text.bytes().any(|byte| byte.is_ascii_uppercase())
        && text.split('.').all(is_label)
}

/// `host[:port][/path]`, the host of at least so many labels (`localhost` always).
fn is_place(text: &str, labels: usize) -> bool {
    let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let enough = name == "localhost" || name.split('.').count() >= labels;
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    // Runs of letters and digits, joined by one dot, one or two underscores, or dashes.
    let component = |part: &str| {
        let joined = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let inner = |run: &str| {
            matches!(run, "" | "." | "_" | "__") || run.bytes().all(|byte| byte == b'-')
        };
        let edge =
            |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        edge(part.chars().next()) && edge(part.chars().next_back()) && joined.clone().all(inner)
    };
    enough
        && name.split('.').all(is_label)
        && port.is_none_or(digits)
        && path.is_none_or(|path| path.split('/').all(component))
}

#[test]
fn what_the_schemas_refuse_is_refused_here() {
    for (text, labels, expected) in [
        ("quay.io/a/b-c__d", 2, true),
        ("127.0.0.1:5000/a", 2, true),
        ("localhost:5000/a", 2, true),
        ("registry:5000/a", 1, true),
        ("registry:5000/a", 2, false),
        ("[::1]:5000/a", 1, false),
        ("quay.io/A", 1, false),
        ("quay.io/a:1", 1, false),
        ("quay.io/a..b", 1, false),
        ("quay.io/", 1, false),
        ("https://quay.io", 1, false),
    ] {
        assert_eq!(is_place(text, labels), expected, "{text}");
    }
    let good = serde_json::json!({
        "apiVersion": "config.openshift.io/v1",
        "kind": "ImageTagMirrorSet",
        "metadata": { "name": "a" },
        "spec": { "imageTagMirrors": [
            { "source": "quay.io/a", "mirrors": ["r.example/a"], "mirrorSourcePolicy": "NeverContactSource" },
        ] },
    });
    assert_eq!(check(&good), [""; 0]);
    for (pointer, value) in [
        ("/kind", Value::from("ImageDigestMirrorSet")),
        ("/metadata/name", Value::from("A")),
        ("/spec/imageTagMirrors/0/mirrorSourcePolicy", Value::from("Never")),
        ("/spec/imageTagMirrors/0/mirrors", Value::from(vec!["a.example", "a.example"])),
        ("/spec/imageTagMirrors/0/source", Value::from("quay.io/a@sha256:0")),
        ("/spec", serde_json::json!({ "imageTagMirrors": [] })),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).expect("a place") = value;
        assert!(!check(&bad).is_empty(), "{pointer}");
    }
}
