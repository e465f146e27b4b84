//! What real cosign 2 and 3 made (testdata/trust/cosign, made by scripts/make-trust-testdata).

use crate::testing::{Scene, Store};
use crate::{Admission, Attached, Form, Found, PublicKey, ScopedKey, SignatureCode as Code};
use bundle_oci::{Descriptor, Digest, media_type};
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/trust/cosign")
}

fn trusted(name: &str) -> ScopedKey {
    let file = fs::read(folder().join(format!("{name}.pub"))).expect("a key");
    let key = PublicKey::from_pem(&file).expect("a usable key");
    ScopedKey { scope: "*".parse().expect("a scope"), key, name: name.into() }
}

/// Every blob of the folder, manifests parsed where they are.
fn store(attachments: &[Digest]) -> Store {
    let mut store = Store::default();
    for entry in fs::read_dir(folder().join("blobs")).expect("a folder") {
        let bytes = fs::read(entry.expect("an entry").path()).expect("a blob");
        if attachments.contains(&Digest::of(&bytes)) {
            store.raw_manifest(media_type::OCI_MANIFEST, bytes);
        } else {
            store.blob("", bytes);
        }
    }
    store
}

/// One scene for each row: an image with one attachment, under the key that made it.
fn scenes() -> Vec<(String, Scene)> {
    let table = fs::read_to_string(folder().join("attached.tsv")).expect("the table");
    let rows: Vec<Vec<&str>> =
        table.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    let digest = |text: &str| text.parse::<Digest>().expect("a digest");
    let size = |text: &str| text.parse::<u64>().expect("a size");
    let scene = |row: &Vec<&str>| {
        let mut scene = Scene::image();
        let (image, attachment) = (digest(row[2]), digest(row[5]));
        scene.store = store(&[image, attachment]);
        scene.source = row[1].parse().expect("a reference");
        scene.root = Descriptor::new(media_type::OCI_MANIFEST, image, size(row[3]));
        let manifest = Descriptor::new(media_type::OCI_MANIFEST, attachment, size(row[6]));
        let found = match row[4] {
            "referrer" => Found::Referrer,
            tag => Found::Tag(tag.into()),
        };
        scene.attached = vec![Attached { subject: image, manifest, found }];
        scene.name_bound = true;
        (row[0].to_owned(), scene)
    };
    rows.iter().map(scene).collect()
}

#[test]
fn what_cosign_signed_verifies_under_its_key_and_no_other() {
    let scenes = scenes();
    assert_eq!(scenes.len(), 10, "five keys, two forms");
    let names = ["p256", "p384", "p521", "rsa3072", "ed25519"];
    for (key, mut scene) in scenes {
        for name in names {
            scene.anchors.keys = vec![trusted(name)];
            let verdict = scene.judge();
            let finding = &verdict.signatures()[0];
            if finding.form == Form::Bundle && key == "ed25519" {
                // Signed with Ed25519ph, which cosign 3.1 itself refuses to verify.
                assert_eq!(finding.code, Code::SignatureWrongKey, "{key} under {name}");
            } else if name == key {
                assert_eq!(finding.code, Code::Verified, "{key}: {finding:?}");
                assert_eq!(verdict.admission(), &Admission::Signed);
            } else {
                assert_eq!(finding.code, Code::SignatureWrongKey, "{key} under {name}");
            }
        }
        scene.anchors.keys = names.map(trusted).into();
        scene.name_bound = false;
        let verdict = scene.judge();
        let finding = &verdict.signatures()[0];
        let expected = match finding.form {
            Form::Bundle if key == "ed25519" => continue,
            Form::Bundle => Code::NameUnbound,
            _ => Code::Verified,
        };
        assert_eq!((finding.code, finding.key), (expected, Some(trusted(&key).key.fingerprint())));
    }
}
