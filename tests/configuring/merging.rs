//! What is written beside what an administrator has, and what is left alone and named.

use super::{ACCEPT, LOOKUPS, MIRRORS, POLICY, REJECT, Scene, file, left};
use crate::harness::command::Program;
use crate::harness::images;
use crate::harness::scene::HOST;
use crate::harness::signatures::{SimpleSigning, cosign_tag, sig_manifest, sign_simple_as};
use crate::harness::signer::Signer;
use crate::parity::exhibits::vouched;
use serde_json::{Value, json};

pub(super) const APP: &str = "registry.example/team/app";

impl Scene {
    fn policy(&self) -> Value {
        serde_json::from_str(&self.read(POLICY)).expect("JSON")
    }

    /// What the policy demands of a repository.
    fn demanded(&self, repository: &str) -> Value {
        self.policy()["transports"]["docker"][repository].clone()
    }

    /// Packs these instead, each under its logical name.
    pub(super) fn pack(&self, references: &[&str]) {
        let side = &self.carried.side;
        let _ = std::fs::remove_file(side.file());
        let sources: Vec<_> = references.iter().map(|name| side.source(name)).collect();
        let pack = Program::bundle().args(&["pack", "-q", "-o"]).arg(side.file());
        pack.args(&sources).run().expect_code(0);
    }
}

/// One entry of what was left alone.
pub(super) fn one(subject: &str, code: &str) -> Vec<(String, String)> {
    vec![(subject.to_owned(), code.to_owned())]
}

#[test]
fn policy_of_an_administrator_changes_by_the_new_scope_alone() {
    let scene = Scene::new();
    let policy = "{\n\t\"default\" : [ {\"type\": \"insecureAcceptAnything\"} ],\n\t\"transports\":\n\t{\n\
                  \t\t\"docker-daemon\": {\"\": [{\"type\": \"insecureAcceptAnything\"}]},\n\
                  \t\t\"docker\": {\n\t\t\t\"quay.io\": [{\"type\": \"reject\"}]\n\t\t}\n\t}\n}\n";
    scene.write(POLICY, policy);
    let report = scene.configured(&[]);
    assert_eq!(left(&report, POLICY), []);
    let after = scene.read(POLICY);
    let same = |a: &mut dyn Iterator<Item = char>, b: &mut dyn Iterator<Item = char>| {
        a.zip(b).take_while(|(a, b)| a == b).count()
    };
    let start = same(&mut policy.chars(), &mut after.chars());
    let end = same(&mut policy.chars().rev(), &mut after.chars().rev());
    assert!(start + end >= policy.chars().count(), "only an insertion: {after}");
    assert_eq!(scene.demanded(APP)[0]["type"], "sigstoreSigned");
    assert_eq!(scene.demanded(APP)[0]["signedIdentity"], json!({"type": "matchRepository"}));
    // A key is trusted for nothing below the repository.
    let itself = json!({"type": "exactRepository", "dockerRepository": APP});
    assert_eq!(scene.demanded(APP)[1]["signedIdentity"], itself);
}

#[test]
fn running_again_changes_nothing_and_backs_up_nothing() {
    let scene = Scene::new();
    let first = scene.configured(&["--install-keys"]);
    assert!(file(&first, POLICY)["backup"].is_string());
    let files = scene.files();
    let again = scene.configured(&["--install-keys"]);
    for name in [POLICY, LOOKUPS, MIRRORS] {
        let file = file(&again, name);
        assert_eq!(
            (&file["outcome"], &file["changes"]),
            (&json!("unchanged"), &json!([])),
            "{name}"
        );
        assert!(file.get("backup").is_none());
    }
    assert_eq!(left(&again, POLICY), one(APP, "already-enforced"));
    assert_eq!(again["checkedBy"], json!([]));
    assert_eq!(scene.files(), files);
}

#[test]
fn what_rejects_by_default_stays_so_unless_that_is_asked_for() {
    let scene = Scene::new();
    scene.write(POLICY, REJECT);
    let report = scene.configured(&[]);
    assert_eq!(left(&report, POLICY), one(APP, "rejected"));
    assert_eq!(scene.read(POLICY), REJECT);
    scene.configured(&["--admit-signed"]);
    assert_eq!(scene.demanded(APP)[0]["type"], "sigstoreSigned");
    assert_eq!(scene.policy()["default"][0]["type"], "reject");
    // A scope that names it is somebody's decision.
    let named = format!(
        "{{\"default\": [{{\"type\": \"reject\"}}], \"transports\": {{\"docker\": {{\"{HOST}\": [{{\"type\": \"reject\"}}]}}}}}}"
    );
    scene.write(POLICY, &named);
    assert_eq!(left(&scene.configured(&["--admit-signed"]), POLICY), one(APP, "rejected"));
    assert_eq!(scene.read(POLICY), named);
}

