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
fn typed_scope_is_recorded_with_the_key_and_not_asked_again() {
    let carried = Carried::new();
    let (file, typed) = (carried.side.file(), format!("{}\n", carried.signer.fingerprint()));
    let enclave = Enclave::start();
    let dialogue = answers(&typed, "registry.example/team\n");
    let (ran, _) = converse(enclave.unpacking(&file, &["--install-keys"]), &dialogue);
    ran.expect_code(0);
    enclave.unpack(&file, &[]).expect_code(0);
}

#[test]
fn wrong_answer_admits_nothing_and_shows_no_carried_key() {
    let carried = Carried::new();
    let (file, good) = (carried.side.file(), carried.signer.fingerprint().to_string());
    let typed = format!("{good}\n");
    let other = format!("{}\n", Signer::p256().fingerprint());
    let scope = format!("{HOST}\n");
    for (fingerprint, scope, said) in [
        (other.as_str(), scope.as_str(), "no carried key of a signer has this fingerprint"),
        (&typed, "other.example\n", "covers no image of this bundle"),
        (&typed, "*\n", "a key is trusted for a registry, a namespace or a repository"),
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
fn typing_error_is_corrected_at_the_next_question() {
    let carried = Carried::new();
    let (file, good) = (carried.side.file(), carried.signer.fingerprint().to_string());
    let (slip, typed) = (format!("{}\n", &good[..good.len() - 1]), format!("{good}\n"));
    let enclave = Enclave::start();
    let dialogue = [
        (FINGERPRINT, slip.as_str()),
        (FINGERPRINT, &typed),
        (SCOPE, "registry.exampel\n"),
        (SCOPE, "registry.example/team\n"),
    ];
    let (ran, shown) = converse(enclave.unpacking(&file, &[]), &dialogue);
    ran.expect_code(0);
    assert_eq!(shown.matches("try again").count(), 2, "{shown}");
}

#[test]
fn third_wrong_fingerprint_ends_the_questions() {
    let carried = Carried::new();
    let other = format!("{}\n", Signer::p256().fingerprint());
    let enclave = Enclave::start();
    let dialogue = [(FINGERPRINT, other.as_str()); 4];
    let (ran, shown) = converse(enclave.unpacking(&carried.side.file(), &[]), &dialogue);
    ran.expect_code(3);
    assert_eq!(shown.matches(FINGERPRINT).count(), 3, "{shown}");
    enclave.expect_untouched();
}

#[test]
fn bundle_digest_that_is_typed_counts_as_expected_bundle() {
    let carried = Carried::new();
    let file = carried.side.file();
    let digest = carried.side.inspect()["bundleDigest"].as_str().expect("digest").to_owned();
    let enclave = Enclave::start();
    let (ran, shown) =
        converse(enclave.unpacking(&file, &[]), &[(FINGERPRINT, &format!("{digest}\n"))]);
    ran.expect_code(0);
    assert!(shown.contains("It counts as --expect-bundle does"), "{shown}");
    // The digest of another bundle is a fingerprint that nobody has.
    let other = format!("sha256:{}\n", "0".repeat(64));
    let enclave = Enclave::start();
    let (ran, _) = converse(enclave.unpacking(&file, &[]), &[(FINGERPRINT, &other)]);
    ran.expect_code(3);
    enclave.expect_untouched();
}

#[test]
fn fingerprint_is_not_asked_for_where_it_cannot_answer() {
    let signer = Signer::p256();
    let side = Connected::start();
    side.unsigned("team/plain");
    side.signed("team/app", &signer);
    let key = side.key("release.pub", &signer);
    // Unsigned, alone and beside a signed one; the key is carried.
    for images in [&["team/plain:1"][..], &["team/plain:1", "team/app:1"]] {
        drop(std::fs::remove_file(side.file()));
        let scoped = format!("{HOST}/team/app={key}");
        let keys = if images.len() > 1 { ["--key", &scoped] } else { ["--carry-key", &key] };
        side.pack(images, &keys).expect_code(0);
        let enclave = Enclave::start();
        let (ran, shown) = converse(enclave.unpacking(&side.file(), &[]), &[]);
        ran.expect_code(3);
        assert!(!shown.contains(FINGERPRINT), "{shown}");
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
    let wrong = carried.side.key("wrong.pub", &Signer::p256());
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
    // For another image within the scope that is typed, by the configuration: it is for other bundles as well.
    for (scope, expected) in [
        ("registry.example\n", 3),
        ("registry.example/team\n", 3),
        ("registry.example/team/app\n", 0),
    ] {
        let enclave = Enclave::start();
        let directory = enclave.root().join("etc/bundle");
        std::fs::create_dir_all(&directory).expect("directory");
        std::fs::copy(&wrong, directory.join("wrong.pub")).expect("key");
        let settings = "[trust]\nkey = [\"registry.example/team/db=/etc/bundle/wrong.pub\"]\n";
        std::fs::write(directory.join("config.toml"), settings).expect("configuration");
        let (ran, shown) = converse(enclave.unpacking(&file, &[]), &answers(&typed, scope));
        ran.expect_code(expected);
        assert_eq!(shown.contains("already trusted for"), expected == 3, "{shown}");
        assert_eq!(enclave.tags().is_empty(), expected == 3, "{shown}");
    }
}

#[test]
fn an_installed_key_is_an_anchor_too() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let arguments = ["--install-keys", "--key", carried.key.as_str()];
    enclave.unpack(&carried.side.file(), &arguments).expect_code(0);
    // The courier's: his own image, and his own key, whose fingerprint he tells.
    let forged = Connected::start();
    let courier = Signer::p256();
    forged.signed("team/new", &courier);
    let key = forged.key("release.pub", &courier);
    forged.pack(&["team/new:1"], &["--key", &key]).expect_code(0);
    let (file, typed) = (forged.file(), format!("{}\n", courier.fingerprint()));
    let before = enclave.tags();
    for scope in ["registry.example\n", "registry.example/team\n"] {
        let (ran, shown) = converse(enclave.unpacking(&file, &[]), &answers(&typed, scope));
        ran.expect_code(3);
        assert!(shown.contains("already trusted for"), "{shown}");
        assert_eq!(enclave.tags(), before);
    }
    // Beside an image that somebody else vouches for, no fingerprint lets the bundle in: nobody is asked.
    forged.signed("team/app", &courier);
    std::fs::remove_file(&file).expect("archive");
    forged.pack(&["team/app:1", "team/new:1"], &["--key", &key]).expect_code(0);
    let (ran, shown) = converse(enclave.unpacking(&file, &[]), &[]);
    ran.expect_code(3);
    assert!(!shown.contains(FINGERPRINT), "{shown}");
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
