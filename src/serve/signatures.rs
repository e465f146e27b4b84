//! GPG signatures, by the signature extension: read only (containers/image signature-protocols.md).

use super::refusal::Refusal;
use super::{Content, Name, json};
use crate::oci::Digest;
use crate::oci::atomic::MAX_SIGNATURE;
use crate::oci::source::read_blob;
use crate::registry::extension;
use axum::http::HeaderName;
use axum::response::Response;

/// Says in the answer to `GET /v2/` that signatures are kept here.
pub(super) const SUPPORTED: HeaderName = HeaderName::from_static(extension::SUPPORTS_SIGNATURES);
/// Most bytes of signatures in one list: in base64 and with their names they stay below the 4 MiB that containers/image
/// reads, and a request takes no more memory than a manifest's.
const MAX_CONTENT: u64 = (3 << 20) - (64 << 10);

/// `GET /extensions/v2/…/signatures/<digest>`: a list, empty where a manifest has none.
pub(super) async fn list(
    content: &dyn Content,
    name: &Name,
    subject: &Digest,
) -> Result<Response, Refusal> {
    if !content.keeps_signatures() {
        return Err(Refusal::not_found("this registry keeps no signatures"));
    }
    let unknown = || Refusal::manifest_unknown(format!("{name} has no manifest {subject}"));
    let listed = content.signatures(name, subject).ok_or_else(unknown)?;
    let sizes = listed.iter().map(|(_, blob)| blob.size);
    if sizes.fold(0, u64::saturating_add) > MAX_CONTENT {
        return Err(Refusal::internal(format!("the signatures of {subject} are too long to list")));
    }
    let mut signatures = Vec::with_capacity(listed.len());
    for (name, blob) in &listed {
        let bytes = read_blob(content, blob, MAX_SIGNATURE).await?;
        signatures.push(extension::document(name, &bytes));
    }
    json(&serde_json::json!({ "signatures": signatures }))
}