#[test]
fn stricter_rules_and_keys_of_other_files_stay_and_are_named() {
    let scene = Scene::new();
    let strict = format!(
        "{{\"default\": [{{\"type\": \"insecureAcceptAnything\"}}], \"transports\": {{\"docker\": {{\"{HOST}/team\": [{{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyPath\": \"/k\"}}]}}}}}}"
    );
    scene.write(POLICY, &strict);
    let address = scene.enclave.address().to_owned();
    let off = format!("docker:\n  {address}:\n    use-sigstore-attachments: false\n");
    scene.write("etc/containers/registries.d/site.yaml", &off);
    let other = format!(
        "[[registry]]\nlocation = \"{APP}\"\n[[registry.mirror]]\nlocation = \"m.example/x\"\n"
    );
    scene.write("etc/containers/registries.conf.d/site.conf", &other);
    let files = scene.files();
    let report = scene.configured(&[]);
    assert_eq!(left(&report, POLICY), one(APP, "other-rule"));
    assert_eq!(left(&report, LOOKUPS), one(&format!("{address}/team/app"), "disabled"));
    assert_eq!(left(&report, MIRRORS), one(APP, "other-entry"));
    assert_eq!(scene.files(), files);
    // The report is for people too.
    let ran = scene.unpack(&["--install-config"]).expect_code(0);
    let line = format!("{APP}: left alone (other-rule): ");
    assert!(ran.stdout.contains(&line), "{ran}");
}

#[test]
fn scope_is_enforced_with_every_child_signed_and_no_wider() {
    let scene = Scene::new();
    let (side, signer) = (&scene.carried.side, &scene.carried.signer);
    // Of this one, below the other, only the index is signed.
    let half = side.unsigned("team/app/half");
    side.sign("team/app/half", &half.digest(), signer);
    let half = format!("{APP}/half");
    scene.pack(&["team/app:1", "team/app/half:1"]);
    let report = scene.configured_partly(&[]);
    let expected = [(APP, "covers-another"), (half.as_str(), "uncovered")];
    let expected = expected.map(|(name, code)| (name.to_owned(), code.to_owned()));
    assert_eq!(left(&report, POLICY), expected);
    assert_eq!(scene.read(POLICY), ACCEPT);
    assert!(!scene.place(MIRRORS).exists(), "nothing is served unsigned");
    scene.configured(&["--allow-unenforced", APP]);
    assert!(scene.read(MIRRORS).contains(&half), "unless that is allowed");

    // With the children's signatures both get a scope.
    for child in &images::multi_platform("team-app-half").children {
        side.sign("team/app/half", &child.digest(), signer);
    }
    scene.pack(&["team/app:1", "team/app/half:1"]);
    assert_eq!(left(&scene.configured(&[]), POLICY), []);
    for name in [APP, &half] {
        assert_eq!(scene.demanded(name)[0]["type"], "sigstoreSigned", "{name}");
    }
}

#[test]
fn policy_names_installed_keys_and_writes_out_others() {
    let scene = Scene::new();
    scene.configured(&[]);
    let rule = scene.demanded(APP)[0].clone();
    assert!(rule["keyData"].is_string() && rule.get("keyPath").is_none(), "{rule}");

    scene.write(POLICY, ACCEPT);
    scene.configured(&["--install-keys"]);
    let path = scene.demanded(APP)[0]["keyPath"].as_str().expect("a path").to_owned();
    assert!(path.starts_with("/etc/pki/sigstore/bundle-"), "{path}");
    let pem = scene.read(path.trim_start_matches('/'));
    assert_eq!(pem, scene.carried.signer.public_pem());

    // Installed by an earlier run.
    scene.write(POLICY, ACCEPT);
    scene.configured(&[]);
    assert_eq!(scene.demanded(APP)[0]["keyPath"], path.as_str());
}

