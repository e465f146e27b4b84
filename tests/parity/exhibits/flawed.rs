//! What else was signed, and where signatures lie that container runtimes do not find.

use super::{Exhibition, amend, repository, to_schema2};
use crate::harness::images::Content;
use crate::harness::signatures::{SimpleSigning, cosign_tag, sig_manifest, simple_payload};
use bundle::oci::Digest;
use serde_json::json;

impl Exhibition {
    pub(super) fn hang_flawed(&mut self) {
        let digest = self.image("other-content").digest();
        let other = Digest::of(b"other content");
        let signature = SimpleSigning::new(&self.a, &repository("other-content"), &other);
        self.sign("other-content", &digest, &[signature]);
        let digest = self.image("atomic-type").digest();
        let mut payload = simple_payload(&repository("atomic-type"), &digest.to_string());
        payload["critical"]["type"] = json!("atomic container signature");
        let signature = SimpleSigning::of_payload(&self.a, payload.to_string());
        self.sign("atomic-type", &digest, &[signature]);
    }

    /// Good signatures in other places than under their tag.
    pub(super) fn hang_misplaced(&mut self) {
        let image = self.image("only-referrer");
        let signature = SimpleSigning::new(&self.a, &repository("only-referrer"), &image.digest());
        let mut referrer = sig_manifest(&[signature]);
        amend(&mut referrer, |document| document["subject"] = image.manifest.descriptor());
        referrer.push_referrer(&self.registry, "team/only-referrer");
        let digest = self.image("only-att").digest();
        let signature = SimpleSigning::new(&self.a, &repository("only-att"), &digest);
        let attestation = sig_manifest(&[signature]);
        attestation.push(&self.registry, "team/only-att", Some(&cosign_tag(&digest, "att")));
    }

    /// Good signatures that skopeo does not get at, because of what holds them.
    pub(super) fn hang_holders(&mut self) {
        for name in ["sig-is-schema2", "sig-with-much"] {
            let digest = self.image(name).digest();
            let signature = SimpleSigning::new(&self.a, &repository(name), &digest);
            let mut holder = sig_manifest(&[signature]);
            match name {
                "sig-is-schema2" => amend(&mut holder, to_schema2),
                _ => {
                    let much = Content::new("application/octet-stream", vec![0; (4 << 20) + 1]);
                    let descriptor = much.descriptor();
                    amend(&mut holder, |document| {
                        document["layers"].as_array_mut().expect("layers").push(descriptor);
                    });
                    holder.blobs.push(much);
                }
            }
            let tag = cosign_tag(&digest, "sig");
            holder.push(&self.registry, &format!("team/{name}"), Some(&tag));
        }
    }
}
