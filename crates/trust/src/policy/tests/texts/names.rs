//! Texts about signed identities and scopes.

use super::{REJECT, Row, gpg, identity, read, refused, scope, sigstore};

pub(super) fn rows() -> Vec<Row> {
    [identities(), scopes()].into_iter().flatten().collect()
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
        rows.push(refused(scope(transport, bad), "transports.", "is not a scope of its transport"));
    }
    let twice = format!(r#"{{"docker":{{"a.b":{REJECT},"a.b":{REJECT}}}}}"#);
    let twice = format!(r#"{{"default":{REJECT},"transports":{twice}}}"#);
    rows.push(refused(twice, "", "duplicate key"));
    rows
}
