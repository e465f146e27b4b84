//! What a rule for a repository does not close: narrower scopes, and other spellings of a host.

use super::merging::{APP, one};
use super::{ACCEPT, LOOKUPS, MIRRORS, POLICY, REJECT, Scene, left};
use crate::harness::command::Program;
use crate::harness::nobody::{NOBODY, is_root};
use crate::harness::signatures::sign_simple_as;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

const ANYTHING: &str = r#"[{"type": "insecureAcceptAnything"}]"#;
const NOTHING: &str = r#"[{"type": "reject"}]"#;

/// A policy whose default is `default`, with one scope.
fn policy(default: &str, scope: &str, list: &str) -> String {
    let docker = format!(r#"{{"docker": {{"{scope}": {list}}}}}"#);
    format!(r#"{{"default": {default}, "transports": {docker}}}"#)
}

/// Repository, code and mirror of what stays unenforced.
fn unenforced(report: &Value) -> Vec<[String; 3]> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let all = report["unenforced"].as_array().expect("a list").iter();
    all.map(|one| ["repository", "code", "mirror"].map(|key| text(&one[key]))).collect()
}

fn app(mirror: &str) -> Vec<[String; 3]> {
    vec![[APP, "narrower-scope", mirror].map(str::to_owned)]
}

#[test]
fn a_narrower_scope_that_admits_anything_is_unenforced() {
    let scene = Scene::new();
    let digest = scene.carried.image.digest();
    let signed = r#"[{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}]"#;
    let twice = format!("[{0}, {0}]", ANYTHING.trim_matches(['[', ']']));
    for (default, part, list, is_enforced) in [
        (ANYTHING, ":1", ANYTHING, false),
        (ANYTHING, ":other", ANYTHING, false),
        (ANYTHING, &*format!("@{digest}"), &*twice, false),
        (ANYTHING, "/plugins", ANYTHING, false),
        (ANYTHING, "/plugins/deep:1", ANYTHING, false),
        (NOTHING, ":1", ANYTHING, false),
        // The twins: what demands something, and what is about another repository.
        (ANYTHING, ":1", NOTHING, true),
        (ANYTHING, ":other", signed, true),
        (ANYTHING, "lication:1", ANYTHING, true),
        (ANYTHING, "-2", ANYTHING, true),
    ] {
        let scope = format!("{APP}{part}");
        let content = policy(default, &scope, list);
        let _ = std::fs::remove_dir_all(scene.place("etc/containers"));
        scene.write(POLICY, &content);
        let report = scene.configured_with(if is_enforced { 0 } else { 4 }, &[]);
        if is_enforced {
            assert_eq!(report["unenforced"], json!([]), "{scope}");
            assert!(scene.read(MIRRORS).contains(APP) && scene.read(POLICY) != content);
            continue;
        }
        assert_eq!(unenforced(&report), app("withheld"), "{scope}");
        assert_eq!(left(&report, POLICY), one(APP, "narrower-scope"));
        assert!(!scene.place(MIRRORS).exists() && !scene.place(LOOKUPS).exists(), "{scope}");
        assert_eq!(scene.read(POLICY), content, "no rule that breaks pulls from elsewhere");
    }
}

#[test]
fn a_narrower_scope_is_told_by_every_way_of_configuring() {
    let scene = Scene::new();
    let tag = format!("{APP}:1");
    let content = policy(ANYTHING, &tag, ANYTHING);
    scene.write(POLICY, &content);
    let text = scene.config_install(&["--require-enforcement"]).expect_code(4).stdout;
    assert!(text.contains(&format!("{APP} stays unenforced (narrower-scope)")), "{text}");
    assert!(text.contains(&format!("transports.docker[\"{tag}\"] admits images")), "{text}");
    let review = tempfile::tempdir().expect("directory");
    let path = review.path().to_str().expect("a path");
    scene.configured_partly(&["--config-dir", path]);
    assert!(!review.path().join(MIRRORS).exists());
    scene.configured_partly(&["--dry-run", "--require-enforcement"]);

    // Served by the operator's word, the rest of it is enforced all the same.
    let report = scene.configured(&["--allow-unenforced", APP]);
    assert_eq!(unenforced(&report), app("allowed"));
    assert!(scene.read(MIRRORS).contains(APP) && scene.read(POLICY) != content);
    scene.configured_partly(&["--allow-unenforced", APP, "--require-enforcement"]);
    // A scope that came later leaves what is there, and is told.
    let report = scene.configured_partly(&["--require-enforcement"]);
    assert_eq!(unenforced(&report), app("already"));
}

#[test]
fn a_scope_below_counts_unless_it_has_an_entry_of_its_own() {
    let scene = Scene::new();
    let below = format!("{APP}/tool");
    scene.carried.side.unsigned("team/app/tool");
    scene.write(POLICY, &policy(ANYTHING, &format!("{below}:1"), ANYTHING));
    let report = scene.configured_partly(&[]);
    assert_eq!(unenforced(&report), app("withheld"));
    scene.write(POLICY, &policy(ANYTHING, &below, ANYTHING));
    scene.pack(&["team/app:1", "team/app/tool:1"]);
    let report = scene.configured(&["--allow-unsigned", &below]);
    assert_eq!(report["unenforced"], json!([]));
    assert!(scene.read(MIRRORS).contains(&format!("\"{APP}\"")));
}

#[test]
fn a_spelling_of_a_host_has_rule_and_mirror_under_its_name() {
    let scene = Scene::new();
    let side = &scene.carried.side;
    for (number, host) in
        ["registry.example:443", "registry.example:80", "REGISTRY.example", "registry.example:8443"]
            .into_iter()
            .enumerate()
    {
        let (path, name) = (format!("team/spelt{number}"), format!("{host}/team/spelt{number}"));
        let image = side.unsigned(&path);
        for part in std::iter::once(&image).chain(&image.children) {
            sign_simple_as(&side.registry, &path, &part.digest(), &scene.carried.signer, &name);
        }
        std::fs::remove_file(side.file()).expect("removed");
        let source = format!("{}/{path}:1={name}:1", side.address());
        let pack = Program::bundle().args(&["pack", "-q", &source, "-o"]).arg(side.file());
        pack.run().expect_code(0);
        scene.write(POLICY, ACCEPT);
        for code in ["added", "already-enforced"] {
            let report = scene.configured(&["--require-enforcement"]);
            assert_eq!(report["unenforced"], json!([]), "{host}");
            assert_eq!(report["refusedPulls"], json!([]), "{host}");
            assert!(scene.read(MIRRORS).contains(&format!("prefix = \"{name}\"")), "{host}");
            assert!(scene.read(POLICY).contains(&format!("\"{name}\"")), "{host}");
            let known = if code == "added" { Vec::new() } else { one(&name, code) };
            assert_eq!(left(&report, POLICY), known, "{host}");
        }
        // A rule for the plain spelling is not one for this: the host looks the name up as it is pulled.
        let plain = policy(ANYTHING, &format!("registry.example/team/spelt{number}"), NOTHING);
        scene.write(POLICY, &plain);
        scene.configured(&["--require-enforcement"]);
        assert!(scene.read(POLICY).contains(&format!("\"{name}\"")), "{host}");
    }
    scene.write(POLICY, REJECT);
    scene.configured(&["--require-enforcement"]);
}

#[test]
fn a_rule_admits_nothing_below_its_repository() {
    let scene = Scene::new();
    let (side, signer) = (&scene.carried.side, &scene.carried.signer);
    let sub = side.signed("team/app/sub", signer);
    let other = side.unsigned("team/app/other");
    let judged = |reference: &str, code: i32| {
        scene.pack(&[reference]);
        scene.run("unpack", &side.file(), &["-q", "--host-policy"]).expect_code(code);
    };
    for (content, arguments) in [
        (Some(REJECT), &["--admit-signed", "--require-enforcement"][..]),
        (Some(ACCEPT), &["--require-enforcement"]),
        (None, &["--install-keys"]),
    ] {
        let _ = std::fs::remove_dir_all(scene.place("etc"));
        content.iter().for_each(|content| scene.write(POLICY, content));
        scene.pack(&["team/app:1"]);
        scene.configured(arguments);
        judged("team/app:1", 0);
        judged("team/app/sub:1", 3);
    }
    // Nor what is signed under the name of the repository, and lies below it.
    for part in std::iter::once(&other).chain(&other.children) {
        sign_simple_as(&side.registry, "team/app/other", &part.digest(), signer, APP);
    }
    judged("team/app/other:1", 3);
    // A rule of its own is for what is below.
    scene.pack(&["team/app/sub:1"]);
    scene.write(POLICY, ACCEPT);
    scene.configured(&["--require-enforcement"]);
    assert_eq!(sub.children.len(), 2);
    judged("team/app/sub:1", 0);
}

#[test]
fn what_lies_below_an_unsigned_source_is_withheld_with_it() {
    let scene = Scene::new();
    let side = &scene.carried.side;
    side.unsigned("team/plain");
    side.unsigned("team/loose");
    let half = side.unsigned("team/plain/half");
    side.sign("team/plain/half", &half.digest(), &scene.carried.signer);
    let allow = ["--allow-unsigned", "registry.example/team/plain:*"];
    let (plain, half) = ("registry.example/team/plain", "registry.example/team/plain/half");
    scene.pack(&["team/plain:1", "team/plain/half:1"]);
    let report = scene.configured_partly(&allow);
    assert_eq!(unenforced(&report)[0][0], half);
    let mirrors = scene.read(MIRRORS);
    assert!(mirrors.contains(&format!("prefix = \"{plain}\"\n")), "{mirrors}");
    let entry = format!("prefix = \"{half}\"\nlocation = \"{half}\"\n");
    assert!(mirrors.ends_with(&entry), "no mirror: {mirrors}");
    // Of another source, in another bundle.
    let source = format!("{}/team/loose:1=tools.example/team/plain/other:1", side.address());
    std::fs::remove_file(side.file()).expect("removed");
    let pack = Program::bundle().args(&["pack", "-q", &source, "-o"]).arg(side.file());
    pack.run().expect_code(0);
    let arguments = ["-q", "--install-config", "--allow-unsigned", "tools.example"];
    scene.run("unpack", &side.file(), &arguments).expect_code(0);
    let mirrors = scene.read(MIRRORS);
    let entry = format!("prefix = \"{plain}/other\"\nlocation = \"{plain}/other\"\n\n");
    assert!(mirrors.contains(&entry), "{mirrors}");
}

#[test]
fn a_rule_by_a_key_that_others_could_exchange_is_unenforced() {
    if !is_root() {
        println!("left out: a_rule_by_a_key_that_others_could_exchange_is_unenforced needs root");
        return;
    }
    let scene = Scene::new();
    scene.write("etc/keys/rel.pub", &scene.carried.signer.public_pem());
    let (file, directory) = (scene.place("etc/keys/rel.pub"), scene.place("etc/keys"));
    let give = |place: &Path, user| chown(place, Some(user), None).expect("owner");
    let mode = |place: &Path, mode| {
        fs::set_permissions(place, fs::Permissions::from_mode(mode)).expect("mode");
    };
    let rule = |keys: &str| {
        let identity = r#""signedIdentity": {"type": "matchRepository"}"#;
        let list = format!(r#"[{{"type": "sigstoreSigned", {keys}, {identity}}}]"#);
        policy(ANYTHING, APP, &list)
    };
    let one_key = rule(r#""keyPath": "/etc/keys/rel.pub""#);
    let many = rule(r#""keyPaths": ["/etc/keys/rel.pub"]"#);
    type Change<'c> = &'c dyn Fn();
    let changes: [(Change<'_>, Change<'_>); 4] = [
        (&|| give(&file, NOBODY), &|| give(&file, 0)),
        (&|| give(&directory, NOBODY), &|| give(&directory, 0)),
        (&|| mode(&file, 0o666), &|| mode(&file, 0o644)),
        (&|| mode(&directory, 0o777), &|| mode(&directory, 0o755)),
    ];
    for content in [&one_key, &many] {
        for (change, back) in &changes {
            scene.write(POLICY, content);
            change();
            for arguments in [&[][..], &["--require-enforcement"], &["--dry-run"]] {
                let report = scene.configured_partly(arguments);
                let expected = vec![[APP, "key-not-protected", "withheld"].map(str::to_owned)];
                assert_eq!(unenforced(&report), expected, "{arguments:?}");
                assert_eq!(report["refusedPulls"], json!([]), "runtimes ask nobody whose it is");
                assert!(!scene.place(MIRRORS).exists());
            }
            back();
        }
    }
    // The twin: root's own.
    scene.write(POLICY, &one_key);
    let report = scene.configured(&["--require-enforcement"]);
    assert_eq!((&report["unenforced"], &report["refusedPulls"]), (&json!([]), &json!([])));
    assert!(scene.read(MIRRORS).contains(APP));
}
