//! Changes of the store. Whoever waits while another change is made durable goes into the next group, and a group
//! shares one write of `index.json`: the cost of many pushes at a time is that of few.

use super::catalogue::{self, Catalogue};
use super::{Store, StoreError};
use crate::oci::layout::LayoutError;
use crate::oci::{Descriptor, Digest, Manifest, media_type};
use crate::serve::name::{Name, Target};
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// Changes that wait, and whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    waiting: Mutex<VecDeque<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

/// The receiver of a change's outcome. Whoever asked may have gone, so that sending may fail.
type Reply = oneshot::Sender<Result<(), StoreError>>;

#[derive(Debug)]
struct Waiting {
    change: Change,
    reply: Reply,
}

/// One change.
#[derive(Debug)]
enum Change {
    Put(Box<Put>),
    Remove(Name, Target),
    RemoveBlob(Digest),
}

#[derive(Debug)]
struct Put {
    repository: Name,
    tag: Option<String>,
    manifest: Manifest,
}

impl Store {
    /// Adds a manifest to a repository, and moves `tag` to it. It is durable on return, with all blobs it refers to.
    ///
    /// # Errors
    /// When something it refers to is not here, its subject excepted, or when it cannot be written.
    pub async fn put_manifest(
        self: &Arc<Self>,
        repository: &Name,
        tag: Option<&str>,
        manifest: Manifest,
    ) -> Result<(), StoreError> {
        let put = Put { repository: repository.clone(), tag: tag.map(str::to_owned), manifest };
        self.submit(Change::Put(Box::new(put))).await
    }

    /// Removes a tag alone, or a manifest with all tags that name it.
    ///
    /// # Errors
    /// [`StoreError::UnknownManifest`] when there is none; when the change cannot be written.
    pub async fn remove_manifest(
        self: &Arc<Self>,
        repository: &Name,
        target: &Target,
    ) -> Result<(), StoreError> {
        self.submit(Change::Remove(repository.clone(), target.clone())).await
    }

    /// Removes a blob from all repositories. Looks through every manifest: nothing for every day.
    ///
    /// # Errors
    /// [`StoreError::BlobInUse`] when a manifest refers to it, [`StoreError::UnknownBlob`] when there is none.
    pub async fn remove_blob(self: &Arc<Self>, digest: &Digest) -> Result<(), StoreError> {
        self.submit(Change::RemoveBlob(*digest)).await
    }

