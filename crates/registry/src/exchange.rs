//! One request and its answer: authorised, redirected safely, tried again where that can help.

use super::auth::{Challenge, Scope};
use super::host::Host;
use super::pace::{LONGEST_ANSWER, Pace, SLOWEST_ANSWER};
use super::reach::same_origin;
use super::{Asked, RegistryError, Said, answer_memory, encoding, retry};
use bytes::{Bytes, BytesMut};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue,
    LOCATION, RANGE,
};
use reqwest::{Method, Request, Response, StatusCode, Url};
use std::time::Duration;
use tokio::time::Instant;

/// Redirects followed for one request; registries need one or two.
const MAX_REDIRECTS: usize = 5;
/// What is read of an answer that is an error.
const MAX_ERROR: u64 = 64 << 10;

/// A request as a registry's client thinks of it.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) scope: &'a Scope,
    pub(super) accept: Option<&'static str>,
    /// First byte wanted.
    pub(super) from: u64,
    /// Content type and content.
    pub(super) content: Option<(&'a str, Bytes)>,
    /// Statuses beside 2xx that the caller wants to see itself.
    pub(super) expected: &'a [StatusCode],
}

impl<'a> Ask<'a> {
    pub(super) fn new(method: Method, url: Url, scope: &'a Scope) -> Self {
        Self { method, url, scope, accept: None, from: 0, content: None, expected: &[] }
    }

    pub(super) fn asked(&self) -> Asked {
        Asked::new(&self.method, &self.url)
    }

    fn request(&self, url: &Url) -> Request {
        let mut request = Request::new(self.method.clone(), url.clone());
        let headers = request.headers_mut();
        // Proxies that compress on the way would change the bytes that are hashed.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(accept) = self.accept {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        if self.from > 0
            && let Ok(range) = HeaderValue::from_str(&format!("bytes={}-", self.from))
        {
            headers.insert(RANGE, range);
        }
        if let Some((media_type, content)) = &self.content {
            if let Ok(media_type) = HeaderValue::from_str(media_type) {
                headers.insert(CONTENT_TYPE, media_type);
            }
            *request.body_mut() = Some(content.clone().into());
        } else if self.method == Method::POST {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        request
    }
}

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Where it came from in the end.
    pub(super) url: Url,
    pub(super) body: Bytes,
    /// For as long as the body is looked at.
    pub(super) _room: answer_memory::Taken,
}

impl Answer {
    /// A header's text, without parameters such as `; charset=utf-8`.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let text = self.headers.get(name)?.to_str().ok()?;
        Some(text.split(';').next().unwrap_or_default().trim())
    }
}

impl Host {
    /// Asks and reads the whole answer, at most `limit` bytes.
    pub(super) async fn whole(&self, ask: &Ask<'_>, limit: u64) -> Result<Answer, RegistryError> {
        self.retry(self.retry_policy().attempts, || self.whole_once(ask, limit)).await
    }

    /// As [`Self::whole`], for a caller that tries again itself.
    pub(super) async fn whole_once(
        &self,
        ask: &Ask<'_>,
        limit: u64,
    ) -> Result<Answer, RegistryError> {
        let response = self.answer(ask).await?;
        let (status, url) = (response.status(), response.url().clone());
        let headers = response.headers().clone();
        let (body, room) = match ask.method {
            Method::HEAD => (Bytes::new(), None),
            _ => self.read_into_memory(response, limit, || ask.asked()).await?,
        };
        Ok(Answer { status, headers, url, body, _room: room })
    }

    /// Asks and gives the answer with its body still to come.
    pub(super) async fn streaming(&self, ask: &Ask<'_>) -> Result<Response, RegistryError> {
        self.retry(self.retry_policy().attempts, || self.answer(ask)).await
    }

    /// One attempt, with one renewal of what authorises it.
    async fn answer(&self, ask: &Ask<'_>) -> Result<Response, RegistryError> {
        let base = self.base().await?;
        let mut renewed = false;
        loop {
            let grant = self.grants().grant(self, ask.scope).await?;
            let header = grant.as_ref().map(|grant| grant.header());
            let response = self.redirected(base, ask, header).await?;
            let status = response.status();
            let own = same_origin(base, response.url());
            if status == StatusCode::UNAUTHORIZED && own && !renewed {
                renewed = true;
                let challenge = Challenge::of(response.headers());
                let grants = self.grants();
                if grants.refused(ask.scope, grant.as_ref(), challenge).await {
                    continue;
                }
            }
            if status.is_success() || ask.expected.contains(&status) {
                return Ok(response);
            }
            return Err(self.error_of(response, ask.asked()).await);
        }
    }

    /// Sends and follows redirects. What authorises goes to the registry's own origin only.
    async fn redirected(
        &self,
        base: &Url,
        ask: &Ask<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, RegistryError> {
        let mut url = ask.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = ask.request(&url);
            if let Some(value) = authorization.filter(|_| same_origin(base, &url)) {
                request.headers_mut().insert(AUTHORIZATION, value.clone());
            }
            let content = ask.content.as_ref().map(|(_, content)| content.len() as u64);
            let response = self.execute(request, content).await?;
            if ask.expected.contains(&response.status()) || !is_followed(ask, response.status()) {
                return Ok(response);
            }
            url = self.location(base, &response, || ask.asked())?;
        }
        let why = format!("more than {MAX_REDIRECTS} redirects");
        Err(RegistryError::bad_answer(ask.asked(), why))
    }

