//! Blobs out of a registry: a stream that goes on by itself where a connection broke off.

use super::encoding::{self, Gunzip};
use super::exchange::Ask;
use super::pace::{Pace, SLOWEST_BLOB};
use super::retry::Tries;
use super::server::{Attempt, Server};
use super::{Asked, RegistryError, RemoteRepository};
use bundle_oci::Descriptor;
use bundle_oci::source::{BlobSource, ByteStream, SourceError};
use bundle_progress::Waiting;
use bytes::{Buf as _, Bytes};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use http_body::Body as _;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap};
use reqwest::{Body, Method, Response, StatusCode};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep};

/// New bytes that give a stream all its attempts back. A server that sends a few bytes a connection is not worth more
/// connections than one that sends none.
const PROGRESS: u64 = 64 << 10;
/// Answers to HEAD that do not say that the registry has the blob; the last two: there is no HEAD.
const NO_BLOB: [StatusCode; 3] =
    [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_IMPLEMENTED];

impl RemoteRepository {
    /// Whether the registry has a blob, by HEAD. What has another length is not this blob, and a registry that answers no
    /// HEAD has not said that it has it.
    ///
    /// # Errors
    /// When it does not say so for certain.
    pub async fn blob_exists(&self, blob: &Descriptor) -> Result<bool, RegistryError> {
        let url = self.url(&format!("blobs/{}", blob.digest)).await?;
        let mut ask = Ask::new(Method::HEAD, url, self.to_pull());
        ask.expected = &NO_BLOB;
        let answer = self.host().whole(&ask, 0).await?;
        if !answer.status.is_success() {
            self.is_absent(&answer).await?;
            return Ok(false);
        }
        let length = number(&answer.headers, CONTENT_LENGTH.as_str());
        // The length of what was compressed on the way says nothing.
        let length = length.filter(|_| !encoding::is_gzip(&answer.headers));
        Ok(length.is_none_or(|found| found == blob.size))
    }

    /// Connects to a blob at byte `from`.
    async fn connect(&self, blob: &Descriptor, from: u64) -> Result<Connection, RegistryError> {
        let url = self.url(&format!("blobs/{}", blob.digest)).await?;
        let mut ask = Ask::new(Method::GET, url, self.to_pull());
        ask.from = from;
        ask.expected = if from > 0 { &[StatusCode::RANGE_NOT_SATISFIABLE] } else { &[] };
        let mut response = self.host().streaming(&ask).await?;
        let is_part = response.status() == StatusCode::PARTIAL_CONTENT;
        // Some registries have no ranges where they say they do, and a part of what was compressed is of no use.
        if from > 0
            && (response.status() == StatusCode::RANGE_NOT_SATISFIABLE
                || is_part && is_compressed(&response, blob))
        {
            (ask.from, ask.expected) = (0, &[]);
            response = self.host().streaming(&ask).await?;
        }
        let asked = ask.asked();
        let gunzip = is_compressed(&response, blob).then(Box::default);
        let skip = match &gunzip {
            Some(_) if response.status() == StatusCode::OK => from,
            _ => check_length(&response, blob, from, &asked)?,
        };
        let server = self.host().server(response.url());
        let attempt = server.attempt()?;
        let told = server.told(&asked, self.host().retry_policy().stall);
        Ok(Connection { asked, body: response.into(), skip, gunzip, server, attempt, told })
    }
}

impl BlobSource for RemoteRepository {
    fn open<'a>(
        &'a self,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<ByteStream, SourceError>> {
        async move {
            if offset > 0 && offset == blob.size {
                return Ok(futures_util::stream::empty().boxed());
            }
            let connection =
                self.connect(blob, offset).await.map_err(|e| source_error(self, blob, e))?;
            Ok(Download::new(self.clone(), blob.clone(), offset, connection).boxed())
        }
        .boxed()
    }
}

/// Names the blob in front of what failed.
fn source_error(
    repository: &RemoteRepository,
    blob: &Descriptor,
    error: RegistryError,
) -> SourceError {
    let error = SourceError::from(error);
    SourceError { what: format!("blob {} of {}", blob.digest, repository.name()), ..error }
}