    /// Has a change made. It is made even if nobody waits for the answer any more.
    async fn submit(self: &Arc<Self>, change: Change) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.commits.lock().push_back(Waiting { change, reply });
        let store = Arc::clone(self);
        tokio::spawn(async move {
            let _turn = store.commits.turn.lock().await;
            if store.commits.lock().is_empty() {
                return; // The one before took this change along.
            }
            let working = Arc::clone(&store);
            // A panic in there drops the replies, so that nobody waits in vain.
            let _ = tokio::task::spawn_blocking(move || working.commit_waiting()).await;
        });
        answer.await.unwrap_or(Err(StoreError::Stopped))
    }

    fn commit_waiting(&self) {
        loop {
            let group = take_group(&mut self.commits.lock());
            let mut puts = Vec::new();
            for Waiting { change, reply } in group {
                let result = match change {
                    Change::Put(put) => {
                        puts.push((put, reply));
                        continue;
                    }
                    Change::Remove(name, target) => self.remove(&name, &target),
                    Change::RemoveBlob(digest) => self.remove_unused_blob(&digest),
                };
                let _ = reply.send(result);
            }
            if !puts.is_empty() {
                self.put_together(puts);
            } else if self.commits.lock().is_empty() {
                return;
            }
        }
    }

    fn put_together(&self, puts: Vec<(Box<Put>, Reply)>) {
        // Children may be pushed together with their index.
        let mut arriving = HashSet::new();
        let mut accepted = Vec::new();
        for (put, reply) in puts {
            match self.check_references(&put, &arriving) {
                Ok(()) => {
                    arriving.insert((put.repository.clone(), put.manifest.digest()));
                    accepted.push((put, reply));
                }
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            }
        }
        let outcome = self.write_puts(accepted.iter().map(|(put, _)| &**put));
        let outcome = outcome.map_err(Arc::new);
        for (_, reply) in accepted {
            let _ = reply.send(outcome.clone().map_err(StoreError::Commit));
        }
    }

    fn write_puts<'a>(
        &self,
        puts: impl Iterator<Item = &'a Put> + Clone,
    ) -> Result<(), LayoutError> {
        let files = puts.clone().map(|put| (put.manifest.digest(), &put.manifest.bytes()[..]));
        self.writer.write_together(files)?;
        self.write(|catalogue| {
            let mut puts = puts;
            puts.try_for_each(|put| {
                catalogue.put(&put.repository, &put.manifest, put.tag.as_deref())
            })
        })
        .map_err(|cause| self.layout().index(cause))?;
        self.persist()
    }

    fn remove(&self, name: &Name, target: &Target) -> Result<(), StoreError> {
        if !self.write(|catalogue| catalogue.remove(name, target)) {
            return Err(StoreError::UnknownManifest(target.to_string()));
        }
        Ok(self.persist()?)
    }

    fn remove_unused_blob(&self, digest: &Digest) -> Result<(), StoreError> {
        let manifests: Vec<_> = self.read(|catalogue| catalogue.manifests().cloned().collect());
        for descriptor in manifests {
            if descriptor.digest == *digest {
                return Err(StoreError::BlobInUse(*digest));
            }
            if !media_type::is_manifest(&descriptor.media_type) {
                continue;
            }
            if let Some(manifest) = catalogue::read(self.layout(), &descriptor)? {
                let mut named = manifest.blobs().chain(manifest.children());
                if named.any(|named| named.digest == *digest) {
                    return Err(StoreError::BlobInUse(*digest));
                }
            }
        }
        if self.writer.remove_blob(digest)? {
            Ok(())
        } else {
            Err(StoreError::UnknownBlob(*digest))
        }
    }

    /// Makes the catalogue durable. When that fails the catalogue is what is on disk.
    fn persist(&self) -> Result<(), LayoutError> {
        let written = self.writer.update_index(|index| {
            index.replace_entries(self.read(Catalogue::entries));
            Ok(())
        });
        if written.is_err() {
            self.writer.reload_index()?;
            let on_disk = Catalogue::load(self.layout())?;
            self.write(|catalogue| *catalogue = on_disk);
        }
        written
    }

    /// Everything a manifest refers to must be here, with the size it states: but for its subject, which may come later
    /// (distribution-spec §pushing manifests with subject), and for layers that may not be distributed.
    fn check_references(
        &self,
        put: &Put,
        arriving: &HashSet<(Name, Digest)>,
    ) -> Result<(), StoreError> {
        for blob in put.manifest.blobs() {
            let elsewhere =
                media_type::is_nondistributable(&blob.media_type) && !blob.urls.is_empty();
            if !elsewhere {
                self.check_blob(blob)?;
            }
        }
        for child in put.manifest.children() {
            if !arriving.contains(&(put.repository.clone(), child.digest)) {
                self.check_child(&put.repository, child)?;
            }
        }
        Ok(())
    }

    fn check_blob(&self, blob: &Descriptor) -> Result<(), StoreError> {
        let found = self.layout().blob_size(&blob.digest)?;
        check_size(blob, found)
    }

    fn check_child(&self, repository: &Name, child: &Descriptor) -> Result<(), StoreError> {
        let target = Target::Digest(child.digest);
        let found = self.read(|catalogue| {
            let held = catalogue.repository(repository)?.manifest(&target)?;
            Some(held.size)
        });
        check_size(child, found)
    }
}

impl Commits {
    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next changes that can be made together: as many pushes as come in a row, or one change of another kind.
fn take_group(waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let pushes =
        waiting.iter().take_while(|waiting| matches!(waiting.change, Change::Put(_))).count();
    let count = pushes.max(1).min(waiting.len());
    waiting.drain(..count).collect()
}

fn check_size(named: &Descriptor, found: Option<u64>) -> Result<(), StoreError> {
    match found {
        None => Err(StoreError::MissingReference(named.digest)),
        Some(found) if found != named.size => {
            Err(StoreError::WrongSize { digest: named.digest, found, stated: named.size })
        }
        Some(_) => Ok(()),
    }
}
