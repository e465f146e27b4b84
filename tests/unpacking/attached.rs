//! What is attached arrives with its standing: verified by something, or by nobody.

use super::Carried;
use crate::harness::command::run;
use crate::harness::images;
use crate::harness::scene::Enclave;
use serde_json::json;

/// An image with two documents that nobody signed, packed under its key.
fn with_documents() -> Carried {
    let carried = Carried::new();
    for name in ["one", "two"] {
        let document = images::artifact("application/spdx+json", &carried.image, name);
        document.push_referrer(&carried.side.registry, "team/app");
    }
    carried.side.pack(&["team/app:1"], &["--key", &carried.key, "--restart"]).expect_code(0);
    carried
}

#[test]
fn unverified_attachments_are_counted_apart_and_told_once() {
    let carried = with_documents();
    let (file, enclave) = (carried.side.file(), Enclave::start());
    let ran = enclave.unpack(&file, &["--key", &carried.key]).expect_code(0);
    assert!(ran.stdout.contains("verified, 2 unverified"), "{ran}");
    let whole = enclave.unpack(&file, &["--key", &carried.key, "-v"]).expect_code(0);
    assert!(whole.stdout.contains("2 unverified attachments (2 sboms)"), "{whole}");
    let told = ran.stdout.lines().filter(|line| line.starts_with("warning: 2 attachments are"));
    assert_eq!(told.count(), 1, "{ran}");
    enclave.expect_all_of(&carried.side, "team/app", "team/app");
    let file = file.display().to_string();
    let verified = run(&["verify", &file, "--key", &carried.key]).expect_code(0);
    assert!(verified.stdout.contains("2 unverified attachments"), "{verified}");
    let unjudged = run(&["verify", &file]).expect_code(0);
    let shown = run(&["inspect", &file]).expect_code(0);
    for silent in [unjudged, shown] {
        assert!(!silent.stdout.contains("verified attachment"), "{silent}");
    }
}

#[test]
fn only_what_is_verified_is_published_where_that_is_asked_for() {
    let carried = with_documents();
    for target in ["registry", "layout"] {
        let enclave = Enclave::start();
        let arguments = ["--key", &carried.key, "--attachments", "verified", "--json"];
        let ran = match target {
            "registry" => enclave.unpack(&carried.side.file(), &arguments),
            _ => {
                let layout = format!("oci:{}", carried.side.output("layout").display());
                enclave.unpack_to(&carried.side.file(), &layout, &arguments)
            }
        };
        let report = ran.expect_code(0).json();
        let attachments = report["images"][0]["attachments"].as_array().expect("attachments");
        let left = attachments.iter().filter(|one| one["verification"] == "unverified");
        let outcomes: Vec<_> = left.map(|one| one["outcome"]["outcome"].clone()).collect();
        assert_eq!(outcomes, [json!("left-out"), json!("left-out")], "{report}");
        assert_eq!(report["attachments"]["unverified"], 2);
        let warnings = report["warnings"].as_array().expect("warnings");
        let told = |text: &serde_json::Value| text == "2 attachments are unverified, and left out";
        assert!(warnings.iter().any(told), "{report}");
    }
}
