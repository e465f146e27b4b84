//! The whole journey with real registries and tools, on a host of its own: what was packed from one registry is pulled
//! under its own name from another one, by tools that demand the signature.

use super::{LOOKUPS, MIRRORS, POLICY, Tools, file, left, skopeo};
use crate::harness::command::{Program, Ran};
use crate::harness::cosign::Cosign;
use crate::harness::host::Host;
use crate::harness::images::{self, TestImage};
use crate::harness::registry::Registry;
use crate::harness::scene::{Connected, Enclave};
use crate::harness::signatures::sign_simple_as;
use crate::harness::signer::Signer;
use bundle_testing::peers;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Who signs on the connected side.
enum Publisher {
    /// The tests themselves.
    Tests(Signer),
    /// The same, but nobody signs the children of an index.
    IndexOnly(Signer),
    /// A cosign, with more arguments for a signature under a tag.
    Cosign(Cosign, Vec<&'static str>),
}

impl Publisher {
    /// Signs index and children in `repository` of `registry`; gives the file of the public key.
    fn sign(
        &self,
        registry: &Registry,
        repository: &str,
        image: &TestImage,
        keys: &Path,
    ) -> PathBuf {
        let name = format!("{}/{repository}", registry.address());
        match self {
            Self::Tests(signer) => {
                sign_all(registry, repository, &name, image, signer);
                written(keys, signer)
            }
            Self::IndexOnly(signer) => {
                sign_simple_as(registry, repository, &image.digest(), signer, &name);
                written(keys, signer)
            }
            Self::Cosign(cosign, more) => {
                let pair = cosign.generate("release");
                cosign.sign(&pair, &format!("{name}@{}", image.digest()), more);
                pair.public
            }
        }
    }
}

fn written(keys: &Path, signer: &Signer) -> PathBuf {
    let key = keys.join("release.pub");
    fs::write(&key, signer.public_pem()).expect("key");
    key
}

fn sign_all(registry: &Registry, repository: &str, name: &str, image: &TestImage, signer: &Signer) {
    for part in std::iter::once(image).chain(&image.children) {
        sign_simple_as(registry, repository, &part.digest(), signer, name);
    }
}

/// After the journey: a configured host, a filled mirror, and a source that is gone.
struct Arrived {
    host: Host,
    enclave: Enclave,
    /// `HOST:PORT/team/app` of the registry that is gone.
    source: String,
    report: Value,
    _tools: Tools,
    skopeo: PathBuf,
    _output: TempDir,
}

impl Arrived {
    /// Packs one image, unpacks it on the host as root, and stops the registry that it came from.
    fn by(test: &str, publisher: &Publisher) -> Option<Self> {
        Self::with(test, publisher, false)
    }

    /// The same, and that what is not enforced is served where that is allowed.
    fn with(test: &str, publisher: &Publisher, allow: bool) -> Option<Self> {
        let skopeo = skopeo(test)?;
        let host = Host::start(test)?;
        let (side, enclave) = (Connected::docker(test)?, Enclave::docker(test)?);
        let output = tempfile::tempdir().expect("directory");
        let image = images::multi_platform("released");
        image.push(&side.registry, "team/app", Some("1"));
        let key = publisher.sign(&side.registry, "team/app", &image, output.path());
        let source = format!("{}/team/app", side.address());
        let archive = output.path().join("app.tar.zst");
        Program::bundle()
            .args(&["pack", "-q", &format!("{source}:1"), "-o"])
            .arg(&archive)
            .run()
            .expect_code(0);
        host.write(POLICY, super::ACCEPT);
        let tools = Tools::none().with("skopeo", &skopeo);
        let ran = host
            .bundle()
            .env("PATH", tools.and_others())
            .args(&["unpack", "-q", "--json", "--install-keys", "--install-config", "--key"])
            .arg(&key)
            .arg(&archive)
            .args(&["--to", enclave.address(), "--accept-unbound-names", &source])
            .args(if allow { &["--allow-unenforced", "*"] } else { &[] })
            .run()
            .expect_code(0);
        let report = ran.json();
        crate::schemas::assert_described("unpack-report.schema.json", &report);
        drop(side);
        let report = report["configuration"].clone();
        Some(Self { host, enclave, source, report, _tools: tools, skopeo, _output: output })
    }

    /// Puts an image into the place of the one at the mirror.
    fn replace(&self, seed: &str, signer: Option<&Signer>) {
        let image = images::multi_platform(seed);
        image.push(&self.enclave.registry, "team/app", Some("1"));
        if let Some(signer) = signer {
            sign_all(&self.enclave.registry, "team/app", &self.source, &image, signer);
        }
    }

    /// The image that was carried gets its tag back; its signatures are still there.
    fn restore(&self) {
        images::multi_platform("released").push(&self.enclave.registry, "team/app", Some("1"));
    }

    fn copy(&self) -> Ran {
        self.copy_of(&format!("{}:1", self.source))
    }

    fn copy_of(&self, name: &str) -> Ran {
        let target = tempfile::tempdir().expect("directory");
        let copy = ["--override-arch", "amd64", "--override-os", "linux", "copy"];
        let program = self.host.command(&self.skopeo).args(&copy).arg(format!("docker://{name}"));
        program.arg(format!("dir:{}", target.path().join("image").display())).run()
    }

