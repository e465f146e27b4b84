//! `bundle serve`: other tools push to it, pull from it, sign in it, and take from a bundle without unpacking it.

use crate::harness::command::Program;
use crate::harness::images;
use crate::harness::registry::Registry;
use crate::harness::scene::{Enclave, HOST};
use crate::harness::servers::BundleServe;
use crate::harness::signer::Signer;
use crate::unpacking::Carried;
use bundle_testing::peers;
use reqwest::Method;
use std::path::Path;

/// A store that is served.
struct Served {
    server: BundleServe,
    registry: Registry,
    store: tempfile::TempDir,
}

impl Served {
    fn new() -> Self {
        let store = tempfile::tempdir().expect("store");
        let server = BundleServe::start(store.path());
        let registry = Registry::at(server.address());
        Self { server, registry, store }
    }

    fn name(&self, reference: &str) -> String {
        format!("{}/{reference}", self.server.address())
    }
}

#[test]
fn oras_attaches_and_discovers() {
    let test = "oras_attaches_and_discovers";
    let Some(oras) = peers::require(test, "oras") else {
        return;
    };
    let served = Served::new();
    let image = images::multi_platform("oras");
    image.push(&served.registry, "app", Some("1"));
    let directory = tempfile::tempdir().expect("directory");
    let file = directory.path().join("sbom.json");
    std::fs::write(&file, "{}").expect("file");
    let app = served.name("app:1");
    Program::new(&oras)
        .args(&["attach", "--plain-http", "--disable-path-validation"])
        .args(&["--artifact-type", "application/vnd.example.sbom", &app])
        .arg(format!("{}:application/json", file.display()))
        .run()
        .expect_code(0);
    let found = Program::new(&oras)
        .args(&["discover", "--plain-http", "--format", "json", &app])
        .run()
        .expect_code(0);
    assert!(found.stdout.contains("application/vnd.example.sbom"), "{found}");
    assert_eq!(served.registry.tags("app"), ["1"], "no fallback tag: the API is there");
    let copy = served.name("copy:1");
    Program::new(&oras)
        .args(&["copy", "--from-plain-http", "--to-plain-http", "-r", &app, &copy])
        .run()
        .expect_code(0);
    let there = served.registry.manifest("copy", "1").expect("copy");
    assert_eq!(there.bytes, image.manifest.bytes);
}

#[test]
fn crane_pushes_pulls_and_lists() {
    let test = "crane_pushes_pulls_and_lists";
    let Some(crane) = peers::require(test, "crane") else {
        return;
    };
    let served = Served::new();
    let image = images::multi_platform("crane");
    image.push(&served.registry, "app", Some("1"));
    let run = |arguments: &[&str]| Program::new(&crane).args(arguments).run().expect_code(0);
    let (app, copy) = (served.name("app:1"), served.name("team/copy:2"));
    assert_eq!(run(&["digest", &app]).stdout.trim(), image.digest().to_string());
    run(&["copy", &app, &copy]);
    run(&["tag", &copy, "latest"]);
    assert_eq!(run(&["ls", &served.name("team/copy")]).stdout, "2\nlatest\n");
    let mut listed: Vec<_> = vec!["app".to_owned(), "team/copy".to_owned()];
    listed.sort();
    let catalogue = run(&["catalog", served.server.address()]);
    assert_eq!(catalogue.stdout.lines().collect::<Vec<_>>(), listed);
    run(&["validate", "--remote", &copy]);
    let missing = served.name("app:2");
    assert_ne!(Program::new(&crane).args(&["digest", &missing]).run().code, Some(0));
}

fn skopeo(program: &Path, arguments: &[&str]) -> Program {
    Program::new(program).args(&["--insecure-policy"]).args(arguments)
}

