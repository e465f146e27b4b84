//! `--install-keys`: which keys come to the host, under which names and for what, and what they admit later.

mod command;
mod kinds;
mod pins;
mod replacing;

use crate::harness::command::{Program, Ran};
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::nobody::Nobody;
use crate::harness::scene::{Enclave, HOST};
use crate::harness::signer::Signer;
use crate::unpacking::Carried;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;

/// A bundle and where it goes.
struct Scene {
    carried: Carried,
    enclave: Enclave,
}

impl Scene {
    fn new() -> Self {
        Self { carried: Carried::new(), enclave: Enclave::start() }
    }

    /// Unpacks with the right key.
    fn install(&self, arguments: &[&str]) -> Ran {
        let arguments = [&["--install-keys", "--key", &self.carried.key], arguments].concat();
        self.enclave.unpack(&self.carried.side.file(), &arguments)
    }

    /// The name that a key has when nobody names it.
    fn name(&self) -> String {
        format!("bundle-{}", &self.carried.signer.fingerprint().hex()[..16])
    }

    fn key(&self) -> PathBuf {
        self.enclave.root().join(format!("etc/pki/sigstore/{}.pub", self.name()))
    }

    fn record(&self) -> PathBuf {
        self.enclave.root().join(format!("etc/bundle/trust.d/{}.json", self.name()))
    }

    fn read_record(&self) -> Value {
        serde_json::from_slice(&fs::read(self.record()).expect("record")).expect("JSON")
    }
}

#[test]
fn the_key_that_verified_is_installed_with_what_it_verified() {
    let scene = Scene::new();
    let ran = scene.install(&[]).expect_code(0);
    assert!(ran.stdout.contains(scene.key().to_str().expect("path")), "{ran}");
    let pem = fs::read_to_string(scene.key()).expect("key");
    assert_eq!(pem, scene.carried.signer.public_pem());
    for (path, mode) in [(scene.key(), 0o644), (scene.record(), 0o644)] {
        let metadata = fs::metadata(&path).expect("file");
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{}", path.display());
        assert_eq!(metadata.nlink(), 1);
    }
    let record = scene.read_record();
    assert_eq!(record["name"], scene.name());
    assert_eq!(record["use"], "cosign");
    assert_eq!(record["fingerprint"], scene.carried.signer.fingerprint().to_string());
    assert_eq!(record["scopes"], json!([format!("{HOST}/team/app")]), "not what --key said");
    let digest = scene.carried.side.inspect()["bundleDigest"].clone();
    assert_eq!(record["origin"]["bundle"], digest);
    assert_eq!(record["origin"]["file"], "keys/release.pub");
    let temporary: Vec<_> = scene
        .enclave
        .installed()
        .into_iter()
        .filter(|file| !file.ends_with(".pub") && !file.ends_with(".json"))
        .filter(|file| file.contains("pki") || file.contains("tmp"))
        .collect();
    assert_eq!(temporary, [""; 0], "no unfinished file is left");
}

#[test]
fn keys_that_verified_nothing_stay_cargo() {
    let scene = Scene::new();
    let Carried { side, key, .. } = &scene.carried;
    let (carried, trusted) = (Signer::p256(), Signer::p256());
    let (carried, trusted) = (side.key("carried.pub", &carried), side.key("other.pub", &trusted));
    fs::remove_file(side.file()).expect("archive");
    side.pack(&["team/app:1"], &["--key", key, "--carry-key", &carried]).expect_code(0);
    scene.install(&["--key", &trusted]).expect_code(0);
    let keys: Vec<_> =
        scene.enclave.installed().into_iter().filter(|file| file.ends_with(".pub")).collect();
    assert_eq!(keys, [format!("etc/pki/sigstore/{}.pub", scene.name())]);
}

#[test]
fn an_installed_key_admits_later_bundles_within_its_scope_only() {
    let scene = Scene::new();
    scene.install(&[]).expect_code(0);
    let Carried { side, signer, .. } = &scene.carried;
    side.signed("team/other", signer);
    let file = side.output("later.tar.zst");
    let pack = |name: &str| {
        let _ = fs::remove_file(&file);
        let source = side.source(name);
        Program::bundle().args(&["pack", "-q", &source, "-o"]).arg(&file).run().expect_code(0);
    };
    pack("team/app:1");
    scene.enclave.unpack(&file, &[]).expect_code(0);
    pack("team/other:1");
    let ran = scene.enclave.unpack(&file, &[]).expect_code(3);
    ran.expect_error(&[&format!("{HOST}/team/other:1"), "no-anchor"]);
    assert!(!scene.enclave.tags().iter().any(|tag| tag.starts_with("team/other:")));

    // With the key given once more for it, its scopes grow.
    let arguments = ["--install-keys", "--key", &scene.carried.key];
    scene.enclave.unpack(&file, &arguments).expect_code(0);
    let scopes = json!([format!("{HOST}/team/app"), format!("{HOST}/team/other")]);
    assert_eq!(scene.read_record()["scopes"], scopes);
    scene.enclave.unpack(&file, &[]).expect_code(0);

    // A bare file grants nothing: without its record the key is nobody's.
    fs::remove_file(scene.record()).expect("record");
    scene.enclave.unpack(&file, &[]).expect_code(3).expect_error(&["no-anchor"]);
}

