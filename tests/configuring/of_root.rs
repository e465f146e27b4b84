//! Files of root's own, below its home, which the tools of the container stack take in place of the host's.

use super::merging::{APP, one};
use super::{ACCEPT, LOOKUPS, MIRRORS, POLICY, REJECT, Scene, left};
use serde_json::{Value, json};

const OF_ROOT: &str = "root/.config/containers";

impl Scene {
    /// A host with one file of root's own and nothing of this program's.
    fn with_file_of_root(&self, name: &str, content: &str) -> String {
        for directory in ["root", "etc/containers"] {
            let _ = std::fs::remove_dir_all(self.place(directory));
        }
        self.write(POLICY, ACCEPT);
        self.write(&format!("{OF_ROOT}/{name}"), content);
        format!("/{OF_ROOT}/{name}")
    }
}

fn entry(prefix: &str, location: &str) -> String {
    format!("[[registry]]\nprefix = \"{prefix}\"\nlocation = \"{location}\"\n")
}

fn code(report: &Value) -> &Value {
    &report["unenforced"][0]["code"]
}

#[test]
fn files_of_roots_own_that_hide_what_is_written_are_named() {
    let scene = Scene::new();
    let address = scene.enclave.address().to_owned();
    for (name, content, hidden) in [
        ("policy.json", REJECT.to_owned(), POLICY),
        (
            "registries.d/mine.yaml",
            format!("docker: {{{address}: {{use-sigstore-attachments: true}}}}"),
            LOOKUPS,
        ),
    ] {
        let own = scene.with_file_of_root(name, &content);
        let own = own.strip_suffix("/mine.yaml").unwrap_or(&own);
        let report = scene.configured(&["--require-enforcement"]);
        assert_eq!(left(&report, hidden), one(own, "hidden-from-root"), "{name}");
        let text = scene.unpack(&["--install-config"]).expect_code(0).stdout;
        assert!(text.contains(&format!("{own}: left alone (hidden-from-root)")), "{text}");
    }
    let place = format!("certs.d/{address}");
    scene.with_file_of_root(&format!("{place}/ca.crt"), "");
    let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/trust/keys/certificate.pem");
    let report = scene.configured(&["--require-enforcement", "--registry-ca", ca]);
    let file = format!("etc/containers/{place}/bundle-ca.crt");
    assert_eq!(left(&report, &file), one(&format!("/{OF_ROOT}/{place}"), "hidden-from-root"));
}

#[test]
fn a_policy_of_roots_own_that_admits_anything_is_unenforced() {
    let scene = Scene::new();
    let scope = |part: &str| {
        format!(
            r#"{{"default": [{{"type": "reject"}}], "transports": {{"docker": {{"{APP}{part}": [{{"type": "insecureAcceptAnything"}}]}}}}}}"#
        )
    };
    for content in [ACCEPT.to_owned(), scope(""), scope(":1"), scope("/below")] {
        let own = scene.with_file_of_root("policy.json", &content);
        let report = scene.configured_partly(&[]);
        assert_eq!(
            (code(&report), &report["unenforced"][0]["mirror"]),
            (&json!("hidden-from-root"), &json!("withheld"))
        );
        assert!(!scene.place(MIRRORS).exists(), "{content}");
        assert_eq!(scene.read(POLICY), ACCEPT, "no rule that breaks pulls from elsewhere");
        let named = [one(APP, "hidden-from-root"), one(&own, "hidden-from-root")].concat();
        assert_eq!(left(&report, POLICY), named);
        // Other hosts have another root.
        let review = tempfile::tempdir().expect("directory");
        let path = review.path().to_str().expect("path");
        let report = scene.configured(&["--require-enforcement", "--config-dir", path]);
        assert_eq!(left(&report, POLICY), []);
        scene.configured(&["--allow-unenforced", APP]);
        assert!(scene.read(POLICY).contains(APP), "other users are protected");
        scene.configured_partly(&["--allow-unenforced", APP, "--require-enforcement"]);
    }
    // One that was there before root's file: the mirror stays, and it is told.
    std::fs::remove_file(scene.place(OF_ROOT).join("policy.json")).expect("removed");
    scene.configured(&["--require-enforcement"]);
    scene.write(&format!("{OF_ROOT}/policy.json"), ACCEPT);
    let report = scene.configured_partly(&["--require-enforcement"]);
    assert_eq!(report["unenforced"][0]["mirror"], "already");
    // One that the tools refuse admits nothing; one that cannot be read may.
    scene.write(&format!("{OF_ROOT}/policy.json"), "{");
    scene.configured(&["--require-enforcement"]);
    std::fs::remove_file(scene.place(OF_ROOT).join("policy.json")).expect("removed");
    std::fs::create_dir(scene.place(OF_ROOT).join("policy.json")).expect("directory");
    scene.configured_partly(&["--require-enforcement"]);
}

