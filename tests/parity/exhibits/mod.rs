//! The manifests: unsigned, signed by whom and as what, vouched for by logs and certificates, rightly and wrongly.

mod atomic;
mod flawed;
mod named;
mod signed;
pub(crate) mod vouched;

use super::authorities::Authorities;
use super::openpgp::OpenPgpKeys;
use super::policies::Policy;
use super::{Names, written};
use crate::harness::command::Program;
use crate::harness::gpg::file_url;
use crate::harness::images::{self, CONFIG, Content, TestImage};
use crate::harness::registry::Registry;
use crate::harness::servers::DockerRegistry;
use crate::harness::signatures::{SimpleSigning, cosign_tag, sig_manifest};
use crate::harness::signer::Signer;
use bundle::oci::Digest;
use bundle::oci::media_type::DOCKER_MANIFEST;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Where the exhibits logically are. All of it is one registry.
pub(super) const HOSTS: [&str; 5] =
    ["registry.example", "other.example", "sub.registry.example", "docker.io", "localhost:5000"];
/// What an exhibit is about: policies are tried on those that could tell something of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    /// Who signed, and in which form.
    Signed,
    /// Which manifests of an index.
    Indexed,
    /// What else was signed, and where signatures lie that runtimes do not find.
    Flawed,
    /// As what it was signed.
    Named,
    Logged,
    Certified,
    /// Who signed with GPG.
    Atomic,
    /// With keys that could sign once.
    AtomicAged,
    /// In which form with GPG, what else, and which manifests of an index.
    AtomicFormed,
    /// As what it was signed with GPG.
    AtomicNamed,
}

/// A manifest under a logical name.
pub(super) struct Exhibit {
    pub(super) name: &'static str,
    pub(super) topic: Topic,
    /// The logical name, with a tag or a digest.
    pub(super) reference: String,
    /// The machines that could choose a manifest of it.
    pub(super) architectures: &'static [&'static str],
}

/// All of them in their registry, and the keys.
pub(super) struct Exhibition {
    pub(super) exhibits: Vec<Exhibit>,
    pub(super) a: Signer,
    pub(super) b: Signer,
    pub(super) log: Signer,
    /// Of skopeo, as PEM.
    pub(super) skopeo_key: String,
    /// `None` without openssl; then there are no exhibits with certificates either.
    pub(super) authorities: Option<Authorities>,
    /// `None` without gpg; then there are no exhibits with GPG signatures either.
    pub(super) openpgp: Option<OpenPgpKeys>,
    /// Of what is hung next.
    topic: Topic,
    registry: Registry,
    folder: TempDir,
    _server: DockerRegistry,
}

impl Exhibition {
    /// `None` without a registry.
    pub(super) fn open(test: &str, skopeo: &Path) -> Option<Self> {
        let server = DockerRegistry::start(test)?;
        let mut exhibition = Self {
            exhibits: Vec::new(),
            a: Signer::p256(),
            b: Signer::p256(),
            log: Signer::p256(),
            skopeo_key: String::new(),
            authorities: Authorities::new(test),
            openpgp: OpenPgpKeys::new(test),
            topic: Topic::Signed,
            registry: Registry::at(server.address()),
            folder: tempfile::tempdir().expect("folder"),
            _server: server,
        };
        exhibition.configure();
        exhibition.hang_signed();
        exhibition.topic = Topic::Indexed;
        exhibition.hang_indexes();
        exhibition.topic = Topic::Named;
        exhibition.hang_named();
        exhibition.hang_by_skopeo(skopeo);
        exhibition.topic = Topic::Flawed;
        exhibition.hang_flawed();
        exhibition.hang_misplaced();
        exhibition.hang_holders();
        exhibition.topic = Topic::Logged;
        exhibition.hang_logged();
        exhibition.topic = Topic::Certified;
        exhibition.hang_certified();
        exhibition.hang_atomic();
        Some(exhibition)
    }

    pub(super) fn address(&self) -> &str {
        self.registry.address()
    }

    /// The names of all exhibits.
    pub(super) fn names(&self) -> Names {
        self.exhibits.iter().map(|exhibit| exhibit.name).collect()
    }

    /// Where signatures of the registry are, beside it and in it.
    pub(super) fn registries_d(&self) -> PathBuf {
        self.folder.path().join("registries.d")
    }

    /// Where GPG signatures lie.
    fn lookaside(&self) -> PathBuf {
        self.folder.path().join("lookaside")
    }

