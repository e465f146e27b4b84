//! Installed keys, run after run.

use crate::harness::scene::Enclave;
use crate::unpacking::Carried;

#[test]
fn a_key_has_one_name() {
    let carried = Carried::new();
    let (file, enclave) = (carried.side.file(), Enclave::start());
    let fingerprint = carried.signer.fingerprint().to_string();
    let install = |name: &str| {
        let named = format!("{fingerprint}={name}");
        let arguments =
            ["--key", &carried.key, "--install-keys", "--install-keys-as", &named, "--json"];
        enclave.unpack(&file, &arguments)
    };
    install("release").expect_code(0);
    let installed = enclave.installed();
    assert!(installed.contains(&"etc/pki/sigstore/release.pub".to_owned()), "{installed:?}");

    // A second copy would go on to vouch when the first one is taken away.
    install("other").expect_code(2).expect_error(&[&fingerprint, "release", "other", "hint: "]);
    assert_eq!(enclave.installed(), installed);

    install("release").expect_code(0);
    enclave.unpack(&file, &["--install-keys"]).expect_code(0);
    assert_eq!(enclave.installed(), installed, "without a name it keeps the one it has");
}

#[test]
fn nothing_to_install_is_said() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let digest = carried.side.inspect()["bundleDigest"].as_str().expect("digest").to_owned();
    let ran = enclave.unpack(&carried.side.file(), &["--expect-bundle", &digest, "--install-keys"]);
    ran.expect_code(0).expect_error(&["no key is installed"]);
    assert_eq!(enclave.installed(), [""; 0]);
}
