//! `ClusterImagePolicy`: whose signatures images must have.

use super::resource::{MAX_KEY_DATA, OpenshiftError, Resource, ResourceName, check_scope};
use crate::quoting::quoted;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::Repository;
use bundle_trust::PublicKey;
use std::collections::BTreeSet;

/// Most scopes of one policy; more make further policies.
pub const MAX_SCOPES: usize = 256;

const KIND: &str = "ClusterImagePolicy";
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----\n";
const END: &str = "\n-----END PUBLIC KEY-----\n";
/// The beginning of names that the platform keeps for itself.
const RESERVED: &str = "openshift";

/// A key and the source repositories all of whose carried images it verified.
#[derive(Debug, Clone)]
pub struct KeyScopes {
    /// What the policy is called.
    pub name: ResourceName,
    /// Source repositories: policies speak of logical names.
    pub scopes: BTreeSet<Repository>,
    /// The key.
    pub key: PublicKey,
    /// The key of a transparency log that must have recorded each signature.
    pub log_key: Option<PublicKey>,
}

/// The policies for all keys. The identity rule is `MatchRepository`, by which plain cosign signatures are accepted.
///
/// # Errors
/// [`OpenshiftError`]: a scope under two keys, a reserved name, hosts that the schema does not admit, no scopes.
pub fn cluster_image_policies(groups: &[KeyScopes]) -> Result<Vec<Resource>, OpenshiftError> {
    let mut seen = BTreeSet::new();
    let mut resources = Vec::new();
    for group in groups {
        if group.name.as_str().starts_with(RESERVED) {
            return Err(OpenshiftError::Reserved(group.name.to_string()));
        }
        if group.scopes.is_empty() {
            return Err(OpenshiftError::Empty(KIND));
        }
        for scope in &group.scopes {
            check_scope(scope)?;
            if !seen.insert(scope) {
                return Err(OpenshiftError::TwoPolicies(scope.clone()));
            }
        }
        let scopes: Vec<&Repository> = group.scopes.iter().collect();
        for (number, scopes) in scopes.chunks(MAX_SCOPES).enumerate() {
            resources.push(policy(&group.name.numbered(number + 1)?, scopes, group)?);
        }
    }
    Ok(resources)
}

fn policy(
    name: &ResourceName,
    scopes: &[&Repository],
    group: &KeyScopes,
) -> Result<Resource, OpenshiftError> {
    let mut content = format!(
        "apiVersion: config.openshift.io/v1\nkind: {KIND}\nmetadata:\n  name: {}\nspec:\n  scopes:\n",
        quoted(name.as_str())
    );
    for scope in scopes {
        content.push_str(&format!("  - {}\n", quoted(&scope.to_string())));
    }
    content
        .push_str("  policy:\n    rootOfTrust:\n      policyType: PublicKey\n      publicKey:\n");
    let key = key_data(&group.key.to_pem())?;
    content.push_str(&format!("        keyData: {}\n", quoted(&key)));
    if let Some(log_key) = &group.log_key {
        let key = key_data(&log_key.to_pem())?;
        content.push_str(&format!("        rekorKeyData: {}\n", quoted(&key)));
    }
    content.push_str("    signedIdentity:\n      matchPolicy: MatchRepository\n");
    Ok(Resource { file: format!("clusterimagepolicy-{name}.yaml"), content })
}

/// A key as policies hold it: its PEM in base64.
///
/// # Errors
/// [`OpenshiftError::KeyForm`] unless it goes from `-----BEGIN PUBLIC KEY-----` to `-----END PUBLIC KEY-----` with one
/// newline after it and nothing around, [`OpenshiftError::KeyLength`].
pub fn key_data(pem: &str) -> Result<String, OpenshiftError> {
    let body = pem.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
    if body.is_none_or(|body| body.is_empty() || body.contains("-----")) {
        return Err(OpenshiftError::KeyForm);
    }
    let encoded = STANDARD.encode(pem);
    if encoded.len() > MAX_KEY_DATA {
        return Err(OpenshiftError::KeyLength(encoded.len()));
    }
    Ok(encoded)
}