#[test]
fn of_two_keys_that_suffice_the_one_on_the_host_is_named() {
    let scene = Scene::new();
    let Scene { carried, .. } = &scene;
    scene.unpack(&["--install-keys"]).expect_code(0);
    // While publishers change their key they sign with both; the other one comes first by its fingerprint.
    let comes_first = |other: &Signer| other.fingerprint() < carried.signer.fingerprint();
    let other = std::iter::repeat_with(Signer::p256).find(comes_first).expect("a key");
    let (repository, source) = ("team/both", format!("{HOST}/team/both"));
    let image = images::image("both", "linux/amd64", &[100]);
    image.push(&carried.side.registry, repository, Some("1"));
    let signatures = [&carried.signer, &other]
        .map(|signer| SimpleSigning::new(signer, &source, &image.digest()));
    let tag = cosign_tag(&image.digest(), "sig");
    sig_manifest(&signatures).push(&carried.side.registry, repository, Some(&tag));
    scene.pack(&["team/both:1"]);
    let key = carried.side.key("other.pub", &other);
    scene.configured(&["--key", &key]);
    let path = scene.demanded(&source)[0]["keyPath"].as_str().expect("a path").to_owned();
    assert_eq!(scene.read(path.trim_start_matches('/')), carried.signer.public_pem());
}

#[test]
fn several_keys_of_one_repository_need_newer_hosts() {
    let scene = Scene::new();
    let side = &scene.carried.side;
    let other = Signer::p256();
    let image = images::image("second", "linux/amd64", &[100]);
    image.push(&side.registry, "team/app", Some("2"));
    sign_simple_as(&side.registry, "team/app", &image.digest(), &other, APP);
    scene.pack(&["team/app:1", "team/app:2"]);
    let key = side.key("other.pub", &other);
    let report = scene.configured_partly(&["--key", &key]);
    assert_eq!(left(&report, POLICY), one(APP, "needs-policy-level"));
    assert_eq!(scene.read(POLICY), ACCEPT);
    let report = scene.configured(&["--key", &key, "--policy-level", "5.33"]);
    assert_eq!(left(&report, POLICY), []);
    let keys = scene.demanded(APP)[0]["keyDatas"].clone();
    assert_eq!(keys.as_array().map(Vec::len), Some(2), "{keys}");
    scene.unpack(&["--install-config", "--policy-level", "5.21"]).expect_code(2);
}

#[test]
fn the_tools_of_the_host_tell_its_policy_level() {
    let test = "the_tools_of_the_host_tell_its_policy_level";
    let Some(skopeo) = super::skopeo(test) else { return };
    let mut scene = Scene::new();
    let side = &scene.carried.side;
    let other = Signer::p256();
    let image = images::image("second", "linux/amd64", &[100]);
    image.push(&side.registry, "team/app", Some("2"));
    sign_simple_as(&side.registry, "team/app", &image.digest(), &other, APP);
    let key = side.key("other.pub", &other);
    scene.pack(&["team/app:1", "team/app:2"]);
    scene.tools = super::Tools::none().with("skopeo", &skopeo);
    assert_eq!(left(&scene.configured(&["--key", &key]), POLICY), []);
    let keys = scene.demanded(APP)[0]["keyDatas"].clone();
    assert_eq!(keys.as_array().map(Vec::len), Some(2), "{keys}");
    // The option says otherwise, or a tool beside it cannot be asked or does not say.
    let old = super::Tools::none().with("skopeo", &skopeo);
    let silent = super::Tools::none().saying("skopeo", "echo nothing >&2");
    let beside = super::Tools::none().with("skopeo", &skopeo).saying("crio", "echo nothing");
    for (tools, more) in [(old, &["--policy-level", "5.32"][..]), (silent, &[]), (beside, &[])] {
        scene.write(POLICY, ACCEPT);
        let _ = std::fs::remove_file(scene.place(MIRRORS));
        scene.tools = tools;
        let report = scene.configured_partly(&[&["--key", &key], more].concat());
        assert_eq!(left(&report, POLICY), one(APP, "needs-policy-level"), "{more:?}");
        let command = report["unenforced"][0]["enforce"].as_str().expect("a command");
        assert!(command.contains("--policy-level 5.33"), "{command}");
    }
}