    fn configure(&self) {
        for folder in [self.lookaside(), self.registries_d()] {
            fs::create_dir(folder).expect("folder");
        }
        let places =
            json!({"use-sigstore-attachments": true, "lookaside": file_url(&self.lookaside())});
        let configuration = json!({"docker": {self.address(): places}});
        written(&self.registries_d(), "tests.yaml", &configuration.to_string());
    }

    /// Everything in one bundle, carried as it is.
    pub(super) fn pack(&self) -> PathBuf {
        let file = self.folder.path().join("exhibition.tar.zst");
        let sources = self.exhibits.iter().map(|exhibit| {
            let (_, path) = exhibit.reference.split_once('/').expect("host");
            format!("{}/{path}={}", self.address(), exhibit.reference)
        });
        let sources: Vec<_> = sources.collect();
        let pack = Program::bundle().args(&["pack", "-q", "--signatures", "if-present", "-o"]);
        let pack = pack.arg(&file).arg("--registries-d").arg(self.registries_d());
        pack.args(&sources).run().expect_code(0);
        file
    }

    pub(super) fn write_policy(&self, policy: &Policy) -> PathBuf {
        let name = format!("{}.json", policy.name);
        written(self.folder.path(), &name, &policy.document.to_string())
    }

    /// A file beside the policies.
    pub(super) fn write(&self, name: &str, content: &str) -> PathBuf {
        written(self.folder.path(), name, content)
    }

    fn hang(&mut self, name: &'static str, reference: impl Into<String>) -> &mut Exhibit {
        let exhibit = Exhibit {
            name,
            topic: self.topic,
            reference: reference.into(),
            architectures: &["amd64"],
        };
        self.exhibits.push(exhibit);
        self.exhibits.last_mut().expect("it was pushed")
    }

    /// Pushes an image and hangs it under `registry.example/team/NAME:1`.
    fn image(&mut self, name: &'static str) -> TestImage {
        self.image_at(name, &format!("registry.example/team/{name}:1"))
    }

    fn image_at(&mut self, name: &'static str, reference: &str) -> TestImage {
        let image = images::image(name, "linux/amd64", &[500]);
        let (repository, tag) = path_of(reference);
        image.push(&self.registry, repository, Some(tag));
        self.hang(name, reference);
        image
    }

    /// Attaches signatures to `digest` in the repository of `team/NAME`.
    fn sign(&self, name: &str, digest: &Digest, signatures: &[SimpleSigning]) {
        self.sign_in(&format!("team/{name}"), digest, signatures);
    }

    /// An image at any reference, signed by A as `identity`.
    fn sign_elsewhere(&mut self, name: &'static str, reference: &str, identity: &str) {
        let digest = self.image_at(name, reference).digest();
        let signature = SimpleSigning::new(&self.a, identity, &digest);
        self.sign_in(path_of(reference).0, &digest, &[signature]);
    }

    fn sign_in(&self, repository: &str, digest: &Digest, signatures: &[SimpleSigning]) {
        let tag = cosign_tag(digest, "sig");
        sig_manifest(signatures).push(&self.registry, repository, Some(&tag));
    }
}

/// `registry.example/team/NAME`, what plain cosign signs.
fn repository(name: &str) -> String {
    format!("registry.example/team/{name}")
}

/// Repository without the host, and tag.
fn path_of(reference: &str) -> (&str, &str) {
    let (_, path) = reference.split_once('/').expect("host");
    path.rsplit_once(':').expect("tag")
}

/// Changes the manifest of an image.
fn amend(image: &mut TestImage, change: impl FnOnce(&mut Value)) {
    let mut document: Value = serde_json::from_slice(&image.manifest.bytes).expect("manifest");
    change(&mut document);
    let media_type = document["mediaType"].as_str().expect("media type").to_owned();
    image.manifest = Content::new(&media_type, document.to_string());
}

fn to_schema2(document: &mut Value) {
    document["mediaType"] = json!(DOCKER_MANIFEST);
    if document["config"]["mediaType"] == CONFIG {
        document["config"]["mediaType"] = json!("application/vnd.docker.container.image.v1+json");
    }
    for layer in document["layers"].as_array_mut().expect("layers") {
        if layer["mediaType"] == images::LAYER {
            layer["mediaType"] = json!("application/vnd.docker.image.rootfs.diff.tar.gzip");
        }
    }
}
