//! Files of settings: what is read, and what is refused with its line.

use super::*;

fn parse(text: &str) -> Result<Settings, SettingsError> {
    Settings::parse("/etc/bundle/config.toml", text.as_bytes())
}

#[test]
fn the_example_of_the_documentation_reads() {
    let source = include_str!("content.rs");
    let example: Vec<&str> = source
        .lines()
        .skip_while(|line| *line != "//! ```toml")
        .skip(1)
        .take_while(|line| *line != "//! ```")
        .map(|line| line.trim_start_matches("//!").trim_start())
        .collect();
    let settings = parse(&example.join("\n")).expect("settings");
    assert_eq!(settings.to.as_deref(), Some("registry.enclave.example:5000/mirror"));
    assert_eq!(settings.jobs.map(NonZeroU16::get), Some(4));
    assert_eq!(settings.trust.key[0].scope.to_string(), "registry.redhat.io");
    assert_eq!(settings.trust.seal_name, ["monthly"]);
    assert_eq!(settings.trust.require_seal, Some(true));
    assert_eq!(settings.mapping.map[0].to_string(), "registry.redhat.io=redhat");
    assert_eq!(parse(""), Ok(Settings::default()));
}

#[test]
fn unknown_keys_are_named_with_file_and_line() {
    for (text, line, key) in [
        ("jobs = 4\ntoo = \"x\"", 2, "too"),
        ("[trust]\n\nrequire-seal = true", 3, "require-seal"),
        ("[mapping]\nkeephost = true", 2, "keephost"),
        ("[other]\nx = 1", 1, "other"),
    ] {
        let error = parse(text).expect_err(text).to_string();
        let start = format!("/etc/bundle/config.toml, line {line}: ");
        assert!(error.starts_with(&start) && error.contains(key), "{error}");
    }
}

#[test]
fn values_that_options_would_refuse_are_refused_here() {
    for (text, named) in [
        ("jobs = 0", "line 1"),
        ("jobs = \"4\"", "line 1"),
        ("jobs = 70000", "line 1"),
        ("jobs = 65", "1..=64"),
        ("to = \"\"", "to cannot"),
        ("[trust]\nkey = [\"relative.pub\"]", "trust.key"),
        ("[trust]\nkey = [\"quay.io=\"]", "trust.key"),
        ("[trust]\nkey = [\"docker.io/app=/k\"]", "trust.key"),
        ("[trust]\npolicy = \"policy.json\"", "trust.policy"),
        ("[trust]\nseal_pub = \"~/seal.pub\"", "trust.seal_pub"),
        ("[trust]\nrequire_seal = \"yes\"", "line 2"),
        ("[trust]\nseal_name = 1", "a text or a list of texts"),
        ("[trust]\nseal_name = [1]", "a text or a list of texts"),
        ("[mapping]\nmap = [\"x\"]", "mapping.map"),
        ("[trust]\nkey = [1]", "line 2"),
        ("jobs = 1\njobs = 2", "line 2"),
        ("jobs = ", "line 1"),
    ] {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.contains(named), "{text}: {error}");
        assert!(error.starts_with("/etc/bundle/config.toml, line "), "{text}: {error}");
    }
    let third =
        parse("jobs = 1\n[trust]\nkey = [\"/a\",\n  \"relative.pub\"]").expect_err("refused");
    assert!(matches!(third, SettingsError::Value { line: 4, .. }), "{third}");
    let latin = Settings::parse("f", b"\nto = \"\xe9\"");
    assert!(matches!(latin, Err(SettingsError::Document { line: 2, .. })));
    let large = Settings::parse("f", &vec![b'\n'; MAX_FILE + 1]);
    assert!(matches!(large, Err(SettingsError::TooLarge { .. })));
    let long = parse(&format!("{} = 1", "k".repeat(100_000))).expect_err("refused");
    assert!(long.to_string().len() < 1_000);
}
