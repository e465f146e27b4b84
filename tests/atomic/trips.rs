//! The whole trip with signatures that GnuPG made, and skopeo as the one who has to believe them.

use super::{file_of, looking_at, signatures, text};
use crate::harness::command::Program;
use crate::harness::gpg::{Gpg, file_url, registries_d};
use crate::harness::images::TestImage;
use crate::harness::scene::{Connected, Enclave, HOST, inspect};
use crate::harness::servers::{BundleServe, Nginx};
use crate::schemas::assert_described;
use bundle::oci::Digest;
use serde_json::json;
use std::fs;
use tempfile::TempDir;

const IDENTITY: &str = "registry.example/team/app:1";
/// Nothing here has a cosign signature, and what GnuPG signed is checked by skopeo.
const UNSIGNED: [&str; 2] = ["--allow-unsigned", "*"];

/// An image whose index and children are signed, with the signatures in a directory.
struct Signed {
    side: Connected,
    gpg: Gpg,
    image: TestImage,
    lookaside: TempDir,
}

impl Signed {
    fn new(test: &str) -> Option<Self> {
        let gpg = Gpg::generate(test)?;
        let side = Connected::start();
        let image = side.unsigned("team/app");
        let lookaside = tempfile::tempdir().expect("directory");
        let section = json!({ "lookaside-staging": file_url(lookaside.path()) });
        let configuration = registries_d(&section);
        let sign = |reference: &str| {
            let image = format!("{}/{reference}", side.address());
            gpg.sign(&image, IDENTITY, configuration.path());
        };
        sign("team/app:1");
        for (number, child) in image.children.iter().enumerate() {
            let tag = format!("child{number}");
            side.registry.push_manifest("team/app", &tag, &child.manifest);
            sign(&format!("team/app:{tag}"));
        }
        Some(Self { side, gpg, image, lookaside })
    }

    fn signed(&self) -> Vec<Digest> {
        let children = self.image.children.iter().map(TestImage::digest);
        std::iter::once(self.image.digest()).chain(children).collect()
    }

    /// Packs with a configuration that names `url`.
    fn pack(&self, url: &str) {
        let configuration = looking_at(url);
        let arguments = ["--registries-d", text(configuration.path()), "--json"];
        let ran = self.side.pack(&["team/app:1"], &arguments).expect_code(0);
        assert_described("pack-report.schema.json", &ran.json());
        assert_eq!(ran.json()["attachments"]["signature"], self.found().len());
    }

    fn found(&self) -> Vec<serde_json::Value> {
        signatures(&self.side.inspect())
    }

    /// What was packed is what lies in the directory.
    #[track_caller]
    fn expect_all(&self) {
        let found = self.found();
        for subject in self.signed() {
            let content = fs::read(file_of(self.lookaside.path(), "team/app", &subject, 1));
            let digest = Digest::of(&content.expect("skopeo signed it")).to_string();
            let listed = found.iter().find(|entry| entry["digest"] == digest.as_str());
            let listed = listed.unwrap_or_else(|| panic!("{subject}: {found:?}"));
            assert_eq!(listed["subject"], subject.to_string());
            assert_eq!(listed["found"], "lookaside");
        }
    }
}

#[test]
fn signatures_between_two_web_servers_are_believed() {
    let test = "signatures_between_two_web_servers_are_believed";
    let Some(scene) = Signed::new(test) else { return };
    let Some(nginx) = Nginx::start(test, scene.lookaside.path()) else { return };
    scene.pack(&format!("http://{}", nginx.address()));
    scene.expect_all();
    let shown =
        Program::bundle().args(&["inspect", "-v"]).arg(scene.side.file()).run().expect_code(0);
    assert!(shown.stdout.contains("atomic (GPG) lookaside"), "{shown}");
    assert_described("inspect-report.schema.json", &scene.side.inspect());

    let enclave = Enclave::start();
    let root = tempfile::tempdir().expect("directory");
    let to = root.path().join("sigs");
    let arguments = [&UNSIGNED[..], &["--json", "--lookaside", text(&to)]].concat();
    let report = enclave.unpack(&scene.side.file(), &arguments).expect_code(0).json();
    assert_described("unpack-report.schema.json", &report);
    assert_eq!(signatures(&report)[0]["lookaside"], "written");
    let Some(nginx) = Nginx::start(test, &to) else { return };
    let configured = looking_at(&format!("http://{}", nginx.address()));
    let elsewhere = looking_at(&file_url(root.path()));
    let image = format!("{}/team/app:1", enclave.address());
    scene.gpg.pull(&image, IDENTITY, configured.path()).expect_code(0);
    // Without the signatures, and with another key, skopeo refuses: what it took was what was carried.
    let refused = scene.gpg.pull(&image, IDENTITY, elsewhere.path());
    assert_ne!(refused.code, Some(0), "{refused}");
    let stranger = Gpg::generate(test).expect("it was there before");
    let refused = stranger.pull(&image, IDENTITY, configured.path());
    assert_ne!(refused.code, Some(0), "{refused}");
}

