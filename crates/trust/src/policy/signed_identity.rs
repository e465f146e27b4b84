//! `signedIdentity`, in all its kinds.

use super::node::{Members, Node, PolicyError};
use crate::IdentityRule;
use crate::identity::RuleError;
use crate::identity::remap::Remap;

/// The identity of a requirement; absent means `matchRepoDigestOrExact`.
pub(super) fn read_or_default(object: &Members<'_>) -> Result<IdentityRule, PolicyError> {
    object.get("signedIdentity").as_ref().map_or(Ok(IdentityRule::MatchRepoDigestOrExact), read)
}

/// An identity: an object whose `type` says which other keys it has.
pub(super) fn read(node: &Node<'_>) -> Result<IdentityRule, PolicyError> {
    let kind = node.member("type")?;
    let only_type = |rule| node.object(&["type"]).map(|_| rule);
    match kind.text()? {
        "matchExact" => only_type(IdentityRule::MatchExact),
        "matchRepoDigestOrExact" => only_type(IdentityRule::MatchRepoDigestOrExact),
        "matchRepository" => only_type(IdentityRule::MatchRepository),
        "exactReference" => {
            let value = node.object(&["type", "dockerReference"])?.need("dockerReference")?;
            IdentityRule::exact_reference(value.text()?).map_err(|why| unusable(&value, why))
        }
        "exactRepository" => {
            let value = node.object(&["type", "dockerRepository"])?.need("dockerRepository")?;
            IdentityRule::exact_repository(value.text()?).map_err(|why| unusable(&value, why))
        }
        "remapIdentity" => {
            let object = node.object(&["type", "prefix", "signedPrefix"])?;
            let (prefix, signed_prefix) = (object.need("prefix")?, object.need("signedPrefix")?);
            Remap::new(prefix.text()?, signed_prefix.text()?)
                .map(IdentityRule::RemapIdentity)
                .map_err(|why| unusable(node, why.into()))
        }
        _ => Err(kind.unknown("kind of signed identity")),
    }
}

fn unusable(node: &Node<'_>, why: RuleError) -> PolicyError {
    PolicyError::Identity { place: node.place().to_owned(), why }
}
