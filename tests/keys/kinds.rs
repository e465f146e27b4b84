//! Keys of logs, trusted roots and OpenPGP keys: carried with pack's options, installed for what they vouched for, and
//! believed, or demanded, by later runs.

use crate::harness::command::{Program, Ran};
use crate::harness::gpg::{Gpg, file_url, registries_d};
use crate::harness::log::{sign_logged, trusted_root};
use crate::harness::scene::{Connected, Enclave, HOST};
use crate::harness::signer::Signer;
use crate::schemas::{KEY_RECORD, UNPACK_REPORT, assert_described};
use bundle::oci::Digest;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Images of one signer, whose signatures one log has.
pub(super) struct Logged {
    pub(super) side: Connected,
    pub(super) enclave: Enclave,
    pub(super) signer: Signer,
    pub(super) log: Signer,
    pub(super) key: String,
    pub(super) log_key: String,
}

impl Logged {
    pub(super) fn new() -> Self {
        let side = Connected::start();
        let (signer, log) = (Signer::p256(), Signer::p256());
        let (key, log_key) = (side.key("release.pub", &signer), side.key("log.pub", &log));
        let own = Self { side, enclave: Enclave::start(), signer, log, key, log_key };
        own.image("team/app");
        own
    }

    /// An image with an entry for each of its signatures.
    fn image(&self, repository: &str) {
        let image = self.side.unsigned(repository);
        let identity = format!("{HOST}/{repository}");
        for manifest in std::iter::once(&image).chain(&image.children) {
            let signers = (&self.signer, &self.log);
            sign_logged(&self.side.registry, repository, &manifest.digest(), signers, &identity);
        }
    }

    /// Packs anew.
    fn pack(&self, repository: &str, arguments: &[&str]) {
        let _ = fs::remove_file(self.side.file());
        self.side.pack(&[&format!("{repository}:1")], arguments).expect_code(0);
    }

    fn unpack(&self, arguments: &[&str]) -> Ran {
        self.enclave.unpack(&self.side.file(), arguments)
    }
}

/// Names and uses in an inventory.
fn carried(side: &Connected) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let inspected = side.inspect();
    let keys = inspected["keys"].as_array().expect("keys").clone();
    keys.iter().map(|key| (text(&key["file"]), text(&key["use"]))).collect()
}

fn record(enclave: &Enclave, name: &str) -> Value {
    let path = enclave.root().join(format!("etc/bundle/trust.d/{name}.json"));
    let record = serde_json::from_slice(&fs::read(path).expect("record")).expect("JSON");
    assert_described(KEY_RECORD, &record);
    record
}

/// Only what this tool wrote of keys, without locks.
fn key_files(enclave: &Enclave) -> Vec<String> {
    enclave.installed().into_iter().filter(|file| file.starts_with("etc/pki/")).collect()
}

fn remove(enclave: &Enclave, keys: &[&str]) {
    let remove = Program::bundle().args(&["keys", "remove", "--root"]).arg(enclave.root());
    remove.args(keys).run().expect_code(0);
}