    fn pull_by(&self, podman: &Path) -> Ran {
        let pull =
            ["--storage-driver", "vfs", "--events-backend", "none", "pull", "--arch", "amd64"];
        self.host.command(podman).args(&pull).arg(format!("{}:1", self.source)).run()
    }
}

/// The figure: A is gone, B serves A's name, and only what the publisher signed passes.
fn shows_the_figure(arrived: &Arrived) {
    arrived.copy().expect_code(0);
    arrived.replace("unsigned", None);
    let unsigned = "A signature was required, but no signature exists";
    arrived.copy().expect_code(1).expect_error(&[unsigned]);
    arrived.replace("of somebody else", Some(&Signer::p256()));
    arrived.copy().expect_code(1).expect_error(&["invalid signature"]);
    arrived.restore();
    arrived.copy().expect_code(0);
}

#[test]
fn skopeo_pulls_verified_images_alone_from_the_mirror() {
    let test = "skopeo_pulls_verified_images_alone_from_the_mirror";
    let Some(arrived) = Arrived::by(test, &Publisher::Tests(Signer::p256())) else { return };
    for name in [LOOKUPS, MIRRORS] {
        assert_eq!(file(&arrived.report, name)["outcome"], "created", "{name}");
    }
    let policy = file(&arrived.report, POLICY);
    assert_eq!(policy["outcome"], "changed");
    assert_eq!(policy["changes"][0]["subject"], arrived.source.as_str());
    let backup = policy["backup"].as_str().expect("backup").trim_start_matches('/');
    assert_eq!(arrived.host.read(backup), super::ACCEPT);
    let checked = arrived.report["checkedBy"].as_array().expect("tools");
    assert!(checked.iter().any(|by| by["tool"] == "skopeo" && by["outcome"] == "accepted"));
    // The key is named as the host sees it.
    let policy: Value = serde_json::from_str(&arrived.host.read(POLICY)).expect("JSON");
    let rule = &policy["transports"]["docker"][&arrived.source][0];
    let key = rule["keyPath"].as_str().expect("a path").trim_start_matches('/');
    assert!(key.starts_with("etc/pki/sigstore/bundle-"), "{key}");
    assert!(arrived.host.place(key).is_file(), "{key}");
    assert!(arrived.host.place("etc/bundle/trust.d").is_dir());

    shows_the_figure(&arrived);
    // Other tags of the repository come from the mirror too, and others come from nowhere.
    arrived.copy_of(&format!("{}:2", arrived.source)).expect_code(1);
}

#[test]
fn what_cosign_2_signed_is_enforced() {
    let test = "what_cosign_2_signed_is_enforced";
    let Some(cosign) = Cosign::two(test) else { return };
    let publisher = Publisher::Cosign(cosign, vec!["--recursive"]);
    let Some(arrived) = Arrived::by(test, &publisher) else { return };
    shows_the_figure(&arrived);
}

#[test]
fn what_cosign_3_signed_in_the_older_form_is_enforced() {
    let test = "what_cosign_3_signed_in_the_older_form_is_enforced";
    let Some(cosign) = Cosign::three(test) else { return };
    let older = vec!["--recursive", "--new-bundle-format=false"];
    let Some(arrived) = Arrived::by(test, &Publisher::Cosign(cosign, older)) else { return };
    shows_the_figure(&arrived);
}

#[test]
fn cosign_3_bundles_are_carried_and_not_enforced() {
    let test = "cosign_3_bundles_are_carried_and_not_enforced";
    let Some(cosign) = Cosign::three(test) else { return };
    let publisher = Publisher::Cosign(cosign, vec!["--recursive"]);
    let Some(arrived) = Arrived::with(test, &publisher, true) else { return };
    // Runtimes do not look at such signatures: to demand them would make every pull fail.
    let expected = [(arrived.source.clone(), "no-key".to_owned())];
    assert_eq!(left(&arrived.report, POLICY), expected);
    assert_eq!(arrived.host.read(POLICY), super::ACCEPT);
    arrived.copy().expect_code(0);
}

#[test]
fn image_without_a_signed_child_is_pulled_unenforced() {
    let test = "image_without_a_signed_child_is_pulled_unenforced";
    let publisher = Publisher::IndexOnly(Signer::p256());
    let Some(arrived) = Arrived::with(test, &publisher, true) else { return };
    let expected = [(arrived.source.clone(), "uncovered".to_owned())];
    assert_eq!(left(&arrived.report, POLICY), expected);
    assert_eq!(arrived.host.read(POLICY), super::ACCEPT);
    arrived.copy().expect_code(0);
}

#[test]
fn podman_pulls_verified_images_alone_from_the_mirror() {
    let test = "podman_pulls_verified_images_alone_from_the_mirror";
    let podman = peers::find("podman-new").or_else(|| peers::require(test, "podman"));
    let Some(podman) = podman else { return };
    let Some(arrived) = Arrived::by(test, &Publisher::Tests(Signer::p256())) else { return };
    arrived.replace("of somebody else", Some(&Signer::p256()));
    let wrong = arrived.pull_by(&podman);
    // Debian 12 has the check patched out: its podman refuses whatever a policy demands such signatures of.
    if wrong.code == Some(0) || wrong.stderr.contains("sigstore disabled") {
        println!(
            "left out: {test} needs a podman that checks Sigstore signatures, and this one does not"
        );
        return;
    }
    wrong.expect_code(125).expect_error(&["signature"]);
    arrived.restore();
    arrived.pull_by(&podman).expect_code(0);
    arrived.replace("unsigned", None);
    arrived.pull_by(&podman).expect_code(125).expect_error(&["A signature was required"]);
}
