//! GPG signatures of an image: in the registry, where it has the signature extension, and on the lookaside that the
//! host's configuration names. The container stack looks in one of them; whatever either has is carried.
//!
//! As in the container stack, the configuration is asked for the place that is fetched from, not for the logical name.

use super::found::{Attachments, FoundSignature};
use crate::host::RegistriesD;
use crate::inventory::{AtomicFound, Lookup};
use crate::oci::atomic::{AtomicName, MAX_SIGNATURE, MAX_SIGNATURES, begins_as_openpgp};
use crate::oci::source::{SourceError, Trouble};
use crate::oci::{Digest, Reference, Repository};
use crate::pack::held::Share;
use crate::pack::{AttachmentErrors, PackError, SignatureRule};
use crate::registry::{Client, Lookaside, RegistryError, RemoteRepository};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use percent_encoding::percent_decode_str;
use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{ErrorKind, Read as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Manifests whose signatures are looked up at the same time.
const IN_FLIGHT: usize = 8;
/// Most bytes of signatures of one image, all of which are held until the archive is written; real ones have a few KiB.
const MAX_HELD: u64 = 64 << 20;
/// Where to look, and for whom.
pub(in crate::pack) struct SignatureSearch<'a> {
    image: &'a Reference,
    repository: &'a RemoteRepository,
    lookaside: Option<Place>,
    /// Bytes of signatures found so far.
    held: AtomicU64,
    /// What is held for the image.
    share: &'a Share<'a>,
}

/// A lookaside.
enum Place {
    /// A web server.
    Server(Lookaside),
    /// What stands before `@sha256=…` in the paths of files.
    Directory(PathBuf),
}

impl<'a> SignatureSearch<'a> {
    /// A search for signatures of `image`, which is fetched as `fetched` from `repository`. Nothing is contacted.
    ///
    /// # Errors
    /// When what is configured is no place of signatures.
    pub(in crate::pack) fn new(
        image: &'a Reference,
        fetched: &Reference,
        repository: &'a RemoteRepository,
        lookasides: &RegistriesD,
        client: &Client,
        share: &'a Share<'a>,
    ) -> Result<Self, PackError> {
        let base = lookasides.lookaside(fetched);
        let lookaside = base.map(|base| place(base, fetched.repository(), client)).transpose();
        let lookaside = lookaside.map_err(|why| {
            PackError::Usage(format!("the lookaside that is configured for {fetched}: {why}"))
        })?;
        Ok(Self { image, repository, lookaside, held: AtomicU64::new(0), share })
    }

    /// Adds what signs any of `subjects`.
    ///
    /// # Errors
    /// A lookup that fails, unless `errors` lets it pass; more signatures than any tool reads.
    pub(in crate::pack) async fn add_to(
        &self,
        attachments: &mut Attachments,
        subjects: &[Digest],
        rule: SignatureRule,
        errors: AttachmentErrors,
    ) -> Result<(), PackError> {
        if rule == SignatureRule::None {
            return Ok(());
        }
        let found: Vec<_> = stream::iter(subjects)
            .map(|subject| self.signatures_of(*subject))
            .buffered(IN_FLIGHT)
            .collect()
            .await;
        let mut seen = HashSet::new();
        for (subject, lookups) in subjects.iter().zip(found) {
            if !seen.insert(*subject) {
                continue;
            }
            let before = attachments.signatures.len();
            for lookup in lookups {
                match lookup {
                    Ok(found) => add_new(&mut attachments.signatures, before, found),
                    Err(error) if errors == AttachmentErrors::Warn => {
                        attachments.failures.push(error);
                        attachments.lookup = Lookup::Incomplete;
                    }
                    Err(error) => return Err(PackError::Attachment(error.into())),
                }
            }
            if attachments.signatures.len() - before > MAX_SIGNATURES {
                return Err(PackError::Usage(format!(
                    "{}: {subject} has more than {MAX_SIGNATURES} GPG signatures",
                    self.image
                )));
            }
        }
        Ok(())
    }

    /// What each place has. The registry comes first: its names are kept.
    async fn signatures_of(&self, subject: Digest) -> [Result<Vec<FoundSignature>, PackError>; 2] {
        [self.in_registry(subject).await, self.beside_it(subject).await]
    }

    async fn in_registry(&self, subject: Digest) -> Result<Vec<FoundSignature>, PackError> {
        let unknown = |error| self.registry_failed(subject, error);
        if !self.repository.keeps_signatures().await.map_err(unknown)? {
            return Ok(Vec::new());
        }
        let listed = self.repository.signatures(&subject).await.map_err(unknown)?;
        let found = AtomicFound::Extension;
        self.hold(listed.iter().map(|signature| signature.content.len()).sum())?;
        let signatures = listed.into_iter();
        Ok(signatures.map(|s| FoundSignature { name: s.name, found, content: s.content }).collect())
    }

