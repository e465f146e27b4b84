//! What stops a run before anything is pushed or changed, each beside the same run without the obstacle.

use super::{ACCEPT, LOOKUPS, MIRRORS, POLICY, Scene, Tools, file, left, skopeo};
use crate::harness::command::Program;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::host::Host;
use crate::harness::nobody::is_root;
use crate::unpacking::Carried;
use bundle_testing::peers;
use rustix::process::{Pid, Signal};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::time::Duration;

#[test]
fn unmergeable_files_stop_the_run_before_the_push() {
    type Obstacle = fn(&Scene);
    let obstacles: [(&str, Obstacle, &str); 5] = [
        ("a link", link_policy, "symbolic link"),
        (
            "writable by others",
            |s| {
                fs::set_permissions(s.place(POLICY), fs::Permissions::from_mode(0o666))
                    .expect("mode")
            },
            "written by others",
        ),
        ("broken", |s| s.write(POLICY, "{\"default\": []}"), "existing policy"),
        ("edited", |s| s.write(LOOKUPS, "docker: {}\n"), "changed by hand"),
        (
            "another broken file",
            |s| s.write("etc/containers/registries.d/site.yaml", "docker: ["),
            "site.yaml",
        ),
    ];
    let scene = Scene::new();
    for (what, obstacle, reason) in obstacles {
        println!("{what}");
        let _ = fs::remove_dir_all(scene.place("etc/containers"));
        scene.write(POLICY, ACCEPT);
        obstacle(&scene);
        let before = scene.files();
        let ran = scene.unpack(&["--install-keys", "--install-config"]);
        scene.expect_refused(ran, 1, &[reason], &before);
        let ran = scene.config_install(&[]);
        scene.expect_refused(ran, 1, &[reason], &before);
    }
    let _ = fs::remove_dir_all(scene.place("etc/containers"));
    scene.write(POLICY, ACCEPT);
    scene.configured(&["--install-keys"]);
}

fn link_policy(scene: &Scene) {
    fs::rename(scene.place(POLICY), scene.place("etc/containers/other.json")).expect("renamed");
    symlink("other.json", scene.place(POLICY)).expect("link");
}

#[test]
fn a_policy_of_another_user_is_refused() {
    let scene = Scene::new();
    if chown(scene.place(POLICY), Some(12_345), None).is_err() {
        println!("left out: a_policy_of_another_user_is_refused needs root");
        return;
    }
    let before = scene.files();
    let ran = scene.unpack(&["--install-config"]);
    scene.expect_refused(ran, 1, &["owned by user 12345"], &before);
    chown(scene.place(POLICY), Some(0), None).expect("owner");
    scene.configured(&[]);
}

#[test]
fn what_a_tool_of_the_host_refuses_is_not_written() {
    let mut scene = Scene::new();
    let says = r#"echo "Error: invalid policy in $HOME/.config/containers/policy.json: no" >&2"#;
    scene.tools = Tools::none().saying("skopeo", says);
    let before = scene.files();
    let ran = scene.unpack(&["--install-keys", "--install-config"]);
    let reasons = ["skopeo does not take", "invalid policy in /etc/containers/policy.json: no"];
    scene.expect_refused(ran, 1, &reasons, &before);

    // For other hosts that is no reason.
    let review = tempfile::tempdir().expect("directory");
    let review = review.path().to_str().expect("path");
    let report = scene.configured(&["--config-dir", review, "--dry-run"]);
    assert_eq!(report["checkedBy"][0]["outcome"], "refused");

    // A tool that fails for another reason has said nothing about the files.
    scene.tools = Tools::none().saying("skopeo", "echo out of order >&2");
    let report = scene.configured(&[]);
    let unclear = json!([{"tool": "skopeo", "outcome": "unclear", "said": "out of order"}]);
    assert_eq!(report["checkedBy"], unclear);
}

