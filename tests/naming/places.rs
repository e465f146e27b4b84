//! What comes without a trusted signature takes no place that is protected for another source: as the command line says
//! it, in text and report.

use super::{pack, unsigned};
use crate::harness::scene::{Connected, Enclave};
use crate::harness::signatures::sign_simple_as;
use crate::harness::signer::Signer;
use std::fs;

#[test]
fn a_place_that_is_anothers_is_named_with_the_ways_out() {
    let side = Connected::start();
    side.unsigned("one");
    let (vendor, tool) = (Signer::p256(), side.unsigned("tool"));
    let name = "registry.redhat.io/ubi9/tool";
    sign_simple_as(&side.registry, "tool", &tool.digest(), &vendor, name);
    let images = [("one", "internal.example/redhat/ubi9/ubi"), ("tool", name)];
    let file = pack(&side, "one.tar.zst", &images);
    let key = side.key("vendor.pub", &vendor);
    let enclave = Enclave::start();
    let scoped = format!("registry.redhat.io/ubi9={key}");
    let allowed = unsigned(&["internal.example"]);
    let with = |names: &[&'static str]| {
        let mut arguments = vec!["--key", &scoped];
        arguments.extend(&allowed);
        arguments.extend(names);
        enclave.unpack(&file, &arguments)
    };
    let taken = format!("{}/redhat/ubi9/ubi", enclave.address());
    let map = "--map=registry.redhat.io=redhat";
    for names in [&[map][..], &[map, "--dry-run"], &[map, "--json"]] {
        let ran = with(names).expect_code(3);
        let said = ["place-protected", &taken, "registry.redhat.io/ubi9", "hint: ", "--keep-host"];
        let ran = ran.expect_error(&said);
        assert!(!ran.stderr.contains("may come unsigned, give --allow-unsigned"), "{ran}");
        enclave.expect_untouched();
    }
    let json = with(&[map, "--json"]).expect_code(3).json();
    assert_eq!(json["verdicts"][0]["code"], "place-protected");
    // The ways out that the hint names.
    for names in [&[map, "--keep-host"][..], &[map, "--map=internal.example=internal"], &[]] {
        with(names).expect_code(0);
    }
}

#[test]
fn what_a_policy_accepts_whatever_it_is_shows_as_a_warning() {
    let side = Connected::start();
    side.unsigned("one");
    let file = pack(&side, "one.tar.zst", &[("one", "evil.example/ubi9/ubi")]);
    let key = side.key("vendor.pub", &Signer::p256());
    let policy = side.output("policy.json");
    let signed = serde_json::json!([{"type": "sigstoreSigned", "keyPath": key}]);
    let content = serde_json::json!({
        "default": [{"type": "insecureAcceptAnything"}],
        "transports": {"docker": {"registry.redhat.io": signed}},
    });
    fs::write(&policy, content.to_string()).expect("a policy");
    let policy = policy.to_str().expect("a path");
    let enclave = Enclave::start();
    let ran = enclave.unpack(&file, &["--policy", policy]).expect_code(3);
    ran.expect_error(&["place-protected", "registry.redhat.io", "--map", "--keep-host"]);
    enclave.expect_untouched();
    let warned = "warning: policy-accepts-anything: ";
    let ran = enclave.unpack(&file, &["--policy", policy, "--keep-host"]).expect_code(0);
    assert!(ran.stdout.contains(warned) && ran.stdout.contains("evil.example/ubi9/ubi:1"), "{ran}");
    let ran = enclave.unpack(&file, &["--policy", policy, "--keep-host", "--json"]).expect_code(0);
    let first = ran.json()["warnings"].to_string();
    assert!(first.contains("policy-accepts-anything: "), "{first}");
}
