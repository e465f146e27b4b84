//! Writing a layout. At every moment, and after a crash at any moment, other tools find a valid layout.

use super::blobs::{BlobWriter, run};
use super::index::{Entry, IndexFile};
use super::temporary::{self, remove_temporaries, temporary};
use super::{LayoutDirectory, LayoutError, io_error, read_sound_index};
use crate::source::{ByteStream, SourceError, Trouble, Verifying};
use crate::{Descriptor, Digest, Manifest};
use bundle_files::{Directory, Staged};
use futures_util::{StreamExt as _, stream};
use std::fs::DirBuilder;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Held exclusively by whoever writes the layout.
const LOCK: &str = ".lock";
const MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// The right to write a layout: there is one at a time, across processes, kept by a lock on the file `.lock` in it.
/// Cloning shares it.
#[derive(Debug, Clone)]
pub struct LayoutWriter {
    layout: LayoutDirectory,
    /// One update of the index at a time.
    updating: Arc<Mutex<()>>,
    _lock: Arc<OwnedFd>,
}

impl LayoutWriter {
    /// Opens the layout at `path` for writing, and makes it first where there is nothing. What earlier writers left
    /// unfinished is removed.
    ///
    /// # Errors
    /// [`LayoutError::Locked`] when somebody else writes it; when `path` is a directory that holds other things; else
    /// as [`LayoutDirectory::open`].
    pub fn open_or_create(path: &Path) -> Result<Self, LayoutError> {
        // Nobody else's to write to, whatever the umask.
        let made = DirBuilder::new().recursive(true).mode(0o755).create(path);
        made.map_err(io_error(path, "cannot be made"))?;
        let root = Directory::open(path).map_err(io_error(path, "cannot be opened"))?;
        let is_new =
            root.file_size("oci-layout").map_err(io_error(path, "cannot be read"))?.is_none();
        if is_new {
            refuse_other_things(path)?;
        }
        let locked = || {
            let lock = root.open_lock(LOCK)?;
            std::io::Result::Ok(bundle_files::lock(&lock)?.then_some(lock))
        };
        let lock = locked().map_err(io_error(path, "cannot be locked"))?;
        let lock = lock.ok_or_else(|| LayoutError::Locked(path.to_owned()))?;
        remove_temporaries(&root).map_err(io_error(path, "cannot be cleaned up"))?;
        create(&root, path)?;
        let layout = LayoutDirectory::open(path)?;
        remove_temporaries(layout.blobs().directory())
            .map_err(io_error(path, "blobs/sha256 cannot be cleaned up"))?;
        Ok(Self { layout, updating: Arc::default(), _lock: Arc::new(lock) })
    }

    /// The layout, for reading.
    pub fn layout(&self) -> &LayoutDirectory {
        &self.layout
    }

    /// Writes a blob, verified as it comes; does nothing when one of its length is here already. It never has its final
    /// name before length and digest are right. Its content is durable on return, its name after the next
    /// [`LayoutWriter::put_entries`].
    ///
    /// # Errors
    /// As the stream says, when the content is not what `blob` says, or cannot be written.
    pub async fn write_blob(
        &self,
        blob: &Descriptor,
        content: ByteStream,
    ) -> Result<(), LayoutError> {
        if self.layout.blob_size(&blob.digest)? == Some(blob.size) {
            return Ok(());
        }
        let failed = |cause| {
            let what = format!("blob {} cannot be written", blob.digest);
            self.layout.io(what, cause)
        };
        let mut content = Verifying::new(content, blob);
        let mut writer = BlobWriter::new(self.layout.blobs());
        while let Some(piece) = content.next().await {
            writer.push(piece?).await.map_err(failed)?;
        }
        writer.commit(blob.digest).await.map_err(failed)
    }