#[test]
fn real_tools_read_the_files_first() {
    let test = "real_tools_read_the_files_first";
    let Some(skopeo) = skopeo(test) else { return };
    let mut scene = Scene::new();
    scene.tools = Tools::none().with("skopeo", &skopeo);
    let report = scene.configured(&[]);
    assert_eq!(report["checkedBy"], json!([{"tool": "skopeo", "outcome": "accepted"}]));
    assert_eq!(left(&report, POLICY), []);
}

#[test]
fn podman_is_asked_too_by_root() {
    let test = "podman_is_asked_too_by_root";
    let Some(podman) = peers::require(test, "podman") else { return };
    if !is_root() {
        println!("left out: {test} needs root");
        return;
    }
    let mut scene = Scene::new();
    scene.tools = Tools::none().with("podman", &podman);
    let report = scene.configured(&[]);
    let [checked] = &report["checkedBy"].as_array().expect("tools")[..] else {
        panic!("one tool: {report}")
    };
    assert_eq!(checked["tool"], "podman");
    // That of Debian 12 takes the files, and refuses whatever has to be signed.
    let said = checked["said"].as_str().unwrap_or_default();
    match checked["outcome"].as_str() {
        Some("accepted") => assert_eq!(said, ""),
        Some("checks-nothing") => assert!(said.contains("sigstore disabled"), "{said}"),
        other => panic!("{other:?}: {said}"),
    }
}

#[test]
fn asking_the_tools_leaves_nothing_behind() {
    let test = "asking_the_tools_leaves_nothing_behind";
    let (Some(skopeo), Some(_), Some(host)) =
        (skopeo(test), peers::require(test, "podman"), Host::start(test))
    else {
        return;
    };
    let carried = Carried::new();
    host.write(POLICY, ACCEPT);
    host.write("run/tmp/.here", "");
    let tools = Tools::none().with("skopeo", &skopeo);
    let all = || {
        let files = walkdir::WalkDir::new(host.place("etc")).sort_by_file_name().into_iter();
        files.map(|entry| entry.expect("entry").into_path()).collect::<Vec<_>>()
    };
    let before = all();
    // Relative paths mean the same to the tools, which run elsewhere.
    let temporary = ["--chdir=/run", "TMPDIR=tmp"];
    let ran = host
        .command("env")
        .env("PATH", tools.and_others())
        .args(&temporary)
        .arg(env!("CARGO_BIN_EXE_bundle"))
        .args(&[
            "config",
            "install",
            "--dry-run",
            "--json",
            "--to",
            "mirror.example",
            "--key",
            &carried.key,
        ])
        .arg(carried.side.file())
        .run();
    let checked = ran.expect_code(0).json()["configuration"]["checkedBy"].clone();
    let outcomes: Vec<_> = checked.as_array().expect("tools").iter().collect();
    assert!(outcomes.len() == 2 && !checked.to_string().contains("unclear"), "{checked}");
    assert_eq!(all(), before);
    assert_eq!(crate::harness::scene::names(&host.place("run/tmp")), [".here"]);
}

#[test]
fn what_cannot_be_asked_for_is_a_wrong_call() {
    let scene = Scene::new();
    let before = scene.files();
    let layout = tempfile::tempdir().expect("directory");
    let layout = format!("oci:{}/layout", layout.path().display());
    let ran = scene.unpack(&["--install-config", "--to", &layout]);
    scene.expect_refused(ran, 2, &["hosts cannot pull from a layout directory"], &before);
    for option in ["--admit-signed", "--block-upstream", "--policy-level=5.33"] {
        let ran = scene.unpack(&[option]);
        scene.expect_refused(ran, 2, &["--install-config"], &before);
    }
    let no_ca = scene.carried.key.clone();
    let ran = scene.unpack(&["--install-config", "--registry-ca", &no_ca]);
    scene.expect_refused(ran, 2, &["expected certificates"], &before);
}

