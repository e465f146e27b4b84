//! Who signed, in which form, and which manifests of an index.

use super::{Exhibition, amend, repository, to_schema2};
use crate::harness::images;
use crate::harness::signatures::{SimpleSigning, sign_bundle};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A signature by a key on P-256 in DER, as base64, with r and s of 32 bytes each.
fn fixed_length(signature: &str) -> String {
    let der = STANDARD.decode(signature).expect("base64");
    let (_, numbers) = der.split_at(4);
    let (r, rest) = numbers.split_at(usize::from(der[3]));
    let scalar = |number: &[u8]| {
        let digits = &number[number.len().saturating_sub(32)..];
        [vec![0; 32 - digits.len()], digits.to_vec()].concat()
    };
    STANDARD.encode([scalar(r), scalar(&rest[2..])].concat())
}

impl Exhibition {
    pub(super) fn hang_signed(&mut self) {
        self.image("unsigned");
        for (name, keys) in [("by-a", "a"), ("by-b", "b"), ("by-both", "ba")] {
            let digest = self.image(name).digest();
            let signer = |key| if key == 'a' { &self.a } else { &self.b };
            let sign = |key| SimpleSigning::new(signer(key), &repository(name), &digest);
            self.sign(name, &digest, &keys.chars().map(sign).collect::<Vec<_>>());
        }

        // As security modules sign: r and s of fixed length.
        let digest = self.image("by-a-module").digest();
        let mut signature = SimpleSigning::new(&self.a, &repository("by-a-module"), &digest);
        signature.signature = signature.signature.as_deref().map(fixed_length);
        self.sign("by-a-module", &digest, &[signature]);

        // The same image by its digest.
        let digest = self.image("tagged").digest();
        let identity = "registry.example/team/tagged:1";
        self.sign("tagged", &digest, &[SimpleSigning::new(&self.a, identity, &digest)]);
        self.hang("pinned", format!("registry.example/team/tagged@{digest}"));

        // Under other hosts and deeper.
        for (name, reference, identity) in [
            ("hub", "docker.io/library/hub:1", "hub"),
            (
                "hub-tagged",
                "docker.io/library/hub-tagged:1",
                "index.docker.io/library/hub-tagged:1",
            ),
            ("moved", "other.example/team/moved:1", "registry.example/team/moved:1"),
            ("port", "localhost:5000/team/port:1", "localhost:5000/team/port"),
            ("deep", "sub.registry.example/team/a/deep:1", "sub.registry.example/team/a/deep"),
        ] {
            self.sign_elsewhere(name, reference, identity);
        }

        let image = self.image("only-bundle");
        sign_bundle(&self.registry, "team/only-bundle", &image, &self.a);

        let mut image = images::image("schema2", "linux/amd64", &[500]);
        amend(&mut image, to_schema2);
        image.push(&self.registry, "team/schema2", Some("1"));
        self.hang("schema2", "registry.example/team/schema2:1");
        let digest = image.digest();
        let signature = SimpleSigning::new(&self.a, &repository("schema2"), &digest);
        self.sign("schema2", &digest, &[signature]);
    }

    pub(super) fn hang_indexes(&mut self) {
        for (name, signed) in [
            ("index-all", &[true, true, true][..]),
            ("index-only", &[true, false, false]),
            ("index-children", &[false, true, true]),
            ("index-one-child", &[false, true, false]),
            ("index-unsigned", &[false, false, false]),
        ] {
            let index = images::multi_platform(name);
            let repository_path = format!("team/{name}");
            index.push(&self.registry, &repository_path, Some("1"));
            let exhibit = self.hang(name, format!("registry.example/{repository_path}:1"));
            exhibit.architectures = &["amd64", "arm64"];
            for (manifest, signed) in std::iter::once(&index).chain(&index.children).zip(signed) {
                let digest = manifest.digest();
                if *signed {
                    let signature = SimpleSigning::new(&self.a, &repository(name), &digest);
                    self.sign(name, &digest, &[signature]);
                }
            }
            let child = index.children[0].digest();
            let by_digest = format!("registry.example/{repository_path}@{child}");
            match name {
                "index-all" => drop(self.hang("child", by_digest)),
                "index-only" => drop(self.hang("unsigned-child", by_digest)),
                _ => {}
            }
        }
    }
}