#[test]
fn key_of_a_log_is_installed_and_demanded_afterwards() {
    let scene = Logged::new();
    let (key, log_key) = (scene.key.as_str(), scene.log_key.as_str());
    scene.pack("team/app", &["--key", key, "--rekor-key", log_key]);
    let files = [("keys/release.pub", "cosign"), ("keys/log.pub", "rekor")];
    assert_eq!(carried(&scene.side), files.map(|(file, usage)| (file.into(), usage.into())));

    let fingerprint = scene.log.fingerprint();
    let named = format!("{fingerprint}=log");
    let signer = format!("{}=release", scene.signer.fingerprint());
    let names = ["--install-keys-as", &named, "--install-keys-as", &signer];
    let options = ["--install-keys", "--key", key, "--rekor-key", log_key, "--json"];
    let ran = scene.unpack(&[&options[..], &names].concat()).expect_code(0);
    assert_described(UNPACK_REPORT, &ran.json());
    assert_eq!(
        key_files(&scene.enclave),
        ["etc/pki/sigstore/log.pub", "etc/pki/sigstore/release.pub"]
    );
    let installed = record(&scene.enclave, "log");
    assert_eq!(
        (&installed["use"], &installed["fingerprint"]),
        (&json!("rekor"), &json!(fingerprint.to_string()))
    );
    assert_eq!(installed["scopes"], json!([format!("{HOST}/team/app")]));
    assert_eq!(installed["origin"]["file"], "keys/log.pub");

    // Both suffice for the next bundle.
    scene.pack("team/app", &[]);
    scene.unpack(&[]).expect_code(0);
    // And an entry is demanded of it, whoever's key is given: the same signer's signature without one is not enough.
    let unlogged = Connected::start();
    unlogged.signed("team/app", &scene.signer);
    unlogged.pack(&["team/app:1"], &[]).expect_code(0);
    for arguments in [&[][..], &["--key", key]] {
        let ran = scene.enclave.unpack(&unlogged.file(), arguments).expect_code(3);
        ran.expect_error(&["log"]);
    }
    // Taken away by name, it is not demanded any more; without the signer's key nothing is admitted.
    remove(&scene.enclave, &["log"]);
    let layout = tempfile::tempdir().expect("directory");
    let target = format!("oci:{}", layout.path().join("images").display());
    scene.enclave.unpack_to(&unlogged.file(), &target, &[]).expect_code(0);
    remove(&scene.enclave, &[&scene.signer.fingerprint().to_string()]);
    scene.unpack(&[]).expect_code(3).expect_error(&["nothing is trusted"]);
    assert_eq!(key_files(&scene.enclave), [""; 0]);
}

/// A key file that somebody deleted must not let in what a log has to vouch for; one of a signer only admits nothing.
#[test]
fn a_demand_that_cannot_be_read_any_more_is_not_passed_over() {
    let scene = Logged::new();
    let (key, log_key) = (scene.key.as_str(), scene.log_key.as_str());
    scene.pack("team/app", &["--key", key, "--rekor-key", log_key]);
    let (log, signer) = (scene.log.fingerprint(), scene.signer.fingerprint());
    let (log, signer) = (format!("{log}=log"), format!("{signer}=release"));
    let names = ["--install-keys-as", &log, "--install-keys-as", &signer];
    let options = [&["--install-keys", "--key", key, "--rekor-key", log_key], &names[..]].concat();
    scene.unpack(&options).expect_code(0);
    let unlogged = Connected::start();
    unlogged.signed("team/app", &scene.signer);
    unlogged.pack(&["team/app:1"], &[]).expect_code(0);
    let file = |path: &str| scene.enclave.root().join(path);
    let refused = |what: &str| {
        for archive in [unlogged.file(), scene.side.file()] {
            let ran = scene.enclave.unpack(&archive, &["--key", key]).expect_code(3);
            ran.expect_error(&[
                "trust.d/log.json cannot be used, and it may hold demands",
                what,
                "keys remove",
            ]);
        }
    };
    let (log, record) = (file("etc/pki/sigstore/log.pub"), file("etc/bundle/trust.d/log.json"));
    for (path, words) in [(&log, "is missing"), (&log, "cannot be used"), (&record, "not valid")] {
        let content = fs::read(path).expect("file");
        match words {
            "is missing" => fs::remove_file(path).expect("removed"),
            _ => fs::write(path, "?").expect("written"),
        }
        refused(words);
        fs::write(path, content).expect("restored");
        scene.unpack(&[]).expect_code(0);
    }
    // The signer's demands nothing: without it there is nobody, and somebody else may be given.
    fs::remove_file(file("etc/pki/sigstore/release.pub")).expect("removed");
    scene.unpack(&[]).expect_code(3).expect_error(&["grants nothing", "nothing is trusted"]);
    scene.unpack(&["--key", key]).expect_code(0);
    fs::remove_file(&log).expect("removed");
    remove(&scene.enclave, &["log"]);
    scene.unpack(&["--key", key]).expect_code(0);
}

