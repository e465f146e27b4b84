//! `--keep-host` and `--map`: names that are asked for, and names that cannot be had.

use super::{pack, repositories, unsigned};
use crate::harness::scene::{Connected, Enclave, HOST};
use crate::unpacking::Carried;
use serde_json::json;

#[test]
fn names_are_those_that_are_asked_for() {
    let carried = Carried::new();
    let file = carried.side.file();
    let rule = format!("{HOST}/team=ours/squad");
    let exact = format!("{HOST}/team/app=team/app");
    for (prefix, arguments, expected) in [
        ("", &[][..], "team/app"),
        ("/mirror", &[], "mirror/team/app"),
        ("", &["--keep-host"], "registry.example/team/app"),
        ("/mirror", &["--keep-host=true"], "mirror/registry.example/team/app"),
        ("", &["--keep-host=false"], "team/app"),
        ("/mirror", &["--keep-host", "--map", &rule], "mirror/ours/squad/app"),
        ("", &["--map", "registry.example=all", "--map", &rule], "ours/squad/app"),
        ("", &["--map", "registry.example=x", "--map", &exact], "team/app"),
    ] {
        let enclave = Enclave::start();
        let target = format!("{}{prefix}", enclave.address());
        let arguments = [&["--key", carried.key.as_str(), "--json"], arguments].concat();
        let ran = enclave.unpack_to(&file, &target, &arguments).expect_code(0);
        let name = format!("{}/{expected}", enclave.address());
        let report =
            json!([{ "source": format!("{HOST}/team/app"), "target": name, "memory": "new" }]);
        assert_eq!(repositories(&ran), report);
        assert_eq!(ran.json()["images"][0]["target"], format!("{name}:1"));
        assert_eq!(ran.json()["target"], target, "as it was given");
        enclave.expect_all_of(&carried.side, "team/app", expected);
        assert_eq!(enclave.registry.repositories(), [expected], "and nowhere else");
    }
}

#[test]
fn colliding_sources_are_refused_before_any_contact() {
    let side = Connected::start();
    side.unsigned("team/app");
    side.unsigned("team/db");
    let images = [
        ("team/app", "one.example/team/app"),
        ("team/db", "two.example/team/app"),
        ("team/app", "one.example/team/other"),
    ];
    let file = pack(&side, "two.tar.zst", &images);
    let trust = unsigned(&["one.example", "two.example"]);
    let enclave = Enclave::start();
    for arguments in [&[][..], &["--dry-run"], &["--map", "one.example/team/other=x"]] {
        // Nothing listens there.
        let ran = enclave.unpack_to(&file, "127.0.0.1:1", &[&trust, arguments].concat());
        ran.expect_code(2).expect_error(&[
            "one.example/team/app and two.example/team/app would both become 127.0.0.1:1/team/app",
            "hint: ",
            "--keep-host",
            "--map",
            "--to REGISTRY/PREFIX",
        ]);
    }
    let together = ["--map", "one.example/team/app=x", "--map", "two.example/team/app=x"];
    let ran = enclave.unpack_to(&file, "127.0.0.1:1", &[&trust, &together[..]].concat());
    ran.expect_code(2).expect_error(&["127.0.0.1:1/x"]);
    enclave.expect_untouched();

    let apart = ["--map", "two.example/team/app=second"];
    enclave.unpack(&file, &[&trust, &apart[..]].concat()).expect_code(0);
    assert_eq!(enclave.tags(), ["second:1", "team/app:1", "team/other:1"]);
    let kept = Enclave::start();
    kept.unpack(&file, &[&trust, &["--keep-host"][..]].concat()).expect_code(0);
    let expected = ["one.example/team/app:1", "one.example/team/other:1", "two.example/team/app:1"];
    assert_eq!(kept.tags(), expected);
}

#[test]
fn names_that_cannot_be_are_usage_errors() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let directory = carried.side.output("layout");
    let layout = format!("oci:{}", directory.display());
    let long = format!("{HOST}={}", "a".repeat(250));
    for (target, arguments, words) in [
        (layout.as_str(), &["--keep-host"][..], "layout directory"),
        (&layout, &["--map", "registry.example=x"], "layout directory"),
        ("127.0.0.1:1", &["--map", "registry.example"], "SOURCE=PATH"),
        ("127.0.0.1:1", &["--map", "team/app=x"], "full name"),
        ("127.0.0.1:1", &["--map", "registry.example=../x"], "path"),
        ("127.0.0.1:1", &["--map", "a.example=x", "--map", "a.example=y"], "twice"),
        ("127.0.0.1:1", &["--map", &long], "no name at the target"),
    ] {
        let arguments = [&["--key", carried.key.as_str()], arguments].concat();
        let ran = enclave.unpack_to(&carried.side.file(), target, &arguments);
        ran.expect_code(2).expect_error(&[words]);
    }
    assert!(!directory.exists());
    enclave.expect_untouched();
}
