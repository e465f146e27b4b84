//! With entries of logs and with certificates.

use super::super::authorities::{Authorities, BUILDER, EMAIL, ISSUER};
use super::{Add, BY_A, Keys, by, everywhere, logged, repository};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::path::Path;

pub(super) fn by_log(add: Add<'_>, keys: &Keys) {
    let Keys { a, b, log, other_log, rsa, .. } = keys;
    add("log", everywhere(&[logged(a, log)]), &[&["logged", "log-misnamed"]]);
    add("log-unasked", everywhere(&[by(a, &repository())]), &[BY_A]);
    let two = [a, b].map(|file| std::fs::read_to_string(file).expect("key")).concat();
    let two = json!({
        "type": "sigstoreSigned", "keyData": STANDARD.encode(two), "signedIdentity": repository(),
    });
    add("key-then-another", everywhere(&[two]), &[BY_A]);
    add("log-other", everywhere(&[logged(a, other_log)]), &[]);
    add("log-key-b", everywhere(&[logged(b, log)]), &[]);
    add("log-rsa", everywhere(&[logged(a, rsa)]), &[]);
    let mut any = json!({
        "type": "sigstoreSigned", "keyPaths": [b, a], "rekorPublicKeyPaths": [other_log, log],
        "signedIdentity": repository(),
    });
    add("log-any", everywhere(&[any.clone()]), &[&["logged", "log-misnamed"]]);
    any["rekorPublicKeyPaths"] = json!([other_log, rsa]);
    add("log-any-unusable", everywhere(&[any]), &[]);
    let and = everywhere(&[by(a, &repository()), logged(a, log)]);
    add("log-and-key", and, &[&["logged", "log-misnamed"]]);
}

pub(super) fn by_fulcio(add: Add<'_>, keys: &Keys, authorities: &Authorities) {
    let fulcio = |root: &Path, issuer: &str, email: &str| {
        everywhere(&[json!({
            "type": "sigstoreSigned",
            "fulcio": {"caPath": root, "oidcIssuer": issuer, "subjectEmail": email},
            "rekorPublicKeyPath": keys.log,
            "signedIdentity": repository(),
        })])
    };
    let root = &authorities.root;
    let good: &[&[&'static str]] = &[&["fulcio", "fulcio-chain"]];
    add("fulcio", fulcio(root, ISSUER, EMAIL), good);
    add("fulcio-both-roots", fulcio(&authorities.both_roots(), ISSUER, EMAIL), good);
    add("fulcio-other-root", fulcio(&authorities.other_root, ISSUER, EMAIL), &[]);
    add("fulcio-other-issuer", fulcio(root, "https://login.example/", EMAIL), &[]);
    add("fulcio-other-email", fulcio(root, ISSUER, "you@example.com"), &[]);
    let mut other_log = fulcio(root, ISSUER, EMAIL);
    other_log["default"][0]["rekorPublicKeyPath"] = json!(keys.other_log);
    add("fulcio-other-log", other_log, &[]);
}

pub(super) fn by_pki(add: Add<'_>, authorities: &Authorities) {
    let pki = |fields: Value| {
        everywhere(&[
            json!({"type": "sigstoreSigned", "pki": fields, "signedIdentity": repository()}),
        ])
    };
    let root = &authorities.root;
    let good = &["pki", "pki-chain"];
    // Fulcio's certificates here are of the same root and for the same address, and valid today.
    let of_person = &["fulcio", "fulcio-late", "fulcio-unlogged", "fulcio-chain"];
    add("pki-email", pki(json!({"caRootsPath": root, "subjectEmail": EMAIL})), &[good, of_person]);
    add("pki-host", pki(json!({"caRootsPath": root, "subjectHostname": BUILDER})), &[good]);
    let both = json!({"caRootsPath": root, "subjectEmail": EMAIL, "subjectHostname": BUILDER});
    add("pki-email-and-host", pki(both), &[good]);
    let other = json!({"caRootsPath": root, "subjectHostname": "one.two.build.example"});
    add("pki-other-host", pki(other), &[]);
    let other = json!({"caRootsPath": root, "subjectEmail": "you@example.com"});
    add("pki-other-email", pki(other), &[]);
    let other = json!({"caRootsPath": authorities.other_root, "subjectEmail": EMAIL});
    add("pki-other-root", pki(other), &[]);
    let intermediate = json!({
        "caRootsPath": root, "caIntermediatesPath": authorities.intermediate, "subjectHostname": BUILDER,
    });
    add("pki-intermediate", pki(intermediate), &[good, &["pki-chain-short"]]);
}
