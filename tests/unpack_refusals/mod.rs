//! What must not come in: each attempt is refused with its own words, and registry and key store stay as they were.

mod media;
mod passwords;
mod registries;
mod targets;

use crate::harness::scene::{Connected, Enclave, HOST};
use crate::harness::signatures::{
    SimpleSigning, cosign_tag, sig_manifest, sign_simple_as, simple_payload,
};
use crate::harness::signer::{Signer, no_signature};
use crate::unpacking::Carried;
use serde_json::json;

#[test]
fn nothing_is_trusted_until_somebody_says_so() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let ran = enclave.unpack(&carried.side.file(), &[]).expect_code(3);
    // The way on: what is carried, what to compare, which commands.
    ran.expect_error(&[
        &format!("{HOST}/team/app:1"),
        "no-anchor",
        &carried.signer.fingerprint().to_string(),
        "keys/release.pub",
        "compare its fingerprint",
        "--trust-fingerprint",
        "--key",
        "--expect-bundle",
    ]);
    enclave.expect_untouched();
}

#[test]
fn the_couriers_own_bundle_is_refused() {
    // He signs his image with his own key, under the names of the real one, and carries that key.
    let attacker = Carried::new();
    let honest = Signer::p256();
    let enclave = Enclave::start();
    let key = attacker.side.key("honest.pub", &honest);
    let pin = honest.fingerprint().to_string();
    let image = format!("{HOST}/team/app:1");
    for (trust, words) in [
        (&[][..], "no-anchor"),
        (&["--key", key.as_str()], "signature-wrong-key"),
        (&["--trust-fingerprint", &pin], pin.as_str()),
    ] {
        let arguments = [&["--install-keys"], trust].concat();
        let ran = enclave.unpack(&attacker.side.file(), &arguments).expect_code(3);
        ran.expect_error(&[words]);
        enclave.expect_untouched();
    }
    let ran = enclave.unpack(&attacker.side.file(), &["--key", &key]).expect_code(3);
    ran.expect_error(&[&image, "hint: ", &attacker.signer.fingerprint().to_string()]);
}

#[test]
fn one_refused_image_keeps_all_others_out() {
    let side = Connected::start();
    let (signer, stranger) = (Signer::p256(), Signer::p256());
    side.signed("team/good", &signer);
    side.signed("team/bad", &stranger);
    side.unsigned("team/plain");
    let key = side.key("release.pub", &signer);
    let enclave = Enclave::start();
    for bad in ["team/bad:1", "team/plain:1"] {
        side.pack(&["team/good:1", bad], &[]).expect_code(0);
        let arguments = ["--install-keys", "--key", &key];
        let ran = enclave.unpack(&side.file(), &arguments).expect_code(3);
        let ran = ran.expect_error(&[&format!("{HOST}/{bad}")]);
        assert!(!ran.stderr.contains(&format!("refused: {HOST}/team/good")), "{ran}");
        enclave.expect_untouched();
        std::fs::remove_file(side.file()).expect("archive");
    }
    side.pack(&["team/good:1"], &[]).expect_code(0);
    enclave.unpack(&side.file(), &["--key", &key]).expect_code(0);
}

#[test]
fn a_signed_image_without_its_signature_is_refused() {
    let carried = Carried::new();
    let Carried { side, key, .. } = &carried;
    std::fs::remove_file(side.file()).expect("archive");
    // The same image, signatures left behind.
    side.pack(&["team/app:1"], &["--signatures", "none"]).expect_code(0);
    let enclave = Enclave::start();
    let ran = enclave.unpack(&side.file(), &["--key", key]).expect_code(3);
    ran.expect_error(&[&format!("{HOST}/team/app:1"), "no-signature"]);
    enclave.expect_untouched();
}

#[test]
fn signed_image_is_refused_under_the_name_of_another() {
    let side = Connected::start();
    let signer = Signer::p256();
    let key = side.key("release.pub", &signer);
    let enclave = Enclave::start();
    let pack = |from: &str, name: &str| {
        let source = format!("{}/{from}:1={name}:1", side.address());
        let mut program = crate::harness::command::Program::bundle();
        program = program.args(&["pack", "-q", &source, "-o"]).arg(side.file());
        program.run().expect_code(0);
    };
    side.signed("team/old-and-broken", &signer);
    pack("team/old-and-broken", &format!("{HOST}/team/app"));
    let ran = enclave.unpack(&side.file(), &["--key", &key]).expect_code(3);
    ran.expect_error(&[&format!("{HOST}/team/app:1"), "identity-mismatch"]);
    // Nor from another registry, or another port of the same one.
    for name in ["other.example/team/old-and-broken", "registry.example:444/team/old-and-broken"] {
        std::fs::remove_file(side.file()).expect("archive");
        pack("team/old-and-broken", name);
        let ran = enclave.unpack(&side.file(), &["--key", &key]).expect_code(3);
        ran.expect_error(&[&format!("{name}:1"), "identity-mismatch"]);
    }
    enclave.expect_untouched();
    std::fs::remove_file(side.file()).expect("archive");
    pack("team/old-and-broken", &format!("{HOST}/team/old-and-broken"));
    enclave.unpack(&side.file(), &["--key", &key]).expect_code(0);
}

