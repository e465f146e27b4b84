//! What a repository was filled from is remembered: nobody fills it from elsewhere unless a rule says so.

use super::{pack, repositories};
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::nobody::Nobody;
use crate::harness::scene::{Connected, Enclave};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

/// Two bundles whose images would land in the same repository, one from each source.
struct Scene {
    enclave: Enclave,
    good: PathBuf,
    evil: PathBuf,
    trust: Vec<&'static str>,
    _side: Connected,
}

const GOOD: &str = "good.example/org/app";
const EVIL: &str = "evil.example/org/app";

impl Scene {
    fn new() -> Self {
        let side = Connected::start();
        side.unsigned("one");
        side.unsigned("two");
        let good = pack(&side, "good.tar.zst", &[("one", GOOD)]);
        let evil = pack(&side, "evil.tar.zst", &[("two", EVIL)]);
        let trust = vec!["--allow-unsigned", "*", "--json"];
        Self { enclave: Enclave::start(), good, evil, trust, _side: side }
    }

    fn with<'a>(&self, arguments: &[&'a str]) -> Vec<&'a str> {
        [&self.trust, arguments].concat()
    }

    fn file(&self) -> PathBuf {
        self.enclave.root().join("var/lib/bundle/sources.json")
    }

    /// The repository that everything goes to.
    fn target(&self) -> String {
        format!("{}/org/app", self.enclave.address())
    }

    fn remembered(&self) -> Value {
        let bytes = fs::read(self.file()).expect("the file");
        let document: Value = serde_json::from_slice(&bytes).expect("JSON");
        document["sources"].clone()
    }
}

#[test]
fn another_source_needs_a_rule_that_names_it() {
    let scene = Scene::new();
    let Scene { enclave, good, evil, .. } = &scene;
    enclave.unpack(good, &scene.with(&[])).expect_code(0);
    assert_eq!(scene.remembered(), json!({ scene.target(): GOOD }));
    let digest = enclave.registry.manifest("org/app", "1").expect("there").digest();

    for arguments in [&[][..], &["--dry-run"]] {
        let ran = enclave.unpack(evil, &scene.with(arguments)).expect_code(3);
        let said = format!("{} holds images of {GOOD}", scene.target());
        ran.expect_error(&[&said, EVIL, "hint: ", "--map"]);
        assert_eq!(enclave.registry.manifest("org/app", "1").expect("there").digest(), digest);
        assert_eq!(scene.remembered(), json!({ scene.target(): GOOD }));
    }
    // The same source again, and the other one under a name of its own.
    let again = enclave.unpack(good, &scene.with(&[])).expect_code(0);
    assert_eq!(repositories(&again)[0]["memory"], "same");
    enclave.unpack(evil, &scene.with(&["--keep-host"])).expect_code(0);

    let rule = ["--map", "evil.example/org=org"];
    let planned = enclave.unpack(evil, &scene.with(&[&rule[..], &["--dry-run"]].concat()));
    let expected =
        json!([{ "source": EVIL, "target": scene.target(), "memory": "replaced", "was": GOOD }]);
    assert_eq!(repositories(&planned.expect_code(0)), expected);
    assert_eq!(scene.remembered()[scene.target()], GOOD, "a dry run decides nothing");
    let moved = enclave.unpack(evil, &scene.with(&rule)).expect_code(0);
    assert_eq!(repositories(&moved), expected);
    assert_eq!(scene.remembered()[scene.target()], EVIL);
    assert_ne!(enclave.registry.manifest("org/app", "1").expect("there").digest(), digest);
    enclave.unpack(good, &scene.with(&[])).expect_code(3).expect_error(&[EVIL, GOOD]);
}

#[test]
fn only_a_completed_push_is_remembered() {
    let scene = Scene::new();
    let Scene { enclave, good, evil, .. } = &scene;
    let proxy = FaultProxy::start(enclave.address());
    let tag = |path: &str| path.ends_with("/manifests/1");
    proxy.add(Rule::new(reqwest::Method::PUT, tag, Fault::status(403)));
    enclave.unpack_to(evil, proxy.address(), &scene.with(&[])).expect_code(5);
    enclave.unpack_to(evil, proxy.address(), &scene.with(&["--dry-run"])).expect_code(0);
    enclave.expect_untouched();
    proxy.heal();
    enclave.unpack_to(good, proxy.address(), &scene.with(&[])).expect_code(0);
    let target = format!("{}/org/app", proxy.address());
    assert_eq!(scene.remembered(), json!({ target: GOOD }));
}