#[test]
fn an_entry_of_a_log_is_demanded_where_it_was_demanded_here() {
    let scene = Scene::new();
    let Scene { carried, .. } = &scene;
    let log = Signer::p256();
    let key = carried.signer.public_pem();
    for part in std::iter::once(&carried.image).chain(&carried.image.children) {
        let mut signature = SimpleSigning::new(&carried.signer, APP, &part.digest());
        let entry = vouched::entry(&log, &signature, &key, vouched::now());
        signature.annotations[vouched::LOG] = json!(entry);
        let tag = cosign_tag(&part.digest(), "sig");
        sig_manifest(&[signature]).push(&carried.side.registry, "team/app", Some(&tag));
    }
    scene.pack(&["team/app:1"]);
    let rekor = carried.side.key("rekor.pub", &log);
    let report = scene.configured_partly(&["--rekor-key", &rekor]);
    assert_eq!(left(&report, POLICY), one(APP, "needs-policy-level"));
    scene.configured(&["--rekor-key", &rekor, "--policy-level", "5.24"]);
    let rule = scene.demanded(APP)[0].clone();
    assert!(rule["rekorPublicKeyData"].is_string(), "{rule}");
}

#[test]
fn names_follow_the_prefix_and_sources_are_blocked_when_asked() {
    let scene = Scene::new();
    let to = format!("{}/below/here", scene.enclave.address());
    scene.configured(&["--block-upstream", "--to", &to]);
    let mirrors = scene.read(MIRRORS);
    let location = format!("location = \"{to}/team/app\"");
    for line in [&format!("prefix = \"{APP}\""), &location, "blocked = true", "insecure = true"] {
        assert!(mirrors.contains(line), "{line}: {mirrors}");
    }
    // A source that was blocked stays so.
    scene.configured(&["--to", &to]);
    assert!(scene.read(MIRRORS).contains("blocked = true"));
}

#[test]
fn a_policy_that_decided_is_not_written_into_the_hosts() {
    let scene = Scene::new();
    let policy = scene.carried.side.text("policy.json", ACCEPT);
    let file_ = scene.carried.side.file();
    let arguments = ["--install-config", "--json", "--policy", &policy];
    let ran = scene.run("unpack", &file_, &arguments).expect_code(0);
    assert_eq!(left(&ran.json()["configuration"], POLICY), one(APP, "by-policy"));
    assert_eq!(scene.read(POLICY), ACCEPT);
}

#[test]
fn images_that_the_hosts_own_rules_refuse_are_named() {
    let scene = Scene::new();
    let Scene { carried, .. } = &scene;
    let refused = |report: &Value| report["refusedPulls"].clone();
    assert_eq!(refused(&scene.configured(&["--install-keys"])), json!([]));
    assert_eq!(refused(&scene.configured(&[])), json!([]), "the rule is there, and met");
    // The publisher has changed its key: what is carried now meets another rule than the host has.
    let other = Signer::p256();
    let second = images::image("second", "linux/amd64", &[100]);
    second.push(&carried.side.registry, "team/app", Some("2"));
    sign_simple_as(&carried.side.registry, "team/app", &second.digest(), &other, APP);
    scene.pack(&["team/app:2"]);
    let key = carried.side.key("other.pub", &other);
    let expected = json!([{"image": format!("{APP}:2"), "code": "no-trusted-signature"}]);
    let report = scene.configured(&["--key", &key]);
    assert_eq!(refused(&report), expected);
    let ran = scene.unpack(&["--install-config", "--key", &key]).expect_code(0);
    assert!(ran.stdout.contains(&format!("pulls of {APP}:2 are refused")), "{ran}");
    // It replaces the old one under its name, which the rule goes by.
    let name = scene.demanded(APP)[0]["keyPath"].as_str().expect("a path").to_owned();
    let name = name.rsplit('/').next().and_then(|file| file.strip_suffix(".pub")).expect("a name");
    let (old, new) = (carried.signer.fingerprint(), other.fingerprint());
    let replace = format!("{name}={old}:{new}");
    let replaced = ["--install-keys", "--key", key.as_str(), "--replace-key", replace.as_str()];
    assert_eq!(refused(&scene.configured(&replaced)), json!([]));
    // What a default rejects is refused too, unless it is admitted.
    scene.write(POLICY, REJECT);
    let rejected = json!([{"image": format!("{APP}:2"), "code": "policy-rejects"}]);
    assert_eq!(refused(&scene.configured(&[])), rejected);
    assert_eq!(refused(&scene.configured(&["--admit-signed"])), json!([]));
}
