//! Looking signatures up: what cannot be known is never taken for "none". The signatures only begin as such: whether one
//! is good is not looked at here.

use super::{looking_at, put, signatures, text};
use crate::harness::command::Ran;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::gpg::file_url;
use crate::harness::images::TestImage;
use crate::harness::scene::{Connected, Enclave, FILE};
use crate::harness::servers::Nginx;
use reqwest::Method;
use std::fs;
use tempfile::TempDir;

const SIGNATURE: &[u8] = b"\x90a signature";

/// An unsigned image with a lookaside.
struct Scene {
    side: Connected,
    image: TestImage,
    lookaside: TempDir,
}

impl Scene {
    fn new() -> Self {
        let side = Connected::start();
        let image = side.unsigned("team/app");
        let lookaside = tempfile::tempdir().expect("directory");
        put(lookaside.path(), "team/app", &image.digest(), 1, SIGNATURE);
        Self { side, image, lookaside }
    }

    fn pack(&self, url: &str, arguments: &[&str]) -> Ran {
        let configuration = looking_at(url);
        let own = ["--registries-d", text(configuration.path())];
        self.side.pack(&["team/app:1"], &[&own[..], arguments].concat())
    }

    /// Packs what is in the directory; gives the number of signatures that were found.
    #[track_caller]
    fn count(&self, url: &str) -> usize {
        self.pack(url, &[]).expect_code(0);
        let found = signatures(&self.side.inspect()).len();
        fs::remove_file(self.side.file()).expect("archive");
        found
    }
}

/// A failure that asks to come back at once, so that no test waits.
fn failed_at_once(status: u16) -> Fault {
    let headers = vec![("retry-after", "0".to_owned())];
    Fault::Answer { status, headers, body: "<html>\u{1b}[2Jgone</html>".to_owned() }
}

#[test]
fn a_lookaside_that_fails_fails_the_image() {
    let test = "a_lookaside_that_fails_fails_the_image";
    let scene = Scene::new();
    let Some(nginx) = Nginx::start(test, scene.lookaside.path()) else { return };
    let proxy = FaultProxy::start(nginx.address());
    let url = format!("http://{}", proxy.address());
    for (status, words) in [(500, "status 500"), (401, "status 401"), (403, "denied"), (503, "503")]
    {
        // The first signature, and the end of the list.
        for number in ["signature-1", "signature-2"] {
            proxy.heal();
            let of = move |path: &str| path.ends_with(number);
            proxy.add(Rule::new(Method::GET, of, failed_at_once(status)));
            let said = [
                "cannot tell what is attached to",
                "team/app",
                words,
                number,
                "--attachment-errors",
            ];
            let ran = scene.pack(&url, &[]).expect_code(5).expect_error(&said);
            assert!(!ran.stderr.contains('\u{1b}'), "{ran}");
            assert_eq!(scene.side.left(), [""; 0]);
            let ran = scene.pack(&url, &["--attachment-errors", "warn"]).expect_code(4);
            assert!(ran.stdout.contains("lookup incomplete"), "{ran}");
            assert_eq!(scene.side.inspect()["images"][0]["attachmentLookup"], "incomplete");
            fs::remove_file(scene.side.file()).expect("archive");
            // Where signatures are of no interest, nothing is asked.
            scene.pack(&url, &["--signatures", "none"]).expect_code(0);
            assert_eq!(signatures(&scene.side.inspect()), [""; 0]);
            fs::remove_file(scene.side.file()).expect("archive");
        }
    }
    proxy.heal();
    assert_eq!(scene.count(&url), 1);
    assert_eq!(scene.side.left(), [""; 0]);
}

#[test]
fn a_directory_that_cannot_be_read_fails_the_image() {
    let scene = Scene::new();
    let url = file_url(scene.lookaside.path());
    let folder = format!("team/app@sha256={}", scene.image.digest().hex());
    let second = scene.lookaside.path().join(folder).join("signature-2");
    fs::create_dir(&second).expect("directory");
    let said = ["cannot tell what is attached to", "signature-2 is not a regular file"];
    let ran = scene.pack(&url, &[]).expect_error(&said);
    assert_ne!(ran.code, Some(0), "{ran}");
    fs::remove_dir(&second).expect("removed");
    fs::write(&second, "<html>not here</html>").expect("file");
    let ran = scene.pack(&url, &[]).expect_error(&["signature-2", "not an OpenPGP message"]);
    assert_ne!(ran.code, Some(0), "{ran}");
    assert_eq!(scene.side.left(), [""; 0]);
    fs::remove_file(&second).expect("removed");
    assert_eq!(scene.count(&url), 1);
}

