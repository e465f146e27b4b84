//! `bundle seal`.

use super::exit::Status;
use super::failure::Failure;
use super::inspect::damage_hint;
use super::keys::read_file;
use super::output::{Output, say, tell};
use super::text::safe;
use super::{password, pipes};
use bundle::archive::checksums::list_path;
use bundle::archive::sealing::{self, Sealed, SealingError};
use bundle::archive::volumes::volume_name;
use bundle::seal::{KeyFile, KeyFileError, sign};
use bundle::trust::{SigningError, SigningKey};
use clap::Args;
use std::path::{Path, PathBuf};

/// Sign a bundle as a whole with your own key, where it lies; an earlier seal is replaced
#[derive(Args)]
#[command(
    after_help = "The password of the key comes from COSIGN_PASSWORD, or is asked for on the terminal.\n\
                  The seal covers everything in the bundle. `bundle keygen` makes a key; so does `cosign generate-key-pair`."
)]
pub(super) struct Options {
    /// The bundle; or its volumes, or folders that hold them
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The private key, as cosign keeps it
    #[arg(long, value_name = "FILE")]
    seal_key: PathBuf,
}

/// Why there is no seal.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Sealing(#[from] SealingError),
    #[error(transparent)]
    Signing(#[from] SigningError),
}

pub(super) fn run(options: &Options) -> Result<Status, Failure> {
    if options.files.iter().any(|file| pipes::is_pipe(file)) {
        return Err(Failure::usage("a pipe cannot be sealed: the seal is written into the file")
            .hint("keep the bundle in a file first, or seal it while packing"));
    }
    let key = unlock(&options.seal_key)?;
    let sealed = sealing::seal(&options.files, |inventory| Ok(sign(inventory, &key)?));
    let sealed = sealed.map_err(|fault: Fault| failure(&fault, &options.files[0]))?;
    say_what_changed(&sealed);
    let mut output = Output::default();
    let first = sealed.files.first().unwrap_or(&options.files[0]);
    let done = if sealed.replaced { "sealed anew" } else { "sealed" };
    say!(output, "{done}: {}", safe(&first.display().to_string()));
    say!(output, "bundle digest: {}", sealed.bundle_digest);
    say!(output, "seal key: {}", key.public_key().fingerprint());
    output.write()?;
    Ok(Status::Done)
}

/// Reads and decrypts a private key.
fn unlock(path: &Path) -> Result<SigningKey, Failure> {
    let (bytes, _) = read_file(path)?;
    let shown = path.display().to_string();
    let refuse = |error: KeyFileError| {
        let failure = Failure::usage(format!("key file {shown} cannot be used: {error}"));
        match error {
            KeyFileError::Unencrypted => failure.hint("cosign import-key-pair --key FILE"),
            _ => failure,
        }
    };
    let file = KeyFile::parse(&bytes).map_err(refuse)?;
    file.unlock(&password::existing(&shown)?).map_err(refuse)
}

fn say_what_changed(sealed: &Sealed) {
    if sealed.repaired {
        tell!("note: an interrupted seal was finished first");
    }
    let Some(first) = sealed.files.first() else { return };
    let base = volume_name(first).map_or_else(|| first.clone(), |(base, _)| base);
    let list = list_path(&base);
    if list.exists() {
        let list = safe(&list.display().to_string());
        tell!("warning: {list} is about the bundle as it was before the seal");
    }
}

fn failure(fault: &Fault, path: &Path) -> Failure {
    let (status, hint) = match fault {
        Fault::Signing(_) => (Status::Other, None),
        Fault::Sealing(SealingError::Archive(error)) => {
            (Status::from(error), damage_hint(error, path))
        }
        Fault::Sealing(SealingError::NoRoom { .. } | SealingError::Form { .. }) => {
            (Status::Medium, Some("pack it anew, and seal it then".to_owned()))
        }
        Fault::Sealing(SealingError::Stranger { path }) => (
            Status::Medium,
            Some(format!(
                "whose it is can be seen by what else lies there; without {path} the bundle is as it was left"
            )),
        ),
        Fault::Sealing(SealingError::Changed { .. } | SealingError::Lost { .. }) => {
            (Status::Medium, None)
        }
    };
    let failure = Failure::of(status, fault);
    hint.into_iter().fold(failure, Failure::hint)
}
