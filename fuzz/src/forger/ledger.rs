//! What the trusted key signed, and what may be admitted by it alone.

use super::SCOPE;
use bundle::oci::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// What the trusted key signed: manifests, each under the name of a repository. And what indexes list.
#[derive(Default)]
pub struct Ledger {
    pub(super) signed: BTreeSet<(String, Digest)>,
    pub(super) children: BTreeMap<Digest, Vec<(Digest, bool)>>,
}

impl Ledger {
    /// Whether the trusted key is good for this repository and signed this manifest under its name, or all that this
    /// index lists: images, and nothing but attestations beside them.
    pub fn admits(&self, repository: &str, root: Digest) -> bool {
        let repository = plain(repository);
        let is_in_scope = repository == SCOPE || repository.starts_with(&format!("{SCOPE}/"));
        is_in_scope && self.is_covered(&repository, root)
    }

    /// Whether the trusted key signed it, or all that it lists, without naming a repository.
    pub fn has_unbound(&self, root: Digest) -> bool {
        self.is_covered("", root)
    }

    fn is_covered(&self, repository: &str, digest: Digest) -> bool {
        if self.signed.contains(&(repository.to_owned(), digest)) {
            return true;
        }
        let Some(children) = self.children.get(&digest) else { return false };
        let mut images = children.iter().filter(|(_, is_attestation)| !is_attestation).peekable();
        images.peek().is_some() && images.all(|(child, _)| self.is_covered(repository, *child))
    }
}

/// The name of a repository without a port that goes without saying: whether it is said makes no other registry.
pub fn plain(repository: &str) -> String {
    repository.to_lowercase().replacen(":443/", "/", 1)
}
