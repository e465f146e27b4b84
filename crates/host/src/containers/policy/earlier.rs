//! Rules that an earlier run wrote elsewhere, for review, and that the host does not have yet.

use super::document::{self, Tree};
use super::{PolicyMergeError, SCOPES};
use bundle_oci::json;
use bundle_trust::policy::{MAX_VALUES, Policy};
use serde_json::Value;

/// The content of the host's `policy.json`, with the scopes of `earlier` beside its own that demand Sigstore signatures.
/// What the host says of a scope stands.
///
/// # Errors
/// [`PolicyMergeError`], for either of them.
pub fn with_earlier(existing: Option<&[u8]>, earlier: &[u8]) -> Result<Vec<u8>, PolicyMergeError> {
    Policy::parse(earlier).map_err(PolicyMergeError::Existing)?;
    let Some(existing) = existing else { return Ok(earlier.to_vec()) };
    Policy::parse(existing).map_err(PolicyMergeError::Existing)?;
    let text = String::from_utf8_lossy(existing);
    let own = document::keys(&text, &SCOPES)?;
    let earlier = json::parse_within(earlier, MAX_VALUES)?;
    let scopes = SCOPES.iter().try_fold(&earlier, |value, key| value.get(*key));
    let scopes = scopes.and_then(Value::as_object).into_iter().flatten();
    let missing = scopes.filter(|(scope, list)| !own.contains(*scope) && is_rule(list));
    let members: Vec<_> =
        missing.filter_map(|(scope, list)| Some((scope.clone(), tree(list)?))).collect();
    match members.is_empty() {
        true => Ok(existing.to_vec()),
        false => Ok(document::add(&text, &SCOPES, members)?.into_bytes()),
    }
}

fn is_rule(list: &Value) -> bool {
    let requirements = list.as_array().map(Vec::as_slice).unwrap_or_default();
    !requirements.is_empty() && requirements.iter().all(|one| one["type"] == "sigstoreSigned")
}

/// The same to be added; `None` for what no rule has.
fn tree(value: &Value) -> Option<Tree> {
    Some(match value {
        Value::String(text) => Tree::Text(text.clone()),
        Value::Array(list) => Tree::List(list.iter().map(tree).collect::<Option<_>>()?),
        Value::Object(object) => {
            let member = |(key, value): (&String, &Value)| Some((key.clone(), tree(value)?));
            Tree::Object(object.iter().map(member).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_of_an_earlier_run_are_kept_beside_the_hosts() {
        let signed = json!([{"type": "sigstoreSigned", "keyPath": "/k.pub"}]);
        let anything = json!([{"type": "insecureAcceptAnything"}]);
        let earlier = json!({"default": anything, "transports": {"docker": {
            "quay.io/a": signed, "quay.io/b": signed, "quay.io/c": anything,
        }}});
        let reject = json!([{"type": "reject"}]);
        let host = json!({"default": reject, "transports": {"docker": {"quay.io/b": reject}}});
        let (earlier, host) = (earlier.to_string(), host.to_string());
        let joined = with_earlier(Some(host.as_bytes()), earlier.as_bytes()).expect("joined");
        let joined: Value = serde_json::from_slice(&joined).expect("JSON");
        let expected = json!({"default": reject, "transports": {"docker": {
            "quay.io/a": signed, "quay.io/b": reject,
        }}});
        assert_eq!(joined, expected);
        let alone = with_earlier(None, earlier.as_bytes()).expect("joined");
        assert_eq!(alone, earlier.as_bytes());
        let again = with_earlier(Some(host.as_bytes()), host.as_bytes()).expect("joined");
        assert_eq!(again, host.as_bytes());
        assert!(with_earlier(Some(host.as_bytes()), b"{}").is_err());
    }
}