    /// Signatures of the lookaside, from number 1 until there is none.
    async fn beside_it(&self, subject: Digest) -> Result<Vec<FoundSignature>, PackError> {
        let mut signatures = Vec::new();
        let Some(place) = &self.lookaside else { return Ok(signatures) };
        for number in 1.. {
            let content = match place {
                Place::Server(server) => {
                    let content = server.signature(&subject, number).await;
                    content.map_err(|error| self.registry_failed(subject, error))?
                }
                Place::Directory(start) => {
                    read(start, &subject, number).map_err(|e| self.source_failed(subject, e))?
                }
            };
            let Some(content) = content else { break };
            let refuse = |what: String| {
                Err(self.source_failed(subject, SourceError::new(Trouble::Content, what)))
            };
            if number > MAX_SIGNATURES {
                return refuse(format!("its lookaside has more than {MAX_SIGNATURES} signatures"));
            }
            if !begins_as_openpgp(&content) {
                return refuse(format!(
                    "signature-{number} of its lookaside is not an OpenPGP message"
                ));
            }
            self.hold(content.len())?;
            let name = AtomicName::of(subject, &content);
            signatures.push(FoundSignature { name, found: AtomicFound::Lookaside, content });
        }
        Ok(signatures)
    }

    fn hold(&self, bytes: usize) -> Result<(), PackError> {
        self.share.add(bytes as u64)?;
        let held = self.held.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        match held > MAX_HELD {
            true => {
                let what =
                    format!("{} has GPG signatures of more than {MAX_HELD} bytes", self.image);
                Err(PackError::Usage(what))
            }
            false => Ok(()),
        }
    }

    fn registry_failed(&self, subject: Digest, error: RegistryError) -> PackError {
        let (image, what) = (Box::new(self.image.clone()), unknown(subject));
        PackError::Registry { image, what, source: error.into() }
    }

    fn source_failed(&self, subject: Digest, source: SourceError) -> PackError {
        PackError::Source { image: Box::new(self.image.clone()), what: unknown(subject), source }
    }
}

fn unknown(subject: Digest) -> String {
    format!("cannot tell what is attached to {subject}: its GPG signatures cannot be looked up")
}

/// Adds what is not among the signatures of the same manifest, which begin at `start`.
fn add_new(signatures: &mut Vec<FoundSignature>, start: usize, found: Vec<FoundSignature>) {
    for signature in found {
        let by_content = |known: &FoundSignature| {
            signature.found == AtomicFound::Lookaside && known.content == signature.content
        };
        let known = signatures.iter().skip(start);
        if !known.clone().any(|known| by_content(known) || *known == signature) {
            signatures.push(signature);
        }
    }
}

/// The place that a URL of the configuration names. The error ends a sentence.
fn place(base: &str, repository: &Repository, client: &Client) -> Result<Place, String> {
    if base.get(..5).is_none_or(|scheme| !scheme.eq_ignore_ascii_case("file:")) {
        let server = client.lookaside(repository, base);
        return server.map(Place::Server).map_err(|error| error.to_string());
    }
    let shown: String = base.chars().take(300).collect();
    let rest = &base[5..];
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => rest,
    };
    if !path.starts_with('/') || path.contains(['?', '#']) {
        return Err(format!("{shown:?} is not the URL of a directory: expected file:///PATH"));
    }
    let mut start: Vec<u8> = percent_decode_str(path).collect();
    if start.contains(&0) {
        return Err(format!("{shown:?} is not the URL of a directory: there is a NUL in it"));
    }
    start.push(b'/');
    start.extend_from_slice(repository.path().as_bytes());
    Ok(Place::Directory(OsString::from_vec(start).into()))
}

/// The file of signature `number`; nothing when it is not there.
fn read(start: &Path, subject: &Digest, number: usize) -> Result<Option<Bytes>, SourceError> {
    let mut path = start.as_os_str().to_owned();
    path.push(format!("@sha256={}/signature-{number}", subject.hex()));
    let path = PathBuf::from(path);
    let unreadable = |error: std::io::Error| {
        let what = format!("{} cannot be read", path.display());
        SourceError::caused(Trouble::Medium, what, error)
    };
    let unusable =
        |why: &str| SourceError::new(Trouble::Content, format!("{} {why}", path.display()));
    // A pipe would keep us waiting when it is opened.
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(unusable("is not a regular file")),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    }
    let mut content = Vec::new();
    let file = std::fs::File::open(&path).map_err(unreadable)?;
    file.take(MAX_SIGNATURE + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > MAX_SIGNATURE {
        return Err(unusable("is longer than any signature"));
    }
    Ok(Some(content.into()))
}

#[cfg(test)]
mod tests;
