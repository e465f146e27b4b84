//! As what it was signed.

use super::super::written;
use super::{Exhibition, repository};
use crate::harness::command::Program;
use crate::harness::cosign::PASSWORD;
use crate::harness::signatures::SimpleSigning;
use serde_json::json;
use std::path::Path;

impl Exhibition {
    pub(super) fn hang_named(&mut self) {
        for (name, identity) in [
            ("elsewhere", "registry.example/team/by-a"),
            ("evil-twin", "registry.example/team/evil"),
            ("other-host", "other.example/team/other-host"),
            ("no-name", "Registry.example/team/NO-NAME"),
            ("for-next-tag", "registry.example/team/for-next-tag:2"),
            ("for-tag", "registry.example/team/for-tag:1"),
        ] {
            let digest = self.image(name).digest();
            self.sign(name, &digest, &[SimpleSigning::new(&self.a, identity, &digest)]);
        }
        let digest = self.image("for-digest").digest();
        let identity = format!("{}@{digest}", repository("for-digest"));
        self.sign("for-digest", &digest, &[SimpleSigning::new(&self.a, &identity, &digest)]);
    }

    /// skopeo signs what it pushes, with the name and the tag that it is told.
    pub(super) fn hang_by_skopeo(&mut self, skopeo: &Path) {
        let passphrase = self.write("passphrase", PASSWORD);
        let prefix = self.folder.path().join("skopeo");
        let generate = Program::new(skopeo).args(&["generate-sigstore-key", "--output-prefix"]);
        let generate = generate.arg(&prefix).arg("--passphrase-file").arg(&passphrase);
        generate.run().expect_code(0);
        let lookup = json!({"docker": {self.address(): {"use-sigstore-attachments": true}}});
        let attachments = tempfile::tempdir().expect("folder");
        written(attachments.path(), "tests.yaml", &lookup.to_string());
        let address = self.address().to_owned();
        Program::new(skopeo)
            .args(&["--insecure-policy", "--registries.d"])
            .arg(attachments.path())
            .args(&["copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"])
            .arg("--sign-by-sigstore-private-key")
            .arg(prefix.with_extension("private"))
            .arg("--sign-passphrase-file")
            .arg(&passphrase)
            .args(&["--sign-identity", "registry.example/team/by-skopeo:1"])
            .arg(format!("docker://{address}/team/unsigned:1"))
            .arg(format!("docker://{address}/team/by-skopeo:1"))
            .run()
            .expect_code(0);
        let public = std::fs::read_to_string(prefix.with_extension("pub"));
        self.skopeo_key = public.expect("public key");
        self.hang("by-skopeo", "registry.example/team/by-skopeo:1");
        let manifest = self.registry.manifest("team/by-skopeo", "1").expect("manifest");
        self.registry.push_manifest("team/by-skopeo", "2", &manifest);
        self.hang("by-skopeo-moved", "registry.example/team/by-skopeo:2");
    }
}
