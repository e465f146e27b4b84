//! A part of a bundle: `--only`, `--exclude`, `--skip-refused`.

use crate::harness::command::{Program, Ran};
use crate::harness::scene::{Connected, Enclave, HOST};
use bundle_testing::Signer;
use serde_json::{Value, json};
use std::fs::File;

/// `team/app` and `team/db` are signed, `team/tool` is not.
struct Scene {
    side: Connected,
    enclave: Enclave,
    key: String,
}

impl Scene {
    fn new() -> Self {
        let (side, signer) = (Connected::start(), Signer::p256());
        side.signed("team/app", &signer);
        side.signed("team/db", &signer);
        side.unsigned("team/tool");
        let key = side.key("release.pub", &signer);
        side.pack(&["team/app:1", "team/db:1", "team/tool:1"], &[]).expect_code(0);
        Self { side, enclave: Enclave::start(), key }
    }

    fn unpack(&self, arguments: &[&str]) -> Ran {
        self.enclave.unpack(&self.side.file(), &[&["--key", &self.key], arguments].concat())
    }

    /// The report of a run that ends so.
    fn report(&self, code: i32, arguments: &[&str]) -> Value {
        let report = self.unpack(&[&["--json"], arguments].concat()).expect_code(code).json();
        crate::schemas::assert_described("unpack-report.schema.json", &report);
        report
    }
}

fn named(path: &str) -> String {
    format!("{HOST}/{path}")
}

/// The sources of the images in a report.
fn sources(report: &Value) -> Vec<&str> {
    let images = report["images"].as_array().expect("images").iter();
    images.map(|image| image["source"].as_str().expect("a source")).collect()
}

#[test]
fn excluded_images_are_neither_judged_nor_published() {
    let scene = Scene::new();
    scene.unpack(&[]).expect_code(3);
    let tool = named("team/tool");
    let report = scene.report(0, &["--exclude", &tool]);
    assert_eq!(sources(&report), [named("team/app:1"), named("team/db:1")]);
    let left = report["notSelected"].as_array().expect("left out");
    assert!(left.len() == 1 && left[0].as_str().is_some_and(|name| name.starts_with(&tool)));
    assert_eq!(scene.enclave.registry.repositories(), ["team/app", "team/db"]);
    scene.enclave.expect_all_of(&scene.side, "team/app", "team/app");
}

#[test]
fn only_selected_images_are_published_with_all_that_is_theirs() {
    let scene = Scene::new();
    let (app, all) = (named("team/app"), named("team"));
    let report = scene.report(0, &["--only", &app]);
    assert_eq!(sources(&report), [named("team/app:1")]);
    assert_eq!(scene.enclave.registry.repositories(), ["team/app"]);
    scene.enclave.expect_all_of(&scene.side, "team/app", "team/app");
    // Both together; what is excluded is out whatever is selected.
    let (db, tool) = (named("team/db"), named("team/tool"));
    let report = scene.report(0, &["--only", &all, "--exclude", &db, "--exclude", &tool]);
    assert_eq!(sources(&report), [named("team/app:1")]);
    scene.unpack(&["--only", &app, "--exclude", &all]).expect_code(2);
    // A pattern that covers nothing is a mistake, and so it is where the rest could be had.
    let ran = scene.unpack(&["--only", &app, "--exclude", &named("team/toll")]).expect_code(2);
    ran.expect_error(&["--exclude", "team/tool"]);
    // A scope for an image that is left out covers an image of the bundle.
    let allowed = ["--only", &app, "--allow-unsigned", &tool];
    scene.report(0, &allowed);
}

#[test]
fn refused_images_are_skipped_and_nothing_of_them_is_published() {
    let scene = Scene::new();
    let ran = scene.unpack(&[]).expect_code(3).expect_error(&["--skip-refused"]);
    assert!(ran.stderr.contains(&named("team/tool:1")), "{ran}");
    scene.enclave.expect_untouched();
    let report = scene.report(4, &["--skip-refused", "--install-keys"]);
    assert_eq!(sources(&report), [named("team/app:1"), named("team/db:1")]);
    assert_eq!(report["skipped"][0]["source"], json!(named("team/tool:1")));
    assert_eq!(report["skipped"][0]["admission"], "refused");
    assert_eq!(scene.enclave.registry.repositories(), ["team/app", "team/db"]);
    let text = scene.unpack(&["--skip-refused"]).expect_code(4).stdout;
    for words in ["refused: registry.example/team/tool:1: ", "1 image refused, and nothing of them"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    // With nothing to refuse it changes nothing, and with nothing else it refuses as ever.
    let tool = named("team/tool");
    scene.report(0, &["--skip-refused", "--allow-unsigned", &tool]);
    let other = scene.side.key("other.pub", &Signer::p256());
    let enclave = Enclave::start();
    enclave.unpack(&scene.side.file(), &["--skip-refused", "--key", &other]).expect_code(3);
    enclave.expect_untouched();
}

#[test]
fn part_of_a_bundle_comes_through_a_pipe_and_into_a_layout() {
    let scene = Scene::new();
    let (app, layout) = (named("team/app"), scene.side.output("layout"));
    for target in [scene.enclave.address().to_owned(), format!("oci:{}", layout.display())] {
        let pipe = File::open(scene.side.file()).expect("the archive");
        let program = Program::bundle().args(&["unpack", "-q", "--json", "-", "--to", &target]);
        let program = program.args(&["--key", &scene.key, "--only", &app, "--root"]);
        let ran = program.arg(scene.enclave.root()).stdin(pipe).run().expect_code(0);
        assert_eq!(sources(&ran.json()), [named("team/app:1")]);
    }
    assert_eq!(scene.enclave.registry.repositories(), ["team/app"]);
    let index = std::fs::read_to_string(layout.join("index.json")).expect("an index");
    assert!(index.contains("team/app") && !index.contains("team/db"), "{index}");
}
