//! The same trust by options: `--gpg-key`.

use crate::harness::command::Program;
use crate::harness::gpg::{Gpg, file_url, registries_d};
use crate::harness::images;
use crate::harness::scene::{Connected, HOST};
use serde_json::{Value, json};
use std::path::Path;

/// `bundle verify` with these options; the report's only verdict.
fn verdict(file: &Path, options: &[String], code: i32) -> Value {
    let verify = Program::bundle().args(&["verify", "-q", "--json"]).args(options);
    verify.arg(file).run().expect_code(code).json()["verdicts"][0].clone()
}

#[test]
fn given_gpg_key_vouches_for_the_images_of_its_scope() {
    let test = "given_gpg_key_vouches_for_the_images_of_its_scope";
    if !cfg!(feature = "openpgp") {
        return println!("left out: {test}: this build checks no GPG signatures");
    }
    let Some(gpg) = Gpg::of_kind(test, "ed25519") else { return };
    let side = Connected::start();
    images::image("app", "linux/amd64", &[500]).push(&side.registry, "team/app", Some("1"));
    let lookaside = tempfile::tempdir().expect("directory");
    let configuration = registries_d(&json!({"lookaside": file_url(lookaside.path())}));
    let identity = format!("{HOST}/team/app:1");
    gpg.sign(&format!("{}/team/app:1", side.address()), &identity, configuration.path());

    let own = gpg.public_key().display().to_string();
    let stranger = gpg.add_key(&[], "stranger", &["ed25519", "sign", "never"]);
    let other = side.output("stranger.gpg");
    gpg.export(&stranger, &other);
    let other = other.display().to_string();
    let revoked = side.output("revoked.gpg");
    gpg.revoke(gpg.fingerprint());
    gpg.export(gpg.fingerprint(), &revoked);
    let revoked = revoked.display().to_string();
    let configuration = configuration.path().to_str().expect("path");
    let pack = |key: &str| {
        side.pack(&["team/app:1"], &["--registries-d", configuration, "--gpg-key", key])
    };
    // What would be refused there is refused here.
    pack(&other).expect_code(3);
    pack(&own).expect_code(0);

    let file = side.file();
    let given = |keys: &[String]| -> Vec<String> {
        keys.iter().flat_map(|key| ["--gpg-key".to_owned(), key.clone()]).collect()
    };
    let at = |scope: &str, key: &str| format!("{scope}={key}");
    let repository = format!("{HOST}/team/app");
    for keys in [
        &[own.clone()][..],
        &[at(&repository, &own)],
        &[at(HOST, &own)],
        &[other.clone(), own.clone()],
        &[own.clone(), other.clone()],
        // Options are alternatives: a narrow scope takes nothing from a wide one, as it would in a policy.
        &[own.clone(), at(&repository, &other)],
    ] {
        let verdict = verdict(&file, &given(keys), 0);
        assert_eq!(verdict["admission"], "signed", "{keys:?}: {verdict}");
        assert_eq!(verdict["enforceable"], true, "{keys:?}: {verdict}");
    }
    for keys in [
        &[other.clone()][..],
        &[at(&format!("{HOST}/team/other"), &own)],
        // What one copy of a key says counts for the other.
        &[own.clone(), revoked.clone()],
        &[revoked.clone(), own.clone()],
    ] {
        let verdict = verdict(&file, &given(keys), 3);
        assert_eq!(verdict["admission"], "refused", "{keys:?}: {verdict}");
    }
}
