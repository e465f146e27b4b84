//! Which rules of the host's policy rest on a key. A rule counts whatever is recorded here: without its key file it
//! refuses every pull, and where the key stands in it, it goes on admitting what that key signs.

use super::key_path;
use super::public_key;
use super::record::KeyRecord;
use crate::files::{HostRoot, PathError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::json;
use bundle_trust::KeyUse;
use serde_json::Value;

/// Largest policy that is read: as large as one that is merged with.
const MAX_POLICY: u64 = 4 << 20;
/// Most values of its JSON: a scope has some ten.
const MAX_VALUES: usize = 200_000;
/// Members of a requirement that are paths of keys, and those that are keys.
const PATHS: [&str; 4] = ["keyPath", "keyPaths", "rekorPublicKeyPath", "rekorPublicKeyPaths"];
const KEYS: [&str; 4] = ["keyData", "keyDatas", "rekorPublicKeyData", "rekorPublicKeyDatas"];

/// A rule of `/etc/containers/policy.json` that rests on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRule {
    /// Where it stands: `default`, or a scope; one of another transport than `docker` after the name of that.
    pub scope: String,
    /// How it names the key.
    pub by: NamedBy,
}

/// How a rule names a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NamedBy {
    /// By the path of its file.
    Path,
    /// The key itself stands in the rule.
    Content,
}

/// The policy cannot be searched.
#[derive(Debug, thiserror::Error)]
pub enum PolicyRulesError {
    /// It cannot be read, or others could write it.
    #[error(transparent)]
    Path(#[from] PathError),
    /// It is not strict JSON.
    #[error("/etc/containers/policy.json is not valid")]
    Json(#[from] serde_json::Error),
}

/// The rules that rest on the key of `record`, in the order of the policy; none when there is no policy.
pub(super) fn resting_on(
    root: &HostRoot,
    record: &KeyRecord,
) -> Result<Vec<PolicyRule>, PolicyRulesError> {
    let directory = root.existing(&["etc", "containers"])?;
    let bytes = directory.map(|directory| directory.read("policy.json", MAX_POLICY)).transpose()?;
    let Some(bytes) = bytes.flatten() else { return Ok(Vec::new()) };
    let policy = json::parse_within(&bytes, MAX_VALUES)?;
    let mut rules = Vec::new();
    for (scope, requirements) in lists(&policy) {
        let named = requirements.iter().filter_map(|one| named_in(one, record)).min();
        rules.extend(named.map(|by| PolicyRule { scope, by }));
    }
    Ok(rules)
}

/// Every list of requirements, with the place where it stands.
fn lists(policy: &Value) -> Vec<(String, &Vec<Value>)> {
    let default = policy.get("default").and_then(Value::as_array);
    let mut all: Vec<_> = default.map(|list| ("default".to_owned(), list)).into_iter().collect();
    let transports = policy.get("transports").and_then(Value::as_object);
    for (transport, scopes) in transports.into_iter().flatten() {
        for (scope, list) in scopes.as_object().into_iter().flatten() {
            let place = match transport.as_str() {
                "docker" if !scope.is_empty() => scope.clone(),
                _ => format!("{transport}:{scope}"),
            };
            all.extend(list.as_array().map(|list| (place, list)));
        }
    }
    all
}

fn named_in(requirement: &Value, record: &KeyRecord) -> Option<NamedBy> {
    let path = key_path(&record.name, record.usage);
    if texts(requirement, PATHS).iter().any(|text| path.as_os_str() == *text) {
        return Some(NamedBy::Path);
    }
    let is_key = |text: &&str| {
        let content = STANDARD.decode(text).ok();
        // One form of PEM stands for the key of a signer and for that of a log.
        let found = content.and_then(|content| public_key::check(KeyUse::Cosign, &content).ok());
        found == Some(record.fingerprint)
    };
    texts(requirement, KEYS).iter().any(is_key).then_some(NamedBy::Content)
}

/// The texts of these members, each of which is a text or a list of them.
fn texts<'v>(requirement: &'v Value, members: [&str; 4]) -> Vec<&'v str> {
    let values = members.into_iter().filter_map(|member| requirement.get(member));
    let all = values.flat_map(|value| match value {
        Value::Array(many) => many.as_slice(),
        one => std::slice::from_ref(one),
    });
    all.filter_map(Value::as_str).collect()
}