#[test]
fn a_signature_that_is_wrong_in_one_place_is_none() {
    let side = Connected::start();
    let signer = Signer::p256();
    let key = side.key("release.pub", &signer);
    let image = side.unsigned("team/app");
    let (digest, identity) = (image.digest(), format!("{HOST}/team/app"));
    let enclave = Enclave::start();
    let payload = simple_payload(&identity, &digest.to_string());
    let of = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut payload = payload.clone();
        change(&mut payload);
        SimpleSigning::of_payload(&signer, payload.to_string())
    };
    let mut flipped = SimpleSigning::new(&signer, &identity, &digest);
    flipped.payload[10] ^= 1;
    let mut random = SimpleSigning::new(&signer, &identity, &digest);
    random.signature = Some(encode(&no_signature("any")));
    let mut none = SimpleSigning::new(&signer, &identity, &digest);
    none.signature = None;
    let mut doubled = SimpleSigning::new(&signer, &identity, &digest);
    doubled.signature = doubled.signature.map(|text| format!("{text}{text}"));
    let other = image.children[0].digest().to_string();
    let upper = format!("sha256:{}", digest.hex().to_uppercase());
    for (what, signature, code) in [
        ("payload flipped", flipped, "signature-wrong-key"),
        ("random", random, "signature-invalid"),
        ("no annotation", none, "signature-missing"),
        ("doubled", doubled, "signature-invalid"),
        (
            "of a child",
            of(&|p| p["critical"]["image"]["docker-manifest-digest"] = json!(other)),
            "digest-mismatch",
        ),
        (
            "upper case",
            of(&|p| p["critical"]["image"]["docker-manifest-digest"] = json!(upper)),
            "signatures: ",
        ),
        (
            "another type",
            of(&|p| p["critical"]["type"] = json!("atomic container signature")),
            "payload-malformed",
        ),
        ("more in critical", of(&|p| p["critical"]["more"] = json!(1)), "payload-malformed"),
        ("array", SimpleSigning::of_payload(&signer, format!("[{payload}]")), "payload-malformed"),
        (
            "two objects",
            SimpleSigning::of_payload(&signer, format!("{payload}{payload}")),
            "payload-malformed",
        ),
        ("nothing", SimpleSigning::of_payload(&signer, ""), "payload-malformed"),
    ] {
        sig_manifest(&[signature]).push(
            &side.registry,
            "team/app",
            Some(&cosign_tag(&digest, "sig")),
        );
        side.pack(&["team/app:1"], &[]).expect_code(0);
        let ran = enclave.unpack(&side.file(), &["--key", &key]);
        assert_eq!(ran.code, Some(3), "{what}: {ran}");
        ran.expect_error(&[&format!("{HOST}/team/app:1"), code]);
        enclave.expect_untouched();
        std::fs::remove_file(side.file()).expect("archive");
    }
    // A bad one beside a good one does no harm.
    let good = SimpleSigning::new(&signer, &identity, &digest);
    let mut bad = SimpleSigning::new(&signer, &identity, &digest);
    bad.payload = b"{}".to_vec();
    sig_manifest(&[bad, good]).push(&side.registry, "team/app", Some(&cosign_tag(&digest, "sig")));
    side.pack(&["team/app:1"], &[]).expect_code(0);
    enclave.unpack(&side.file(), &["--key", &key]).expect_code(0);
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn two_sources_of_one_target_are_refused_before_the_push() {
    let side = Connected::start();
    let signer = Signer::p256();
    let key = side.key("release.pub", &signer);
    let hosts = ["a.example", "b.example"];
    let mut sources = Vec::new();
    for host in hosts {
        let repository = format!("{}/app", &host[..1]);
        let image = side.unsigned(&repository);
        let (digest, identity) = (image.digest(), format!("{host}/team/app"));
        sign_simple_as(&side.registry, &repository, &digest, &signer, &identity);
        sources.push(format!("{}/{repository}:1={host}/team/app:1", side.address()));
    }
    crate::harness::command::Program::bundle()
        .args(&["pack", "-q", "--key", &key, "-o"])
        .arg(side.file())
        .args(&sources)
        .run()
        .expect_code(0);
    let enclave = Enclave::start();
    let ran = enclave.unpack(&side.file(), &["--install-keys", "--key", &key]).expect_code(2);
    ran.expect_error(&["a.example/team/app", "b.example/team/app", enclave.address()]);
    enclave.expect_untouched();
    // In a layout each keeps its full name.
    let directory = tempfile::tempdir().expect("directory");
    let target = format!("oci:{}/layout", directory.path().display());
    enclave.unpack_to(&side.file(), &target, &["--key", &key]).expect_code(0);
}

#[test]
fn calls_that_make_no_sense_are_refused() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let file = carried.side.file();
    let missing = carried.side.output("missing.tar.zst");
    let file = file.to_str().expect("path");
    let run = |arguments: &[&str]| crate::harness::command::run(arguments);
    let to = enclave.address();
    for (arguments, code, words) in [
        (&["unpack", file][..], 2, "--to"),
        (&["unpack", "--to", to], 2, "FILE"),
        (&["unpack", file, "--to", "http://x"], 2, "http://x"),
        (&["unpack", file, "--to", to, "--key", "/nowhere.pub"], 2, "/nowhere.pub"),
        (&["unpack", file, "--to", to, "--trust-fingerprint", "md5:1"], 2, "md5:1"),
        (&["unpack", missing.to_str().expect("path"), "--to", to], 6, "missing.tar.zst"),
    ] {
        run(arguments).expect_code(code).expect_error(&[words]);
    }
    enclave.expect_untouched();
}