#[test]
fn names_are_the_administrators_choice_and_never_a_vendors() {
    let scene = Scene::new();
    let fingerprint = scene.carried.signer.fingerprint();
    let other = Signer::p256().fingerprint();
    for (name, fingerprint) in [
        ("SIGSTORE-redhat-release3", fingerprint),
        ("rekor-key", fingerprint),
        ("RPM-GPG-KEY-x", fingerprint),
        ("../x", fingerprint),
        (".hidden", fingerprint),
        ("a/b", fingerprint),
        ("", fingerprint),
        ("good", other),
    ] {
        let named = format!("{fingerprint}={name}");
        let ran = scene.install(&["--install-keys-as", &named]);
        assert_eq!(ran.code, Some(2), "{name}: {ran}");
        scene.enclave.expect_untouched();
    }
    scene.install(&["--install-keys-as", &format!("{fingerprint}=release-2026")]).expect_code(0);
    let files = scene.enclave.installed();
    assert!(files.contains(&"etc/pki/sigstore/release-2026.pub".to_owned()), "{files:?}");
    assert!(files.contains(&"etc/bundle/trust.d/release-2026.json".to_owned()), "{files:?}");
    // It keeps that name.
    scene.install(&[]).expect_code(0);
    assert_eq!(scene.enclave.installed(), files);
}

#[test]
fn a_different_key_is_never_written_over() {
    let scene = Scene::new();
    fs::create_dir_all(scene.key().parent().expect("directory")).expect("directory");
    for content in [Signer::p256().public_pem(), "something else".to_owned(), String::new()] {
        fs::write(scene.key(), &content).expect("file");
        let ran = scene.install(&[]);
        assert!(!matches!(ran.code, Some(0)), "{ran}");
        ran.expect_error(&[scene.key().to_str().expect("path")]);
        assert_eq!(fs::read_to_string(scene.key()).expect("file"), content);
        assert!(!scene.record().exists());
        assert_eq!(scene.enclave.tags(), [""; 0], "it was known before the push");
    }
    // The same key, put there by hand, is taken for what it is.
    fs::write(scene.key(), scene.carried.signer.public_pem()).expect("file");
    scene.install(&[]).expect_code(0);
    assert!(scene.record().exists());
}

#[test]
fn symlinks_and_strange_files_are_refused() {
    let outside = tempfile::tempdir().expect("directory");
    for what in ["the key", "its directory", "a parent", "a directory for a key", "a pipe"] {
        let scene = Scene::new();
        let root = scene.enclave.root();
        let directory = scene.key().parent().expect("directory").to_owned();
        let victim = outside.path().join("victim");
        match what {
            "the key" => {
                fs::create_dir_all(&directory).expect("directory");
                symlink(&victim, scene.key()).expect("link");
            }
            "its directory" => {
                fs::create_dir_all(root.join("etc/pki")).expect("directory");
                symlink(outside.path(), &directory).expect("link");
            }
            "a parent" => symlink(outside.path(), root.join("etc")).expect("link"),
            "a directory for a key" => fs::create_dir_all(scene.key()).expect("directory"),
            _ => {
                fs::create_dir_all(&directory).expect("directory");
                Program::new("mkfifo".as_ref()).arg(scene.key()).run().expect_code(0);
            }
        }
        let ran = scene.install(&[]);
        assert!(!matches!(ran.code, Some(0) | None), "{what}: {ran}");
        let named = ran.stderr.contains(root.to_str().expect("path"));
        assert!(named, "{what} is named: {ran}");
        assert_eq!(crate::harness::scene::names(outside.path()), [""; 0], "{what}");
        assert_eq!(scene.enclave.tags(), [""; 0], "{what}: it was known before the push");
    }
}

