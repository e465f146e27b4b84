//! First use of a publisher's key: only a person at a terminal, only with a fingerprint that came another way, and never
//! where something else decides.

use crate::harness::command::Program;
use crate::harness::scene::{Connected, Enclave, HOST};
use crate::harness::signer::Signer;
use crate::harness::terminal::{converse, terminal};
use crate::unpacking::Carried;
use std::fs::File;

const FINGERPRINT: &str = "Fingerprint (sha256:… or openpgp:…): ";
const SCOPE: &str = "HOST/REPOSITORY: ";
const PROMPTS: [&str; 2] = [FINGERPRINT, SCOPE];

/// The two answers, each with its line end.
fn answers<'a>(fingerprint: &'a str, scope: &'a str) -> [(&'static str, &'a str); 2] {
    [(PROMPTS[0], fingerprint), (PROMPTS[1], scope)]
}

#[test]
fn a_fingerprint_that_came_another_way_admits_what_it_is_for() {
    let carried = Carried::new();
    let (file, good) = (carried.side.file(), carried.signer.fingerprint().to_string());
    let typed = format!("{good}\n");
    for scope in [format!("{HOST}\n"), format!("  {HOST}/team\n"), format!("{HOST}/team/app\n")] {
        let enclave = Enclave::start();
        let (ran, shown) = converse(enclave.unpacking(&file, &[]), &answers(&typed, &scope));
        ran.expect_code(0);
        assert!(shown.contains(&format!("{HOST}/team/app:1")), "{shown}");
        // What is carried is never shown: before anything was typed, the fingerprint stands nowhere.
        let before = shown.split(FINGERPRINT).next().expect("a question");
        assert!(!before.contains(&good.to_string()[7..]), "{shown}");
        enclave.expect_all_of(&carried.side, "team/app", "team/app");
    }
}

#[test]
fn what_is_typed_is_recorded_with_the_installed_key_and_asked_for_no_more() {
    let carried = Carried::new();
    let (file, typed) = (carried.side.file(), format!("{}\n", carried.signer.fingerprint()));
    let enclave = Enclave::start();
    let dialogue = answers(&typed, "registry.example/team\n");
    let (ran, _) = converse(enclave.unpacking(&file, &["--install-keys"]), &dialogue);
    ran.expect_code(0);
    enclave.unpack(&file, &[]).expect_code(0);
}

#[test]
fn another_fingerprint_scope_or_nothing_admits_nothing_and_shows_no_carried_one() {
    let carried = Carried::new();
    let (file, good) = (carried.side.file(), carried.signer.fingerprint().to_string());
    let typed = format!("{good}\n");
    let other = format!("{}\n", Signer::generate().fingerprint());
    let scope = format!("{HOST}\n");
    for (fingerprint, scope, said) in [
        (other.as_str(), scope.as_str(), "no carried key of a signer has the trusted fingerprint"),
        (&typed, "other.example\n", "no-anchor"),
        (&typed, "*\n", "not for everything"),
        (&typed, "\n", "nothing was typed"),
        (&typed, "?\n", "is not"),
        ("sha256:abc\n", "", "no key was trusted"),
        (
            "openpgp:0000000000000000000000000000000000000000\n",
            &scope,
            "no carried key of a signer",
        ),
        ("\n", "", "nothing was typed"),
        ("\x04", "", "nothing was typed"),
    ] {
        let enclave = Enclave::start();
        let (ran, shown) = converse(enclave.unpacking(&file, &[]), &answers(fingerprint, scope));
        ran.expect_code(3);
        assert!(shown.contains(said), "{fingerprint:?} {scope:?}: {shown}");
        // Beyond the echo of what was typed.
        let shown = shown.replacen(&good, "", usize::from(fingerprint == typed));
        assert!(!shown.contains(&good[7..]), "{fingerprint:?} {scope:?}: {shown}");
        enclave.expect_untouched();
    }
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let carried = Carried::new();
    let (file, good) = (carried.side.file(), carried.signer.fingerprint().to_string());
    let words = carried.side.text("answers", &format!("{good}\n{HOST}\n"));
    let enclave = Enclave::start();
    let piped = enclave.unpacking(&file, &[]).stdin(File::open(words).expect("file"));
    piped.run().expect_code(3).expect_error(&["nothing is trusted"]);
    // A terminal for input alone, with nobody to see the question, is none.
    let (_person, program) = terminal();
    let ran = enclave.unpacking(&file, &[]).stdin(program).run().expect_code(3);
    assert!(!ran.stderr.contains("Fingerprint"), "{ran}");
    enclave.expect_untouched();
    let (ran, _) = converse(
        enclave.unpacking(&file, &[]),
        &answers(&format!("{good}\n"), "registry.example\n"),
    );
    ran.expect_code(0);
}

