//! Signatures by GPG in a directory beside the registry.

use super::super::openpgp::{OpenPgpKey, OpenPgpKeys};
use super::{Exhibition, Topic, path_of, repository};
use crate::harness::images;
use crate::harness::signatures::{SimpleSigning, simple_payload};
use bundle::oci::Digest;
use serde_json::json;
use std::fs;

impl Exhibition {
    pub(super) fn hang_atomic(&mut self) {
        let Some(keys) = self.openpgp.take() else { return };
        self.topic = Topic::Atomic;
        self.hang_by_gpg(&keys);
        self.topic = Topic::AtomicAged;
        for (name, key) in [("gpg-subkey", &keys.by_subkey), ("gpg-old", &keys.old)] {
            self.image(name);
            self.sign_by_skopeo(&keys, key, name);
        }
        self.topic = Topic::AtomicFormed;
        self.hang_indexes_by_gpg(&keys);
        self.hang_formed_by_gpg(&keys);
        self.topic = Topic::AtomicNamed;
        self.hang_named_by_gpg(&keys);
        keys.age();
        self.openpgp = Some(keys);
    }

    /// Signed by skopeo, as repository and tag.
    fn hang_by_gpg(&mut self, keys: &OpenPgpKeys) {
        self.image("gpg-unsigned");
        for (name, signers) in [
            ("gpg-rsa", &[&keys.rsa][..]),
            ("gpg-ed", &[&keys.ed]),
            // The second is added to the first.
            ("gpg-both", &[&keys.rsa, &keys.ed]),
            ("gpg-and-key", &[&keys.ed]),
            ("key-without-gpg", &[]),
        ] {
            let digest = self.image(name).digest();
            for key in signers {
                self.sign_by_skopeo(keys, key, name);
            }
            if name.contains("key") {
                let signature = SimpleSigning::new(&self.a, &repository(name), &digest);
                self.sign(name, &digest, &[signature]);
            }
        }
    }

    fn hang_indexes_by_gpg(&mut self, keys: &OpenPgpKeys) {
        for name in ["gpg-index", "gpg-index-only", "gpg-index-one-child"] {
            let index = images::multi_platform(name);
            let path = format!("team/{name}");
            index.push(&self.registry, &path, Some("1"));
            let reference = format!("registry.example/{path}:1");
            self.hang(name, reference.clone()).architectures = &["amd64", "arm64"];
            let one = |digest: &Digest| {
                self.put(&path, digest, &message(keys, &keys.ed, &reference, digest));
            };
            match name {
                "gpg-index" => self.sign_by_skopeo(keys, &keys.ed, name),
                "gpg-index-only" => one(&index.digest()),
                _ => one(&index.children[0].digest()),
            }
        }
    }

    /// In an unusual form, or not quite a signature of this image.
    fn hang_formed_by_gpg(&mut self, keys: &OpenPgpKeys) {
        for name in [
            "gpg-sha1",
            "gpg-short",
            "gpg-flipped",
            "gpg-other-content",
            "gpg-other-type",
            "gpg-text",
        ] {
            let digest = self.image(name).digest();
            let reference = format!("registry.example/team/{name}:1");
            let payload = payload(&reference, &digest);
            let by_ed =
                |payload: &str, how: &[&str]| keys.gpg.message(&keys.ed.fingerprint, payload, how);
            let message = match name {
                "gpg-sha1" => by_ed(&payload, &["--digest-algo", "SHA1"]),
                "gpg-short" => message(keys, &keys.short, &reference, &digest),
                "gpg-flipped" => {
                    let mut message = by_ed(&payload, &["--compress-algo", "none"]);
                    let creator = b"\"us\"";
                    let at = message.windows(creator.len()).position(|part| part == creator);
                    // What is said then is as good, but for the signature.
                    message[at.expect("the payload is readable") + 1] ^= 1;
                    message
                }
                "gpg-other-content" => {
                    message(keys, &keys.ed, &reference, &Digest::of(b"other content"))
                }
                "gpg-other-type" => {
                    let cosigns = simple_payload(&reference, &digest.to_string());
                    by_ed(&cosigns.to_string(), &[])
                }
                _ => by_ed(&payload, &["--textmode"]),
            };
            self.put(&format!("team/{name}"), &digest, &message);
        }
    }

    /// All signed by the same key, as what it says here.
    fn hang_named_by_gpg(&mut self, keys: &OpenPgpKeys) {
        for (name, reference, identity) in [
            (
                "gpg-elsewhere",
                "registry.example/team/gpg-elsewhere:1",
                "registry.example/team/gpg-tagged:1",
            ),
            (
                "gpg-next-tag",
                "registry.example/team/gpg-next-tag:1",
                "registry.example/team/gpg-next-tag:2",
            ),
            (
                "gpg-no-tag",
                "registry.example/team/gpg-no-tag:1",
                "registry.example/team/gpg-no-tag",
            ),
            ("gpg-hub", "docker.io/library/gpg-hub:1", "gpg-hub:1"),
            ("gpg-moved", "other.example/team/gpg-moved:1", "registry.example/team/gpg-moved:1"),
        ] {
            let digest = self.image_at(name, reference).digest();
            self.put(path_of(reference).0, &digest, &message(keys, &keys.ed, identity, &digest));
        }
        let digest = self.image("gpg-for-digest").digest();
        let by_digest = format!("{}@{digest}", repository("gpg-for-digest"));
        let signed = message(keys, &keys.ed, &by_digest, &digest);
        self.put("team/gpg-for-digest", &digest, &signed);
        self.hang("gpg-pinned-for-digest", by_digest);
        let digest = self.image("gpg-tagged").digest();
        let reference = "registry.example/team/gpg-tagged:1";
        self.put("team/gpg-tagged", &digest, &message(keys, &keys.ed, reference, &digest));
        self.hang("gpg-pinned", format!("registry.example/team/gpg-tagged@{digest}"));
    }

    fn sign_by_skopeo(&self, keys: &OpenPgpKeys, key: &OpenPgpKey, name: &str) {
        let image = format!("{}/team/{name}:1", self.address());
        let identity = format!("registry.example/team/{name}:1");
        keys.gpg.sign_by(&key.fingerprint, &image, &identity, &self.registries_d());
    }

    /// Puts the first signature of a manifest where it is looked for.
    fn put(&self, repository: &str, digest: &Digest, message: &[u8]) {
        let folder = self.lookaside().join(format!("{repository}@sha256={}", digest.hex()));
        fs::create_dir_all(&folder).expect("folder");
        fs::write(folder.join("signature-1"), message).expect("signature");
    }
}

fn message(keys: &OpenPgpKeys, key: &OpenPgpKey, identity: &str, digest: &Digest) -> Vec<u8> {
    keys.gpg.message(&key.fingerprint, &payload(identity, digest), &[])
}

fn payload(identity: &str, digest: &Digest) -> String {
    let mut payload = simple_payload(identity, &digest.to_string());
    payload["critical"]["type"] = "atomic container signature".into();
    payload["optional"] = json!({"creator": "us"});
    payload.to_string()
}