#[test]
fn a_log_that_vouched_for_nothing_is_not_installed() {
    let scene = Logged::new();
    let other = scene.side.key("other-log.pub", &Signer::p256());
    scene.pack("team/app", &["--key", &scene.key, "--carry-rekor-key", &other]);
    assert_eq!(carried(&scene.side)[1].1, "rekor");
    let options = ["--install-keys", "--key", &scene.key];
    scene.unpack(&options).expect_code(0);
    assert_eq!(key_files(&scene.enclave).len(), 1, "the signer's key alone");
    // Where it is demanded, its missing entry refuses.
    let options = ["--install-keys", "--key", &scene.key, "--rekor-key", &other];
    scene.unpack(&options).expect_code(3);
    let options = ["--install-keys", "--key", &scene.key, "--rekor-key", &scene.log_key];
    scene.unpack(&options).expect_code(0);
    assert_eq!(key_files(&scene.enclave).len(), 2);
}

#[test]
fn trusted_root_is_installed_unchanged_and_its_logs_demanded() {
    let scene = Logged::new();
    let text = format!("{:#}\n", trusted_root(&scene.log));
    let root = scene.side.text("trusted_root.json", &text);
    let options = ["--key", &scene.key, "--trusted-root", &root];
    scene.pack("team/app", &options);
    let expected = ("keys/trusted_root.json".to_owned(), "trusted-root".to_owned());
    assert_eq!(carried(&scene.side)[1], expected);
    let named = format!("{}=instance", Digest::of(text.as_bytes()));
    let install = ["--install-keys", "--install-keys-as", &named];
    scene.unpack(&[&options[..], &install].concat()).expect_code(0);
    let file = scene.enclave.root().join("etc/pki/sigstore/instance.json");
    assert_eq!(fs::read_to_string(file).expect("file"), text);
    let installed = record(&scene.enclave, "instance");
    assert_eq!((&installed["use"], installed.get("holders")), (&json!("trusted-root"), None));

    scene.pack("team/app", &[]);
    scene.unpack(&[]).expect_code(0);
    let unlogged = Connected::start();
    unlogged.signed("team/app", &scene.signer);
    unlogged.pack(&["team/app:1"], &[]).expect_code(0);
    scene.enclave.unpack(&unlogged.file(), &[]).expect_code(3).expect_error(&["log"]);
    // Nobody's certificate counts under it: no identity was recorded. A record that names somebody says with whom.
    remove(&scene.enclave, &["instance"]);
    let layout = tempfile::tempdir().expect("directory");
    let target = format!("oci:{}", layout.path().join("images").display());
    scene.enclave.unpack_to(&unlogged.file(), &target, &[]).expect_code(0);
}

/// An image with GPG signatures, in a lookaside.
pub(super) struct WithGpg {
    pub(super) side: Connected,
    pub(super) enclave: Enclave,
    pub(super) gpg: Gpg,
    lookaside: TempDir,
}

impl WithGpg {
    pub(super) fn new(test: &str) -> Option<Self> {
        let gpg = Gpg::generate(test)?;
        let side = Connected::start();
        let image = side.unsigned("team/app");
        let lookaside = tempfile::tempdir().expect("directory");
        let section = json!({ "lookaside-staging": file_url(lookaside.path()) });
        let configuration = registries_d(&section);
        let reference = format!("{}/team/app", side.address());
        let identity = format!("{HOST}/team/app:1");
        gpg.sign(&format!("{reference}:1"), &identity, configuration.path());
        for (number, child) in image.children.iter().enumerate() {
            let tag = format!("child{number}");
            side.registry.push_manifest("team/app", &tag, &child.manifest);
            gpg.sign(&format!("{reference}:{tag}"), &identity, configuration.path());
        }
        Some(Self { side, enclave: Enclave::start(), gpg, lookaside })
    }

    pub(super) fn pack(&self, arguments: &[&str]) {
        let configuration = registries_d(&json!({ "lookaside": file_url(self.lookaside.path()) }));
        let _ = fs::remove_file(self.side.file());
        let configuration = configuration.path().to_str().expect("path").to_owned();
        let arguments = [&["--registries-d", &*configuration], arguments].concat();
        self.side.pack(&["team/app:1"], &arguments).expect_code(0);
    }

    pub(super) fn unpack(&self, arguments: &[&str]) -> Ran {
        self.enclave.unpack(&self.side.file(), arguments)
    }

    pub(super) fn key(&self) -> String {
        path(&self.gpg.public_key())
    }

    pub(super) fn fingerprint(&self) -> String {
        format!("openpgp:{}", self.gpg.fingerprint().to_lowercase())
    }
}

