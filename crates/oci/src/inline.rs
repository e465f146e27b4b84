//! Content that stands inside a descriptor (`data`, image-spec descriptor.md): it has to be what the descriptor says.

use super::Digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Why the `data` of a descriptor is not the content that its `digest` and `size` name. Whoever believes such a
/// descriptor has other content than whoever fetches it. `None` where they agree, or nothing stands inline; what is not a
/// descriptor is refused elsewhere.
pub(crate) fn contradiction(descriptor: &Value) -> Option<&'static str> {
    // Go writes an absent slice so too.
    let data = descriptor.get("data").filter(|data| !data.is_null() && *data != "")?;
    let Some(content) = data.as_str().and_then(|text| STANDARD.decode(text).ok()) else {
        return Some("it is not base64");
    };
    if descriptor.get("size").and_then(Value::as_u64) != Some(content.len() as u64) {
        return Some("it has another size");
    }
    let stated = descriptor.get("digest").and_then(Value::as_str)?;
    let is_ours = stated.parse().is_ok_and(|digest: Digest| digest == Digest::of(&content));
    // A digest of another algorithm is not compared here; such a descriptor is not carried.
    (stated.starts_with("sha256:") && !is_ours).then_some("it hashes to another digest")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn inline_content_is_what_its_descriptor_says() {
        let (content, digest) = (b"{}", Digest::of(b"{}"));
        let data = STANDARD.encode(content);
        let of = |data: Value, digest: &str, size: u64| {
            contradiction(&json!({"data": data, "digest": digest, "size": size}))
        };
        let (own, other) = (digest.to_string(), Digest::of(b"[]").to_string());
        for (data, digest, size, fault) in [
            (json!(data), &own, 2, None),
            (json!(data), &other, 2, Some("it hashes to another digest")),
            (json!(data), &own, 3, Some("it has another size")),
            (json!(STANDARD.encode(b"[]")), &own, 2, Some("it hashes to another digest")),
            (json!("e30"), &own, 2, Some("it is not base64")),
            (json!(7), &own, 2, Some("it is not base64")),
            (json!(["e30="]), &own, 2, Some("it is not base64")),
            (json!(""), &own, 2, None),
            (Value::Null, &own, 2, None),
        ] {
            assert_eq!(of(data.clone(), digest, size), fault, "{data} {digest} {size}");
        }
        assert_eq!(contradiction(&json!({"digest": own, "size": 2})), None);
    }
}