#[test]
fn a_damaged_memory_is_refused_before_the_push() {
    let scene = Scene::new();
    let Scene { enclave, good, .. } = &scene;
    enclave.unpack(good, &scene.with(&[])).expect_code(0);
    let whole = fs::read(scene.file()).expect("the file");
    for damage in [&b""[..], &whole[..whole.len() - 3], b"{\"version\": 2, \"sources\": {}}"] {
        fs::write(scene.file(), damage).expect("written");
        // Nothing listens there.
        let ran = enclave.unpack_to(good, "127.0.0.1:1", &scene.with(&[])).expect_code(3);
        ran.expect_error(&["sources.json is damaged", "hint: "]);
    }
    fs::write(scene.file(), &whole).expect("written");
    let exposed = fs::Permissions::from_mode(0o666);
    fs::set_permissions(scene.file(), exposed).expect("mode");
    let ran = enclave.unpack_to(good, "127.0.0.1:1", &scene.with(&[])).expect_code(3);
    ran.expect_error(&["sources.json can be written by others", "hint: "]);
    fs::set_permissions(scene.file(), fs::Permissions::from_mode(0o644)).expect("mode");
    enclave.unpack_to(good, "127.0.0.1:1", &scene.with(&[])).expect_code(5);
    enclave.unpack(good, &scene.with(&[])).expect_code(0);
}

#[test]
fn nothing_is_remembered_of_a_layout_directory() {
    let scene = Scene::new();
    let Scene { enclave, good, evil, .. } = &scene;
    let directory = tempfile::tempdir().expect("directory");
    let target = format!("oci:{}", directory.path().join("layout").display());
    for file in [good, evil] {
        let ran = enclave.unpack_to(file, &target, &scene.with(&[])).expect_code(0);
        assert_eq!(repositories(&ran), Value::Null);
    }
    assert_eq!(enclave.files(), [""; 0]);
}

#[test]
fn who_may_not_write_the_memory_is_warned_and_still_bound_by_it() {
    let test = "who_may_not_write_the_memory_is_warned_and_still_bound_by_it";
    let scene = Scene::new();
    let Scene { enclave, good, evil, .. } = &scene;
    let Some(nobody) = Nobody::start(test) else { return };
    nobody.copy(good, "good.tar.zst");
    nobody.copy(evil, "evil.tar.zst");
    let place = |name: &str| nobody.place(name);
    fs::create_dir(place("root")).expect("directory");
    nobody.mode("root", 0o555);
    let unpack = |file: &str, arguments: &[&str]| {
        let program = nobody.bundle().arg("unpack").arg(place(file));
        let program = program.args(&["--to", enclave.address(), "--root"]).arg(place("root"));
        program.args(&scene.with(arguments)).run()
    };
    let ran = unpack("good.tar.zst", &[]).expect_code(0);
    let warnings = ran.json()["warnings"].to_string();
    assert!(warnings.contains("not remembered"), "{ran}");
    assert_eq!(fs::read_dir(place("root")).expect("directory").count(), 0);

    // What somebody else has recorded binds this user too, and needs no writing when it says the same.
    nobody.mode("root", 0o755);
    fs::create_dir_all(place("root/var/lib/bundle")).expect("directories");
    for name in ["root/var", "root/var/lib", "root/var/lib/bundle"] {
        nobody.mode(name, 0o755);
    }
    let document = json!({ "version": 1, "sources": { scene.target(): GOOD } });
    let file = place("root/var/lib/bundle/sources.json");
    fs::write(&file, document.to_string()).expect("written");
    nobody.mode("root/var/lib/bundle/sources.json", 0o644);
    let ran = unpack("good.tar.zst", &[]).expect_code(0);
    assert!(!ran.json()["warnings"].to_string().contains("not remembered"), "{ran}");
    unpack("evil.tar.zst", &[]).expect_code(3).expect_error(&[GOOD, EVIL]);
}
