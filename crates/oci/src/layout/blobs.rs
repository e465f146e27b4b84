//! The files of `blobs/sha256`. Their names are made from a parsed [`Digest`] and from nothing else.

use super::temporary::temporary;
use crate::source::{BlobSource, ByteStream, SourceError, Trouble};
use crate::{Descriptor, Digest};
use bundle_files::{Directory, Staged};
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use rustix::buffer::spare_capacity;
use std::fs::File;
use std::io;

/// Bytes read or written at once: large enough that the hop to a blocking thread does not show.
const PIECE: usize = 256 << 10;
/// Most pieces kept before they are written, so that content which comes byte by byte does not take memory.
const MAX_PIECES: usize = 512;

/// The blobs of one layout. Cloning shares the handle.
#[derive(Debug, Clone)]
pub struct Blobs(Directory);

impl Blobs {
    pub(crate) fn new(directory: Directory) -> Self {
        Self(directory)
    }

    /// The directory `blobs/sha256`.
    pub fn directory(&self) -> &Directory {
        &self.0
    }

    /// Length of the file of `digest`, or nothing when there is none.
    pub(crate) fn size(&self, digest: &Digest) -> io::Result<Option<u64>> {
        self.0.file_size(&digest.hex())
    }
}

impl BlobSource for Blobs {
    fn open<'a>(
        &'a self,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<ByteStream, SourceError>> {
        let blobs = self.clone();
        let (digest, size) = (blob.digest, blob.size);
        async move {
            let open = move || {
                let mut reading = Reading::start(&blobs, digest, size, offset)?;
                let first = reading.next()?;
                Ok((first, reading))
            };
            let (first, reading) = blocking(digest, open).await?;
            let rest = stream::unfold(Some(reading), |reading| async {
                let mut reading = reading.filter(|reading| reading.at < reading.end)?;
                let digest = reading.digest;
                let step = blocking(digest, move || Ok((reading.next()?, reading))).await;
                match step {
                    Ok((piece, reading)) => Some((Ok(piece), Some(reading))),
                    Err(error) => Some((Err(error), None)),
                }
            });
            Ok(stream::iter([Ok(first)]).chain(rest).boxed())
        }
        .boxed()
    }
}

/// A blob that is being read.
struct Reading {
    file: File,
    digest: Digest,
    at: u64,
    end: u64,
}

impl Reading {
    fn start(blobs: &Blobs, digest: Digest, size: u64, offset: u64) -> Result<Self, SourceError> {
        let opened = blobs.0.open_file(&digest.hex());
        let Some((file, length)) = opened.map_err(|error| unreadable(digest, error))? else {
            let what = format!("blob {digest} is not in the layout");
            return Err(SourceError::new(Trouble::Absent, what));
        };
        if length != size {
            let what = format!("blob {digest} has {length} bytes, its descriptor says {size}");
            return Err(SourceError::new(Trouble::Content, what));
        }
        if offset > size {
            let what = format!("blob {digest} has {size} bytes, none at {offset}");
            return Err(SourceError::new(Trouble::Content, what));
        }
        Ok(Self { file, digest, at: offset, end: size })
    }

    /// The next piece; empty only at the end.
    fn next(&mut self) -> Result<Bytes, SourceError> {
        let wanted = (self.end - self.at).min(PIECE as u64) as usize;
        let mut piece = Vec::with_capacity(wanted);
        while piece.len() < wanted {
            let at = self.at + piece.len() as u64;
            let read = rustix::io::pread(&self.file, spare_capacity(&mut piece), at);
            match read {
                Ok(0) => {
                    let what = format!("blob {} ended early, after {at} bytes", self.digest);
                    return Err(SourceError::new(Trouble::Content, what));
                }
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(unreadable(self.digest, error.into())),
            }
        }
        piece.truncate(wanted);
        self.at += wanted as u64;
        Ok(piece.into())
    }
}

/// A blob that is being written: gathered in memory up to one piece, then in a file under a temporary name. It gets its
/// final name by [`BlobWriter::commit`] alone; dropped before, it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    blobs: Blobs,
    temporary: Option<Staged>,
    pieces: Vec<Bytes>,
    gathered: usize,
}

impl BlobWriter {
    /// Begins a blob beside the others, without a name yet.
    pub fn new(blobs: &Blobs) -> Self {
        Self { blobs: blobs.clone(), temporary: None, pieces: Vec::new(), gathered: 0 }
    }

    /// Appends a piece. After an error, or when the future is dropped, the writer is useless.
    pub async fn push(&mut self, piece: Bytes) -> io::Result<()> {
        self.gathered += piece.len();
        self.pieces.push(piece);
        if self.gathered < PIECE && self.pieces.len() < MAX_PIECES {
            return Ok(());
        }
        let mut taken = self.take();
        *self = run(move || taken.write().map(|()| taken)).await?;
        Ok(())
    }

    /// Makes the content durable and gives it the name of `digest`, which the caller knows to be right. The name itself
    /// is durable after [`Directory::sync`].
    pub async fn commit(mut self, digest: Digest) -> io::Result<()> {
        run(move || {
            self.write()?;
            let temporary = match self.temporary.take() {
                Some(temporary) => temporary,
                None => temporary(&self.blobs.0)?,
            };
            temporary.sync()?;
            temporary.publish_over(&digest.hex())
        })
        .await
    }

    fn take(&mut self) -> Self {
        let empty = Self::new(&self.blobs);
        std::mem::replace(self, empty)
    }

    /// Writes what was gathered.
    fn write(&mut self) -> io::Result<()> {
        let temporary = match &mut self.temporary {
            Some(temporary) => temporary,
            None => self.temporary.insert(temporary(&self.blobs.0)?),
        };
        for piece in self.pieces.drain(..) {
            temporary.write(&piece)?;
        }
        self.gathered = 0;
        Ok(())
    }
}

/// Runs file work where it may block.
pub(crate) async fn run<T, F>(work: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|ended| Err(io::Error::other(ended)))
}

async fn blocking<T, F>(digest: Digest, work: F) -> Result<T, SourceError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, SourceError> + Send + 'static,
{
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|ended| Err(unreadable(digest, io::Error::other(ended))))
}

fn unreadable(digest: Digest, error: io::Error) -> SourceError {
    let what = format!("blob {digest} cannot be read");
    SourceError::caused(Trouble::Medium, what, error)
}