#[test]
fn where_an_anchor_exists_for_the_scope_it_decides_alone() {
    let carried = Carried::new();
    let (file, typed) = (carried.side.file(), format!("{}\n", carried.signer.fingerprint()));
    let wrong = carried.side.key("wrong.pub", &Signer::generate());
    // For the image itself: a wrong signature is no occasion to trust somebody else.
    for scope in ["", "registry.example=", "registry.example/team/app="] {
        let enclave = Enclave::start();
        let key = format!("{scope}{wrong}");
        let program = enclave.unpacking(&file, &["--key", &key]);
        let (ran, shown) = converse(program, &answers(&typed, "registry.example\n"));
        ran.expect_code(3);
        assert!(!shown.contains(FINGERPRINT), "{scope}: {shown}");
        enclave.expect_untouched();
    }
    // For another image within the scope that is typed.
    let key = format!("registry.example/team/db={wrong}");
    for (scope, expected) in [
        ("registry.example\n", 3),
        ("registry.example/team\n", 3),
        ("registry.example/team/app\n", 0),
    ] {
        let enclave = Enclave::start();
        let program = enclave.unpacking(&file, &["--key", &key]);
        let (ran, shown) = converse(program, &answers(&typed, scope));
        ran.expect_code(expected);
        assert_eq!(shown.contains("is trusted for"), expected == 3, "{shown}");
        if expected == 3 {
            enclave.expect_untouched();
        }
    }
}

#[test]
fn an_installed_key_is_an_anchor_too() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let arguments = ["--install-keys", "--key", carried.key.as_str()];
    enclave.unpack(&carried.side.file(), &arguments).expect_code(0);
    // The courier's: the same name, his own image, and his own key, whose fingerprint he tells.
    let forged = Connected::start();
    let courier = Signer::generate();
    forged.signed("team/app", &courier);
    forged.signed("team/new", &courier);
    let key = forged.key("release.pub", &courier);
    forged.pack(&["team/app:1", "team/new:1"], &["--key", &key]).expect_code(0);
    let (file, typed) = (forged.file(), format!("{}\n", courier.fingerprint()));
    let before = enclave.tags();
    for scope in ["registry.example\n", "registry.example/team\n", "registry.example/team/app\n"] {
        let (ran, shown) = converse(enclave.unpacking(&file, &[]), &answers(&typed, scope));
        ran.expect_code(3);
        assert!(shown.contains("is trusted for"), "{shown}");
        assert_eq!(enclave.tags(), before);
    }
    // For what nobody vouches for it counts, and what somebody else vouches for is still refused.
    let program = enclave.unpacking(&file, &[]);
    let (ran, shown) = converse(program, &answers(&typed, "registry.example/team/new\n"));
    ran.expect_code(3);
    assert!(shown.contains("1 of 2 images"), "{shown}");
    assert_eq!(enclave.tags(), before);
}

#[test]
fn a_policy_and_a_bundle_without_keys_are_no_occasion() {
    let carried = Carried::new();
    let policy = carried.side.text("policy.json", r#"{"default": [{"type": "reject"}]}"#);
    let enclave = Enclave::start();
    let file = carried.side.file();
    let (ran, shown) = converse(enclave.unpacking(&file, &["--policy", &policy]), &[]);
    ran.expect_code(3);
    assert!(!shown.contains(FINGERPRINT), "{shown}");
    std::fs::remove_file(&file).expect("archive");
    carried.side.pack(&["team/app:1"], &[]).expect_code(0);
    let (ran, shown) = converse(enclave.unpacking(&file, &[]), &[]);
    ran.expect_code(3);
    assert!(!shown.contains(FINGERPRINT), "{shown}");
    enclave.expect_untouched();
    // Other commands ask nobody.
    let verify = Program::bundle().args(&["verify", "-q"]).arg(&file);
    let (ran, shown) = converse(verify, &[]);
    ran.expect_code(0);
    assert!(!shown.contains(FINGERPRINT), "{shown}");
}
