//! Key pairs.

use super::{Keys, PASSWORD, bundle, seal, verified};
use crate::harness::command::Program;
use crate::harness::terminal::terminal;
use rustix::termios::{LocalModes, tcgetattr};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

#[test]
fn key_pair_is_readable_by_its_owner_with_the_password_alone() {
    let keys = Keys::made("ours");
    let mode = |path: &Path| fs::metadata(path).expect("file").permissions().mode() & 0o7777;
    assert_eq!(mode(&keys.private("ours")), 0o600);
    assert_eq!(mode(&keys.public_file("ours")) & 0o7133, 0);
    let text = fs::read_to_string(keys.private("ours")).expect("private key");
    assert!(text.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"), "{text}");
    let (_carried, file) = bundle();
    let ran = seal(&file, &keys.private("ours")).expect_code(0);
    let fingerprint = keys.public("ours").fingerprint();
    assert!(ran.stdout.contains(&fingerprint.to_string()), "{ran}");
    assert_eq!(verified(&file, &[keys.public("ours")]), Ok(fingerprint));
}

#[test]
fn no_key_file_is_ever_overwritten() {
    for taken in ["taken.key", "taken.pub"] {
        let keys = Keys::new();
        fs::write(keys.path(taken), "precious").expect("file");
        let ran = keys.generate("taken", PASSWORD).expect_code(2);
        ran.expect_error(&[taken, "no key file is overwritten", "hint: "]);
        assert_eq!(fs::read(keys.path(taken)).expect("file"), b"precious");
        assert_eq!(crate::harness::scene::names(keys.0.path()), [taken]);
    }
    let keys = Keys::new();
    let elsewhere = keys.path("elsewhere");
    symlink(&elsewhere, keys.path("linked.key")).expect("link");
    keys.generate("linked", PASSWORD).expect_code(2);
    assert!(!elsewhere.exists(), "a dangling link is not written through");
    keys.generate("other", PASSWORD).expect_code(0);
    keys.generate("missing/folder", PASSWORD).expect_code(6).expect_error(&["missing/folder.key"]);
}

#[test]
fn a_password_is_never_taken_from_a_pipe() {
    let keys = Keys::made("ours");
    let words = keys.path("words");
    fs::write(&words, format!("{PASSWORD}\n{PASSWORD}\n")).expect("file");
    let (_carried, file) = bundle();
    let before = fs::read(&file).expect("archive");
    let keygen = Program::bundle().args(&["keygen", "--output-key-prefix"]).arg(keys.path("new"));
    let seal = Program::bundle().arg("seal").arg(&file).arg("--seal-key").arg(keys.private("ours"));
    for program in [keygen, seal] {
        let ran = program.stdin(File::open(&words).expect("file")).run().expect_code(2);
        ran.expect_error(&["standard input is not a terminal", "COSIGN_PASSWORD"]);
    }
    assert!(!keys.private("new").exists());
    assert!(fs::read(&file).expect("archive") == before);
}

#[test]
fn on_a_terminal_the_password_is_asked_for_and_not_shown() {
    let keys = Keys::new();
    let made = |name: &str, answers: &[&str]| {
        let (mut person, program) = terminal();
        let held = program.try_clone().expect("the other side");
        let keygen = Program::bundle().args(&["keygen", "--output-key-prefix"]);
        let keygen = keygen.arg(keys.path(name)).stdin(program);
        let running = keygen.start();
        for answer in answers {
            // Typed ahead of the question it would be thrown away, so it is waited for.
            let deadline = Instant::now() + Duration::from_secs(60);
            while tcgetattr(&held).expect("modes").local_modes.contains(LocalModes::ECHO) {
                assert!(Instant::now() < deadline, "nothing is asked");
                std::thread::yield_now();
            }
            person.write_all(answer.as_bytes()).expect("typed");
        }
        let ran = running.end();
        let modes = tcgetattr(&held).expect("modes").local_modes;
        assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG));
        drop(held);
        let mut shown = Vec::new();
        // Ends with an error when nobody has the other side any more.
        let _ = person.read_to_end(&mut shown);
        let shown = String::from_utf8_lossy(&shown).into_owned();
        assert!(!shown.contains("horse"), "nothing is echoed: {shown}");
        ran
    };
    let ran = made("asked", &["correct horse\r", "correct horse\r"]).expect_code(0);
    ran.expect_error(&["Password of the new private key: ", "The same again: "]);
    let (_carried, file) = bundle();
    seal(&file, &keys.private("asked")).expect_code(0);
    made("differ", &["correct horse\r", "wrong horse\r"]).expect_code(2).expect_error(&["differ"]);
    made("given-up", &["correct horse\x04"]).expect_code(2).expect_error(&["no password"]);
    made("given-up", &["correct horse\x03"]).expect_code(130).expect_error(&["interrupted"]);
    assert!(!keys.private("differ").exists() && !keys.private("given-up").exists());
}
