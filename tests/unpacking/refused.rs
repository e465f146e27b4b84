//! Registries that do not take what is attached to images: by the operator's word images come without it, and all of it is
//! named.

use super::Carried;
use super::pushing::with_referrers;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::scene::Enclave;
use crate::harness::signatures::cosign_tag;
use reqwest::Method;
use serde_json::Value;

/// Whether a registry refuses a path.
type Refuses = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// What a registry may refuse: tags of cosign, referrers, or the list of those.
fn refusals(carried: &Carried) -> Vec<(&'static str, Refuses)> {
    let sig = cosign_tag(&carried.image.digest(), "sig");
    let referrers: Vec<String> = carried.side.inspect()["images"][0]["attachments"]
        .as_array()
        .expect("attachments")
        .iter()
        .filter(|attachment| attachment["found"] == "referrer")
        .map(|attachment| attachment["digest"].as_str().expect("digest").to_owned())
        .collect();
    assert!(!referrers.is_empty());
    vec![
        ("a tag", Box::new(move |path: &str| path.ends_with(&sig))),
        ("a subject", Box::new(move |path: &str| referrers.iter().any(|d| path.ends_with(d)))),
    ]
}

fn outcomes(report: &Value) -> Vec<&str> {
    let attachments = report["images"][0]["attachments"].as_array().expect("attachments");
    attachments.iter().map(|a| a["outcome"]["outcome"].as_str().expect("outcome")).collect()
}

#[test]
fn refused_attachments_stop_the_push_or_are_left_out() {
    let carried = Carried::new();
    with_referrers(&carried);
    for status in [400, 403, 405, 415, 422] {
        for (what, refused) in refusals(&carried) {
            let enclave = Enclave::start();
            let proxy = FaultProxy::start(enclave.address());
            proxy.add(Rule::new(Method::PUT, refused, Fault::status(status)));
            let unpack = |more: &[&str]| {
                let arguments = [&["--key", carried.key.as_str()], more].concat();
                enclave.unpack_to(&carried.side.file(), proxy.address(), &arguments)
            };
            let ran = unpack(&[]).expect_code(5);
            let why =
                if status == 403 { "access is denied".to_owned() } else { status.to_string() };
            ran.expect_error(&["attachment-refused", "--attachments-refused warn", &why]);
            assert_eq!(
                enclave.registry.tags("team/app").iter().filter(|tag| *tag == "1").count(),
                0
            );

            let report = unpack(&["--attachments-refused", "warn", "--json"]).expect_code(4).json();
            assert!(outcomes(&report).contains(&"refused"), "{what} {status}");
            let warnings = report["warnings"].to_string();
            assert!(warnings.contains("attachment-refused: "), "{what}: {warnings}");
            let image = enclave.registry.manifest("team/app", "1").expect("the image is there");
            assert_eq!(image.bytes, carried.image.manifest.bytes);

            proxy.heal();
            unpack(&["--attachments-refused", "warn"]).expect_code(0);
            enclave.expect_all_of(&carried.side, "team/app", "team/app");
        }
    }
}

#[test]
fn a_list_of_referrers_that_is_refused_is_a_refused_attachment() {
    let test = "a_list_of_referrers_that_is_refused_is_a_refused_attachment";
    let Some(enclave) = Enclave::docker(test) else { return };
    let carried = Carried::new();
    with_referrers(&carried);
    let proxy = FaultProxy::start(enclave.address());
    let list = format!("/sha256-{}", carried.image.digest().hex());
    proxy.add(Rule::new(Method::PUT, move |path| path.ends_with(&list), Fault::status(400)));
    let arguments = ["--key", &carried.key, "--attachments-refused", "warn"];
    let ran = enclave.unpack_to(&carried.side.file(), proxy.address(), &arguments).expect_code(4);
    assert!(ran.stdout.contains("refused by the registry"), "{ran}");
}

#[test]
fn only_a_refusal_is_left_out_and_never_the_image_itself() {
    let carried = Carried::new();
    let sig = cosign_tag(&carried.image.digest(), "sig");
    let image = carried.image.digest().to_string();
    let cases: [(u16, String); 4] =
        [(401, sig.clone()), (501, sig.clone()), (400, image), (400, "/1".into())];
    for (status, refused) in cases {
        let enclave = Enclave::start();
        let proxy = FaultProxy::start(enclave.address());
        let path = refused.clone();
        proxy.add(Rule::new(
            Method::PUT,
            move |asked| asked.ends_with(&path),
            Fault::status(status),
        ));
        let arguments = ["--key", &carried.key, "--attachments-refused", "warn"];
        let ran = enclave.unpack_to(&carried.side.file(), proxy.address(), &arguments);
        ran.expect_code(5);
        assert!(!enclave.tags().contains(&"team/app:1".to_owned()), "{status} {refused}");
    }
}

#[test]
fn nothing_demands_signatures_that_the_registry_refused() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let proxy = FaultProxy::start(enclave.address());
    let sig = cosign_tag(&carried.image.digest(), "sig");
    proxy.add(Rule::new(Method::PUT, move |path| path.ends_with(&sig), Fault::status(400)));
    let directory = tempfile::tempdir().expect("directory");
    let emitted = directory.path().join("resources");
    let emit = format!("openshift={}", emitted.display());
    let arguments = ["--key", &carried.key, "--attachments-refused", "warn", "--emit", &emit];
    let ran = enclave.unpack_to(&carried.side.file(), proxy.address(), &arguments).expect_code(4);
    assert!(ran.stdout.contains("nothing that demands signatures is configured"), "{ran}");
    assert!(!emitted.exists());
}