/// An open answer.
struct Connection {
    asked: Asked,
    body: Body,
    /// Bytes at its start that were not asked for.
    skip: u64,
    /// Undoes what was done on the way.
    gunzip: Option<Box<Gunzip>>,
    server: Arc<Server>,
    attempt: Attempt,
    told: Waiting,
}

/// True when an answer was compressed on the way. Object stores call layers that are gzip by themselves so too: then it
/// has the blob's own length.
fn is_compressed(response: &Response, blob: &Descriptor) -> bool {
    let headers = response.headers();
    let length = match response.status() {
        StatusCode::PARTIAL_CONTENT => content_range(headers).and_then(|(_, total)| total),
        _ => number(headers, CONTENT_LENGTH.as_str()),
    };
    encoding::is_gzip(headers) && length != Some(blob.size)
}

/// A header that is one number.
fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Start and total length of `bytes START-END/TOTAL` (RFC 9110 §14.4); the total may be unknown.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}

/// Checks that an answer is this blob from this byte on; gives how many bytes to skip, when all of it comes instead.
fn check_length(
    response: &Response,
    blob: &Descriptor,
    from: u64,
    asked: &Asked,
) -> Result<u64, RegistryError> {
    let length = number(response.headers(), CONTENT_LENGTH.as_str());
    let wrong =
        |found| RegistryError::WrongLength { asked: asked.clone(), expected: blob.size, found };
    if response.status() == StatusCode::PARTIAL_CONTENT {
        let range = content_range(response.headers());
        let Some((start, total)) = range.filter(|(start, _)| *start == from) else {
            let why = format!("another range came than the one from byte {from}");
            return Err(RegistryError::bad_answer(asked.clone(), why));
        };
        let total = total.or(length.map(|length| start.saturating_add(length)));
        return match total.filter(|total| *total != blob.size) {
            Some(found) => Err(wrong(found)),
            None => Ok(0),
        };
    }
    if response.status() != StatusCode::OK {
        let why = format!("status {} instead of the blob", response.status().as_u16());
        return Err(RegistryError::bad_answer(asked.clone(), why));
    }
    match length.filter(|length| *length != blob.size) {
        Some(found) => Err(wrong(found)),
        None => Ok(from),
    }
}

/// A blob as it arrives. Pieces are handed on as the connection gave them, without a copy.
struct Download {
    repository: RemoteRepository,
    blob: Descriptor,
    /// The next byte to hand on.
    at: u64,
    /// The request, for errors.
    asked: Asked,
    phase: Phase,
    /// Connections before there is progress.
    tries: Tries,
    /// Where `tries` began.
    progress: u64,
    pace: Pace,
    /// Since when the connection is waited for.
    waiting: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
}

enum Phase {
    Reading(Connection),
    Connecting(BoxFuture<'static, Result<Connection, RegistryError>>),
    Over,
}

impl Download {
    fn new(
        repository: RemoteRepository,
        blob: Descriptor,
        at: u64,
        connection: Connection,
    ) -> Self {
        let retry_policy = repository.host().retry_policy();
        Self {
            tries: Tries::of(retry_policy, retry_policy.attempts),
            alarm: Box::pin(tokio::time::sleep(retry_policy.stall / 2)),
            pace: Pace::new(SLOWEST_BLOB, retry_policy.stall / 2),
            repository,
            blob,
            at,
            asked: connection.asked.clone(),
            phase: Phase::Reading(connection),
            progress: at,
            waiting: None,
        }
    }

