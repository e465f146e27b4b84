//! `bundle keygen`.

use super::exit::Status;
use super::failure::Failure;
use super::output::{Output, say};
use super::password;
use super::text::safe;
use bundle::files::{directory_of, sync_directory_of};
use bundle::report::seal::KeygenReport;
use bundle::seal::{KeyFile, fingerprint_of};
use bundle::trust::SigningKey;
use clap::Args;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Make a key pair to seal bundles with, as cosign makes it: PREFIX.key, encrypted, and PREFIX.pub
#[derive(Args)]
#[command(after_help = "The password comes from COSIGN_PASSWORD, or is asked for on the terminal.")]
pub(super) struct Options {
    /// Where the two files go, without their endings; no file is overwritten
    #[arg(long, value_name = "PREFIX", default_value = "cosign")]
    output_key_prefix: PathBuf,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> Result<Status, Failure> {
    let path = |ending: &str| {
        let mut name = options.output_key_prefix.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let (private, public) = (path(".key"), path(".pub"));
    // Before anybody is asked for a password.
    for path in [&private, &public] {
        if path.symlink_metadata().is_ok() {
            let taken = std::io::ErrorKind::AlreadyExists;
            return Err(unwritable(path, taken.into()));
        }
    }
    let password = password::new()?;
    let failed = |error: &dyn std::error::Error| {
        Failure::new(Status::Other, &anyhow::anyhow!("no key was made: {error}"))
    };
    let key = SigningKey::generate().map_err(|error| failed(&error))?;
    let file = KeyFile::lock(&key, &password).map_err(|error| failed(&error))?;
    write_new(&private, file.as_bytes(), 0o600)?;
    let written = write_new(&public, key.public_key().to_pem().as_bytes(), 0o644);
    written.inspect_err(|_| {
        // Half a pair is of no use, and would be in the way of the next attempt.
        let _ = std::fs::remove_file(&private);
    })?;
    let report = KeygenReport {
        report_version: "1.0",
        private_key: private,
        public_key: public,
        fingerprint: fingerprint_of(key.public_key()),
    };
    let output = if options.json { Output::json(&report)? } else { summary(&report) };
    output.write()?;
    Ok(Status::Done)
}

fn summary(report: &KeygenReport) -> Output {
    let mut output = Output::default();
    say!(output, "private key: {} (encrypted)", safe(&report.private_key.display().to_string()));
    say!(output, "public key: {}", safe(&report.public_key.display().to_string()));
    say!(output, "fingerprint: {}", report.fingerprint);
    output
}

/// Writes a file that was not there. It is whole, synced and has its mode before it has its name.
fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
    let failed = |error| unwritable(path, error);
    let mut options = tempfile::Builder::new();
    let options = options.prefix(".bundle-keygen-").permissions(Permissions::from_mode(mode));
    let mut staged = options.tempfile_in(directory_of(path)).map_err(failed)?;
    staged.write_all(content).and_then(|()| staged.as_file().sync_all()).map_err(failed)?;
    staged.persist_noclobber(path).map_err(|refused| failed(refused.error))?;
    sync_directory_of(path).map_err(|error| {
        let _ = std::fs::remove_file(path);
        failed(error)
    })
}

fn unwritable(path: &Path, error: std::io::Error) -> Failure {
    let shown = path.display();
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("{shown} is there already, and no key file is overwritten"))
                .hint("another name: --output-key-prefix PREFIX")
        }
        _ => {
            let error = anyhow::Error::from(error).context(format!("cannot write {shown}"));
            Failure::new(Status::Medium, &error)
        }
    }
}
