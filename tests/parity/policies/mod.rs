//! The policies, each with the exhibits that it accepts.

mod atomic;
mod scopes;
mod signed;
mod vouched;

use super::Names;
use super::exhibits::Topic::{
    self, Atomic, AtomicAged, AtomicFormed, AtomicNamed, Certified, Flawed, Indexed, Logged, Named,
    Signed,
};
use super::exhibits::{Exhibit, Exhibition};
use crate::harness::signer::Signer;
use serde_json::{Value, json};

/// A policy.json and what follows from it.
pub(super) struct Policy {
    pub(super) name: &'static str,
    pub(super) document: Value,
    /// What it is tried on.
    pub(super) topics: &'static [Topic],
    /// All of these exhibits of which skopeo copies every manifest.
    pub(super) accepts: Names,
}

/// Signed by A under their own repository, whatever the tag.
const BY_A: &[&str] = &[
    "by-a",
    "by-a-module",
    "by-both",
    "for-next-tag",
    "for-tag",
    "for-digest",
    "tagged",
    "pinned",
    "hub",
    "hub-tagged",
    "port",
    "deep",
    "schema2",
    "index-all",
    "index-children",
    "child",
    "logged",
    "logged-elsewhere",
    "logged-other",
    "logged-by-other",
    "log-broken",
    "log-misnamed",
];
/// Of these, signed under their own tag, or asked for by digest and signed with either.
const BY_A_EXACTLY: &[&str] = &["for-tag", "tagged", "pinned", "hub-tagged"];
/// In `registry.example/team`, but for what has its own narrower scope.
const UNSIGNED: &[&str] = &["unsigned", "unsigned-child", "index-unsigned"];

/// The PEM files of the tests.
struct Keys {
    a: String,
    b: String,
    log: String,
    other_log: String,
    skopeo: String,
    rsa: String,
    missing: String,
    no_key: String,
}

fn keys(exhibition: &Exhibition) -> Keys {
    let file =
        |name: &str, pem: &str| exhibition.write(name, pem).to_str().expect("path").to_owned();
    Keys {
        a: file("a.pub", &exhibition.a.public_pem()),
        b: file("b.pub", &exhibition.b.public_pem()),
        log: file("log.pub", &exhibition.log.public_pem()),
        other_log: file("other-log.pub", &Signer::p256().public_pem()),
        skopeo: file("by-skopeo.pub", &exhibition.skopeo_key),
        rsa: file("rsa.pub", &Signer::Rsa.public_pem()),
        missing: file("missing", "").replace("missing", "not-there"),
        no_key: file("no-key.pub", "no key"),
    }
}

fn repository() -> Value {
    json!({"type": "matchRepository"})
}

/// `sigstoreSigned` by the key in this file, the identity given.
fn by(key: &str, identity: &Value) -> Value {
    json!({"type": "sigstoreSigned", "keyPath": key, "signedIdentity": identity})
}

/// The same with one of these logs.
fn logged(key: &str, log: &str) -> Value {
    json!({
        "type": "sigstoreSigned", "keyPath": key, "rekorPublicKeyPath": log,
        "signedIdentity": repository(),
    })
}

fn everywhere(requirements: &[Value]) -> Value {
    json!({"default": requirements})
}

fn reject() -> Value {
    json!({"type": "reject"})
}

fn anything() -> Value {
    json!({"type": "insecureAcceptAnything"})
}

/// Rejects everything but what these scopes say.
fn scoped(scopes: &[(&str, Value)]) -> Value {
    let mut document = json!({"default": [reject()], "transports": {"docker": {}}});
    for (scope, requirements) in scopes {
        document["transports"]["docker"][*scope] = requirements.clone();
    }
    document
}

/// The table.
pub(super) fn all(exhibition: &Exhibition) -> Vec<Policy> {
    let keys = keys(exhibition);
    let mut policies = Vec::new();
    let mut group = |topics: &'static [Topic], fill: &dyn Fn(Add<'_>)| {
        let tried = exhibition.exhibits.iter().filter(|exhibit| topics.contains(&exhibit.topic));
        let tried: Names = tried.map(|exhibit| exhibit.name).collect();
        fill(&mut |name, document, accepts| {
            let accepts: Names = accepts.concat().into_iter().collect();
            let accepts = accepts.intersection(&tried).copied().collect();
            policies.push(Policy { name, document, topics, accepts });
        });
    };
    let every: Vec<_> = exhibition.exhibits.iter().map(|exhibit| exhibit.name).collect();
    group(&[Signed, Indexed], &|add| signed::without_signatures(add, &every));
    group(&[Signed, Indexed, Flawed], &|add| signed::by_key(add, &keys));
    group(&[Signed, Named], &|add| signed::by_identity(add, &keys));
    group(&[Signed], &|add| scopes::by_scope(add, &keys, &every));
    group(&[Signed, Indexed], &|add| scopes::by_scope_of_indexes(add));
    group(&[Logged, Certified], &|add| vouched::by_log(add, &keys));
    if let Some(authorities) = &exhibition.authorities {
        group(&[Logged, Certified], &|add| vouched::by_fulcio(add, &keys, authorities));
        group(&[Logged, Certified], &|add| vouched::by_pki(add, authorities));
    }
    if let Some(openpgp) = &exhibition.openpgp {
        group(&[Atomic], &|add| atomic::by_key(add, openpgp));
        group(&[Atomic], &|add| atomic::beside_sigstore(add, &keys, openpgp));
        group(&[AtomicAged], &|add| atomic::by_age_of_key(add, openpgp));
        group(&[AtomicFormed], &|add| atomic::by_form(add, openpgp));
        group(&[AtomicNamed], &|add| atomic::by_identity(add, openpgp));
    }
    policies
}

impl Policy {
    /// True when it is tried on this exhibit.
    pub(super) fn is_tried_on(&self, exhibit: &Exhibit) -> bool {
        self.topics.contains(&exhibit.topic)
    }
}

type Add<'a> = &'a mut dyn FnMut(&'static str, Value, &[&[&'static str]]);
