//! Uploads of blobs: at once, in one stream, or in pieces (distribution-spec §pushing blobs).

use super::range::number;
use super::refusal::Refusal;
use super::route::parse_digest;
use super::store::{Received, StoreError, Upload};
use super::{Call, DIGEST, Name, Store, empty};
use crate::oci::Digest;
use axum::body::Body;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt as _;
use std::sync::Arc;
use std::time::Duration;

const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");
/// A client that sends nothing for so long is taken for gone, so that its upload can be continued.
const SILENCE: Duration = Duration::from_secs(60);

/// `POST …/blobs/uploads/`: a mount, a whole blob, or the start of an upload.
pub(super) async fn start(
    store: &Arc<Store>,
    name: &Name,
    call: Call,
) -> Result<Response, Refusal> {
    if let Some(digest) = call.query.get("mount") {
        let digest = parse_digest(digest)?;
        // Blobs belong to all repositories, so `from` decides nothing; one that is no name is a mistake still.
        if let Some(from) = call.query.get("from")
            && Name::parse(from).is_none()
        {
            return Err(Refusal::name_invalid("from is not a repository name"));
        }
        if store.layout().has_blob(&digest).map_err(StoreError::from)? {
            return created(name, &digest);
        }
    }
    if let Some(digest) = call.query.get("digest") {
        let digest = parse_digest(digest)?;
        let store = Arc::clone(store);
        let received = store.uploads().receive();
        return match continued(receive_whole(store, received, call.body, digest)).await {
            Ok(()) => created(name, &digest),
            Err(refusal) => Err(refusal),
        };
    }
    let upload = store.uploads().start(name)?;
    let headers = upload_headers(name, &upload);
    empty(StatusCode::ACCEPTED, &headers)
}

/// `GET` of an upload: how far it came.
pub(super) fn status(store: &Store, name: &Name, id: &str) -> Result<Response, Refusal> {
    let upload = store.uploads().find(name, id)?;
    empty(StatusCode::NO_CONTENT, &upload_headers(name, &upload))
}

/// `DELETE` of an upload.
pub(super) fn cancel(store: &Store, name: &Name, id: &str) -> Result<Response, Refusal> {
    let upload = store.uploads().find(name, id)?;
    store.uploads().remove(&upload);
    empty(StatusCode::NO_CONTENT, &[])
}

/// `PATCH` of an upload: the next piece, of any length.
pub(super) async fn append(
    store: &Arc<Store>,
    name: &Name,
    id: &str,
    call: Call,
) -> Result<Response, Refusal> {
    let upload = store.uploads().find(name, id)?;
    let range = content_range(&call)?;
    let task = append_body(Arc::clone(store), upload.clone(), name.clone(), range, call.body);
    continued(task).await?;
    empty(StatusCode::ACCEPTED, &upload_headers(name, &upload))
}

/// `PUT` of an upload: the last piece, if any, and the digest of the whole.
pub(super) async fn finish(
    store: &Arc<Store>,
    name: &Name,
    id: &str,
    call: Call,
) -> Result<Response, Refusal> {
    let upload = store.uploads().find(name, id)?;
    let missing = || Refusal::digest_invalid("an upload is finished with its digest");
    let digest = parse_digest(call.query.get("digest").ok_or_else(missing)?)?;
    let range = content_range(&call)?;
    let (store, name_of_task) = (Arc::clone(store), name.clone());
    let task = async move {
        append_body(store.clone(), upload.clone(), name_of_task, range, call.body).await?;
        let mut turn = upload.turn().await;
        let received = std::mem::replace(&mut *turn, store.uploads().receive());
        // Right or wrong, what came is used up.
        store.uploads().remove(&upload);
        Ok(store.finish(received, digest).await?)
    };
    continued(task).await?;
    created(name, &digest)
}

/// Runs a task to its end although the client may go: what came of an upload is kept for its continuation.
async fn continued<T: Send + 'static>(
    task: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::spawn(task).await.unwrap_or_else(|ended| Err(Refusal::failed(&ended)))
}

async fn receive_whole(
    store: Arc<Store>,
    mut received: Received,
    body: Body,
    digest: Digest,
) -> Result<(), Refusal> {
    receive(&mut received, body, |_| ()).await?;
    Ok(store.finish(received, digest).await?)
}

/// Appends a body to an upload, at the place that its `Content-Range` says.
async fn append_body(
    store: Arc<Store>,
    upload: Arc<Upload>,
    name: Name,
    range: Option<ContentRange>,
    body: Body,
) -> Result<(), Refusal> {
    let mut turn = upload.turn().await;
    // It may have been finished while this request waited.
    store.uploads().find(&name, upload.id())?;
    let before = turn.length();
    if range.is_some_and(|range| range.first != before) {
        let refusal = Refusal::upload_out_of_order(format!("the next byte wanted is {before}"));
        let headers = upload_headers(&name, &upload).into_iter();
        return Err(headers.fold(refusal, |refusal, (key, value)| refusal.with(key, value)));
    }
    let result = receive(&mut turn, body, |length| upload.note(length)).await;
    if matches!(&result, Err(broken) if broken.is_internal()) {
        store.uploads().remove(&upload);
    }
    result?;
    match range {
        Some(range) if turn.length() - before != range.length => Err(Refusal::size_invalid(
            format!("{} bytes came, not {}", turn.length() - before, range.length),
        )),
        _ => Ok(()),
    }
}

/// Takes a body as it comes; `note` hears how long the upload is.
async fn receive(received: &mut Received, body: Body, note: impl Fn(u64)) -> Result<(), Refusal> {
    let mut pieces = body.into_data_stream();
    loop {
        let piece = tokio::time::timeout(SILENCE, pieces.next()).await;
        let piece = piece.map_err(|_| Refusal::upload_invalid("nothing came for too long"))?;
        let Some(piece) = piece else {
            return Ok(());
        };
        let piece = piece.map_err(|_| Refusal::upload_invalid("the upload broke off"))?;
        received.push(piece).await.map_err(|error| Refusal::failed(&error))?;
        note(received.length());
    }
}

/// The bytes of an upload that a request brings.
#[derive(Clone, Copy)]
struct ContentRange {
    first: u64,
    length: u64,
}

/// `Content-Range: <first>-<last>`; some clients write `bytes` before it, or `/*` after it.
fn content_range(call: &Call) -> Result<Option<ContentRange>, Refusal> {
    let Some(text) = call.header(header::CONTENT_RANGE) else {
        return Ok(None);
    };
    let parse = || {
        let text = text.strip_prefix("bytes").unwrap_or(text).trim();
        let (range, _) = text.split_once('/').unwrap_or((text, ""));
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let length = last.checked_sub(first)?.checked_add(1)?;
        Some(ContentRange { first, length })
    };
    let invalid = || Refusal::upload_out_of_order("Content-Range is not <first>-<last>");
    parse().map(Some).ok_or_else(invalid)
}

fn upload_headers(name: &Name, upload: &Upload) -> [(HeaderName, String); 3] {
    let location = format!("/v2/{name}/blobs/uploads/{}", upload.id());
    // Nothing and one byte look the same: so the specification's own example has it.
    let range = format!("0-{}", upload.length().saturating_sub(1));
    [(header::LOCATION, location), (header::RANGE, range), (UPLOAD_ID, upload.id().to_owned())]
}

fn created(name: &Name, digest: &Digest) -> Result<Response, Refusal> {
    let location = format!("/v2/{name}/blobs/{digest}");
    let headers = [(header::LOCATION, location), (DIGEST, digest.to_string())];
    empty(StatusCode::CREATED, &headers)
}
