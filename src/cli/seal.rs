//! `bundle seal`.

use super::exit::Status;
use super::failure::Failure;
use super::inspect::damage_hint;
use super::keys::read_file;
use super::output::{Output, say, tell};
use super::text::safe;
use super::{password, pipes};
use bundle::archive::checksums::list_path;
use bundle::archive::sealing::{Sealed, SealingError};
use bundle::archive::volumes::volume_name;
use bundle::pack::seal::{self, NotSealed};
use bundle::report::seal::SealingReport;
use bundle::seal::{KeyFile, KeyFileError, MakingError, fingerprint_of};
use bundle::trust::SigningKey;
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
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> Result<Status, Failure> {
    if options.files.iter().any(|file| pipes::is_pipe(file)) {
        return Err(Failure::usage("a pipe cannot be sealed: the seal is written into the file")
            .hint("keep the bundle in a file first, or seal it while packing"));
    }
    let key = unlock(&options.seal_key)?;
    let sealed = seal::seal(&options.files, &key);
    let sealed = sealed.map_err(|error| refusal(&error, &options.files[0]))?;
    say_what_changed(&sealed);
    let Sealed { files, bundle_digest, replaced, repaired } = sealed;
    let (report_version, key) = ("1.0", fingerprint_of(key.public_key()));
    let report = SealingReport { report_version, files, bundle_digest, key, replaced, repaired };
    let output = if options.json { Output::json(&report)? } else { summary(&report) };
    output.write()?;
    Ok(Status::Done)
}

fn summary(report: &SealingReport) -> Output {
    let mut output = Output::default();
    let done = if report.replaced { "sealed anew" } else { "sealed" };
    for first in report.files.iter().take(1) {
        say!(output, "{done}: {}", safe(&first.display().to_string()));
    }
    say!(output, "bundle digest: {}", report.bundle_digest);
    say!(output, "seal key: {}", report.key);
    output
}

/// Reads and decrypts a private key.
pub(super) fn unlock(path: &Path) -> Result<SigningKey, Failure> {
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

/// Why a bundle is not sealed, with the way out.
pub(super) fn refusal(error: &NotSealed, path: &Path) -> Failure {
    let (status, hint) = match error {
        NotSealed::Making(MakingError::Signing(_)) => (Status::Other, None),
        NotSealed::Making(MakingError::Inventory(_)) => (Status::Medium, None),
        NotSealed::Making(MakingError::Rotation(_)) => {
            (Status::Usage, Some("the key that retires seals the bundle that says so".to_owned()))
        }
        NotSealed::Sealing(SealingError::Archive(error)) => {
            (Status::from(error), damage_hint(error, path))
        }
        NotSealed::Sealing(SealingError::NoRoom { .. } | SealingError::Form { .. }) => {
            (Status::Medium, Some("pack it anew, and seal it then".to_owned()))
        }
        NotSealed::Sealing(SealingError::Stranger { path }) => (
            Status::Medium,
            Some(format!(
                "whose it is can be seen by what else lies there; without {path} the bundle is as it was left"
            )),
        ),
        NotSealed::Sealing(SealingError::Changed { .. } | SealingError::Lost { .. }) => {
            (Status::Medium, None)
        }
    };
    let failure = Failure::of(status, error);
    hint.into_iter().fold(failure, Failure::hint)
}