#[test]
fn skopeo_copies_in_and_out() {
    let test = "skopeo_copies_in_and_out";
    let Some(program) = peers::require(test, "skopeo-new") else {
        return;
    };
    let (served, other) = (Served::new(), Served::new());
    let image = images::multi_platform("skopeo");
    image.push(&served.registry, "app", Some("1"));
    let from = format!("docker://{}", served.name("app:1"));
    let to = format!("docker://{}", other.name("deep/path/app:1"));
    skopeo(&program, &["copy", "--all", "--preserve-digests"])
        .args(&["--src-tls-verify=false", "--dest-tls-verify=false", &from, &to])
        .run()
        .expect_code(0);
    let there = other.registry.manifest("deep/path/app", "1").expect("copy");
    assert_eq!(there.bytes, image.manifest.bytes);
    let listed = skopeo(&program, &["list-tags", "--tls-verify=false"])
        .arg(format!("docker://{}", other.name("deep/path/app")))
        .run()
        .expect_code(0);
    assert_eq!(listed.json()["Tags"], serde_json::json!(["1"]));
}

#[test]
fn cosign_signs_and_verifies_in_both_forms() {
    let test = "cosign_signs_and_verifies_in_both_forms";
    let served = Served::new();
    let keys = tempfile::tempdir().expect("directory");
    for name in ["cosign2", "cosign3"] {
        let Some(cosign) = peers::require(test, name) else {
            continue;
        };
        let image = images::multi_platform(name);
        image.push(&served.registry, name, Some("1"));
        let prefix = keys.path().join(name);
        let run = |arguments: &[&str]| {
            Program::new(&cosign).env("COSIGN_PASSWORD", "").args(arguments).run()
        };
        let path = prefix.to_str().expect("path");
        run(&["generate-key-pair", "--output-key-prefix", path]).expect_code(0);
        let key = format!("{path}.key");
        let public = format!("{path}.pub");
        let reference = served.name(&format!("{name}@{}", image.digest()));
        let mut sign =
            vec!["sign", "--yes", "--allow-http-registry", "--tlog-upload=false", "--key", &key];
        if name == "cosign3" {
            sign.push("--use-signing-config=false");
        }
        sign.push(&reference);
        run(&sign).expect_code(0);
        let verify = ["verify", "--insecure-ignore-tlog", "--allow-http-registry", "--key"];
        run(&[&verify[..], &[&public, &reference]].concat()).expect_code(0);
        let stranger = Signer::p256().public_file();
        let stranger = stranger.path().to_str().expect("path");
        assert_ne!(run(&[&verify[..], &[stranger, &reference]].concat()).code, Some(0));

        // What the real tool signed makes the whole trip, under the name that it signed.
        let file = keys.path().join(format!("{name}.tar.zst"));
        let tagged = served.name(&format!("{name}:1"));
        let packed = Program::bundle()
            .args(&["pack", "-q", "--json", &tagged, "--key", &public, "-o"])
            .arg(&file)
            .run()
            .expect_code(0);
        let digest = packed.json()["bundleDigest"].as_str().expect("digest").to_owned();
        let enclave = Enclave::start();
        let arguments = ["--key", &public, "--expect-bundle", &digest];
        enclave.unpack(&file, &arguments).expect_code(0);
        let there = format!("{}/{name}@{}", enclave.address(), image.digest());
        run(&[&verify[..], &[&public, &there]].concat()).expect_code(0);
    }
}

#[test]
fn what_was_pushed_is_there_after_a_restart() {
    let Served { server, registry, store } = Served::new();
    let image = images::multi_platform("restart");
    image.push(&registry, "app", Some("1"));
    drop(server);
    let server = BundleServe::start(store.path());
    let registry = Registry::at(server.address());
    assert_eq!(registry.manifest("app", "1").expect("tag").bytes, image.manifest.bytes);
    let layer = &image.children[0].blobs[1];
    assert_eq!(registry.blob("app", &layer.digest()).as_ref(), Some(&layer.bytes));
}

