//! What the documents claim is held by tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use walkdir::WalkDir;

/// Names of all tests of the repository: functions behind an attribute that makes them one.
fn tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    for folder in ["src", "crates", "tests"] {
        for entry in WalkDir::new(root.join(folder)) {
            let entry = entry.expect("entry");
            if entry.path().extension().is_none_or(|ending| ending != "rs") {
                continue;
            }
            let text = fs::read_to_string(entry.path()).expect("source");
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if let Some(rest) =
                    line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "))
                {
                    if is_test {
                        names.insert(rest.split('(').next().unwrap_or_default().to_owned());
                    }
                    is_test = false;
                }
            }
        }
    }
    names
}

/// All source of the program, strings that go over several lines joined.
fn source() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = String::new();
    for folder in ["src", "crates"].map(|name| root.join(name)).iter().filter(|f| f.is_dir()) {
        for entry in WalkDir::new(folder) {
            let entry = entry.expect("entry");
            if entry.path().extension().is_none_or(|ending| ending != "rs") {
                continue;
            }
            let text = fs::read_to_string(entry.path()).expect("source");
            let mut continues = false;
            for line in text.lines() {
                let line = if continues { line.trim_start() } else { line };
                let begun = line.strip_suffix('\\');
                all.push_str(begun.unwrap_or(line));
                continues = begun.is_some();
                if !continues {
                    all.push('\n');
                }
            }
        }
    }
    all
}

/// What stands between backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_claim_of_the_threat_model_names_tests_that_exist() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/threat-model.md");
    let text = fs::read_to_string(file).expect("the threat model");
    let tests = tests();
    assert!(tests.len() > 500, "tests are found: {}", tests.len());
    let rows = text.lines().filter(|line| line.starts_with('|') && !line.starts_with("|-"));
    let claims: Vec<&str> = rows.filter(|row| !row.contains("| held by |")).collect();
    assert!(claims.len() > 30, "claims are found: {}", claims.len());
    for claim in claims {
        let cells: Vec<&str> = claim.trim_matches('|').split(" | ").collect();
        let [_, held_by] = cells[..] else { panic!("a claim and its tests: {claim}") };
        let named = quoted(held_by);
        assert!(!named.is_empty(), "a claim without a test: {claim}");
        for name in named {
            assert!(tests.contains(name), "no test is called {name}: {claim}");
        }
    }
}

#[test]
fn messages_of_troubleshooting_are_those_of_the_program() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide/troubleshooting.md");
    let page = fs::read_to_string(file).expect("the page on troubleshooting");
    let source = source();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() > 80, "messages are found: {}", rows.len());
    for row in rows {
        let message = quoted(row)[0];
        let parts = message.split('…').map(|part| part.trim_matches([' ', ',', ';', ':']));
        for part in parts.filter(|part| part.len() > 3) {
            assert!(source.contains(part), "the program does not say {part:?}: {row}");
        }
    }
}
