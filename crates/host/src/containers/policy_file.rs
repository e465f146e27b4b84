//! The policy of the host, or any other file of its kind: where its keys are read from.

use bundle_oci::{Digest, Reference};
use bundle_ownership::check_for_root;
use bundle_trust::policy::PolicyRequirement;
use bundle_trust::{Policy, PolicyError, PreparedPolicy};
use std::collections::BTreeMap;
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
    /// SHA-256 of the file.
    content: Digest,
    /// What the paths in the policy are below; `/` but for tests and mounted hosts.
    root: PathBuf,
    /// Whether what another user could have written does not count for root.
    is_checked: bool,
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
        Self::at(file, Path::new("/"), false)
    }

    /// The same for one that a configuration file names: it counts for root as that file does, and so do the files that it
    /// names.
    ///
    /// # Errors
    /// As [`PolicyFile::open`], and for root when another user could have written it.
    pub fn configured(file: &Path) -> Result<Self, PolicyFileError> {
        Self::at(file, Path::new("/"), true)
    }

    /// Reads the policy of the host below `root`; paths in it are below `root` too.
    ///
    /// # Errors
    /// As [`PolicyFile::open`].
    pub fn of_host(root: &Path) -> Result<Self, PolicyFileError> {
        Self::at(&root.join(HOST_POLICY), root, true)
    }

    /// The policy that a host will have, whose other files lie below `root`. Container runtimes ask nobody whose these are.
    ///
    /// # Errors
    /// When it is no policy that the container stack would take.
    pub fn to_be(content: &[u8], root: &Path) -> Result<Self, PolicyError> {
        let policy = Policy::parse(content)?;
        let root = root.to_owned();
        Ok(Self { policy, content: Digest::of(content), root, is_checked: false })
    }

    fn at(file: &Path, root: &Path, is_checked: bool) -> Result<Self, PolicyFileError> {
        let failed = |cause| PolicyFileError { file: file.to_owned(), cause };
        let bytes = read(file, is_checked).map_err(|error| failed(PolicyFileCause::Read(error)))?;
        let policy =
            Policy::parse(&bytes).map_err(|error| failed(PolicyFileCause::Policy(error)))?;
        let root = root.to_owned();
        Ok(Self { policy, content: Digest::of(&bytes), root, is_checked })
    }

    /// True when a GPG signature is demanded of the image.
    pub fn demands_gpg(&self, source: &Reference) -> bool {
        let applicable = self.policy.requirements_for(source);
        let mut lists = applicable.parts().iter().map(|part| part.list().requirements());
        lists.any(|all| all.iter().any(|one| matches!(one, PolicyRequirement::SignedBy(_))))
    }

    /// Reads the keys for these images. A file that cannot be read refuses the images that need it.
    pub fn prepare<'r>(&self, sources: impl IntoIterator<Item = &'r Reference>) -> PreparedPolicy {
        PreparedPolicy::new(&self.policy, sources, &mut |path| self.read_named(path))
    }

    /// The same, where some of its files will have this content, by their paths as the policy has them.
    pub fn prepare_with<'r>(
        &self,
        sources: impl IntoIterator<Item = &'r Reference>,
        to_be: &BTreeMap<PathBuf, Vec<u8>>,
    ) -> PreparedPolicy {
        let mut read = |path: &Path| match to_be.get(path) {
            Some(content) => Ok(content.clone()),
            None => self.read_named(path),
        };
        PreparedPolicy::new(&self.policy, sources, &mut read)
    }

    /// SHA-256 over the policy and every file that it names, as they are now: what it trusts changes with their content
    /// too. One that cannot be read counts as such.
    pub fn digest(&self) -> Digest {
        let mut parts = vec![self.content.to_string()];
        self.policy.load_all(&mut |path| {
            let content = self.read_named(path);
            let content_digest = content.as_ref().ok().map(|bytes| Digest::of(bytes).to_string());
            parts.push(path.to_string_lossy().into_owned());
            parts.push(content_digest.unwrap_or_default());
            content
        });
        Digest::of(serde_json::Value::from(parts).to_string().as_bytes())
    }

    /// Reads a file that the policy names.
    fn read_named(&self, path: &Path) -> io::Result<Vec<u8>> {
        let path = match self.root == Path::new("/") {
            true => path.to_owned(),
            false => self.root.join(path.strip_prefix("/").unwrap_or(path)),
        };
        read(&path, self.is_checked)
    }
}

/// Reads a regular file of bounded length: a pipe would wait for ever.
fn read(path: &Path, is_checked: bool) -> io::Result<Vec<u8>> {
    if is_checked {
        check_for_root(path).map_err(io::Error::other)?;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_a_policy_trusts_changes_with_the_files_that_it_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, key) = (folder.path().join("policy.json"), folder.path().join("key.pub"));
        let policy = |key: &Path| {
            let requirement = serde_json::json!({"type": "sigstoreSigned", "keyPath": key});
            fs::write(&file, serde_json::json!({"default": [requirement]}).to_string())
                .expect("a policy");
            PolicyFile::open(&file).expect("a policy").digest()
        };
        let absent = policy(&key);
        assert_eq!(policy(&key), absent);
        fs::write(&key, "one").expect("a key");
        let one = policy(&key);
        assert_eq!(policy(&key), one);
        fs::write(&key, "two").expect("a key");
        let two = policy(&key);
        let other = policy(&folder.path().join("other.pub"));
        let all = std::collections::BTreeSet::from([absent, one, two, other]);
        assert_eq!(all.len(), 4, "each is another");
    }

    #[test]
    fn a_host_policy_that_another_user_wrote_does_not_count() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let root = tempfile::tempdir().expect("a folder");
        let file = root.path().join(HOST_POLICY);
        fs::create_dir_all(file.parent().expect("parent")).expect("directories");
        fs::write(&file, r#"{"default": [{"type": "insecureAcceptAnything"}]}"#).expect("a policy");
        PolicyFile::of_host(root.path()).expect("root's own");
        PolicyFile::configured(&file).expect("root's own");
        for given in [file.as_path(), file.parent().expect("parent"), root.path()] {
            let give = |user| std::os::unix::fs::chown(given, Some(user), None).expect("owner");
            give(65_534);
            PolicyFile::of_host(root.path()).expect_err("another user's");
            PolicyFile::configured(&file).expect_err("another user's");
            PolicyFile::open(&file).expect("the operator's word");
            give(0);
        }
    }
}
