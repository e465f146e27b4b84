//! containers-policy.json(5), read as strictly as the container stack reads it (containers/image,
//! `signature/policy_config*.go`), and stricter where that leaves two readings: such differences refuse more, never
//! less, and a test lists them.
//!
//! [`Policy::parse`] reads, [`Policy::requirements_for`] looks up what applies to an image, [`Applicable::load`] loads
//! the keys that this names, by a reader that the caller hands in:
//!
//! - [`requirement`]: what a list may demand; [`sources`] says where its keys are; `sigstore` and `signed_identity`
//!   read the parts
//! - `transports`: which scopes a transport has
//! - [`lookup`]: which list applies to an image
//! - [`load`]: keys in place of their sources
//! - `prepared`: what is demanded of the images of one run
//! - `node`: JSON values that know their place in the document, and [`PolicyError`]

pub mod load;
pub mod lookup;
mod node;
mod prepared;
pub mod requirement;
mod signed_identity;
mod sigstore;
pub mod sources;
mod transports;

use crate::reading::fields;
pub use load::{LoadCause, LoadError, Loaded, LoadedRequirement, RawFulcio, RawPki, Signers};
pub use lookup::Applicable;
use node::Node;
pub use node::PolicyError;
pub use prepared::PreparedPolicy;
pub(super) use prepared::{Demand, DemandKind, DemandedLogs, DemandedSigners};
pub use requirement::{KeyType, PolicyRequirement, SignedBy};
pub use sigstore::{FulcioSources, PkiSources, SignerSources, SigstoreSigned};
pub use sources::{KeySource, Sources};
use std::collections::BTreeMap;

/// Largest policy read, in bytes. A list of a few hundred scopes with their keys inline has some MiB.
pub const MAX_POLICY: usize = 16 << 20;
/// Most values of its JSON: a scope has some ten.
pub const MAX_VALUES: usize = 500_000;

/// A policy that is well formed. No key of it has been looked at yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    default: RequirementList,
    /// Lists by transport and scope.
    transports: BTreeMap<String, BTreeMap<String, RequirementList>>,
}

/// What one scope demands: every requirement has to be satisfied, each perhaps by another signature. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequirementList {
    place: String,
    requirements: Vec<PolicyRequirement>,
}

impl Policy {
    /// Reads the content of a policy file.
    ///
    /// # Errors
    /// [`PolicyError`] names the place and what is wrong there: an unknown key anywhere, a missing `default`, an empty
    /// list, sources of keys that contradict each other, a scope that its transport does not have.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() > MAX_POLICY {
            return Err(PolicyError::TooLarge(bytes.len()));
        }
        // The administrator's own file: its length bounds it well enough.
        let document = fields::document_within("the policy", bytes, MAX_VALUES)?;
        let policy = Node::document(&document).object(&["default", "transports"])?;
        let default = RequirementList::read(&policy.need("default")?)?;
        let mut transports = BTreeMap::new();
        if let Some(node) = policy.get("transports") {
            for (transport, scopes) in node.members()? {
                transports.insert(transport.to_owned(), read_scopes(transport, &scopes)?);
            }
        }
        Ok(Self { default, transports })
    }

    /// What applies where no scope does.
    pub fn default_requirements(&self) -> &RequirementList {
        &self.default
    }

    /// Every list of the policy, that of `default` first.
    pub fn lists(&self) -> impl Iterator<Item = &RequirementList> {
        let scoped = self.transports.values().flat_map(BTreeMap::values);
        std::iter::once(&self.default).chain(scoped)
    }
}

fn read_scopes(
    transport: &str,
    node: &Node<'_>,
) -> Result<BTreeMap<String, RequirementList>, PolicyError> {
    let mut scopes = BTreeMap::new();
    for (scope, list) in node.scopes()? {
        transports::check_scope(transport, scope)
            .map_err(|why| PolicyError::Scope { place: list.place().to_owned(), why })?;
        scopes.insert(scope.to_owned(), RequirementList::read(&list)?);
    }
    Ok(scopes)
}

impl RequirementList {
    fn read(node: &Node<'_>) -> Result<Self, PolicyError> {
        let items = node.items()?;
        if items.is_empty() {
            return Err(node.not("a list of at least one requirement"));
        }
        let requirements = items.iter().map(PolicyRequirement::read).collect::<Result<_, _>>()?;
        Ok(Self { place: node.place().to_owned(), requirements })
    }

    /// Where it stands in the policy: `default`, `transports.docker["quay.io/org"]`. Bounded.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What it demands, in the order of the file.
    pub fn requirements(&self) -> &[PolicyRequirement] {
        &self.requirements
    }
}

#[cfg(test)]
mod tests;
