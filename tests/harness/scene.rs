//! The connected side and the enclave: a registry each, with what a test carries from one to the other.

use super::command::{Program, Ran};
use super::images::{self, Content, TestImage};
use super::registry::Registry;
use super::servers::{BundleServe, DockerRegistry};
use super::signatures::sign_simple_as;
use super::signer::Signer;
use bundle::oci::Digest;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Host of the logical names; nothing answers there.
pub(crate) const HOST: &str = "registry.example";
/// The file that [`Connected::pack`] writes.
pub(crate) const FILE: &str = "out.tar.zst";

/// Which registry it is.
#[derive(Debug)]
enum Server {
    Bundle(BundleServe, TempDir),
    Docker(DockerRegistry),
}

impl Server {
    fn bundle() -> Self {
        let store = tempfile::tempdir().expect("store");
        Self::Bundle(BundleServe::start(store.path()), store)
    }

    fn address(&self) -> &str {
        match self {
            Self::Bundle(server, _) => server.address(),
            Self::Docker(server) => server.address(),
        }
    }
}

/// The connected side: a registry to pack from, an empty directory to write to, and another one for keys.
pub(crate) struct Connected {
    pub(crate) registry: Registry,
    server: Server,
    address: String,
    keys: TempDir,
    output: TempDir,
}

impl Connected {
    /// With the product's own registry, which has the referrers API.
    pub(crate) fn start() -> Self {
        Self::with(Server::bundle())
    }

    /// With docker-registry, which has none.
    pub(crate) fn docker(test: &str) -> Option<Self> {
        Some(Self::with(Server::Docker(DockerRegistry::start(test)?)))
    }

    fn with(server: Server) -> Self {
        Self {
            registry: Registry::at(server.address()),
            address: server.address().to_owned(),
            server,
            keys: tempfile::tempdir().expect("directory"),
            output: tempfile::tempdir().expect("directory"),
        }
    }

    /// Address of the registry itself, `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.server.address()
    }

    /// Packs through `address` from now on, where a proxy listens.
    pub(crate) fn through(&mut self, address: &str) {
        address.clone_into(&mut self.address);
    }

    /// `SOURCE=NAME` of `repository:tag` or `repository@digest`, named as if it came from [`HOST`].
    pub(crate) fn source(&self, reference: &str) -> String {
        format!("{}/{reference}={HOST}/{reference}", self.address)
    }

    /// Writes a public key to a file.
    pub(crate) fn key(&self, name: &str, signer: &Signer) -> String {
        self.text(name, &signer.public_pem())
    }

    /// Writes any file beside the keys.
    pub(crate) fn text(&self, name: &str, content: &str) -> String {
        let path = self.keys.path().join(name);
        fs::write(&path, content).expect("file");
        path.to_str().expect("path").to_owned()
    }

    /// Pushes the image that most tests need under `repository:1`, unsigned.
    pub(crate) fn unsigned(&self, repository: &str) -> TestImage {
        let image = images::multi_platform(&repository.replace('/', "-"));
        image.push(&self.registry, repository, Some("1"));
        image
    }

    /// The same with a signature on the index and on every child.
    pub(crate) fn signed(&self, repository: &str, signer: &Signer) -> TestImage {
        let image = self.unsigned(repository);
        self.sign(repository, &image.digest(), signer);
        for child in &image.children {
            self.sign(repository, &child.digest(), signer);
        }
        image
    }

    /// Signs a digest under its logical name.
    pub(crate) fn sign(&self, repository: &str, digest: &Digest, signer: &Signer) {
        let identity = format!("{HOST}/{repository}");
        sign_simple_as(&self.registry, repository, digest, signer, &identity);
    }

    /// A path in the directory for output.
    pub(crate) fn output(&self, name: &str) -> PathBuf {
        self.output.path().join(name)
    }

    /// The archive of [`Self::pack`].
    pub(crate) fn file(&self) -> PathBuf {
        self.output(FILE)
    }

    /// What lies in the directory for output.
    pub(crate) fn left(&self) -> Vec<String> {
        names(self.output.path())
    }

    /// Packs `repository:tag`s, each under its logical name, into [`FILE`].
    pub(crate) fn pack(&self, references: &[&str], arguments: &[&str]) -> Ran {
        let sources: Vec<_> = references.iter().map(|name| self.source(name)).collect();
        let file = self.file();
        Program::bundle()
            .args(&["pack", "-q", "-o"])
            .arg(&file)
            .args(&sources)
            .args(arguments)
            .run()
    }

    /// `bundle pack … -o -`, ready to be given its output.
    pub(crate) fn pack_pipe(&self, references: &[&str], arguments: &[&str]) -> Program {
        let sources: Vec<_> = references.iter().map(|name| self.source(name)).collect();
        Program::bundle().args(&["pack", "-q", "-o", "-"]).args(&sources).args(arguments)
    }

    /// The report of `bundle inspect` on [`FILE`].
    pub(crate) fn inspect(&self) -> Value {
        inspect(&self.file())
    }
}

/// The enclave: a registry to unpack into, and a root directory for keys.
pub(crate) struct Enclave {
    pub(crate) registry: Registry,
    server: Server,
    root: TempDir,
}

impl Enclave {
    /// With the product's own registry.
    pub(crate) fn start() -> Self {
        Self::with(Server::bundle())
    }

    /// With docker-registry.
    pub(crate) fn docker(test: &str) -> Option<Self> {
        Some(Self::with(Server::Docker(DockerRegistry::start(test)?)))
    }