#[test]
fn signatures_in_a_directory_of_this_machine_are_found() {
    let test = "signatures_in_a_directory_of_this_machine_are_found";
    let Some(scene) = Signed::new(test) else { return };
    scene.pack(&file_url(scene.lookaside.path()));
    scene.expect_all();
}

#[test]
fn a_served_bundle_is_believed_and_packed_again_as_it_was() {
    let test = "a_served_bundle_is_believed_and_packed_again_as_it_was";
    let Some(scene) = Signed::new(test) else { return };
    scene.pack(&file_url(scene.lookaside.path()));
    let server = BundleServe::of_files(&[&scene.side.file()]);
    let image = format!("{}/team/app:1", server.address());
    let nowhere = looking_at("file:///nowhere");
    scene.gpg.pull(&image, IDENTITY, nowhere.path()).expect_code(0);
    let other = scene.gpg.pull(&image, &format!("{HOST}/team/other:1"), nowhere.path());
    assert_ne!(other.code, Some(0), "{other}");
    let stranger = Gpg::generate(test).expect("it was there before");
    let refused = stranger.pull(&image, IDENTITY, nowhere.path());
    assert_ne!(refused.code, Some(0), "{refused}");

    let again = scene.side.output("again.tar.zst");
    Program::bundle()
        .args(&["pack", "-q", "--registries-d", text(nowhere.path()), "-o"])
        .arg(&again)
        .arg(format!("{image}={IDENTITY}"))
        .run()
        .expect_code(0);
    let (first, mut second) = (scene.found(), signatures(&inspect(&again)));
    assert!(second.iter().all(|entry| entry["found"] == "extension"), "{second:?}");
    for entry in &mut second {
        entry["found"] = json!("lookaside");
    }
    assert_eq!(second, first);
}

#[test]
fn signatures_come_through_a_pipe() {
    let test = "signatures_come_through_a_pipe";
    let Some(scene) = Signed::new(test) else { return };
    scene.pack(&file_url(scene.lookaside.path()));
    let enclave = Enclave::start();
    let to = tempfile::tempdir().expect("directory");
    let arguments = [&UNSIGNED[..], &["--lookaside", text(to.path())]].concat();
    let input = fs::File::open(scene.side.file()).expect("archive");
    let ran = enclave.unpack_pipe(enclave.address(), &arguments).stdin(input).run().expect_code(0);
    assert!(ran.stdout.contains("0 in the registry, "), "{ran}");
    for subject in scene.signed() {
        let read = |root| fs::read(file_of(root, "team/app", &subject, 1)).expect("signature");
        assert!(read(to.path()) == read(scene.lookaside.path()), "{subject}");
    }
}

// Without OpenPGP the rule itself cannot be evaluated, which is named before the place of the signatures.
#[cfg(feature = "openpgp")]
#[test]
fn gpg_signatures_that_pulls_would_not_find_are_named() {
    let test = "gpg_signatures_that_pulls_would_not_find_are_named";
    let Some(scene) = Signed::new(test) else { return };
    scene.pack(&file_url(scene.lookaside.path()));
    let enclave = Enclave::start();
    let place = |name: &str| enclave.root().join(name);
    let lookups = place("etc/containers/registries.d");
    fs::create_dir_all(&lookups).expect("folder");
    scene.gpg.export(scene.gpg.fingerprint(), &place("etc/containers/release.gpg"));
    let rule = json!([{ "type": "signedBy", "keyType": "GPGKeys", "keyPath": "/etc/containers/release.gpg" }]);
    let policy = json!({ "default": [{ "type": "insecureAcceptAnything" }],
        "transports": { "docker": { "registry.example/team/app": rule } } });
    fs::write(place("etc/containers/policy.json"), policy.to_string()).expect("policy");
    let to = tempfile::tempdir().expect("directory");
    let refused = || {
        let more = ["--install-config", "--json", "--lookaside", text(to.path())];
        let ran = enclave.unpack(&scene.side.file(), &[&UNSIGNED[..], &more].concat());
        let report = ran.expect_code(0).json();
        assert_described("unpack-report.schema.json", &report);
        report["configuration"]["refusedPulls"].clone()
    };
    let named = json!([{ "image": IDENTITY, "code": "signatures-not-found" }]);
    assert_eq!(refused(), named);
    let write = |host: &str| {
        let text = format!("docker:\n  {host}:\n    lookaside: https://signatures.example\n");
        fs::write(lookups.join("site.yaml"), text).expect("configuration");
    };
    write("registry.example");
    assert_eq!(refused(), named, "hosts look by the name of the mirror");
    write(&format!("{}/team", enclave.address()));
    assert_eq!(refused(), json!([]));
    // Where root looks when nothing is configured.
    fs::remove_file(lookups.join("site.yaml")).expect("removed");
    fs::create_dir_all(place("var/lib/containers/sigstore")).expect("folder");
    assert_eq!(refused(), json!([]));
}
