//! Manifests: read, pushed, deleted.

use super::refusal::Refusal;
use super::{Call, Content, DIGEST, Name, Store, Target, empty, set};
use crate::oci::Manifest;
use crate::oci::manifest::{MAX_MANIFEST, ManifestError};
use crate::oci::source::{Trouble, read_blob};
use axum::body::Body;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt as _;
use std::sync::Arc;

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

/// `GET` and `HEAD` of a manifest.
pub(super) async fn get(
    content: &dyn Content,
    name: &Name,
    target: &Target,
    method: &Method,
) -> Result<Response, Refusal> {
    let unknown = || Refusal::manifest_unknown(format!("{name} has no manifest {target}"));
    let descriptor = content.manifest(name, target).ok_or_else(unknown)?;
    let body = if *method == Method::HEAD {
        Body::empty()
    } else {
        let read = read_blob(content, &descriptor, MAX_MANIFEST).await;
        Body::from(read.map_err(|error| match error.trouble {
            // It is listed, so its absence is the medium's fault and not the client's.
            Trouble::Absent => Refusal::failed(&error),
            _ => error.into(),
        })?)
    };
    let mut response = Response::new(body);
    let digest = descriptor.digest.to_string();
    set(
        &mut response,
        &[
            (header::CONTENT_TYPE, descriptor.media_type),
            (header::CONTENT_LENGTH, descriptor.size.to_string()),
            (header::ETAG, format!("\"{digest}\"")),
            (DIGEST, digest),
        ],
    )?;
    Ok(response)
}

/// `PUT` of a manifest under a tag or its digest.
pub(super) async fn put(
    store: &Arc<Store>,
    name: &Name,
    target: Target,
    call: Call,
) -> Result<Response, Refusal> {
    let media_type = media_type(&call)?;
    let bytes = receive(call.body).await?;
    let manifest = Manifest::parse(bytes, &media_type).map_err(invalid)?;
    let digest = manifest.digest();
    let tag = match &target {
        Target::Digest(stated) if *stated != digest => {
            let what = format!("the manifest hashes to {digest}, not {stated}");
            return Err(Refusal::digest_invalid(what));
        }
        Target::Digest(_) => None,
        Target::Tag(tag) => Some(tag.as_str()),
    };
    let subject = manifest.subject().map(|subject| subject.digest);
    store.put_manifest(name, tag, manifest).await?;
    let mut headers = vec![
        (header::LOCATION, format!("/v2/{name}/manifests/{digest}")),
        (DIGEST, digest.to_string()),
    ];
    headers.extend(subject.map(|subject| (SUBJECT, subject.to_string())));
    empty(StatusCode::CREATED, &headers)
}

/// `DELETE` of a tag, or of a manifest with its tags.
pub(super) async fn delete(
    store: &Arc<Store>,
    name: &Name,
    target: &Target,
) -> Result<Response, Refusal> {
    store.remove_manifest(name, target).await?;
    empty(StatusCode::ACCEPTED, &[])
}

/// The announced type, without parameters such as a charset.
fn media_type(call: &Call) -> Result<String, Refusal> {
    let missing = || Refusal::manifest_invalid("a manifest is pushed with its Content-Type");
    let text = call.header(header::CONTENT_TYPE).ok_or_else(missing)?;
    Ok(text.split(';').next().unwrap_or(text).trim().to_owned())
}

async fn receive(body: Body) -> Result<Bytes, Refusal> {
    let too_large = || {
        let what = format!("the manifest has more than {MAX_MANIFEST} bytes");
        Refusal::manifest_too_large(what)
    };
    let mut content = Vec::new();
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Refusal::manifest_invalid("the manifest broke off"))?;
        content.extend_from_slice(&piece);
        if content.len() as u64 > MAX_MANIFEST {
            return Err(too_large());
        }
    }
    Ok(content.into())
}

fn invalid(error: ManifestError) -> Refusal {
    let mut what = error.to_string();
    if let Some(cause) = std::error::Error::source(&error) {
        what.push_str(": ");
        what.push_str(&cause.to_string());
    }
    Refusal::manifest_invalid(what)
}
