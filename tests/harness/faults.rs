//! What a [`FaultProxy`](super::fault_proxy::FaultProxy) breaks, and when.

use axum::http::Method;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use std::io;
use std::time::Duration;

/// Long enough for loopback to take what was written before a connection is cut.
const FLUSH: Duration = Duration::from_millis(100);

/// What goes wrong.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// This answer, without asking the registry.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// The connection breaks after so many bytes of the answer's body.
    CloseAfter(u64),
    /// The connection breaks before the request's body was read whole, and the registry sees a broken upload.
    CloseUploadAfter(u64),
    /// One bit of the answer's body is another one, at this offset.
    FlipBit(u64),
    /// The answer has this header, whatever the registry said.
    SetHeader(&'static str, String),
    /// The answer does not have this header.
    DropHeader(&'static str),
    /// The request is passed on later.
    Delay(Duration),
    /// After so many bytes of the answer's body nothing more comes, and the connection stays open.
    HangAfter(u64),
    /// The answer's body comes in pieces of at most 64 KiB, with a pause before each.
    Slow(Duration),
}

impl Fault {
    /// An answer with a status alone.
    pub(crate) fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: String::new() }
    }

    /// Too many requests, to be tried again after so many seconds.
    pub(crate) fn too_many(seconds: u32) -> Self {
        let headers = vec![("retry-after", seconds.to_string())];
        Self::Answer { status: 429, headers, body: String::new() }
    }
}

type Matches = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Which requests a fault meets.
pub(crate) struct Rule {
    method: Method,
    path: Matches,
    from: usize,
    times: usize,
    seen: usize,
    pub(super) fault: Fault,
}

impl Rule {
    /// Breaks every request of this method whose path and query satisfy `path`.
    pub(crate) fn new(
        method: Method,
        path: impl Fn(&str) -> bool + Send + Sync + 'static,
        fault: Fault,
    ) -> Self {
        Self { method, path: Box::new(path), from: 1, times: usize::MAX, seen: 0, fault }
    }

    /// Only the `number`th matching request, counted from 1.
    pub(crate) fn nth(mut self, number: usize) -> Self {
        (self.from, self.times) = (number, 1);
        self
    }

    /// Only the first `number` matching requests.
    pub(crate) fn first(mut self, number: usize) -> Self {
        (self.from, self.times) = (1, number);
        self
    }

    /// Whether this request is broken; counts it.
    pub(super) fn meets(&mut self, method: &Method, path: &str) -> bool {
        if self.method != *method || !(self.path)(path) {
            return false;
        }
        self.seen += 1;
        self.seen >= self.from && self.seen - self.from < self.times
    }
}

/// The first `length` bytes, then an error.
pub(super) fn cut(
    body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    length: u64,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let mut left = length;
    let mut broken = false;
    body.map(move |piece| {
        let piece = piece?;
        let size = piece.len() as u64;
        if broken || size > left {
            broken = true;
        }
        let take = usize::try_from(left.min(size)).expect("a piece in memory");
        left -= take as u64;
        Ok((piece.slice(..take), broken))
    })
    .flat_map(|step: io::Result<(Bytes, bool)>| match step {
        Ok((piece, false)) => stream::iter([Ok(piece)]).boxed(),
        Ok((piece, true)) => stream::iter([Ok(piece)])
            .chain(stream::once(async {
                // What was sent so far must be on the wire before the connection goes, or the answer's head is lost too.
                tokio::time::sleep(FLUSH).await;
                Err(io::Error::other("cut by a rule"))
            }))
            .boxed(),
        Err(error) => stream::iter([Err(error)]).boxed(),
    })
}

/// The same bytes, but for one bit of the one at `offset`.
pub(super) fn flip(
    body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    offset: u64,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let mut start = 0;
    body.map(move |piece| {
        let mut piece = piece?.to_vec();
        if let Some(place) = offset.checked_sub(start)
            && let Some(byte) = usize::try_from(place).ok().and_then(|place| piece.get_mut(place))
        {
            *byte ^= 1;
        }
        start += piece.len() as u64;
        Ok(piece.into())
    })
}

/// The first `length` bytes, then silence.
pub(super) fn hang(
    body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    length: u64,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    cut(body, length).take_while(|piece| std::future::ready(piece.is_ok())).chain(stream::pending())
}

/// The same bytes, slowly.
pub(super) fn slow(
    body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    pause: Duration,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    const PIECE: usize = 64 << 10;
    body.flat_map(|piece| match piece {
        Ok(piece) => {
            let starts = (0..piece.len()).step_by(PIECE);
            let cut = |start| Ok(piece.slice(start..piece.len().min(start + PIECE)));
            stream::iter(starts.map(cut).collect::<Vec<_>>())
        }
        Err(error) => stream::iter(vec![Err(error)]),
    })
    .then(move |piece| async move {
        tokio::time::sleep(pause).await;
        piece
    })
}
