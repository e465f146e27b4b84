//! Blobs: read whole or in part, deleted.

use super::range::{Part, part};
use super::refusal::Refusal;
use super::{Call, DIGEST, Name, Registry, Store, empty, set};
use crate::oci::Digest;
use crate::oci::source::{ByteStream, SourceError};
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::{StreamExt as _, stream};
use std::ops::Range;
use std::sync::Arc;

/// `GET` and `HEAD` of a blob, with `Range` (RFC 9110 §14).
pub(super) async fn get(
    Registry { content, damage, .. }: &Registry,
    name: &Name,
    digest: &Digest,
    call: Call,
) -> Result<Response, Refusal> {
    let unknown = || Refusal::blob_unknown(format!("{name} has no blob {digest}"));
    let blob = content.blob(name, digest)?.ok_or_else(unknown)?;
    let etag = format!("\"{digest}\"");
    let (status, range) = match part(asked_range(&call, &etag), blob.size) {
        Part::Whole => (StatusCode::OK, 0..blob.size),
        Part::Of(range) => (StatusCode::PARTIAL_CONTENT, range),
        Part::Nothing => {
            let refusal = Refusal::range_not_satisfiable("the blob ends before that range");
            return Err(refusal.with(header::CONTENT_RANGE, format!("bytes */{}", blob.size)));
        }
    };
    let mut headers = vec![
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, (range.end - range.start).to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, etag),
        (DIGEST, digest.to_string()),
    ];
    if status == StatusCode::PARTIAL_CONTENT {
        let last = range.end - 1;
        let text = format!("bytes {}-{last}/{}", range.start, blob.size);
        headers.push((header::CONTENT_RANGE, text));
    }
    let body = if call.parts.method == Method::HEAD {
        Body::empty()
    } else {
        let opened = content.open(&blob, range.start).await;
        let opened = opened.inspect_err(|error| damage(error))?;
        let damage = Arc::clone(damage);
        Body::from_stream(cut(opened, range).inspect_err(move |error| damage(error)))
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, &headers)?;
    Ok(response)
}

/// `DELETE` of a blob that no manifest refers to.
pub(super) async fn delete(store: &Arc<Store>, digest: &Digest) -> Result<Response, Refusal> {
    store.remove_blob(digest).await?;
    empty(StatusCode::ACCEPTED, &[])
}

/// The `Range` of a request; a range for another content (`If-Range`) is none.
fn asked_range<'a>(call: &'a Call, etag: &str) -> Option<&'a str> {
    let for_this = call.header(header::IF_RANGE).is_none_or(|of| of == etag);
    call.header(header::RANGE).filter(|_| for_this)
}

/// A stream that starts at the range's start, ended at its end.
fn cut(
    content: ByteStream,
    range: Range<u64>,
) -> impl futures_util::Stream<Item = Result<Bytes, SourceError>> {
    let left = range.end - range.start;
    stream::unfold((content, left), |(mut content, left)| async move {
        if left == 0 {
            return None;
        }
        let piece = content.next().await?.map(|mut piece| {
            piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            piece
        });
        let taken = piece.as_ref().map_or(left, |piece| piece.len() as u64);
        Some((piece, (content, left - taken)))
    })
}
