//! The three files that make a host pull from the mirror and demand signatures, before a real skopeo: what it does
//! with them is what they are for.

use crate::harness::command::{Program, Ran};
use crate::harness::images::{self, TestImage};
use crate::harness::registry::Registry;
use crate::harness::servers::DockerRegistry;
use crate::harness::signatures::sign_simple_as;
use crate::harness::signer::Signer;
use bundle::host::containers::policy::{
    self, EnforcedRepository, PolicyLevel, PolicyRequest, Rejected,
};
use bundle::host::containers::registries_conf::{
    self, MirrorRequest, MirrorTransport, Mirrored, Upstream,
};
use bundle::host::containers::{ConfigFile, registries_d};
use bundle::host::naming::Mapping;
use bundle::oci::Repository;
use bundle::trust::policy::KeySource;
use bundle_testing::peers;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Where the images come from. Nothing answers there, and nobody is asked for the address.
const SOURCE: &str = "127.0.0.1:1/team/app";
const NAME: &str = "docker://127.0.0.1:1/team/app:1";
const ACCEPT: &str = r#"{"default": [{"type": "insecureAcceptAnything"}]}"#;
const REJECT: &str = r#"{"default": [{"type": "reject"}], "transports": {"dir": {"": [{"type": "insecureAcceptAnything"}]}}}"#;

/// A host whose container configuration lies in the home directory of a user, and a mirror.
struct Host {
    home: TempDir,
    skopeo: PathBuf,
    mirror: Registry,
    signer: Signer,
    _server: DockerRegistry,
}

impl Host {
    fn start(test: &str) -> Option<Self> {
        let skopeo = peers::require(test, "skopeo-new")?;
        let server = DockerRegistry::start(test)?;
        let home = tempfile::tempdir().expect("a home");
        let host = Self {
            home,
            skopeo,
            mirror: Registry::at(server.address()),
            signer: Signer::p256(),
            _server: server,
        };
        // Only with this file does the stack take everything from the home directory.
        host.write("registries.conf", "unqualified-search-registries = []\n");
        host.write("keys/release.pub", &host.signer.public_pem());
        Some(host)
    }

    fn place(&self, name: &str) -> PathBuf {
        self.home.path().join(".config/containers").join(name)
    }

    fn write(&self, name: &str, content: &str) {
        let place = self.place(name);
        fs::create_dir_all(place.parent().expect("a directory")).expect("directories");
        fs::write(place, content).expect("a file");
    }

    fn key(&self) -> KeySource {
        KeySource::Path(self.place("keys/release.pub"))
    }

    /// Fills the repository at the mirror, which has the source's path.
    fn fill(&self, seed: &str, signer: Option<&Signer>, identity: &str) -> TestImage {
        let image = images::multi_platform(seed);
        image.push(&self.mirror, "team/app", Some("1"));
        for part in std::iter::once(&image).chain(&image.children) {
            if let Some(signer) = signer {
                sign_simple_as(&self.mirror, "team/app", &part.digest(), signer, identity);
            }
        }
        image
    }

    /// Writes what the merges make of `existing` policy and of other files, all about [`SOURCE`].
    fn configure(&self, existing: &str, request: &PolicyRequest, lookups: &[ConfigFile]) {
        let source: Repository = SOURCE.parse().expect("a repository");
        let mapping = Mapping::to_host(self.mirror.address());
        let mirror = mapping.target(&source).expect("a name");
        let policy = policy::merge(Some(existing.as_bytes()), request).expect("a policy");
        self.write("policy.json", policy.content.as_deref().unwrap_or(existing));
        let lookup = registries_d::merge(None, lookups, std::slice::from_ref(&mirror));
        let lookup = lookup.expect("a merge").content.expect("content");
        self.write(&format!("registries.d/{}", registries_d::FILE), &lookup);
        for file in lookups {
            self.write(&format!("registries.d/{}", file.name), &file.content);
        }
        let mirrored = MirrorRequest {
            withheld: Vec::new(),
            mirrored: vec![Mirrored { source, mirror }],
            upstream: Upstream::Blocked,
            transport: MirrorTransport::Insecure,
        };
        let mirrors = registries_conf::merge(None, None, &[], &mirrored).expect("a merge");
        let file = format!("registries.conf.d/{}", registries_conf::FILE);
        self.write(&file, &mirrors.content.expect("content"));
    }

