//! Targets that fail, lie or go away: nothing is tagged and no key installed, and a later run finishes the work.

use crate::harness::command::Ran;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::scene::Enclave;
use crate::unpacking::Carried;
use reqwest::Method;

/// An enclave behind a proxy.
struct Target {
    enclave: Enclave,
    proxy: FaultProxy,
}

impl Target {
    fn new(test: &str) -> Option<Self> {
        let enclave = Enclave::docker(test)?;
        let proxy = FaultProxy::start(enclave.address());
        Some(Self { enclave, proxy })
    }

    fn unpack(&self, carried: &Carried) -> Ran {
        self.enclave.unpack_to(
            &carried.side.file(),
            self.proxy.address(),
            &["--install-keys", "--key", &carried.key],
        )
    }
}

/// Into a fresh registry with these rules the run fails, says so, and publishes no image. Healed, the next run ends
/// what this one began. False when there is no registry to try.
#[track_caller]
fn fails_and_recovers(test: &str, carried: &Carried, rules: Vec<Rule>, words: &[&str]) -> bool {
    let Some(target) = Target::new(test) else {
        return false;
    };
    for rule in rules {
        target.proxy.add(rule);
    }
    let ran = target.unpack(carried).expect_code(5);
    ran.expect_error(&["team/app", target.proxy.address()]).expect_error(words);
    assert!(!target.enclave.tags().contains(&"team/app:1".to_owned()), "the image is not tagged");
    assert_eq!(target.enclave.installed(), [""; 0], "no key is installed");
    target.proxy.heal();
    target.unpack(carried).expect_code(0);
    target.enclave.expect_all_of(&carried.side, "team/app", "team/app");
    assert!(!target.enclave.installed().is_empty());
    true
}

fn failed_at_once(status: u16) -> Fault {
    let headers = vec![("retry-after", "0".to_owned())];
    Fault::Answer { status, headers, body: String::new() }
}

fn uploads(path: &str) -> bool {
    path.contains("/blobs/uploads/")
}

fn manifests(path: &str) -> bool {
    path.contains("/manifests/")
}

#[test]
fn a_target_that_does_not_take_it_gets_no_tag() {
    let test = "a_target_that_does_not_take_it_gets_no_tag";
    let carried = Carried::new();
    for (status, words) in [
        (401, "wants other credentials"),
        (403, "access is denied"),
        (429, "limits the rate"),
        (500, "status 500"),
        (405, "status 405"),
    ] {
        let fault = || failed_at_once(status);
        for rule in [
            Rule::new(Method::POST, uploads, fault()),
            Rule::new(Method::PUT, uploads, fault()),
            Rule::new(Method::PUT, manifests, fault()),
        ] {
            if !fails_and_recovers(test, &carried, vec![rule], &[words]) {
                return;
            }
        }
    }
}

#[test]
fn a_target_that_cannot_be_asked_what_it_has_gets_nothing() {
    let test = "a_target_that_cannot_be_asked_what_it_has_gets_nothing";
    let carried = Carried::new();
    for (status, words) in [(401, "credentials"), (403, "denied"), (429, "rate"), (500, "500")] {
        let rules = [Method::GET, Method::HEAD]
            .map(|method| Rule::new(method, manifests, failed_at_once(status)));
        if !fails_and_recovers(test, &carried, rules.into(), &[words]) {
            return;
        }
    }
}

#[test]
fn a_tag_is_the_last_thing_that_is_written() {
    let test = "a_tag_is_the_last_thing_that_is_written";
    let carried = Carried::new();
    let tag = |path: &str| path.ends_with("/manifests/1");
    let attached = |path: &str| path.ends_with(".sig");
    let by_digest = |path: &str| path.contains("/manifests/sha256:");
    for rule in [
        Rule::new(Method::PUT, tag, failed_at_once(403)),
        Rule::new(Method::PUT, attached, failed_at_once(403)),
        Rule::new(Method::PUT, by_digest, failed_at_once(403)),
    ] {
        if !fails_and_recovers(test, &carried, vec![rule], &["access is denied"]) {
            return;
        }
    }
}

#[test]
fn an_upload_that_breaks_is_sent_again() {
    let test = "an_upload_that_breaks_is_sent_again";
    let Some(target) = Target::new(test) else {
        return;
    };
    let carried = Carried::new();
    for method in [Method::PUT, Method::PATCH] {
        target.proxy.add(Rule::new(method, uploads, Fault::CloseUploadAfter(1_000)).first(1));
    }
    target.proxy.add(Rule::new(Method::POST, uploads, failed_at_once(503)).first(2));
    target.unpack(&carried).expect_code(0);
    target.enclave.expect_all_of(&carried.side, "team/app", "team/app");
}

#[test]
fn an_upload_that_always_breaks_fails() {
    let rules = [Method::PUT, Method::PATCH]
        .map(|method| Rule::new(method, uploads, Fault::CloseUploadAfter(1_000)));
    fails_and_recovers("an_upload_that_always_breaks_fails", &Carried::new(), rules.into(), &[]);
}

#[test]
fn a_target_that_lies_about_what_it_stored_is_not_believed() {
    let test = "a_target_that_lies_about_what_it_stored_is_not_believed";
    let carried = Carried::new();
    let zeros = format!("sha256:{}", "0".repeat(64));
    let lie = || Fault::SetHeader("docker-content-digest", zeros.clone());
    for path in [manifests, uploads] {
        let rule = Rule::new(Method::PUT, path, lie());
        if !fails_and_recovers(test, &carried, vec![rule], &[&zeros]) {
            return;
        }
    }
    // After the tag was written it is read back: the first question is whether it was there before.
    let Some(target) = Target::new(test) else {
        return;
    };
    let tag = |path: &str| path.ends_with("/manifests/1");
    target.proxy.add(Rule::new(Method::HEAD, tag, lie()).nth(2));
    let ran = target.unpack(&carried).expect_code(5);
    ran.expect_error(&["team/app:1", &zeros, &carried.image.digest().to_string()]);
    assert_eq!(target.enclave.installed(), [""; 0], "no key is installed");
}

#[test]
fn nobody_listens() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
    let address = listener.local_addr().expect("address").to_string();
    drop(listener);
    let arguments = ["--install-keys", "--key", &carried.key];
    let ran = enclave.unpack_to(&carried.side.file(), &address, &arguments).expect_code(5);
    ran.expect_error(&[&address, "no connection"]);
    enclave.expect_untouched();
}
