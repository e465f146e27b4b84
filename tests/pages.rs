//! What the program says about itself: its version, its pages, its completions.

use crate::harness::command::Program;
use std::fs;
use std::path::Path;

/// Set to write the page anew instead of comparing it.
const WRITE: &str = "BUNDLE_WRITE_PAGES";

#[test]
fn the_page_of_the_command_line_is_what_help_says() {
    let page = Program::bundle().arg("pages").run().expect_code(0).stdout;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/cli.md");
    if std::env::var_os(WRITE).is_some() {
        fs::write(&file, &page).expect("the page");
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == page,
        "docs/reference/cli.md is old: write it anew with {WRITE}=1 and this test"
    );
    let help = Program::bundle().args(&["unpack", "--help"]).run().expect_code(0).stdout;
    let first = help.lines().next().expect("a line");
    assert!(page.contains(first), "{first}");
    assert!(!page.contains("## bundle pages"), "nobody needs to type it");
}

#[test]
fn every_command_has_a_manual_page() {
    let directory = tempfile::tempdir().expect("directory");
    Program::bundle().args(&["pages", "--man"]).arg(directory.path()).run().expect_code(0);
    for name in ["bundle", "bundle-pack", "bundle-keys-install", "bundle-config-install"] {
        let page = fs::read_to_string(directory.path().join(format!("{name}.1"))).expect(name);
        assert!(page.contains(".SH NAME"), "{page}");
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
    let missing = directory.path().join("missing");
    let refused = Program::bundle().args(&["pages", "--man"]).arg(&missing).run().expect_code(1);
    assert!(refused.stderr.contains("cannot be written to"), "{refused}");
}

#[test]
fn completions_name_commands_and_options_in_each_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = Program::bundle().args(&["completions", shell]).run().expect_code(0);
        assert!(ran.stdout.contains("install-keys"), "{shell}");
        assert!(ran.stdout.contains("unpack"), "{shell}");
    }
    Program::bundle().args(&["completions", "tcsh"]).run().expect_code(2);
}

#[test]
fn version_names_the_commit_and_the_format() {
    for options in [&["--version"][..], &["-V"], &["pack", "--version"]] {
        let said = Program::bundle().args(options).run().expect_code(0).stdout;
        let (program, rest) = said.split_once(" (commit ").expect("a commit");
        assert!(program.ends_with(env!("CARGO_PKG_VERSION")), "{said}");
        let (commit, format) = rest.trim_end().split_once(", format ").expect("a format");
        let is_commit = commit.len() >= 7 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(is_commit || commit == "unknown", "{said}");
        assert_eq!(format, format!("{})", bundle::inventory::FORMAT_VERSION));
    }
}