fn path(path: &Path) -> String {
    path.to_str().expect("path").to_owned()
}

#[cfg(feature = "openpgp")]
#[test]
fn an_openpgp_key_is_installed_armored_and_admits_later_bundles() {
    let test = "an_openpgp_key_is_installed_armored_and_admits_later_bundles";
    let Some(scene) = WithGpg::new(test) else { return };
    scene.pack(&["--gpg-key", &scene.key()]);
    assert_eq!(carried(&scene.side), [("keys/public.asc".to_owned(), "openpgp".to_owned())]);
    let named = format!("{}=release", scene.fingerprint());
    let options = ["--install-keys", "--gpg-key", &scene.key(), "--install-keys-as", &named];
    scene.unpack(&options).expect_code(0);
    assert_eq!(key_files(&scene.enclave), ["etc/pki/rpm-gpg/release.asc"]);
    let installed = record(&scene.enclave, "release");
    assert_eq!(installed["fingerprint"], scene.fingerprint());
    assert_eq!(installed["scopes"], json!([format!("{HOST}/team/app")]));
    // GnuPG reads what was written as the one key that it is.
    let file = path(&scene.enclave.root().join("etc/pki/rpm-gpg/release.asc"));
    let shown = scene.gpg.gpg(&["--with-colons", "--show-keys", &file]).expect_code(0);
    let keys: Vec<_> = shown.stdout.lines().filter(|line| line.starts_with("pub:")).collect();
    assert_eq!(keys.len(), 1, "{shown}");
    assert!(shown.stdout.contains(&format!(":{}:", scene.gpg.fingerprint())), "{shown}");

    scene.pack(&[]);
    scene.unpack(&[]).expect_code(0);
    remove(&scene.enclave, &["release"]);
    scene.unpack(&[]).expect_code(3);
}

#[cfg(feature = "openpgp")]
#[test]
fn secret_keys_are_never_carried() {
    let test = "secret_keys_are_never_carried";
    let Some(scene) = WithGpg::new(test) else { return };
    let file = scene.side.text("secret.gpg", "");
    let export = ["--yes", "--output", &file, "--export-secret-keys", scene.gpg.fingerprint()];
    scene.gpg.gpg(&export).expect_code(0);
    let pem = scene.side.text(
        "cosign.key",
        "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
    );
    for (option, file, word) in [
        ("--carry-key", &file, "secret key"),
        ("--gpg-key", &file, "secret key"),
        ("--carry-key", &pem, "private key"),
        ("--carry-rekor-key", &pem, "private key"),
    ] {
        let ran = scene.side.pack(&["team/app:1"], &[option, file]).expect_code(2);
        ran.expect_error(&[file, word]);
        assert!(!scene.side.file().exists());
    }
    let public = scene.key();
    scene.side.pack(&["team/app:1"], &["--carry-key", &public]).expect_code(0);
    assert_eq!(carried(&scene.side), [("keys/public.asc".to_owned(), "openpgp".to_owned())]);
}

#[test]
fn keys_of_no_kind_are_installed_when_the_push_failed() {
    use crate::harness::fault_proxy::FaultProxy;
    use crate::harness::faults::{Fault, Rule};
    let scene = Logged::new();
    let root = scene.side.text("root.json", &trusted_root(&scene.log).to_string());
    scene.pack("team/app", &[]);
    let proxy = FaultProxy::start(scene.enclave.address());
    let tag = |path: &str| path.ends_with("/manifests/1");
    proxy.add(Rule::new(reqwest::Method::PUT, tag, Fault::status(403)));
    for demand in [["--rekor-key", &*scene.log_key], ["--trusted-root", &*root]] {
        let options = [&["--install-keys", "--key", &*scene.key][..], &demand].concat();
        let file = scene.side.file();
        scene.enclave.unpack_to(&file, proxy.address(), &options).expect_code(5);
        assert_eq!(scene.enclave.installed(), [""; 0]);
    }
    proxy.heal();
    let options = ["--install-keys", "--key", &scene.key, "--rekor-key", &scene.log_key];
    scene.enclave.unpack_to(&scene.side.file(), proxy.address(), &options).expect_code(0);
    assert_eq!(key_files(&scene.enclave).len(), 2);
}