#[test]
fn ways_of_roots_own_that_lead_elsewhere_get_no_rule() {
    let scene = Scene::new();
    let address = scene.enclave.address().to_owned();
    let mirrored =
        format!("{}[[registry.mirror]]\nlocation = \"{address}/team/app\"\n", entry(APP, APP));
    let lookups = |name: &str, is_on: bool| {
        format!("docker:\n  {name}: {{use-sigstore-attachments: {is_on}}}\n")
    };
    for (name, content, hidden, is_enforced) in [
        ("registries.conf", entry(APP, "r2.example/x/y"), MIRRORS, false),
        ("registries.conf", "unqualified-search-registries = []\n".to_owned(), MIRRORS, false),
        ("registries.conf", "[[".to_owned(), MIRRORS, false),
        ("registries.conf", mirrored.clone(), MIRRORS, true),
        ("registries.conf.d/x.conf", entry(APP, "r2.example/x/y"), MIRRORS, false),
        (
            "registries.conf.d/x.conf",
            format!("{}blocked = true\n", entry(&address, &address)),
            MIRRORS,
            false,
        ),
        ("registries.d/x.yaml", "docker: {}\n".to_owned(), LOOKUPS, false),
        ("registries.d/x.yaml", lookups(&address, false), LOOKUPS, false),
        (
            "registries.d/x.yaml",
            format!(
                "{}  {address}/team/app:1: {{use-sigstore-attachments: false}}\n",
                lookups(&address, true)
            ),
            LOOKUPS,
            false,
        ),
        ("registries.d/x.yaml", lookups(&address, true), LOOKUPS, true),
    ] {
        let own = scene.with_file_of_root(name, &content);
        let own = own.strip_suffix("/x.yaml").unwrap_or(&own);
        let report = scene.configured_with(if is_enforced { 0 } else { 4 }, &[]);
        let names_it = left(&report, hidden).contains(&one(own, "hidden-from-root")[0]);
        assert!(names_it, "{name} {content}: {report}");
        assert_eq!(scene.read(POLICY) != ACCEPT, is_enforced, "{name} {content}");
        assert_eq!(scene.place(MIRRORS).exists(), is_enforced, "{name} {content}");
        if !is_enforced {
            assert_eq!(left(&report, POLICY), one(APP, "signatures-not-found"), "{content}");
        }
    }
    // What is in nobody's way is not named.
    for (name, content) in [
        ("registries.conf.d/x.conf", entry("registry.example", "r2.example")),
        ("registries.conf.d/x.conf", entry("registry.example/team/other", "r2.example/x")),
        ("registries.conf.d/x.conf", mirrored),
        ("registries.conf.d/x.conf.old", entry(APP, "r2.example/x/y")),
        ("auth.json", "{}".to_owned()),
    ] {
        scene.with_file_of_root(name, &content);
        let report = scene.configured(&["--require-enforcement"]);
        assert_eq!(left(&report, MIRRORS), [], "{name} {content}");
    }
}

#[test]
fn a_link_to_files_of_roots_own_hides_as_they_do() {
    let scene = Scene::new();
    let elsewhere = tempfile::tempdir().expect("directory");
    std::fs::write(elsewhere.path().join("policy.json"), ACCEPT).expect("file");
    std::fs::create_dir_all(scene.place("root/.config")).expect("directory");
    std::os::unix::fs::symlink(elsewhere.path(), scene.place(OF_ROOT)).expect("link");
    scene.configured_partly(&["--require-enforcement"]);
    std::fs::remove_file(elsewhere.path().join("policy.json")).expect("removed");
    scene.configured(&["--require-enforcement"]);
}