    fn with(server: Server) -> Self {
        let registry = Registry::at(server.address());
        Self { registry, server, root: tempfile::tempdir().expect("directory") }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.server.address()
    }

    /// Directory that stands for `/`.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Unpacks `file` into the registry.
    pub(crate) fn unpack(&self, file: &Path, arguments: &[&str]) -> Ran {
        self.unpack_to(file, self.address(), arguments)
    }

    /// Unpacks `file` into any target.
    pub(crate) fn unpack_to(&self, file: &Path, target: &str, arguments: &[&str]) -> Ran {
        // The root is always this one, so that keys of the machine that runs the tests never count.
        Program::bundle()
            .args(&["unpack", "-q"])
            .arg(file)
            .args(&["--to", target, "--root"])
            .arg(self.root())
            .args(arguments)
            .run()
    }

    /// `bundle unpack FILE --to …`, ready to be put before a terminal.
    pub(crate) fn unpacking(&self, file: &Path, arguments: &[&str]) -> Program {
        let program = Program::bundle().args(&["unpack", "-q"]).arg(file);
        program.args(&["--to", self.address(), "--root"]).arg(self.root()).args(arguments)
    }

    /// `bundle unpack - --to …`, ready to be given its input.
    pub(crate) fn unpack_pipe(&self, target: &str, arguments: &[&str]) -> Program {
        Program::bundle()
            .args(&["unpack", "-q", "-", "--to", target, "--root"])
            .arg(self.root())
            .args(arguments)
    }

    /// Every tag in the registry, as `repository:tag`.
    pub(crate) fn tags(&self) -> Vec<String> {
        let repositories = self.registry.repositories();
        let tags = |name: &String| {
            let tags = self.registry.tags(name);
            tags.into_iter().map(|tag| format!("{name}:{tag}")).collect::<Vec<_>>()
        };
        repositories.iter().flat_map(tags).collect()
    }

    /// Everything that `side` has under `repository` is in `target`: tags, bytes of manifests, blobs. Lists under
    /// fallback tags are compared by their entries.
    #[track_caller]
    pub(crate) fn expect_all_of(&self, side: &Connected, repository: &str, target: &str) {
        let tags = side.registry.tags(repository);
        assert!(!tags.is_empty());
        for tag in tags {
            let there = side.registry.manifest(repository, &tag).expect("manifest");
            let here = self.registry.manifest(target, &tag);
            let here = here.unwrap_or_else(|| panic!("{target}:{tag} is missing"));
            if !is_list_of_referrers(&tag) {
                assert!(here.bytes == there.bytes, "{target}:{tag} has other bytes");
                assert_eq!(here.media_type, there.media_type, "{target}:{tag}");
            }
            self.expect_parts((side, repository), target, &there);
        }
    }

    #[track_caller]
    fn expect_parts(&self, from: (&Connected, &str), target: &str, manifest: &Content) {
        let (side, repository) = from;
        let document: Value = serde_json::from_slice(&manifest.bytes).expect("manifest");
        let parts = |key: &str| document[key].as_array().cloned().unwrap_or_default();
        for child in parts("manifests") {
            let digest = child["digest"].as_str().expect("digest");
            let there = side.registry.manifest(repository, digest).expect("child");
            let here = self.registry.manifest(target, digest);
            let here = here.unwrap_or_else(|| panic!("{target}@{digest} is missing"));
            assert!(here.bytes == there.bytes, "{target}@{digest}");
            self.expect_parts(from, target, &there);
        }
        let config = document.get("config").cloned();
        for blob in parts("layers").into_iter().chain(config) {
            let digest = blob["digest"].as_str().expect("digest").parse().expect("digest");
            let there = side.registry.blob(repository, &digest);
            assert!(there.is_some() && self.registry.blob(target, &digest) == there, "{digest}");
        }
    }

    /// Files below the root directory, but for what is remembered in `var`.
    pub(crate) fn installed(&self) -> Vec<String> {
        let mut files = self.files();
        files.retain(|file| !file.starts_with("var/lib/bundle/"));
        files
    }

    /// Files below the root directory.
    pub(crate) fn files(&self) -> Vec<String> {
        let files = walkdir::WalkDir::new(self.root()).sort_by_file_name();
        let files = files.into_iter().map(|entry| entry.expect("entry"));
        files
            .filter(|entry| !entry.file_type().is_dir())
            .map(|entry| {
                let path = entry.path().strip_prefix(self.root()).expect("below root");
                path.to_str().expect("name").to_owned()
            })
            .collect()
    }

    /// Nothing was tagged, no key was installed, nothing is remembered.
    #[track_caller]
    pub(crate) fn expect_untouched(&self) {
        assert_eq!(self.tags(), [""; 0], "nothing is tagged");
        assert_eq!(self.files(), [""; 0], "no key is installed, nothing is remembered");
    }
}

/// True for the tags under which clients list referrers: `sha256-<hex>`, without an ending.
fn is_list_of_referrers(tag: &str) -> bool {
    tag.strip_prefix("sha256-").is_some_and(|digits| digits.len() == 64)
}

/// The report of `bundle inspect` on a file.
pub(crate) fn inspect(file: &Path) -> Value {
    let ran = Program::bundle().args(&["inspect", "--json"]).arg(file).run().expect_code(0);
    serde_json::from_str(&ran.stdout).expect("one JSON document on stdout")
}

/// Names of what lies in a directory, sorted.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("directory");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("entry").file_name().into_string().expect("name"))
        .collect();
    names.sort();
    names
}
