//! A courier who wants the enclave to take what he likes, and holds no trusted key: what he can do with whole bundles.
//! What he can do with bytes is in `unpack_refusals`, `hostile_inventories` and `hostile_lengths`.

use crate::harness::images;
use crate::harness::scene::{Connected, Enclave, HOST};
use crate::harness::signer::Signer;
use crate::unpacking::Carried;
use std::fs;

/// A vendor who has published two versions under one tag, one after the other.
struct Vendor {
    _side: Connected,
    key: String,
    old: String,
    new: String,
}

impl Vendor {
    /// Packs each version while the tag names it.
    fn new() -> Self {
        let side = Connected::start();
        let signer = Signer::p256();
        let key = side.key("release.pub", &signer);
        let publish = |seed: &str| {
            let image = images::multi_platform(seed);
            image.push(&side.registry, "team/app", Some("1"));
            for part in std::iter::once(&image).chain(&image.children) {
                side.sign("team/app", &part.digest(), &signer);
            }
            side.pack(&["team/app:1"], &["--key", &key]).expect_code(0);
            let file = side.output(seed);
            fs::rename(side.file(), &file).expect("renamed");
            file.to_str().expect("a path").to_owned()
        };
        let (old, new) = (publish("old"), publish("new"));
        Self { _side: side, key, old, new }
    }

    fn digest(file: &str) -> String {
        let report = crate::harness::scene::inspect(file.as_ref());
        report["bundleDigest"].as_str().expect("digest").to_owned()
    }
}

#[test]
fn tag_moved_back_by_a_courier_shows_or_is_refused() {
    let vendor = Vendor::new();
    let enclave = Enclave::start();
    let trusting = ["--key", vendor.key.as_str()];
    enclave.unpack(vendor.new.as_ref(), &trusting).expect_code(0);
    let now = enclave.registry.manifest("team/app", "1").expect("published").digest();
    // A vendor's signature is as good on an old image: it says nothing of tags and of time.
    let expected = Vendor::digest(&vendor.new);
    let arguments = ["--key", vendor.key.as_str(), "--expect-bundle", &expected];
    let ran = enclave.unpack(vendor.old.as_ref(), &arguments).expect_code(3);
    ran.expect_error(&[&expected]);
    assert_eq!(enclave.registry.manifest("team/app", "1").expect("published").digest(), now);
    // Without anything that binds names it goes through, and the report says what was not authentic.
    let told = [&trusting[..], &["-v"]].concat();
    let ran = enclave.unpack(vendor.old.as_ref(), &told).expect_code(0);
    for said in [&format!("tag: moved from {now}"), "tag-unbound", "are not authenticated"] {
        assert!(ran.stdout.contains(said), "{said}: {ran}");
    }
    // A tag that an authentic bundle filled is not moved by what nothing authenticates.
    enclave.unpack(vendor.new.as_ref(), &arguments).expect_code(0);
    let ran = enclave.unpack(vendor.old.as_ref(), &trusting).expect_code(3);
    ran.expect_error(&["tag-age-unknown: "]);
    assert_eq!(enclave.registry.manifest("team/app", "1").expect("published").digest(), now);
}

#[test]
fn a_key_that_he_puts_under_the_same_name_is_another_key() {
    let honest = Carried::new();
    let enclave = Enclave::start();
    let install = ["--install-keys", "--key", honest.key.as_str()];
    enclave.unpack(&honest.side.file(), &install).expect_code(0);
    let before = (enclave.tags(), enclave.installed());
    // His image under the vendor's name, his key under the vendor's file name, in a bundle that is whole.
    let forged = Carried::new();
    let stated = crate::harness::scene::inspect(&forged.side.file());
    let original = crate::harness::scene::inspect(&honest.side.file());
    assert_eq!(stated["keys"][0]["file"], original["keys"][0]["file"]);
    let pin = format!("{HOST}={}", honest.signer.fingerprint());
    for trust in [&[][..], &["--trust-fingerprint", &pin], &["--key", honest.key.as_str()]] {
        let arguments = [&["--install-keys"], trust].concat();
        enclave.unpack(&forged.side.file(), &arguments).expect_code(3);
        assert_eq!((enclave.tags(), enclave.installed()), before, "{trust:?}");
    }
    enclave.unpack(&honest.side.file(), &[]).expect_code(0);
}