#[test]
fn only_so_many_signatures_are_read() {
    let scene = Scene::new();
    let url = file_url(scene.lookaside.path());
    let add = |number: usize| {
        let content = format!("{}{number}", "\u{90}").into_bytes();
        // Of the two bytes that the character has, the second is the one.
        put(scene.lookaside.path(), "team/app", &scene.image.digest(), number, &content[1..]);
    };
    (2..=128).for_each(add);
    assert_eq!(scene.count(&url), 128);
    add(129);
    let ran = scene.pack(&url, &[]).expect_error(&["more than 128 signatures"]);
    assert_ne!(ran.code, Some(0), "{ran}");
}

#[test]
fn contradicting_configuration_is_refused_before_any_request() {
    let scene = Scene::new();
    let directory = looking_at(&file_url(scene.lookaside.path()));
    let arguments = ["--registries-d", text(directory.path())];
    let pack = || scene.side.pack(&["team/app:1"], &arguments);
    fs::write(directory.path().join("b.yaml"), "default-docker: {}").expect("file");
    let said = ["default-docker", "tests.yaml", "b.yaml", "--registries-d"];
    pack().expect_code(2).expect_error(&said);
    fs::write(directory.path().join("b.yaml"), "docker: [").expect("file");
    pack().expect_code(2).expect_error(&["b.yaml"]);
    fs::remove_file(directory.path().join("b.yaml")).expect("removed");
    pack().expect_code(0);
    let nowhere = ["--registries-d", "/nowhere/registries.d"];
    scene.side.pack(&["team/app:1"], &nowhere).expect_code(2).expect_error(&["/nowhere"]);
    for url in ["ftp://sigs.example", "file://host/x", "http://user:secret@127.0.0.1/"] {
        let ran = scene.pack(url, &[]).expect_code(2).expect_error(&["lookaside"]);
        assert!(!ran.stderr.contains("secret"), "{ran}");
    }
}

#[test]
fn registry_without_the_extension_is_not_asked_for_signatures() {
    let mut scene = Scene::new();
    let proxy = FaultProxy::start(scene.side.address());
    scene.side.through(proxy.address());
    let url = file_url(scene.lookaside.path());
    assert_eq!(scene.count(&url), 1);
    assert_eq!(proxy.count(&Method::GET, |path| path.starts_with("/extensions/")), 0);
    // One that announces it and then fails is no registry without signatures.
    let announced = Fault::SetHeader("x-registry-supports-signatures", "1".to_owned());
    proxy.add(Rule::new(Method::GET, |path| path == "/v2/", announced));
    proxy.add(Rule::new(Method::GET, |path| path.starts_with("/extensions/"), failed_at_once(500)));
    let said = ["cannot tell what is attached to", "/extensions/v2/team/app/signatures/", "500"];
    scene.pack(&url, &[]).expect_code(5).expect_error(&said);
    assert_eq!(scene.side.left(), [""; 0]);
}

#[test]
fn what_a_target_does_not_keep_is_told() {
    let scene = Scene::new();
    scene.pack(&file_url(scene.lookaside.path()), &[]).expect_code(0);
    assert_eq!(scene.side.left(), [FILE]);
    let enclave = Enclave::start();
    let file = scene.side.file();
    let ran = enclave.unpack(&file, &["--allow-unsigned", "*"]).expect_code(0);
    let warning =
        "warning: 1 GPG signature is not published: the registry has no signature extension";
    assert!(ran.stdout.contains(warning) && ran.stdout.contains("--lookaside DIR"), "{ran}");
    let to = tempfile::tempdir().expect("directory");
    let arguments = ["--allow-unsigned", "*", "--lookaside", text(to.path())];
    let ran = enclave.unpack(&file, &arguments).expect_code(0);
    assert!(!ran.stdout.contains("warning: 1 GPG"), "{ran}");
    let written = super::file_of(to.path(), "team/app", &scene.image.digest(), 1);
    assert_eq!(fs::read(written).expect("signature"), SIGNATURE);
}
