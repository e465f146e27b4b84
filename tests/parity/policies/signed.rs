//! By whom, and as what.

use super::{Add, BY_A, BY_A_EXACTLY, Keys, anything, by, everywhere, reject, repository};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub(super) fn without_signatures(add: Add<'_>, every: &[&'static str]) {
    let all = &[every];
    add("rejects", everywhere(&[reject()]), &[]);
    add("accepts-anything", everywhere(&[anything()]), all);
    add("accepts-and-rejects", everywhere(&[anything(), reject()]), &[]);
    let by_transport = |scope: &str| json!({"default": [reject()], "transports": {"docker": {scope: [anything()]}}});
    add("accepts-transport", by_transport(""), all);
    let other = json!({"default": [reject()], "transports": {"docker-daemon": {"": [anything()]}}});
    add("accepts-other-transport", other, &[]);
    // None has a GPG signature.
    let gpg =
        json!({"type": "signedBy", "keyType": "GPGKeys", "keyData": STANDARD.encode("no keys")});
    add("gpg", everywhere(std::slice::from_ref(&gpg)), &[]);
    add("gpg-or-not", everywhere(&[anything(), gpg]), &[]);
}

pub(super) fn by_key(add: Add<'_>, keys: &Keys) {
    let Keys { a, b, rsa, missing, no_key, .. } = keys;
    add("key-a", everywhere(&[by(a, &repository())]), &[BY_A]);
    add("key-b", everywhere(&[by(b, &repository())]), &[&["by-b", "by-both"]]);
    add("key-rsa", everywhere(&[by(rsa, &repository())]), &[]);
    let both = everywhere(&[by(a, &repository()), by(b, &repository())]);
    add("both-keys", both, &[&["by-both"]]);
    let twice = everywhere(&[by(a, &repository()), by(a, &repository())]);
    add("key-a-twice", twice, &[BY_A]);
    add("key-a-or-reject", everywhere(&[by(a, &repository()), reject()]), &[]);
    add("key-a-and-anything", everywhere(&[anything(), by(a, &repository())]), &[BY_A]);
    let any_of = |name: &str, sources: Value| {
        everywhere(&[
            json!({"type": "sigstoreSigned", name: sources, "signedIdentity": repository()}),
        ])
    };
    let data = |file: &str| STANDARD.encode(std::fs::read(file).expect("key"));
    add("key-paths", any_of("keyPaths", json!([b, a])), &[BY_A, &["by-b"]]);
    add("key-data", any_of("keyData", json!(data(a))), &[BY_A]);
    add("key-datas", any_of("keyDatas", json!([data(rsa), data(a)])), &[BY_A]);
    // One unusable key is enough.
    add("key-missing", everywhere(&[by(missing, &repository())]), &[]);
    add("key-unreadable", any_of("keyPaths", json!([a, no_key])), &[]);
    let prose = format!("our key\n{}", std::fs::read_to_string(a).expect("key"));
    add("key-after-prose", any_of("keyData", json!(STANDARD.encode(prose))), &[BY_A]);
}

pub(super) fn by_identity(add: Add<'_>, keys: &Keys) {
    let a = &keys.a;
    let with = |identity: Value| everywhere(&[by(a, &identity)]);
    let unsaid = everywhere(&[json!({"type": "sigstoreSigned", "keyPath": a})]);
    add("identity-unsaid", unsaid, &[BY_A_EXACTLY]);
    let digest_or_exact = with(json!({"type": "matchRepoDigestOrExact"}));
    add("identity-digest-or-exact", digest_or_exact, &[BY_A_EXACTLY]);
    add(
        "identity-exact",
        with(json!({"type": "matchExact"})),
        &[&["for-tag", "tagged", "hub-tagged"]],
    );
    let exact =
        json!({"type": "exactReference", "dockerReference": "registry.example/team/tagged:1"});
    add("identity-exact-reference", with(exact), &[&["tagged", "pinned"]]);
    let other =
        json!({"type": "exactReference", "dockerReference": "registry.example/team/tagged:2"});
    add("identity-other-reference", with(other), &[]);
    let exact =
        json!({"type": "exactRepository", "dockerRepository": "registry.example/team/by-a"});
    add("identity-exact-repository", with(exact), &[&["by-a", "elsewhere"]]);
    let hub = json!({"type": "exactRepository", "dockerRepository": "hub"});
    add("identity-short-repository", with(hub), &[&["hub"]]);
    let remap = |prefix: &str, signed: &str| {
        with(json!({"type": "remapIdentity", "prefix": prefix, "signedPrefix": signed}))
    };
    let remapped = remap("other.example/team", "registry.example/team");
    add("identity-remapped", remapped, &[BY_A_EXACTLY, &["moved"]]);
    let remapped = remap("other.example", "registry.example");
    add("identity-remapped-host", remapped, &[BY_A_EXACTLY, &["moved"]]);
    add(
        "identity-remapped-partly",
        remap("other.example/te", "registry.example/te"),
        &[BY_A_EXACTLY],
    );
    let away = remap("registry.example", "other.example");
    add("identity-remapped-away", away, &[&["hub-tagged"]]);
    let skopeos = &["by-skopeo", "by-skopeo-moved"];
    add("key-skopeo", everywhere(&[by(&keys.skopeo, &repository())]), &[skopeos]);
    let skopeo = everywhere(&[json!({"type": "sigstoreSigned", "keyPath": keys.skopeo})]);
    add("identity-of-skopeo", skopeo, &[&["by-skopeo"]]);
}