    /// Writes a manifest's bytes, as [`LayoutWriter::write_blob`] does. It is not listed by that.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn write_manifest(&self, manifest: &Manifest) -> Result<(), LayoutError> {
        let bytes = manifest.bytes().clone();
        let content = stream::iter([Ok(bytes)]).boxed();
        self.write_blob(&manifest.descriptor(), content).await
    }

    /// Lists `entries` in `index.json`, all or none: each in place of the one with the same
    /// `org.opencontainers.image.ref.name`, one without a name in place of the nameless one of its digest. On return
    /// they are durable, and so is every blob written before.
    ///
    /// # Errors
    /// When the blob of an entry is not here, or the index cannot be written; the old index is in force then.
    pub async fn put_entries(&self, entries: Vec<Descriptor>) -> Result<(), LayoutError> {
        for entry in &entries {
            if self.layout.blob_size(&entry.digest)? != Some(entry.size) {
                let what = format!("blob {} is not in the layout", entry.digest);
                return Err(SourceError::new(Trouble::Absent, what).into());
            }
        }
        let writer = self.clone();
        let work = move || Ok(writer.update_index(|index| put_all(index, entries)));
        run(work).await.map_err(|cause| self.layout.io("index.json cannot be written", cause))?
    }

    /// Changes `index.json` and makes the change, and the names of all blobs, durable. Blocks.
    pub fn update_index(
        &self,
        change: impl FnOnce(&mut IndexFile) -> Result<(), super::IndexError>,
    ) -> Result<(), LayoutError> {
        let _turn = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
        let index_error = |cause| self.layout.index(cause);
        let mut index = self.layout.with_index(IndexFile::clone);
        change(&mut index).map_err(index_error)?;
        let bytes = index.encode().map_err(index_error)?;
        let write = || {
            self.layout.blobs().directory().sync()?;
            write_durably(&self.layout.root, "index.json", &bytes)
        };
        write().map_err(|cause| self.layout.io("index.json cannot be written", cause))?;
        *self.layout.index.write().unwrap_or_else(PoisonError::into_inner) = index;
        Ok(())
    }

    /// Writes small blobs together, so that they share what makes them durable. Blocks.
    pub fn write_together<'a>(
        &self,
        blobs: impl Iterator<Item = (Digest, &'a [u8])>,
    ) -> Result<(), LayoutError> {
        let directory = self.layout.blobs().directory();
        let write = || {
            let mut written = Vec::new();
            for (digest, content) in blobs {
                if directory.file_size(&digest.hex())? != Some(content.len() as u64) {
                    let mut temporary = temporary(directory)?;
                    temporary.write(content)?;
                    written.push((digest, temporary));
                }
            }
            sync_together(directory, &written)?;
            for (digest, temporary) in written {
                temporary.publish_over(&digest.hex())?;
            }
            Ok(())
        };
        write().map_err(|cause| self.layout.io("manifests cannot be written", cause))
    }

    /// Removes a blob's file; false when there was none.
    pub fn remove_blob(&self, digest: &Digest) -> Result<bool, LayoutError> {
        let removed = self.layout.blobs().directory().remove(&digest.hex());
        removed.map_err(|cause| {
            let what = format!("blob {digest} cannot be removed");
            self.layout.io(what, cause)
        })
    }

    /// Takes `index.json` as it is on disk, after a write whose outcome is not known.
    pub fn reload_index(&self) -> Result<(), LayoutError> {
        let layout = &self.layout;
        let index = read_sound_index(layout.path(), &layout.root)?.unwrap_or_else(IndexFile::empty);
        *layout.index.write().unwrap_or_else(PoisonError::into_inner) = index;
        Ok(())
    }
}

/// More files than this are made durable by one call for the whole file system: cheaper than one each, unless somebody
/// else writes a great deal beside, which is why few files do not take that way.
#[cfg(target_os = "linux")]
const FEW: usize = 8;

fn sync_together(directory: &Directory, written: &[(Digest, Staged)]) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    if written.len() > FEW {
        return directory.sync_file_system();
    }
    #[cfg(not(target_os = "linux"))]
    let _ = directory;
    written.iter().try_for_each(|(_, file)| file.sync())
}

fn put_all(index: &mut IndexFile, entries: Vec<Descriptor>) -> Result<(), super::IndexError> {
    for entry in entries {
        index.put(Entry::new(entry)?);
    }
    Ok(())
}

/// A directory full of other things is not turned into a layout: the path is more likely a mistake.
fn refuse_other_things(path: &Path) -> Result<(), LayoutError> {
    // What a crash in the middle of `create` leaves.
    const OURS: [&str; 3] = [LOCK, "blobs", "index.json"];
    let entries = std::fs::read_dir(path).map_err(io_error(path, "cannot be read"))?;
    for entry in entries {
        let name = entry.map_err(io_error(path, "cannot be read"))?.file_name();
        let name = name.to_string_lossy();
        if !OURS.contains(&&*name) && !name.starts_with(temporary::PREFIX) {
            return Err(LayoutError::NotALayout {
                path: path.to_owned(),
                why: "it has no oci-layout file, but holds other things".into(),
            });
        }
    }
    Ok(())
}

/// Makes what is missing, `oci-layout` last: with it the layout is whole.
fn create(root: &Directory, path: &Path) -> Result<(), LayoutError> {
    let make = || {
        root.make_directory("blobs")?;
        let blobs = root.open_directory("blobs")?;
        blobs.make_directory("sha256")?;
        blobs.open_directory("sha256")?;
        // What is there and is not a file stays: a link leads to an index that has entries.
        if root.open_file("index.json")?.is_none() {
            let empty = IndexFile::empty().encode().map_err(std::io::Error::other)?;
            write_durably(root, "index.json", &empty)?;
        }
        if root.open_file("oci-layout")?.is_none() {
            write_durably(root, "oci-layout", MARKER)?;
        }
        Ok(())
    };
    make().map_err(io_error(path, "cannot be made"))
}

/// Puts `bytes` in place of the file `name`: afterwards it has the old content or the new, and on return the new.
fn write_durably(directory: &Directory, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut temporary = temporary(directory)?;
    temporary.write(bytes)?;
    temporary.sync()?;
    temporary.publish_over(name)?;
    directory.sync()
}
