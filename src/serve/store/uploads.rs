//! Blobs on their way in: gathered in a file without a final name, hashed as they come.

use super::{Store, StoreError};
use crate::oci::layout::blobs::{BlobWriter, Blobs};
use crate::oci::{Digest, Hasher};
use crate::serve::name::Name;
use bytes::Bytes;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OwnedMutexGuard;

/// Unfinished uploads at a time: each holds a file open, and a process has often no more than 1,024.
const MAX_UNFINISHED: usize = 512;
/// An upload that nobody touched for so long is given up when room is needed.
const IDLE: Duration = Duration::from_secs(600);

/// All unfinished uploads.
#[derive(Debug)]
pub(crate) struct Uploads {
    blobs: Blobs,
    unfinished: Mutex<HashMap<String, Arc<Upload>>>,
}

/// One unfinished upload.
#[derive(Debug)]
pub(crate) struct Upload {
    id: String,
    repository: Name,
    length: AtomicU64,
    touched: Mutex<Instant>,
    received: Arc<tokio::sync::Mutex<Received>>,
}

/// The bytes of an upload that have come so far.
pub(crate) struct Received {
    writer: BlobWriter,
    hasher: Hasher,
    length: u64,
}

impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Received({} bytes)", self.length)
    }
}

impl Received {
    pub(crate) fn new(blobs: &Blobs) -> Self {
        Self { writer: BlobWriter::new(blobs), hasher: Hasher::new(), length: 0 }
    }

    /// Bytes that came.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Takes the next piece. After an error the upload is useless.
    pub(crate) async fn push(&mut self, piece: Bytes) -> io::Result<()> {
        self.hasher.update(&piece);
        self.length += piece.len() as u64;
        self.writer.push(piece).await
    }
}

impl Uploads {
    pub(crate) fn new(blobs: Blobs) -> Self {
        Self { blobs, unfinished: Mutex::default() }
    }

    /// The beginning of an upload that is not to be continued.
    pub(crate) fn receive(&self) -> Received {
        Received::new(&self.blobs)
    }

    /// Starts an upload that clients may continue.
    pub(crate) fn start(&self, repository: &Name) -> Result<Arc<Upload>, StoreError> {
        let upload = Arc::new(Upload {
            id: random_id(),
            repository: repository.clone(),
            length: AtomicU64::new(0),
            touched: Mutex::new(Instant::now()),
            received: Arc::new(tokio::sync::Mutex::new(Received::new(&self.blobs))),
        });
        let mut unfinished = self.lock();
        if unfinished.len() >= MAX_UNFINISHED {
            unfinished.retain(|_, upload| upload.is_active());
        }
        if unfinished.len() >= MAX_UNFINISHED {
            return Err(StoreError::TooManyUploads);
        }
        unfinished.insert(upload.id.clone(), Arc::clone(&upload));
        Ok(upload)
    }

    /// The upload `id` of a repository.
    pub(crate) fn find(&self, repository: &Name, id: &str) -> Result<Arc<Upload>, StoreError> {
        let unfinished = self.lock();
        let upload = unfinished.get(id);
        let upload = upload.filter(|upload| upload.repository == *repository);
        upload.cloned().ok_or(StoreError::UnknownUpload)
    }

    /// Forgets an upload; its file goes with whoever still writes it.
    pub(crate) fn remove(&self, upload: &Upload) {
        self.lock().remove(&upload.id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Upload>>> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upload {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Bytes that came, without waiting for who writes.
    pub(crate) fn length(&self) -> u64 {
        self.length.load(Ordering::Acquire)
    }

    /// Waits for one's turn to append.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<Received> {
        Arc::clone(&self.received).lock_owned().await
    }

    /// Notes that something came.
    pub(crate) fn note(&self, length: u64) {
        self.length.store(length, Ordering::Release);
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_active(&self) -> bool {
        let touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        touched.elapsed() < IDLE
    }
}

impl Store {
    /// Gives what was received its name, when it is what was announced. Its content is durable on return; its name is
    /// with the manifest that refers to it.
    pub(crate) async fn finish(
        &self,
        received: Received,
        stated: Digest,
    ) -> Result<(), StoreError> {
        let found = received.hasher.finish();
        if found != stated {
            return Err(StoreError::WrongDigest { found, stated });
        }
        if self.layout().blob_size(&stated)? == Some(received.length) {
            return Ok(());
        }
        let failed = |cause| {
            let what = format!("blob {stated} cannot be written");
            self.layout().io(what, cause)
        };
        Ok(received.writer.commit(stated).await.map_err(failed)?)
    }
}

/// Tells uploads apart, also those of an earlier run; grown from the random keys of hash maps. Nothing is kept secret by
/// it.
fn random_id() -> String {
    let word = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", word(), word())
}
