//! A second unpack of the same bundle: nothing is written that is there with the same bytes. Registries whose tags are
//! immutable refuse it, and each write is an entry in somebody's audit log.

use super::Carried;
use super::pushing::with_referrers;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::scene::{Connected, Enclave, HOST};
use reqwest::Method;

/// Refuses every write from now on.
fn write_once(proxy: &FaultProxy) {
    proxy.forget_seen();
    for method in [Method::PUT, Method::POST, Method::PATCH, Method::DELETE] {
        proxy.add(Rule::new(method, |_| true, Fault::status(405)));
    }
}

fn expect_no_write(proxy: &FaultProxy) {
    let read = [Method::GET, Method::HEAD];
    let wrote: Vec<_> = proxy.seen().into_iter().filter(|s| !read.contains(&s.method)).collect();
    assert_eq!(wrote, []);
}

/// Unpacks twice, the second time into what takes no write any more.
fn twice(carried: &Carried, enclave: &Enclave, arguments: &[&str]) {
    let proxy = FaultProxy::start(enclave.address());
    let unpack = |more: &[&str]| {
        let arguments = [arguments, more].concat();
        enclave.unpack_to(&carried.side.file(), proxy.address(), &arguments).expect_code(0)
    };
    unpack(&[]);
    write_once(&proxy);
    let ran = unpack(&["--json"]);
    for image in ran.json()["images"].as_array().expect("images") {
        for attachment in image["attachments"].as_array().expect("attachments") {
            assert_eq!(attachment["outcome"]["outcome"], "already-there", "{attachment}");
        }
    }
    expect_no_write(&proxy);
}

#[test]
fn nothing_is_written_twice_where_the_registry_lists_referrers() {
    let carried = Carried::new();
    with_referrers(&carried);
    twice(&carried, &Enclave::start(), &["--key", &carried.key]);
}

#[test]
fn nothing_is_written_twice_where_clients_list_referrers() {
    let test = "nothing_is_written_twice_where_clients_list_referrers";
    let (Some(side), Some(enclave)) = (Connected::docker(test), Enclave::docker(test)) else {
        return;
    };
    let carried = Carried::from(side);
    with_referrers(&carried);
    twice(&carried, &enclave, &["--key", &carried.key]);
}

#[test]
fn stream_and_untagged_image_are_written_once() {
    let carried = Carried::new();
    with_referrers(&carried);
    let enclave = Enclave::start();
    let proxy = FaultProxy::start(enclave.address());
    let unpack = || {
        let bundle = std::fs::File::open(carried.side.file()).expect("bundle");
        let pipe = enclave.unpack_pipe(proxy.address(), &["--key", &carried.key]);
        pipe.stdin(bundle).run().expect_code(0);
    };
    unpack();
    write_once(&proxy);
    unpack();
    expect_no_write(&proxy);

    let by_digest = format!("team/app@{}", carried.image.digest());
    std::fs::remove_file(carried.side.file()).expect("archive");
    carried.side.pack(&[&by_digest], &["--key", &carried.key]).expect_code(0);
    twice(
        &carried,
        &Enclave::start(),
        &["--key", &carried.key, "--expect-bundle", &digest(&carried)],
    );
}

fn digest(carried: &Carried) -> String {
    carried.side.inspect()["bundleDigest"].as_str().expect("a digest").to_owned()
}

#[test]
fn nothing_is_written_twice_where_a_child_stands_for_its_index() {
    let test = "nothing_is_written_twice_where_a_child_stands_for_its_index";
    let Some(enclave) = Enclave::docker(test) else { return };
    let side = Connected::start();
    side.unsigned("team/app");
    side.pack(&["team/app:1"], &["--platform", "linux/amd64"]).expect_code(0);
    let proxy = FaultProxy::start(enclave.address());
    let unpack = || {
        let arguments = ["--allow-unsigned", HOST];
        enclave.unpack_to(&side.file(), proxy.address(), &arguments).expect_code(0)
    };
    unpack();
    proxy.forget_seen();
    // What it refused it may refuse again; nothing that is there is written.
    let tags = |path: &str| path.ends_with("/manifests/1");
    proxy.add(Rule::new(Method::PUT, tags, Fault::status(405)));
    unpack();
    assert_eq!(proxy.count(&Method::PUT, tags), 0);
    assert_eq!(proxy.count(&Method::POST, |_| true), 0);
}

#[test]
fn a_referrer_that_is_gone_or_not_listed_is_pushed_again() {
    let carried = Carried::new();
    with_referrers(&carried);
    for (method, path) in [(Method::GET, "/referrers/"), (Method::HEAD, "/manifests/sha256:")] {
        let enclave = Enclave::start();
        let proxy = FaultProxy::start(enclave.address());
        let unpack = || {
            let arguments = ["--key", carried.key.as_str()];
            enclave.unpack_to(&carried.side.file(), proxy.address(), &arguments).expect_code(0)
        };
        unpack();
        proxy.forget_seen();
        proxy.add(Rule::new(method, move |asked| asked.contains(path), Fault::status(404)));
        unpack();
        let manifests = |path: &str| path.contains("/manifests/sha256:");
        assert!(proxy.count(&Method::PUT, manifests) > 0, "{path}");
        proxy.heal();
        enclave.expect_all_of(&carried.side, "team/app", "team/app");
    }
}
