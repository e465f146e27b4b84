//! Directories as administrators write them, and as nobody should.

use super::*;
use tempfile::TempDir;

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, content) in files {
        std::fs::write(directory.path().join(name), content).expect("a file");
    }
    directory
}

fn of(files: &[(&str, &str)]) -> Result<RegistriesD, RegistriesDError> {
    RegistriesD::read(directory(files).path())
}

fn lookaside(configuration: &RegistriesD, reference: &str) -> Option<String> {
    let reference = reference.parse().expect("a reference");
    configuration.lookaside(&reference).map(str::to_owned)
}

#[test]
fn the_narrowest_scope_that_says_something_counts() {
    let configuration = of(&[
        (
            "a.yaml",
            "default-docker:\n  lookaside: https://default.example\ndocker:\n  \
             quay.io/team:\n    sigstore: https://team.example\n  \
             quay.io/team/app:1:\n    lookaside: https://one.example\n    sigstore: https://old.example\n  \
             quay.io/team/quiet:\n    lookaside-staging: file:///x\n    use-sigstore-attachments: true\n",
        ),
        ("b.yaml", "docker:\n  registry.example:5000: {lookaside: https://port.example}\n"),
        ("c.yaml", "docker:\n  '*.corp.example': {lookaside: https://corp.example}\n"),
        ("d.not-yaml", "docker: [nonsense"),
        ("e.yaml", ""),
        ("f.yaml", "docker:\n"),
        ("g.yaml", "unknown: {key: [1, 2]}\ndocker: {h.example: {also-unknown: 7}}\n"),
        ("h.yaml", "docker: {i.example: }\n"),
        ("i.yaml", "# nothing but words\n"),
    ])
    .expect("read");
    for (reference, expected) in [
        ("quay.io/team/app:1", "https://one.example"),
        ("quay.io/team/app:2", "https://team.example"),
        ("quay.io/team/app/deep:1", "https://team.example"),
        // A scope that says nothing about it leaves the word to the wider one.
        ("quay.io/team/quiet:1", "https://team.example"),
        ("quay.io/teamwork/app:1", "https://default.example"),
        ("registry.example:5000/a:1", "https://port.example"),
        ("registry.example/a:1", "https://default.example"),
        ("a.b.corp.example:5000/x:1", "https://corp.example"),
        ("corp.example/x:1", "https://default.example"),
        ("h.example/x:1", "https://default.example"),
        ("i.example/x:1", "https://default.example"),
    ] {
        assert_eq!(lookaside(&configuration, reference).as_deref(), Some(expected), "{reference}");
    }
    let digest = bundle_oci::Digest::of(b"x");
    let pinned = format!("docker:\n  quay.io/a@{digest}: {{lookaside: https://pin.example}}\n");
    let configuration = of(&[("a.yaml", &pinned)]).expect("read");
    let found = lookaside(&configuration, &format!("quay.io/a@{digest}"));
    assert_eq!(found.as_deref(), Some("https://pin.example"));
    assert_eq!(lookaside(&configuration, "quay.io/a:1"), None);
}

#[test]
fn what_two_files_have_is_refused_and_in_one_each_it_is_not() {
    let one = "docker: {a.example: {lookaside: 'https://x.example'}}";
    let default = "default-docker: {lookaside: 'https://x.example'}";
    for (first, second, key) in
        [(one, one, "docker: a.example"), (default, default, "default-docker")]
    {
        let error = of(&[("1.yaml", first), ("2.yaml", second)]).expect_err("refused");
        let RegistriesDError::Twice { key: found, first, second } = &error else {
            panic!("{error}")
        };
        assert_eq!(found, key);
        assert!(first.ends_with("1.yaml") && second.ends_with("2.yaml"), "{error}");
    }
    assert!(of(&[("1.yaml", one), ("2.yaml", default)]).is_ok());
}

#[test]
fn what_is_no_such_file_is_refused() {
    let deep = format!("docker: {}{}", "[".repeat(200), "]".repeat(200));
    let bomb = {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..9 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        text.push_str("docker: {a.example: *a8}\n");
        text
    };
    let long = "#".repeat(MAX_FILE as usize + 1);
    for wrong in [
        "docker: [a]",
        "docker: {a.example: text}",
        "docker: {a.example: {lookaside: [x]}}",
        "docker: {a.example: {use-sigstore-attachments: perhaps}}",
        "docker: {a.example: {}, a.example: {}}",
        "docker: {a.example: {lookaside: x, lookaside: y}}",
        "docker: {}\n---\ndocker: {}\n",
        "docker: {",
        "text",
        &deep,
        &bomb,
        &long,
    ] {
        let start = wrong.get(..60).unwrap_or(wrong);
        let error = of(&[("a.yaml", wrong)]).expect_err(start);
        assert!(matches!(error, RegistriesDError::File { .. }), "{start}: {error:?}");
        assert!(error.to_string().chars().count() < 800, "{start}");
    }
    // The twin: the longest file that is read.
    assert!(of(&[("a.yaml", &long[1..])]).is_ok());
}

#[test]
fn a_directory_or_pipe_with_the_name_of_a_file_is_refused() {
    let root = directory(&[]);
    std::fs::create_dir(root.path().join("a.yaml")).expect("a directory");
    let error = RegistriesD::read(root.path()).expect_err("refused");
    assert!(error.to_string().contains("not a regular file"), "{error}");
    let root = directory(&[]);
    std::os::unix::fs::symlink("nowhere", root.path().join("a.yaml")).expect("a link");
    assert_eq!(RegistriesD::read(root.path()).expect("as if removed"), RegistriesD::default());
    let missing = root.path().join("missing");
    let error = RegistriesD::read(&missing).expect_err("not there");
    assert!(matches!(error, RegistriesDError::Read { .. }), "{error:?}");
}

#[test]
fn the_directory_of_the_user_replaces_the_one_of_the_machine() {
    let home = tempfile::tempdir().expect("a home");
    let own = home.path().join(OF_USER);
    std::fs::create_dir_all(&own).expect("a directory");
    let file = "docker: {a.example: {lookaside: 'https://own.example'}}";
    std::fs::write(own.join("a.yaml"), file).expect("a file");
    let configuration = RegistriesD::of_user(Some(home.path())).expect("read");
    assert_eq!(lookaside(&configuration, "a.example/x:1").as_deref(), Some("https://own.example"));
    // What is not configured lies where the tools put it by themselves.
    let built_in = lookaside(&configuration, "b.example/x:1").expect("built in");
    assert!(built_in.starts_with("file:///") && built_in.ends_with("/containers/sigstore"));
    assert_eq!(lookaside(&RegistriesD::default(), "b.example/x:1"), None);
}
