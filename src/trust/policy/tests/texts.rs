//! Policy texts, each with what becomes of it here and in the container stack.

use crate::trust::policy::{MAX_POLICY, Policy, PolicyError};
use std::error::Error as _;

/// Whether the container stack agrees with us that the file is well formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stack {
    Agrees,
    /// It reads what is refused here, and why that is better refused.
    Reads(&'static str),
}

/// One text.
pub(super) struct Row {
    pub(super) text: String,
    /// `None` when it is read, else the place and a part of what is said.
    pub(super) refused: Option<(&'static str, &'static str)>,
    pub(super) stack: Stack,
}

fn read(text: String) -> Row {
    Row { text, refused: None, stack: Stack::Agrees }
}

fn refused(text: String, place: &'static str, says: &'static str) -> Row {
    Row { text, refused: Some((place, says)), stack: Stack::Agrees }
}

fn stricter(text: String, place: &'static str, says: &'static str, why: &'static str) -> Row {
    Row { text, refused: Some((place, says)), stack: Stack::Reads(why) }
}

const REJECT: &str = r#"[{"type":"reject"}]"#;

/// A policy of one requirement.
fn one(requirement: &str) -> String {
    format!(r#"{{"default":[{requirement}]}}"#)
}

fn sigstore(members: &str) -> String {
    one(&format!(r#"{{"type":"sigstoreSigned",{members}}}"#))
}

fn gpg(members: &str) -> String {
    one(&format!(r#"{{"type":"signedBy",{members}}}"#))
}

fn fulcio(members: &str) -> String {
    sigstore(&format!(r#""rekorPublicKeyPath":"/r","fulcio":{{{members}}}"#))
}

fn pki(members: &str) -> String {
    sigstore(&format!(r#""pki":{{{members}}}"#))
}

fn identity(members: &str) -> String {
    sigstore(&format!(r#""keyPath":"/k","signedIdentity":{{{members}}}"#))
}

fn scope(transport: &str, scope: &str) -> String {
    format!(r#"{{"default":{REJECT},"transports":{{"{transport}":{{"{scope}":{REJECT}}}}}}}"#)
}

pub(super) fn rows() -> Vec<Row> {
    [documents(), requirements(), keys(), rekor(), certificates(), identities(), scopes()]
        .into_iter()
        .flatten()
        .collect()
}

fn documents() -> Vec<Row> {
    let default = format!(r#"{{"default":{REJECT}}}"#);
    let deep = "[".repeat(20_000) + &"]".repeat(20_000);
    vec![
        read(default.clone()),
        read(format!(" {default}\n")),
        read(format!(r#"{{"default":{REJECT},"transports":{{}}}}"#)),
        read(format!(r#"{{"default":{REJECT},"transports":{{"docker":{{}}}}}}"#)),
        refused(String::new(), "", "not strict JSON"),
        refused("null".into(), "the policy", "not an object"),
        refused("[]".into(), "the policy", "not an object"),
        refused("{}".into(), "the policy", r#"no "default""#),
        refused(r#"{"transports":{}}"#.into(), "the policy", r#"no "default""#),
        refused(format!("{default}{{}}"), "", "not strict JSON"),
        refused(format!("\u{feff}{default}"), "", "not strict JSON"),
        refused(format!("// comment\n{default}"), "", "not strict JSON"),
        refused(r#"{"default":[{"type":"reject"},]}"#.into(), "", "not strict JSON"),
        refused(format!(r#"{{"default":{REJECT},"default":{REJECT}}}"#), "", "duplicate key"),
        refused(format!(r#"{{"default":{REJECT},"Default":{REJECT}}}"#), "the policy", "Default"),
        refused(format!(r#"{{"default":{REJECT},"_comment":"x"}}"#), "the policy", "_comment"),
        refused(format!(r#"{{"default":{REJECT},"transports":null}}"#), "transports", "an object"),
        refused(format!(r#"{{"default":{REJECT},"transports":[]}}"#), "transports", "an object"),
        refused(
            format!(r#"{{"default":{REJECT},"transports":{{"docker":[]}}}}"#),
            "transports.docker",
            "an object",
        ),
        refused(r#"{"default":null}"#.into(), "default", "a list"),
        refused(r#"{"default":{}}"#.into(), "default", "a list"),
        refused(r#"{"default":[]}"#.into(), "default", "at least one"),
        refused(
            format!(r#"{{"default":{REJECT},"transports":{{"docker":{{"a.b":[]}}}}}}"#),
            r#"transports.docker["a.b"]"#,
            "at least one",
        ),
        refused(format!(r#"{{"default":{deep}}}"#), "", "nested too deep"),
        stricter(
            sigstore(r#""keyPath":"/\ud800""#),
            "",
            "not strict JSON",
            "half a surrogate pair is no text",
        ),
    ]
}

fn requirements() -> Vec<Row> {
    vec![
        read(one(r#"{"type":"insecureAcceptAnything"}"#)),
        read(one(r#"{"type":"reject"}"#)),
        read(one(r#"{"type":"reject"},{"type":"insecureAcceptAnything"}"#)),
        read(one(r#"{"type":"signedBaseLayer","baseLayerIdentity":{"type":"matchRepository"}}"#)),
        refused(one(r#"{"type":"signedBaseLayer"}"#), "default[0]", "baseLayerIdentity"),
        refused(
            one(r#"{"type":"signedBaseLayer","baseLayerIdentity":null}"#),
            "default[0].baseLayerIdentity",
            "an object",
        ),
        refused(one("null"), "default[0]", "an object"),
        refused(one("[]"), "default[0]", "an object"),
        refused(one("{}"), "default[0]", r#"no "type""#),
        refused(one(r#"{"type":null}"#), "default[0].type", "a text"),
        refused(one(r#"{"type":1}"#), "default[0].type", "a text"),
        refused(one(r#"{"type":"Reject"}"#), "default[0].type", "type of requirement"),
        refused(one(r#"{"Type":"reject"}"#), "default[0]", r#"no "type""#),
        refused(one(r#"{"type":"reject","type":"insecureAcceptAnything"}"#), "", "duplicate key"),
        refused(one(r#"{"type":"reject","keyPath":"/k"}"#), "default[0]", "keyPath"),
        refused(one(r#"{"type":"reject"},{"type":"x"}"#), "default[1].type", "type of requirement"),
        refused(
            one(r#"{"type":"insecureAcceptAnything","x":1}"#),
            "default[0]",
            "unknown key \"x\"",
        ),
    ]
}

fn keys() -> Vec<Row> {
    const EMPTY: &str = "an empty name is no file, and taken for absence by the stack";
    const NULL: &str = "null is no value, and taken for absence by the stack";
    vec![
        read(sigstore(r#""keyPath":"/k""#)),
        read(sigstore(r#""keyPath":"relative""#)),
        read(sigstore(r#""keyPaths":["/a","/b"]"#)),
        read(sigstore(r#""keyData":"QUJD""#)),
        read(sigstore(r#""keyData":"QU\r\nJD\n""#)),
        read(sigstore(r#""keyDatas":["QUJD","QQ=="]"#)),
        read(gpg(r#""keyType":"GPGKeys","keyPath":"/k""#)),
        read(gpg(r#""keyType":"GPGKeys","keyPaths":["/a"]"#)),
        read(gpg(r#""keyType":"GPGKeys","keyData":"QUJD""#)),
        read(gpg(r#""keyType":"signedByGPGKeys","keyPath":"/k""#)),
        read(gpg(r#""keyType":"X509Certificates","keyPath":"/k""#)),
        read(gpg(r#""keyType":"signedByX509CAs","keyPath":"/k""#)),
        refused(gpg(r#""keyType":"gpgKeys","keyPath":"/k""#), "default[0].keyType", "keyType"),
        refused(gpg(r#""keyType":null,"keyPath":"/k""#), "default[0].keyType", "a text"),
        refused(gpg(r#""keyPath":"/k""#), "default[0]", "keyType"),
        refused(gpg(r#""keyType":"GPGKeys""#), "default[0]", "none of keyPath, keyPaths, keyData"),
        refused(
            gpg(r#""keyType":"GPGKeys","keyPath":"/k","keyData":"QUJD""#),
            "default[0]",
            "keyPath, keyData at once",
        ),
        refused(gpg(r#""keyType":"GPGKeys","keyDatas":["QUJD"]"#), "default[0]", "keyDatas"),
        refused(gpg(r#""keyType":"GPGKeys","keyPath":"""#), "default[0].keyPath", "empty"),
        refused(gpg(r#""keyType":"GPGKeys","keyPath":null"#), "default[0].keyPath", "a text"),
        refused(one(r#"{"type":"sigstoreSigned"}"#), "default[0]", "none of keyPath, keyPaths"),
        refused(sigstore(r#""keypath":"/k""#), "default[0]", "unknown key \"keypath\""),
        refused(sigstore(r#""keyPath":"/k","keyType":"GPGKeys""#), "default[0]", "keyType"),
        refused(sigstore(r#""keyPath":["/k"]"#), "default[0].keyPath", "a text"),
        refused(sigstore(r#""keyPath":"""#), "default[0].keyPath", "empty"),
        refused(sigstore(r#""keyPath":null"#), "default[0].keyPath", "a text"),
        refused(sigstore(r#""keyPaths":[]"#), "default[0].keyPaths", "at least one"),
        refused(sigstore(r#""keyDatas":[]"#), "default[0].keyDatas", "at least one"),
        refused(sigstore(r#""keyPaths":null"#), "default[0].keyPaths", "a list"),
        refused(sigstore(r#""keyPaths":"/k""#), "default[0].keyPaths", "a list"),
        refused(sigstore(r#""keyPaths":["/a",1]"#), "default[0].keyPaths[1]", "a text"),
        refused(sigstore(r#""keyData":null"#), "default[0].keyData", "a text"),
        refused(sigstore(r#""keyData":"QUJ""#), "default[0].keyData", "base64"),
        refused(sigstore(r#""keyData":"QU JD""#), "default[0].keyData", "base64"),
        refused(sigstore(r#""keyData":"_-__""#), "default[0].keyData", "base64"),
        refused(sigstore(r#""keyDatas":["QUJD","!"]"#), "default[0].keyDatas[1]", "base64"),
        refused(
            sigstore(r#""keyPath":"/k","keyPaths":["/k"]"#),
            "default[0]",
            "keyPath, keyPaths at once",
        ),
        refused(
            sigstore(r#""keyPath":"/k","keyData":"QUJD""#),
            "default[0]",
            "keyPath, keyData at once",
        ),
        refused(
            sigstore(r#""keyData":"QUJD","keyDatas":["QUJD"]"#),
            "default[0]",
            "keyData, keyDatas at once",
        ),
        stricter(
            gpg(r#""keyType":"GPGKeys","keyPaths":[]"#),
            "default[0].keyPaths",
            "at least one",
            "no image ever satisfies it, which can only be a mistake",
        ),
        stricter(sigstore(r#""keyPaths":["/a",""]"#), "default[0].keyPaths[1]", "empty", EMPTY),
        stricter(sigstore(r#""keyPaths":["/a",null]"#), "default[0].keyPaths[1]", "a text", NULL),
        stricter(sigstore(r#""keyPath":"/a","keyData":null"#), "default[0]", "at once", NULL),
        stricter(sigstore(r#""keyPath":"","keyData":"QUJD""#), "default[0]", "at once", EMPTY),
        stricter(
            sigstore(r#""keyData":"""#),
            "default[0].keyData",
            "empty",
            "no key is in nothing",
        ),
        stricter(
            sigstore(r#""keyData":"QUJE\nQR==""#),
            "default[0].keyData",
            "base64",
            "bits after the last byte make a second spelling",
        ),
        stricter(
            sigstore(r#""keyData":[65,66]"#),
            "default[0].keyData",
            "a text",
            "Go reads a list of numbers as bytes; the format says base64",
        ),
    ]
}

fn rekor() -> Vec<Row> {
    const OPEN: &str = "the stack would then demand no log entry";
    let with = |members: &str| sigstore(&format!(r#""keyPath":"/k",{members}"#));
    vec![
        read(with(r#""rekorPublicKeyPath":"/r""#)),
        read(with(r#""rekorPublicKeyPaths":["/r","/s"]"#)),
        read(with(r#""rekorPublicKeyData":"QUJD""#)),
        read(with(r#""rekorPublicKeyDatas":["QUJD"]"#)),
        refused(with(r#""rekorPublicKeypath":"/r""#), "default[0]", "rekorPublicKeypath"),
        refused(
            with(r#""rekorPublicKeyPath":"/r","rekorPublicKeyData":"QUJD""#),
            "default[0]",
            "rekorPublicKeyPath, rekorPublicKeyData at once",
        ),
        refused(
            with(r#""rekorPublicKeyPaths":["/r"],"rekorPublicKeyDatas":["QUJD"]"#),
            "default[0]",
            "at once",
        ),
        refused(
            with(r#""rekorPublicKeyPaths":[]"#),
            "default[0].rekorPublicKeyPaths",
            "at least one",
        ),
        refused(with(r#""rekorPublicKeyDatas":null"#), "default[0].rekorPublicKeyDatas", "a list"),
        refused(with(r#""rekorPublicKeyPaths":"/r""#), "default[0].rekorPublicKeyPaths", "a list"),
        refused(with(r#""rekorPublicKeyData":"!""#), "default[0].rekorPublicKeyData", "base64"),
        stricter(
            with(r#""rekorPublicKeyPath":"""#),
            "default[0].rekorPublicKeyPath",
            "empty",
            OPEN,
        ),
        stricter(
            with(r#""rekorPublicKeyPath":null"#),
            "default[0].rekorPublicKeyPath",
            "a text",
            OPEN,
        ),
    ]
}

fn certificates() -> Vec<Row> {
    const NULL: &str = "null is no value, and taken for absence by the stack";
    const WHO: &str = r#""oidcIssuer":"https://i","subjectEmail":"a@b""#;
    let fulcio_ca = |ca: &str| fulcio(&format!("{ca},{WHO}"));
    let pki_for = |members: &str| pki(&format!(r#"{members},"subjectEmail":"a@b""#));
    vec![
        read(fulcio_ca(r#""caPath":"/c""#)),
        read(fulcio_ca(r#""caData":"QUJD""#)),
        refused(fulcio(WHO), "default[0].fulcio", "none of caPath, caData"),
        refused(fulcio_ca(r#""caPath":"/c","caData":"QUJD""#), "default[0].fulcio", "at once"),
        refused(fulcio_ca(r#""caPath":"""#), "default[0].fulcio.caPath", "empty"),
        refused(fulcio_ca(r#""caPaths":["/c"]"#), "default[0].fulcio", "caPaths"),
        refused(
            fulcio(r#""caPath":"/c","oidcIssuer":"https://i""#),
            "default[0].fulcio",
            "subjectEmail",
        ),
        refused(fulcio(r#""caPath":"/c","subjectEmail":"a""#), "default[0].fulcio", "oidcIssuer"),
        refused(
            fulcio(r#""caPath":"/c","subjectEmail":"a","oidcIssuer":"""#),
            "default[0].fulcio.oidcIssuer",
            "empty",
        ),
        refused(
            sigstore(r#""rekorPublicKeyPath":"/r","fulcio":null"#),
            "default[0].fulcio",
            "an object",
        ),
        refused(
            sigstore(&format!(r#""fulcio":{{"caPath":"/c",{WHO}}}"#)),
            "default[0]",
            "none of rekorPublicKeyPath",
        ),
        refused(
            sigstore(&format!(
                r#""keyPath":"/k","rekorPublicKeyPath":"/r","fulcio":{{"caPath":"/c",{WHO}}}"#
            )),
            "default[0]",
            "keyPath, fulcio at once",
        ),
        stricter(fulcio_ca(r#""caPath":"/c","caData":null"#), "default[0].fulcio", "at once", NULL),
        read(pki(r#""caRootsPath":"/c","subjectHostname":"a.example""#)),
        read(pki_for(r#""caRootsData":"QUJD""#)),
        read(pki_for(r#""caRootsPath":"/c","caIntermediatesPath":"/i""#)),
        read(pki_for(
            r#""caRootsPath":"/c","caIntermediatesData":"QUJD","subjectHostname":"a.example""#,
        )),
        refused(
            pki(r#""caRootsPath":"/c""#),
            "default[0].pki",
            "none of subjectEmail, subjectHostname",
        ),
        refused(pki(r#""subjectEmail":"a@b""#), "default[0].pki", "none of caRootsPath"),
        refused(
            pki_for(r#""caRootsPath":"/c","caRootsData":"QUJD""#),
            "default[0].pki",
            "caRootsPath, caRootsData at once",
        ),
        refused(
            pki_for(
                r#""caRootsPath":"/c","caIntermediatesPath":"/i","caIntermediatesData":"QQ==""#,
            ),
            "default[0].pki",
            "caIntermediatesPath, caIntermediatesData at once",
        ),
        refused(pki_for(r#""caPath":"/c""#), "default[0].pki", "unknown key \"caPath\""),
        refused(
            sigstore(
                r#""rekorPublicKeyPath":"/r","pki":{"caRootsPath":"/c","subjectEmail":"a@b"}"#,
            ),
            "default[0]",
            "pki, rekorPublicKeyPath at once",
        ),
        refused(
            sigstore(r#""keyPath":"/k","pki":{"caRootsPath":"/c","subjectEmail":"a@b"}"#),
            "default[0]",
            "keyPath, pki at once",
        ),
        stricter(
            pki(r#""caRootsPath":"/c","subjectHostname":"a.example","subjectEmail":"""#),
            "default[0].pki.subjectEmail",
            "empty",
            "an empty address is none",
        ),
    ]
}

fn identities() -> Vec<Row> {
    const AT: &str = "default[0].signedIdentity";
    const REFERENCE: &str = "default[0].signedIdentity.dockerReference";
    let exact =
        |text: &str| identity(&format!(r#""type":"exactReference","dockerReference":"{text}""#));
    let repository =
        |text: &str| identity(&format!(r#""type":"exactRepository","dockerRepository":"{text}""#));
    let remap = |prefix: &str, signed: &str| {
        identity(&format!(
            r#""type":"remapIdentity","prefix":"{prefix}","signedPrefix":"{signed}""#
        ))
    };
    let hex = "ab".repeat(32);
    vec![
        read(identity(r#""type":"matchExact""#)),
        read(identity(r#""type":"matchRepoDigestOrExact""#)),
        read(identity(r#""type":"matchRepository""#)),
        read(exact("quay.io/a/b:1")),
        read(exact("alpine:3")),
        read(exact(&format!("quay.io/a@sha256:{hex}"))),
        read(exact(&format!("quay.io/a@sha512:{hex}{hex}"))),
        read(repository("quay.io/a/b")),
        read(repository("quay.io/a/b:1")),
        read(remap("mirror.example:5000", "quay.io/a")),
        read(remap("short", "quay.io")),
        read(remap("a/b", "c/d")),
        read(gpg(r#""keyType":"GPGKeys","keyPath":"/k","signedIdentity":{"type":"matchExact"}"#)),
        refused(sigstore(r#""keyPath":"/k","signedIdentity":null"#), AT, "an object"),
        refused(sigstore(r#""keyPath":"/k","signedIdentity":"matchExact""#), AT, "an object"),
        refused(identity(""), AT, r#"no "type""#),
        refused(
            identity(r#""type":"matchexact""#),
            "default[0].signedIdentity.type",
            "kind of signed identity",
        ),
        refused(identity(r#""type":"matchExact","prefix":"a""#), AT, "prefix"),
        refused(identity(r#""type":"exactReference""#), AT, "dockerReference"),
        refused(identity(r#""type":"exactReference","dockerRepository":"a""#), AT, "unknown key"),
        refused(exact("quay.io/a/b"), REFERENCE, "not usable"),
        refused(exact("quay.io/A/b:1"), REFERENCE, "not usable"),
        refused(exact("[::1]:5000/a:1"), REFERENCE, "not usable"),
        refused(exact("Foo/bar:1"), REFERENCE, "not usable"),
        refused(exact(&format!("quay.io/a@sha256:{hex}00")), REFERENCE, "not usable"),
        refused(exact(""), REFERENCE, "empty"),
        refused(repository(&hex), "default[0].signedIdentity.dockerRepository", "not usable"),
        refused(remap("quay.io", ""), "default[0].signedIdentity.signedPrefix", "empty"),
        refused(remap("quay.io/", "quay.io"), AT, "not usable"),
        refused(remap("quay.io/a:1", "quay.io"), AT, "not usable"),
        refused(remap("quay.io", "*.example"), AT, "not usable"),
        refused(identity(r#""type":"remapIdentity","prefix":"a.b""#), AT, "signedPrefix"),
    ]
}

fn scopes() -> Vec<Row> {
    let id = "ab".repeat(32);
    let mut rows = Vec::new();
    for (transport, good) in [
        ("docker", "quay.io/org/repo:1"),
        ("docker", "*.example"),
        ("docker", "anything at all, even //"),
        ("docker", ""),
        ("dir", "/a/b"),
        ("dir", ""),
        ("oci", "/a/b:1"),
        ("oci-archive", "/a"),
        ("sif", "/a"),
        ("docker-archive", ""),
        ("tarball", ""),
        ("docker-daemon", "quay.io/a"),
        ("docker-daemon", "sha256:short"),
        ("atomic", "host:8443/namespace/stream:tag"),
        ("atomic", "host"),
        ("ostree", "//"),
        ("of-the-future", "//"),
        ("containers-storage", "[/graph]"),
        ("containers-storage", "[overlay@/graph]docker.io/library/a:1"),
        ("containers-storage", &format!("[overlay@/graph]@{id}")),
        ("containers-storage", &format!("[overlay@/graph]a@sha256:{id}@{id}")),
    ] {
        rows.push(read(scope(transport, good)));
    }
    let daemon = format!("sha256:{id}");
    let pinned = format!("[/graph]a@{id}00");
    let twice = format!("[/graph]a@sha256:{id}@sha256:{id}");
    for (transport, bad) in [
        ("dir", "relative"),
        ("dir", "/"),
        ("dir", "/a/"),
        ("dir", "/a/../b"),
        ("oci", "/a//b"),
        ("oci-archive", "/."),
        ("sif", "a"),
        ("docker-archive", "/a"),
        ("tarball", "/a"),
        ("docker-daemon", daemon.as_str()),
        ("atomic", "host/namespace/stream:tag:tag"),
        ("atomic", "host/name:space"),
        ("atomic", "host/a/b/c"),
        ("containers-storage", "quay.io/a"),
        ("containers-storage", "[relative]a"),
        ("containers-storage", "[overlay@relative]a"),
        ("containers-storage", "[@/graph]a"),
        ("containers-storage", "[/graph"),
        ("containers-storage", pinned.as_str()),
        ("containers-storage", twice.as_str()),
    ] {
        rows.push(refused(scope(transport, bad), "transports.", "no scope of its transport"));
    }
    let twice = format!(r#"{{"docker":{{"a.b":{REJECT},"a.b":{REJECT}}}}}"#);
    let twice = format!(r#"{{"default":{REJECT},"transports":{twice}}}"#);
    rows.push(refused(twice, "", "duplicate key"));
    rows
}

/// The error and its causes.
fn said(error: &PolicyError) -> String {
    let cause = error.source().map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

#[test]
fn policies_are_read_or_refused_with_the_place_named() {
    let rows = rows();
    let (mut good, mut bad) = (0, 0);
    for row in &rows {
        match (Policy::parse(row.text.as_bytes()), row.refused) {
            (Ok(_), None) => good += 1,
            (Err(error), Some((place, says))) => {
                bad += 1;
                let at = error.place().unwrap_or_default();
                let in_place =
                    if place.ends_with('.') { at.starts_with(place) } else { at == place };
                assert!(in_place, "{:.300}: at {at:?}, not {place:?}", row.text);
                let said = said(&error);
                assert!(said.contains(says), "{:.300}: {said}, not {says:?}", row.text);
            }
            (result, expected) => panic!("{:.300}: {result:?}, not {expected:?}", row.text),
        }
    }
    println!("policies: {good} read, {bad} refused");
    assert!(good >= 60 && bad >= 100, "{good} read, {bad} refused");
}

#[test]
fn size_is_capped_exactly_and_messages_stay_short() {
    let padded = |size: usize| {
        let text = format!(r#"{{"default":{REJECT}}}"#);
        let padding = " ".repeat(size - text.len());
        text + &padding
    };
    assert!(Policy::parse(padded(MAX_POLICY).as_bytes()).is_ok());
    let error = Policy::parse(padded(MAX_POLICY + 1).as_bytes());
    assert_eq!(error, Err(PolicyError::TooLarge(MAX_POLICY + 1)));

    let long = "x".repeat(1 << 20);
    for text in [
        format!(r#"{{"default":{REJECT},"{long}":1}}"#),
        one(&format!(r#"{{"type":"{long}"}}"#)),
        identity(&format!(r#""type":"exactReference","dockerReference":"{long}:1""#)),
        format!(r#"{{"default":{REJECT},"transports":{{"{long}":{{"{long}":[]}}}}}}"#),
    ] {
        let error = Policy::parse(text.as_bytes()).expect_err("refused");
        assert!(said(&error).len() < 700, "{:.900}", said(&error));
    }
}
