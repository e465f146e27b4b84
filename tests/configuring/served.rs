//! A rule is written only where pulls find the signatures that it demands, and over nothing that is pulled already.

use super::merging::{APP, one};
use super::{ACCEPT, MIRRORS, POLICY, Scene, left};

#[test]
fn what_is_not_served_with_its_signatures_gets_no_rule() {
    let scene = Scene::new();
    let address = scene.enclave.address().to_owned();
    let lookups = format!("docker:\n  {address}:\n    use-sigstore-attachments: ");
    let taken = format!("docker:\n  {address}: {{}}\n  {address}/team/app: {{}}\n");
    let off = "use-sigstore-attachments: false";
    let of = |name: &str, is_on: bool| {
        format!("docker:\n  {address}/{name}: {{use-sigstore-attachments: {is_on}}}\n")
    };
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
        (yaml, of("team/app:1", false), false),
        (yaml, of("team/app:other", false), false),
        (yaml, of(&format!("team/app@{}", scene.carried.image.digest()), false), false),
        (yaml, format!("{lookups}true\n  {address}/team/app:1: {{{off}}}\n"), false),
        (yaml, of("team/app:1", true), true),
        (yaml, of("team/apple:1", false), true),
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
fn rule_covers_no_repository_below_it_from_earlier_bundles() {
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