    fn pull(&self, name: &str) -> Ran {
        self.pull_with(&[], name)
    }

    /// Pulls under the name that the repository has at the mirror.
    fn pull_directly(&self, repository: &str) -> Ran {
        let name = format!("docker://{}/{repository}:1", self.mirror.address());
        self.pull_with(&["--src-tls-verify=false"], &name)
    }

    fn pull_with(&self, options: &[&str], name: &str) -> Ran {
        let target = tempfile::tempdir().expect("directory");
        Program::new(&self.skopeo)
            .env("HOME", self.home.path())
            .args(&["--override-arch", "amd64", "--override-os", "linux", "copy"])
            .args(options)
            .arg(name)
            .arg(format!("dir:{}", Path::new(target.path()).display()))
            .run()
    }

    /// The pull has to fail for this reason, and for no other one.
    #[track_caller]
    fn refuses(&self, reason: &str) {
        self.pull(NAME).expect_code(1).expect_error(&[reason]);
    }
}

fn request(keys: Vec<KeySource>) -> PolicyRequest {
    PolicyRequest {
        enforced: vec![EnforcedRepository {
            repository: SOURCE.parse().expect("a repository"),
            keys,
            log_keys: Vec::new(),
        }],
        unenforced: Vec::new(),
        unserved: Default::default(),
        open: Default::default(),
        level: PolicyLevel::SEVERAL_KEYS,
        rejected: Rejected::StaysRejected,
    }
}

#[test]
fn source_is_served_by_the_mirror_with_its_signature() {
    let Some(host) = Host::start("source_is_served_by_the_mirror_with_its_signature") else {
        return;
    };
    host.configure(ACCEPT, &request(vec![host.key()]), &[]);
    host.fill("good", Some(&host.signer), SOURCE);
    host.pull(NAME).expect_code(0);

    host.fill("unsigned", None, SOURCE);
    host.refuses("A signature was required, but no signature exists");
    host.fill("other key", Some(&Signer::p256()), SOURCE);
    host.refuses("invalid signature");
    host.fill("other name", Some(&host.signer), "127.0.0.1:1/team/other");
    host.refuses("127.0.0.1:1/team/other");
    // What was good is good again: the refusals were for the image's sake.
    host.fill("good", Some(&host.signer), SOURCE);
    host.pull(NAME).expect_code(0);
}

#[test]
fn each_of_the_three_files_is_needed() {
    let Some(host) = Host::start("each_of_the_three_files_is_needed") else { return };
    host.configure(ACCEPT, &request(vec![host.key()]), &[]);
    host.fill("unsigned", None, SOURCE);
    host.refuses("A signature was required");
    let policy = fs::read_to_string(host.place("policy.json")).expect("policy");
    host.write("policy.json", ACCEPT);
    host.pull(NAME).expect_code(0);

    host.write("policy.json", &policy);
    host.fill("good", Some(&host.signer), SOURCE);
    host.pull(NAME).expect_code(0);
    let lookup = host.place("registries.d").join(registries_d::FILE);
    let content = fs::read_to_string(&lookup).expect("lookup");
    fs::remove_file(&lookup).expect("removed");
    host.refuses("A signature was required, but no signature exists");
    fs::write(&lookup, content).expect("lookup");

    // The source itself is blocked: what the mirror does not have, nobody has.
    host.pull(&format!("docker://{SOURCE}:2")).expect_code(1).expect_error(&["blocked"]);
    fs::remove_file(host.place("registries.conf.d").join(registries_conf::FILE)).expect("removed");
    host.refuses("connection refused");
}