#[test]
fn records_that_others_could_have_written_grant_nothing() {
    let scene = Scene::new();
    scene.install(&[]).expect_code(0);
    let refuse = |what: &str| {
        let ran = scene.enclave.unpack(&scene.carried.side.file(), &[]);
        assert_eq!(ran.code, Some(3), "{what}: {ran}");
    };
    let good = fs::read(scene.record()).expect("record");
    let mode = |mode: u32| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(scene.record(), permissions).expect("mode");
    };
    mode(0o666);
    refuse("writable by all");
    mode(0o644);
    for (what, from, to) in [
        ("an unknown field", "\"name\"", "\"more\":1,\"name\""),
        ("another fingerprint", "\"fingerprint\":\"sha256:", "\"fingerprint\":\"sha256:0"),
    ] {
        let text = String::from_utf8(good.clone()).expect("JSON");
        let compact: Value = serde_json::from_str(&text).expect("JSON");
        let changed = compact.to_string().replacen(from, to, 1);
        assert_ne!(changed, compact.to_string(), "{what}");
        fs::write(scene.record(), changed).expect("record");
        refuse(what);
    }
    let other = Signer::p256().public_pem();
    fs::write(scene.record(), &good).expect("record");
    fs::write(scene.key(), other).expect("key");
    refuse("another key under the name");
    fs::write(scene.key(), scene.carried.signer.public_pem()).expect("key");
    scene.enclave.unpack(&scene.carried.side.file(), &[]).expect_code(0);
}

#[test]
fn nothing_is_installed_when_the_push_failed() {
    let scene = Scene::new();
    let proxy = FaultProxy::start(scene.enclave.address());
    let tag = |path: &str| path.ends_with("/manifests/1");
    proxy.add(Rule::new(reqwest::Method::PUT, tag, Fault::status(403)));
    let arguments = ["--install-keys", "--key", &scene.carried.key];
    let file = scene.carried.side.file();
    scene.enclave.unpack_to(&file, proxy.address(), &arguments).expect_code(5);
    assert_eq!(scene.enclave.installed(), [""; 0]);
    proxy.heal();
    scene.enclave.unpack_to(&file, proxy.address(), &arguments).expect_code(0);
    assert!(scene.key().is_file());
}

#[test]
fn installing_on_the_host_needs_root_before_the_push() {
    let test = "installing_on_the_host_needs_root_before_the_push";
    let carried = Carried::new();
    let enclave = Enclave::start();
    // Whoever runs the tests as root has to give that up: the host's own keys are never touched.
    let Some(nobody) = Nobody::start(test) else { return };
    let file = nobody.copy(&carried.side.file(), "x.tar.zst");
    let key = nobody.copy(carried.key.as_ref(), "release.pub");
    let unpack = |arguments: &[&str]| {
        let unpack = nobody.bundle().arg("unpack").arg(&file);
        unpack.args(&["--to", enclave.address(), "--key"]).arg(&key).args(arguments).run()
    };
    let keys_install = |arguments: &[&str]| {
        let keys = nobody.bundle().args(&["keys", "install"]).arg(&file);
        keys.arg("--key").arg(&key).args(arguments).run()
    };
    unpack(&["--install-keys"]).expect_code(2).expect_error(&["root", "--root"]);
    enclave.expect_untouched();
    keys_install(&[]).expect_code(2).expect_error(&["root", "--root"]);
    // Unpacking alone needs nobody's rights, and below a directory of his own anybody may install.
    unpack(&[]).expect_code(0);
    let own = nobody.own("own");
    let own_path = own.to_str().expect("path");
    unpack(&["--install-keys", "--root", own_path]).expect_code(0);
    assert!(own.join("etc/pki/sigstore").is_dir());
    let again = keys_install(&["--root", own_path]).expect_code(0);
    assert!(again.stdout.contains("was installed already"), "{again}");
}

#[test]
fn a_key_has_one_name() {
    let scene = Scene::new();
    let fingerprint = scene.carried.signer.fingerprint().to_string();
    let install =
        |name: &str| scene.install(&["--install-keys-as", &format!("{fingerprint}={name}")]);
    install("release").expect_code(0);
    let installed = scene.enclave.installed();
    // A second copy would go on to vouch when the first one is taken away.
    install("other").expect_code(2).expect_error(&[&fingerprint, "release", "other", "hint: "]);
    assert_eq!(scene.enclave.installed(), installed);
    install("release").expect_code(0);
    assert_eq!(scene.enclave.installed(), installed);
}

#[test]
fn nothing_to_install_is_said() {
    let Scene { carried, enclave } = Scene::new();
    let digest = carried.side.inspect()["bundleDigest"].as_str().expect("digest").to_owned();
    let ran = enclave.unpack(&carried.side.file(), &["--expect-bundle", &digest, "--install-keys"]);
    ran.expect_code(0).expect_error(&["no key is installed"]);
    assert_eq!(enclave.installed(), [""; 0]);
}
