//! Connections on which nothing moves end: a client that sends half a request, or never reads its answer, holds a
//! descriptor and keeps the service from stopping.

use axum::serve::Listener;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Time between two looks whether something moved.
const TICK: Duration = Duration::from_secs(5);
/// Ticks without a byte before a connection ends: longer than a disk takes to sync a large blob.
const MOST: u32 = 60;
/// The same once the service is to stop.
const MOST_STOPPING: u32 = 2;

/// A listener whose connections end when nothing moves on them.
pub(super) struct Impatient<L> {
    inner: L,
    stopping: Arc<AtomicBool>,
}

impl<L> Impatient<L> {
    pub(super) fn new(inner: L, stopping: Arc<AtomicBool>) -> Self {
        Self { inner, stopping }
    }
}

impl<L: Listener> Listener for Impatient<L> {
    type Io = Connection<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (inner, address) = self.inner.accept().await;
        (Connection::new(inner, TICK, self.stopping.clone()), address)
    }

    fn local_addr(&self) -> Result<Self::Addr> {
        self.inner.local_addr()
    }
}

/// A connection that fails when nothing has moved for long.
pub(super) struct Connection<T> {
    inner: T,
    tick: Duration,
    next: Pin<Box<Sleep>>,
    silent: u32,
    stopping: Arc<AtomicBool>,
}

impl<T: Unpin> Connection<T> {
    fn new(inner: T, tick: Duration, stopping: Arc<AtomicBool>) -> Self {
        let next = Box::pin(tokio::time::sleep(tick));
        Self { inner, tick, next, silent: 0, stopping }
    }

    /// The outcome of an attempt to move bytes: an error in the place of waiting on.
    fn watched<R>(&mut self, context: &mut Context<'_>, moved: Poll<Result<R>>) -> Poll<Result<R>> {
        if moved.is_ready() {
            self.silent = 0;
            return moved;
        }
        while self.next.as_mut().poll(context).is_ready() {
            self.silent += 1;
            let stopping = self.stopping.load(Ordering::Relaxed);
            if self.silent >= if stopping { MOST_STOPPING } else { MOST } {
                return Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "nothing moved")));
            }
            let next = Instant::now() + self.tick;
            self.next.as_mut().reset(next);
        }
        Poll::Pending
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Connection<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        self.watched(context, read)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Connection<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.watched(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, pieces);
        self.watched(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    #[tokio::test]
    async fn a_connection_ends_when_nothing_moves_on_it() {
        let tick = Duration::from_millis(40);
        for (stopping, most) in [(false, MOST), (true, MOST_STOPPING)] {
            let flag = Arc::new(AtomicBool::new(stopping));
            let (near, mut far) = duplex(64);
            let mut connection = Connection::new(near, tick, flag.clone());
            // What moves goes on, in both directions.
            for _ in 0..3 {
                far.write_all(b"x").await.expect("sent");
                assert_eq!(connection.read_u8().await.expect("read"), b'x');
                connection.write_all(b"y").await.expect("written");
                assert_eq!(far.read_u8().await.expect("received"), b'y');
            }
            let began = Instant::now();
            let error = connection.read_u8().await.expect_err("silence");
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(began.elapsed() >= tick * (most - 1), "{:?}", began.elapsed());
            // One who does not read his answer.
            let (near, _far) = duplex(64);
            let mut connection = Connection::new(near, tick, flag);
            let error = connection.write_all(&[0; 1000]).await.expect_err("silence");
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        }
    }
}