#[test]
fn the_registrys_ca_is_installed_once_and_never_replaced() {
    let scene = Scene::new();
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/trust/keys");
    let ca = format!("{keys}/certificate.pem");
    let place = format!("etc/containers/certs.d/{}/bundle-ca.crt", scene.enclave.address());
    let report = scene.configured(&["--registry-ca", &ca]);
    assert_eq!(file(&report, &place)["outcome"], "created");
    // What demands is written before what opens a way.
    let files = report["files"].as_array().expect("files");
    let order: Vec<_> = files.iter().map(|file| file["path"].as_str().expect("path")).collect();
    assert_eq!(order, [LOOKUPS, POLICY, &place, MIRRORS].map(|name| format!("/{name}")));
    let content = scene.read(&place);
    let report = scene.configured(&["--registry-ca", &ca]);
    assert_eq!(file(&report, &place)["outcome"], "unchanged");
    let two = scene.carried.side.text("two.pem", &fs::read_to_string(&ca).expect("CA").repeat(2));
    let report = scene.configured(&["--registry-ca", &two]);
    let other = (scene.enclave.address().to_owned(), "other-ca".to_owned());
    assert_eq!(left(&report, &place), [other]);
    assert_eq!(scene.read(&place), content);
}

#[test]
fn a_push_that_failed_leaves_the_configuration_as_it_was() {
    let scene = Scene::new();
    let proxy = FaultProxy::start(scene.enclave.address());
    let tag = |path: &str| path.ends_with("/manifests/1");
    proxy.add(Rule::new(reqwest::Method::PUT, tag, Fault::status(403)));
    let before = scene.files();
    let review = tempfile::tempdir().expect("directory");
    let directory = review.path().join("new");
    for more in [&["--install-config"][..], &["--config-dir", directory.to_str().expect("path")]] {
        scene.unpack(&[&["--to", proxy.address()], more].concat()).expect_code(5);
        assert!(scene.files() == before, "the host is as it was");
    }
    assert!(fs::read_dir(&directory).expect("made").next().is_none(), "nothing is in it");
    proxy.heal();
    scene.configured(&["--to", proxy.address()]);
}

#[test]
fn a_run_that_is_told_to_end_puts_away_its_question() {
    let scene = Scene::new();
    let notes = tempfile::tempdir().expect("directory");
    let note = notes.path().join("process");
    let script =
        format!("echo $$ > '{0}.new'; /bin/mv '{0}.new' '{0}'; exec /bin/sleep 60", note.display());
    let tools = Tools::none().saying("skopeo", &script);
    let [install, unpack] = [&["config", "install"][..], &["unpack", "--install-config"]];
    for (command, signal, code) in [
        (install, Signal::INT, 130),
        (install, Signal::TERM, 143),
        (unpack, Signal::INT, 130),
        (unpack, Signal::TERM, 143),
    ] {
        let _ = fs::remove_file(&note);
        let temporary = tempfile::tempdir().expect("directory");
        let running = Program::bundle()
            .env("PATH", tools.path())
            .env("TMPDIR", temporary.path())
            .args(command)
            .args(&["--to", scene.enclave.address(), "--root"])
            .arg(scene.enclave.root())
            .args(&["--key", &scene.carried.key])
            .arg(scene.carried.side.file())
            .start();
        while !note.exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let own = i32::try_from(running.id()).ok().and_then(Pid::from_raw).expect("a process");
        rustix::process::kill_process(own, signal).expect("told");
        running.end().expect_code(code);
        assert_eq!(crate::harness::scene::names(temporary.path()), [""; 0]);
        let asked = fs::read_to_string(&note).expect("a number");
        let command = || fs::read(format!("/proc/{}/cmdline", asked.trim())).unwrap_or_default();
        let gone = (0..1500).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            command().is_empty()
        });
        assert!(gone, "the program that was asked has ended");
    }
}