    /// The next piece, decoded where that is needed.
    fn poll_content(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, RegistryError>>> {
        loop {
            if let Phase::Reading(Connection { gunzip: Some(gunzip), asked, .. }) = &mut self.phase
            {
                match gunzip.next() {
                    Ok(Some(piece)) => return Poll::Ready(Some(Ok(piece))),
                    Ok(None) => {}
                    Err(error) => {
                        let error = encoding::broken(asked.clone(), &error);
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
            match (ready!(self.poll_piece(context)), &mut self.phase) {
                (Some(Ok(piece)), Phase::Reading(Connection { gunzip: Some(gunzip), .. })) => {
                    gunzip.feed(piece);
                }
                (piece, _) => return Poll::Ready(piece),
            }
        }
    }

    /// Goes on after `error`, from the byte where it happened.
    fn broken(&mut self, error: RegistryError) -> Option<RegistryError> {
        if self.at >= self.progress + PROGRESS {
            self.progress = self.at;
            let retry_policy = self.repository.host().retry_policy();
            self.tries = Tries::of(retry_policy, retry_policy.attempts);
        }
        let pause = match error.is_transient() {
            true => self.tries.pause(&error),
            false => None,
        };
        let Some(pause) = pause else { return Some(error) };
        let (repository, blob, at) = (self.repository.clone(), self.blob.clone(), self.at);
        let again = async move {
            let host = repository.host();
            pause.over(host.waits(), host.name()).await;
            repository.connect(&blob, at).await
        };
        self.phase = Phase::Connecting(again.boxed());
        None
    }

    /// Takes a piece from the connection; gives what of it is wanted.
    fn take(&mut self, mut piece: Bytes) -> Result<Option<Bytes>, RegistryError> {
        if let Phase::Reading(connection) = &mut self.phase {
            let skipped = connection.skip.min(piece.len() as u64);
            connection.skip -= skipped;
            // No piece is longer than memory, so the number fits.
            piece.advance(skipped as usize);
        }
        if piece.is_empty() {
            return Ok(None);
        }
        self.at += piece.len() as u64;
        if self.at > self.blob.size {
            return Err(RegistryError::WrongLength {
                asked: self.asked.clone(),
                expected: self.blob.size,
                found: self.at,
            });
        }
        Ok(Some(piece))
    }

    /// Waits for the connection's next piece, but not for one that comes too late or too slowly.
    fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, RegistryError>>> {
        let Phase::Reading(connection) = &mut self.phase else {
            return Poll::Ready(None);
        };
        match Pin::new(&mut connection.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                connection.server.heard();
                connection.told.rest();
                // Trailers carry nothing that is used.
                let piece = frame.into_data().unwrap_or_default();
                let waited = self.waiting.take().map(|since| since.elapsed());
                self.pace.moved(piece.len() as u64, waited.unwrap_or_default());
                Poll::Ready(Some(Ok(piece)))
            }
            Poll::Ready(Some(Err(error))) => {
                Poll::Ready(Some(Err(RegistryError::of_transport(self.asked.clone(), error))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                connection.told.resume();
                let since = *self.waiting.get_or_insert_with(Instant::now);
                let deadline = since + self.pace.left();
                if self.alarm.deadline() > deadline {
                    self.alarm.as_mut().reset(deadline);
                }
                while self.alarm.as_mut().poll(context).is_ready() {
                    if Instant::now() >= deadline {
                        let asked = self.asked.clone();
                        return Poll::Ready(Some(Err(match self.pace.is_silent() {
                            true => connection.attempt.failed(RegistryError::stalled(asked)),
                            false => RegistryError::too_slow(asked, true),
                        })));
                    }
                    self.alarm.as_mut().reset(deadline);
                }
                Poll::Pending
            }
        }
    }

    fn poll_next_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, RegistryError>>> {
        loop {
            let failure = match &mut self.phase {
                Phase::Over => return Poll::Ready(None),
                Phase::Connecting(connecting) => match ready!(connecting.poll_unpin(context)) {
                    Ok(connection) => {
                        self.phase = Phase::Reading(connection);
                        let stall = self.repository.host().retry_policy().stall / 2;
                        (self.pace, self.waiting) = (Pace::new(SLOWEST_BLOB, stall), None);
                        continue;
                    }
                    // Connecting has been tried often enough by then.
                    Err(error) => {
                        self.phase = Phase::Over;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                Phase::Reading(_) => match ready!(self.poll_content(context)) {
                    Some(Ok(piece)) => match self.take(piece) {
                        Ok(None) => continue,
                        Ok(Some(piece)) => return Poll::Ready(Some(Ok(piece))),
                        Err(error) => error,
                    },
                    Some(Err(error)) => error,
                    None if self.at == self.blob.size => {
                        self.phase = Phase::Over;
                        continue;
                    }
                    None => RegistryError::cut_off(self.asked.clone()),
                },
            };
            if let Some(error) = self.broken(failure) {
                self.phase = Phase::Over;
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl Stream for Download {
    type Item = Result<Bytes, SourceError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        this.poll_next_piece(context).map(|item| {
            item.map(|piece| piece.map_err(|e| source_error(&this.repository, &this.blob, e)))
        })
    }
}
