//! A rule is written only where pulls find the signatures that it demands, and over nothing that is pulled already.

use super::merging::{APP, one};
use super::{ACCEPT, LOOKUPS, MIRRORS, POLICY, Scene, left};

#[test]
fn what_is_not_served_with_its_signatures_gets_no_rule() {
    let scene = Scene::new();
    let address = scene.enclave.address().to_owned();
    let lookups = format!("docker:\n  {address}:\n    use-sigstore-attachments: ");
    let taken = format!("docker:\n  {address}: {{}}\n  {address}/team/app: {{}}\n");
    let entry = |location: &str| {
        format!(
            "[[registry]]\nlocation = \"{APP}\"\n[[registry.mirror]]\nlocation = \"{location}\"\n"
        )
    };
    let (yaml, conf) =
        ("etc/containers/registries.d/site.yaml", "etc/containers/registries.conf.d/site.conf");
    for (file, content, is_enforced) in [
        (yaml, format!("{lookups}false\n"), false),
        (yaml, taken, false),
        (yaml, format!("{lookups}true\n"), true),
        (conf, entry("m.example/x"), false),
        (conf, format!("[[registry]]\nlocation = \"{address}\"\nblocked = true\n"), false),
        (conf, format!("[[registry]]\nlocation = \"{address}\"\n"), true),
        (conf, entry(&format!("{address}/team/app")), true),
    ] {
        let _ = std::fs::remove_dir_all(scene.place("etc/containers"));
        scene.write(POLICY, ACCEPT);
        scene.write(file, &content);
        let report = scene.configured_with(if is_enforced { 0 } else { 4 }, &[]);
        let expected = if is_enforced { Vec::new() } else { one(APP, "signatures-not-found") };
        assert_eq!(left(&report, POLICY), expected, "{content}");
        assert_eq!(scene.read(POLICY) != ACCEPT, is_enforced, "{content}");
    }
}

#[test]
fn a_rule_covers_nothing_below_it_that_an_earlier_bundle_brought() {
    let scene = Scene::new();
    let below = format!("{APP}/tool");
    scene.carried.side.unsigned("team/app/tool");
    scene.pack(&["team/app/tool:1"]);
    scene.configured(&["--allow-unsigned", &below]);
    scene.pack(&["team/app:1"]);
    let report = scene.configured_partly(&[]);
    assert_eq!(left(&report, POLICY), one(APP, "covers-another"));
    assert_eq!(scene.read(POLICY), ACCEPT);
    assert!(scene.read(MIRRORS).contains(&format!("\"{below}\"")));

    // Where the other one has a rule of its own, nothing is in the way.
    let policy = ACCEPT.trim_end().strip_suffix('}').expect("an object");
    let rule = "[{\"type\": \"insecureAcceptAnything\"}]";
    scene.write(
        POLICY,
        &format!("{policy}, \"transports\": {{\"docker\": {{\"{below}\": {rule}}}}}}}"),
    );
    assert_eq!(left(&scene.configured(&[]), POLICY), []);
}

#[test]
fn files_of_roots_own_that_hide_what_is_written_are_named() {
    let scene = Scene::new();
    let (policy, lookups) =
        ("root/.config/containers/policy.json", "root/.config/containers/registries.d");
    scene.write(policy, ACCEPT);
    let report = scene.configured(&[]);
    assert_eq!(left(&report, POLICY), one(&format!("/{policy}"), "hidden-from-root"));
    assert_eq!(left(&report, LOOKUPS), []);
    scene.write(&format!("{lookups}/mine.yaml"), "docker: {}\n");
    let text = scene.unpack(&["--install-config"]).expect_code(0).stdout;
    assert!(text.contains(&format!("/{lookups}: left alone (hidden-from-root)")), "{text}");
    // Other hosts have another root.
    let review = tempfile::tempdir().expect("directory");
    let report = scene.configured(&["--config-dir", review.path().to_str().expect("path")]);
    assert_eq!(left(&report, POLICY), one(APP, "already-enforced"));
}
