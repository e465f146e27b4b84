//! `bundle keygen`.

use super::exit::Status;
use super::failure::Failure;
use super::output::{Output, say};
use super::password;
use super::text::safe;
use bundle::report::seal::KeygenReport;
use bundle::seal::{KeyFile, fingerprint_of};
use bundle::trust::SigningKey;
use clap::Args;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
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

/// Writes a file that was not there, and that nobody else may read before it has its mode.
fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(mode);
    let mut file = options.open(path).map_err(|error| unwritable(path, error))?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    written.and_then(|()| sync_folder(path)).map_err(|error| {
        let _ = std::fs::remove_file(path);
        unwritable(path, error)
    })
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
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
