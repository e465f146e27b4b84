//! The policy of the host, or any other file of its kind: where its keys are read from.

use crate::oci::Reference;
use crate::trust::{Policy, PolicyError, PreparedPolicy};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Where the container stack has the policy of the whole host, below the root directory.
pub const HOST_POLICY: &str = "etc/containers/policy.json";

/// More bytes than any policy or key file that is read.
const MOST: u64 = 32 << 20;

/// A policy that was read from a file. Its keys are read for the images at hand only.
#[derive(Debug, Clone)]
pub struct PolicyFile {
    policy: Policy,
    /// What the paths in the policy are below; `/` but for tests and mounted hosts.
    root: PathBuf,
}

/// A policy file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("policy {} cannot be used", file.display())]
pub struct PolicyFileError {
    file: PathBuf,
    #[source]
    cause: PolicyFileCause,
}

#[derive(Debug, thiserror::Error)]
enum PolicyFileCause {
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    #[error(transparent)]
    Policy(PolicyError),
}

impl PolicyFile {
    /// Reads a file, strictly. The paths in it mean what they say.
    ///
    /// # Errors
    /// When it cannot be read, or is no policy that the container stack would take.
    pub fn open(file: &Path) -> Result<Self, PolicyFileError> {
        Self::at(file, Path::new("/"))
    }

    /// Reads the policy of the host below `root`; paths in it are below `root` too.
    ///
    /// # Errors
    /// As [`PolicyFile::open`].
    pub fn of_host(root: &Path) -> Result<Self, PolicyFileError> {
        Self::at(&root.join(HOST_POLICY), root)
    }

    fn at(file: &Path, root: &Path) -> Result<Self, PolicyFileError> {
        let failed = |cause| PolicyFileError { file: file.to_owned(), cause };
        let bytes = read(file).map_err(|error| failed(PolicyFileCause::Read(error)))?;
        let policy =
            Policy::parse(&bytes).map_err(|error| failed(PolicyFileCause::Policy(error)))?;
        Ok(Self { policy, root: root.to_owned() })
    }

    /// Reads the keys for these images. A file that cannot be read refuses the images that need it.
    pub fn prepare<'r>(&self, sources: impl IntoIterator<Item = &'r Reference>) -> PreparedPolicy {
        PreparedPolicy::new(&self.policy, sources, &mut |path| {
            read(&match self.root == Path::new("/") {
                true => path.to_owned(),
                false => self.root.join(path.strip_prefix("/").unwrap_or(path)),
            })
        })
    }
}

/// Reads a regular file of bounded length: a pipe would wait for ever.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MOST {
        true => Err(io::Error::other("it is larger than any policy or key file")),
        false => Ok(bytes),
    }
}