#[test]
fn a_bundle_is_served_without_unpacking_it() {
    let carried = Carried::new();
    let file = carried.side.file();
    let server = BundleServe::of_files(&[&file]);
    let registry = Registry::at(server.address());
    assert_eq!(registry.repositories(), ["team/app"]);
    assert_eq!(registry.tags("team/app"), carried.side.registry.tags("team/app"));
    let there = registry.manifest("team/app", "1").expect("tag");
    assert_eq!(there.bytes, carried.image.manifest.bytes);
    for child in &carried.image.children {
        for blob in &child.blobs {
            assert_eq!(registry.blob("team/app", &blob.digest()).as_ref(), Some(&blob.bytes));
        }
    }
    // Reading only: nothing that writes is taken.
    let digest = carried.image.digest();
    for (method, path) in [
        (Method::PUT, "team/app/manifests/2".to_owned()),
        (Method::POST, "team/app/blobs/uploads/".to_owned()),
        (Method::DELETE, format!("team/app/manifests/{digest}")),
        (Method::DELETE, "team/app/manifests/1".to_owned()),
    ] {
        let request = registry.request(method.clone(), &path).body("{}");
        let status = registry.send(request).status();
        assert!(status.is_client_error(), "{method} {path}: {status}");
        assert_ne!(status.as_u16(), 404, "{method} {path} is refused, not missed");
    }
    assert!(registry.manifest("team/app", "1").is_some());
    let absent = images::image("absent", "linux/amd64", &[1]).digest();
    assert!(registry.manifest("team/app", &absent.to_string()).is_none());
    assert!(registry.manifest("other", "1").is_none());
    assert!(registry.blob("team/app", &absent).is_none());

    // And packed again from there it is the same.
    let again = carried.side.output("again.tar.zst");
    let source = format!("{}/team/app:1={HOST}/team/app:1", server.address());
    Program::bundle()
        .args(&["pack", "-q", &source, "--key", &carried.key, "-o"])
        .arg(&again)
        .run()
        .expect_code(0);
    let (first, second) = (carried.side.inspect(), crate::harness::scene::inspect(&again));
    assert_eq!(second["images"][0]["attachments"], first["images"][0]["attachments"]);
    assert_eq!(second["images"][0]["digest"], first["images"][0]["digest"]);
}

#[test]
fn skopeo_pulls_from_a_bundle_and_cosign_verifies_in_it() {
    let test = "skopeo_pulls_from_a_bundle_and_cosign_verifies_in_it";
    let Some([program, cosign]) = peers::require_all(test, ["skopeo-new", "cosign2"]) else {
        return;
    };
    let carried = Carried::new();
    let server = BundleServe::of_files(&[&carried.side.file()]);
    let target = tempfile::tempdir().expect("directory");
    skopeo(&program, &["copy", "--all", "--preserve-digests", "--src-tls-verify=false"])
        .arg(format!("docker://{}/team/app:1", server.address()))
        .arg(format!("dir:{}", target.path().display()))
        .run()
        .expect_code(0);
    let manifest = std::fs::read(target.path().join("manifest.json")).expect("manifest");
    assert_eq!(manifest, carried.image.manifest.bytes);
    Program::new(&cosign)
        .args(&["verify", "--insecure-ignore-tlog", "--allow-http-registry", "--key"])
        .arg(&carried.key)
        .arg(format!("{}/team/app@{}", server.address(), carried.image.digest()))
        .run()
        .expect_code(0);
}

#[test]
fn what_cannot_be_served_is_said_at_the_start() {
    let carried = Carried::new();
    let file = carried.side.file();
    let bytes = std::fs::read(&file).expect("archive");
    let broken = carried.side.output("broken.tar.zst");
    std::fs::write(&broken, &bytes[..bytes.len() / 2]).expect("archive");
    let serve = |arguments: &[&std::ffi::OsStr]| {
        let listen = ["serve", "--listen", "127.0.0.1:0"];
        Program::bundle().args(&listen).args(arguments).run()
    };
    serve(&[broken.as_os_str()]).expect_code(6).expect_error(&["broken.tar.zst"]);
    serve(&["/nowhere.tar.zst".as_ref()]).expect_code(6).expect_error(&["/nowhere.tar.zst"]);
    serve(&[]).expect_code(2).expect_error(&["--store"]);
    let both = [
        std::ffi::OsString::from("--store"),
        carried.side.output("s").into_os_string(),
        file.into(),
    ];
    serve(&both.each_ref().map(|argument| argument.as_os_str())).expect_code(2);
}