    /// Reads the body of an answer, at most `limit` bytes.
    pub(super) async fn read(
        &self,
        response: Response,
        limit: u64,
        asked: impl Fn() -> Asked,
    ) -> Result<Bytes, RegistryError> {
        self.read_into_memory(response, limit, asked).await.map(|(body, _)| body)
    }

    /// As [`Self::read`], with the room that the body takes for as long as it is held.
    async fn read_into_memory(
        &self,
        response: Response,
        limit: u64,
        asked: impl Fn() -> Asked,
    ) -> Result<(Bytes, answer_memory::Taken), RegistryError> {
        // As for the beginning of an answer: there is to be time for a second attempt.
        let stall = self.retry_policy().stall / 2;
        let _told = self.server(response.url()).told(&asked(), stall);
        let is_gzip = encoding::is_gzip(response.headers());
        let (body, room) = read_into_memory(response, limit, &asked, stall).await?;
        let body = if is_gzip { encoding::decoded(body, limit, asked)? } else { body };
        Ok((body, room))
    }

    /// Where `Location` leads, relative to the answer's own URL, when it may lead there.
    pub(super) fn location(
        &self,
        base: &Url,
        response: &Response,
        asked: impl Fn() -> Asked,
    ) -> Result<Url, RegistryError> {
        self.target(base, response.url(), response.headers().get(LOCATION), asked)
    }

    /// As [`Self::location`], from an answer's parts.
    pub(super) fn target(
        &self,
        base: &Url,
        from: &Url,
        location: Option<&HeaderValue>,
        asked: impl Fn() -> Asked,
    ) -> Result<Url, RegistryError> {
        let text = location.and_then(|value| value.to_str().ok());
        let Some(url) = text.and_then(|text| from.join(text).ok()) else {
            let why = "the answer has no usable Location";
            return Err(RegistryError::bad_answer(asked(), why));
        };
        self.may_go(base, url).map_err(|why| {
            RegistryError::bad_answer(asked(), format!("its Location is not followed: {why}"))
        })
    }

    /// The error that an answer stands for, with the registry's own words.
    pub(super) async fn error_of(&self, response: Response, asked: Asked) -> RegistryError {
        let status = response.status();
        let wait = retry::retry_after(response.headers(), time::OffsetDateTime::now_utc());
        // What cannot be read of an error does not change what it is.
        let body = self.read(response, MAX_ERROR, || asked.clone()).await;
        let said = Said::read(&body.unwrap_or_default());
        RegistryError::of_status(asked, status, said, wait)
    }
}

/// Only what has no content is sent to another place; a POST only where its method is kept (RFC 9110 §15.4).
fn is_followed(ask: &Ask<'_>, status: StatusCode) -> bool {
    let kept = matches!(status.as_u16(), 307 | 308);
    let changed = matches!(status.as_u16(), 301..=303);
    let safe = matches!(ask.method, Method::GET | Method::HEAD);
    ask.content.is_none() && (kept || (changed && safe))
}

/// As [`read_into_memory`], for what is looked at right away.
pub(super) async fn read_body(
    response: Response,
    limit: u64,
    asked: impl Fn() -> Asked,
    stall: Duration,
) -> Result<Bytes, RegistryError> {
    read_into_memory(response, limit, asked, stall).await.map(|(body, _)| body)
}

/// Reads a body of at most `limit` bytes, which has to begin within `stall`, to keep a [`Pace`] and to end in time.
async fn read_into_memory(
    mut response: Response,
    limit: u64,
    asked: impl Fn() -> Asked,
    stall: Duration,
) -> Result<(Bytes, answer_memory::Taken), RegistryError> {
    let too_long = || {
        let why = format!("the answer is longer than {limit} bytes");
        RegistryError::bad_answer(asked(), why)
    };
    let announced = response.content_length().unwrap_or_default();
    if announced > limit {
        return Err(too_long());
    }
    // What is read grows, and may be copied once more meanwhile.
    let mut room = match answer_memory::is_large(announced) {
        true => answer_memory::take(2 * announced).await,
        false => None,
    };
    let mut whole = BytesMut::new();
    let (mut pace, end) = (Pace::new(SLOWEST_ANSWER, stall), Instant::now() + LONGEST_ANSWER);
    loop {
        let began = Instant::now();
        let left = pace.left().min(end.saturating_duration_since(began));
        let piece = match tokio::time::timeout(left, response.chunk()).await {
            Ok(piece) => piece.map_err(|e| RegistryError::of_transport(asked(), e))?,
            Err(_) if pace.is_silent() && Instant::now() < end => {
                return Err(RegistryError::stalled(asked()));
            }
            // Asked again it would hardly come faster, and could hold the run as long once more.
            Err(_) => return Err(RegistryError::too_slow(asked(), false)),
        };
        pace.moved(piece.as_ref().map_or(0, |piece| piece.len() as u64), began.elapsed());
        let Some(piece) = piece else {
            return Ok((whole.freeze(), room));
        };
        if (whole.len() + piece.len()) as u64 > limit {
            return Err(too_long());
        }
        // Most answers come in one piece, which needs no copy.
        if whole.is_empty() && piece.len() as u64 == announced {
            return Ok((piece, room));
        }
        if room.is_none() && answer_memory::is_large((whole.len() + piece.len()) as u64) {
            room = answer_memory::take(2 * limit).await;
        }
        whole.extend_from_slice(&piece);
    }
}
