//! Lists of images, globs of tags, and references as people type them.

use crate::harness::command::{Program, Ran};
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::images;
use crate::harness::scene::Connected;
use reqwest::Method;
use serde_json::Value;
use std::fs::File;

/// Packs with these arguments alone.
fn pack(side: &Connected, arguments: &[&str]) -> Ran {
    let program = Program::bundle().args(&["pack", "-q", "--restart", "-o"]).arg(side.file());
    program.args(arguments).run()
}

/// The sources of what was packed.
fn sources(side: &Connected) -> Vec<String> {
    let report: Value = side.inspect();
    let images = report["images"].as_array().expect("images").iter();
    images.map(|image| image["source"].as_str().expect("a source").to_owned()).collect()
}

#[test]
fn list_in_a_file_is_packed_beside_arguments() {
    let side = Connected::start();
    for repository in ["team/app", "team/db", "team/web"] {
        side.unsigned(repository);
    }
    let at = side.address();
    let content = format!(
        "\u{feff}# what we run\r\n\r\n{at}/team/app:1=registry.example/team/app:1 # renamed\r\n  docker://{at}/team/db:1\r\n"
    );
    let list = side.text("images.txt", &content);
    let expected = ["registry.example/team/app:1".to_owned(), format!("{at}/team/db:1")];
    pack(&side, &["-f", &list]).expect_code(0);
    assert_eq!(sources(&side), expected);
    let web = format!("{at}/team/web:1");
    pack(&side, &[&web, "--file", &list]).expect_code(0);
    assert_eq!(sources(&side), [&[web][..], &expected].concat());
    // The same through a pipe.
    let program = Program::bundle().args(&["pack", "-q", "--restart", "-f", "-", "-o"]);
    let input = File::open(&list).expect("the list");
    program.arg(side.file()).stdin(input).run().expect_code(0);
    assert_eq!(sources(&side), expected);
}

#[test]
fn all_faults_of_arguments_and_lists_are_told_at_once() {
    let side = Connected::start();
    let list = side.text("images.txt", "quay.io/org/app:1\nnginx:1.27\nquay.io/org/UPPER:1\n");
    let other = side.text("chart.yaml", "apiVersion: v1\nkind: Pod\n");
    let ran =
        pack(&side, &["org/app", "quay.io/org/tool", "-f", &list, "-f", &other]).expect_code(2);
    for words in [
        "\"org/app\" names no registry",
        "\"quay.io/org/tool\" has neither a tag nor a digest",
        "images.txt:2:1: \"nginx:1.27\" names no registry",
        "images.txt:3:1: ",
        "chart.yaml:1:1: the file is YAML",
        "error: 5 sources cannot be used",
        "hint: write docker.io/org/app:latest",
        "hint: write quay.io/org/tool:latest",
        "hint: write docker.io/library/nginx:1.27",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {ran}");
    }
    assert!(side.left().iter().all(|name| name != "bundle.tar.zst"), "{:?}", side.left());
    // One alone is the error itself.
    pack(&side, &["nginx"]).expect_code(2).expect_error(&["write docker.io/library/nginx:latest"]);
    let nothing = side.text("empty.txt", "# nothing\n");
    pack(&side, &["-f", &nothing]).expect_code(2).expect_error(&["name no image"]);
    pack(&side, &["-f", "/nowhere/images.txt"])
        .expect_code(2)
        .expect_error(&["/nowhere/images.txt"]);
    pack(&side, &[]).expect_code(2);
}

#[test]
fn glob_means_the_tags_that_match_and_never_those_of_signatures() {
    let side = Connected::start();
    let image = images::image("app", "linux/amd64", &[100]);
    for tag in ["1.0", "1.1", "1.10", "2.0", "latest"] {
        image.push(&side.registry, "team/app", Some(tag));
    }
    let signature = format!("sha256-{}.sig", "a".repeat(64));
    image.push(&side.registry, "team/app", Some(&signature));
    let at = format!("{}/team/app", side.address());
    let named = |tags: &[&str]| tags.iter().map(|tag| format!("{at}:{tag}")).collect::<Vec<_>>();
    for (glob, tags) in [
        ("1.?", &["1.0", "1.1"][..]),
        ("1.*", &["1.0", "1.1", "1.10"]),
        ("[!12]*", &["latest"]),
        ("*", &["1.0", "1.1", "1.10", "2.0", "latest"]),
    ] {
        pack(&side, &[&format!("{at}:{glob}")]).expect_code(0);
        assert_eq!(sources(&side), named(tags), "{glob}");
    }
    let ran = pack(&side, &[&format!("{at}:3.*"), &format!("{at}:4.*")]).expect_code(5);
    ran.expect_error(&["none of the 6 tags of", "matches 3.*", "matches 4.*"]);
    for wrong in ["1.[0", "{1,2}", "*=quay.io/org/app:1"] {
        pack(&side, &[&format!("{at}:{wrong}")]).expect_code(2);
    }
}

#[test]
fn thousands_of_tags_take_one_request_for_each_thousand() {
    let mut side = Connected::start();
    let image = images::image("app", "linux/amd64", &[100]);
    for number in 0..2_100 {
        image.push(&side.registry, "team/app", Some(&format!("0.{number}")));
    }
    image.push(&side.registry, "team/app", Some("1.0"));
    let proxy = FaultProxy::start(side.address());
    side.through(proxy.address());
    pack(&side, &[&format!("{}/team/app:1.*", proxy.address())]).expect_code(0);
    assert_eq!(proxy.count(&Method::GET, |path| path.contains("/tags/list")), 3);
    assert_eq!(proxy.count(&Method::GET, |path| path.contains("/manifests/1.0")), 1);
    assert_eq!(proxy.count(&Method::GET, |path| path.contains("/manifests/0.")), 0);
}
