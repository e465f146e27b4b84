//! Pushing GPG signatures into a registry that keeps them.

use crate::oci::Digest;
use crate::registry::ExtensionSignature;
use crate::report::unpack::SignatureOutcome;
use crate::unpack::error::UnpackError;
use crate::unpack::push::under_way::Push;

impl Push<'_> {
    /// Publishes the signatures of an image whose manifests and tag are there; `child` got its tag in place of the
    /// root, which is not there then.
    pub(in crate::unpack) async fn signatures(
        &self,
        number: usize,
        child: Option<Digest>,
    ) -> Result<(), UnpackError> {
        let image = &self.planned.plan.images()[number];
        let signatures = self.planned.signatures_of(number).iter();
        for (signature, there) in signatures.zip(&self.survey.signatures[number]) {
            let is_there = child.is_none() || signature.subject != image.digest;
            if there.outcome == SignatureOutcome::Published && is_there {
                let content = self.planned.signature(signature)?.content;
                let signature = ExtensionSignature { name: there.name.clone(), content };
                self.repositories[image.repository].push_signature(&signature).await?;
            }
        }
        Ok(())
    }
}
