//! For which images: scopes of every level.

use super::{Add, Keys, UNSIGNED, anything, by, reject, repository, scoped};
use serde_json::json;

pub(super) fn by_scope(add: Add<'_>, keys: &Keys, every: &[&'static str]) {
    let a = || json!([by(&keys.a, &repository())]);
    let b = || json!([by(&keys.b, &repository())]);
    let accept = || json!([anything()]);
    add("scope-image", scoped(&[("registry.example/team/by-a:1", a())]), &[&["by-a"]]);
    add("scope-other-tag", scoped(&[("registry.example/team/by-a:2", accept())]), &[]);
    let repository = scoped(&[
        ("registry.example/team/tagged", a()),
        ("registry.example/team/by-a", b()),
        ("registry.example/team/by", accept()),
    ]);
    add("scope-repository", repository, &[&["tagged", "pinned"]]);
    let deep = scoped(&[("sub.registry.example/team", a()), ("registry.example/team/a", accept())]);
    add("scope-namespace", deep, &[&["deep"]]);
    let narrow = scoped(&[
        ("docker.io", b()),
        ("docker.io/library", a()),
        ("docker.io/library/hub", accept()),
        ("docker.io/library/hub:1", json!([reject()])),
    ]);
    add("scope-narrowest", narrow, &[&["hub-tagged"]]);
    let short = scoped(&[("docker.io/hub", accept()), ("docker.io/library", a())]);
    add("scope-of-the-hub", short, &[&["hub", "hub-tagged"]]);
    let port = scoped(&[("localhost:5000", a()), ("localhost", accept())]);
    add("scope-host-with-port", port, &[&["port"]]);
    add("scope-host-without-port", scoped(&[("localhost", accept())]), &[]);
    let host = scoped(&[("other.example", accept())]);
    add("scope-host", host, &[&["moved"]]);
    let domain = scoped(&[("*.example", accept()), ("*.registry.example", a())]);
    let elsewhere: Vec<_> = every
        .iter()
        .copied()
        .filter(|name| !["hub", "hub-tagged", "port"].contains(name))
        .collect();
    add("scope-domains", domain, &[&elsewhere]);
    let only_sub = scoped(&[("*.registry.example", accept())]);
    add("scope-subdomain", only_sub, &[&["deep"]]);
    let transport = scoped(&[("", a()), ("registry.example", b())]);
    add("scope-transport", transport, &[&["by-b", "by-both", "hub", "hub-tagged", "port", "deep"]]);
}

pub(super) fn by_scope_of_indexes(add: Add<'_>) {
    let accept = || json!([anything()]);
    let unsigned = scoped(&[
        ("registry.example/team/unsigned", accept()),
        ("registry.example/team/index-unsigned", accept()),
        ("registry.example/team/index-only", accept()),
    ]);
    add("scope-unsigned", unsigned, &[UNSIGNED, &["index-only"]]);
}