#[test]
fn what_the_administrator_wrote_still_counts() {
    let Some(host) = Host::start("what_the_administrator_wrote_still_counts") else { return };
    host.fill("good", Some(&host.signer), SOURCE);
    images::multi_platform("other").push(&host.mirror, "other", Some("1"));
    // A policy with tabs, other transports and other rules, and a lookaside for the mirror in another file.
    let existing = format!(
        "{{\n\t\"default\": [{{\"type\": \"insecureAcceptAnything\"}}],\n\t\"transports\": {{\n\
         \t\t\"docker\": {{\n\t\t\t\"{}/other\": [{{\"type\": \"reject\"}}]\n\t\t}},\n\
         \t\t\"docker-daemon\": {{\"\": [{{\"type\": \"insecureAcceptAnything\"}}]}}\n\t}}\n}}\n",
        host.mirror.address()
    );
    let lookaside = [ConfigFile::new(
        "site.yaml",
        format!(
            "docker:\n  {}:\n    lookaside: file://{}\n",
            host.mirror.address(),
            host.place("lookaside").display()
        ),
    )];
    host.configure(&existing, &request(vec![host.key()]), &lookaside);
    host.pull(NAME).expect_code(0);
    host.pull_directly("team/app").expect_code(0);
    host.pull_directly("other").expect_code(1).expect_error(&["rejected by policy"]);
    host.fill("unsigned", None, SOURCE);
    host.refuses("A signature was required");

    // Where everything is rejected, nothing opens unless that is asked for.
    host.fill("good", Some(&host.signer), SOURCE);
    host.configure(REJECT, &request(vec![host.key()]), &lookaside);
    host.refuses("rejected by policy");
    let mut opened = request(vec![host.key()]);
    opened.rejected = Rejected::BecomesSigned;
    host.configure(REJECT, &opened, &lookaside);
    host.pull(NAME).expect_code(0);
}

#[test]
fn keys_inline_and_several_keys_work_as_the_level_says() {
    let Some(host) = Host::start("keys_inline_and_several_keys_work_as_the_level_says") else {
        return;
    };
    host.fill("good", Some(&host.signer), SOURCE);
    let other = Signer::p256();
    let inline = |signer: &Signer| KeySource::Data(signer.public_pem().into_bytes());
    host.write("keys/other.pub", &other.public_pem());
    for (keys, good) in [
        (vec![inline(&host.signer)], true),
        (vec![inline(&other)], false),
        (vec![inline(&other), inline(&host.signer)], true),
        (vec![KeySource::Path(host.place("keys/other.pub")), host.key()], true),
    ] {
        host.configure(ACCEPT, &request(keys.clone()), &[]);
        let pulled = host.pull(NAME);
        assert_eq!(pulled.code == Some(0), good, "{keys:?}: {pulled}");
    }
}

#[test]
fn without_a_policy_the_new_one_lets_nothing_else_in() {
    let Some(host) = Host::start("without_a_policy_the_new_one_lets_nothing_else_in") else {
        return;
    };
    host.fill("good", Some(&host.signer), SOURCE);
    host.configure(ACCEPT, &request(vec![host.key()]), &[]);
    host.pull_directly("team/app").expect_code(0);
    let made = policy::merge(None, &request(vec![host.key()])).expect("a policy");
    host.write("policy.json", &made.content.expect("content"));
    host.pull(NAME).expect_code(0);
    host.pull_directly("team/app").expect_code(1).expect_error(&["rejected by policy"]);
}

#[test]
fn key_in_two_files_is_never_written_into_a_policy() {
    let Some(host) = Host::start("key_in_two_files_is_never_written_into_a_policy") else {
        return;
    };
    host.fill("good", Some(&host.signer), SOURCE);
    host.configure(ACCEPT, &request(vec![host.key()]), &[]);
    host.pull(NAME).expect_code(0);
    // Somebody adds the mirror in a file of their own: from then on nothing can be pulled.
    let address = host.mirror.address();
    let site = ConfigFile::new(
        "site.yaml",
        format!("docker:\n  {address}:\n    use-sigstore-attachments: true\n"),
    );
    host.write("registries.d/site.yaml", &site.content);
    host.refuses("defined both in");
    // The next run gives its own key up.
    let own = host.place("registries.d").join(registries_d::FILE);
    let content = fs::read_to_string(&own).expect("own file");
    let mirror: Repository = format!("{address}/team/app").parse().expect("a repository");
    let merged = registries_d::merge(Some(&content), &[site], &[mirror]).expect("a merge");
    fs::write(&own, merged.content.expect("content")).expect("own file");
    host.pull(NAME).expect_code(0);
}
