//! `bundle seal`.

mod sworn;

use super::exit::Status;
use super::failure::Failure;
use super::inspect::damage_hint;
use super::output::{Output, say};
use super::progress::{Talk, progress};
use super::refusal::Hints;
use super::standard_error::tell;
use super::text::{line, safe};
use super::trust::Trust;
use super::unpack::failed;
use super::{password, pipes};
use bundle::archive::checksums::list_path;
use bundle::archive::integrity::Depth;
use bundle::archive::sealing::{Sealed, SealingError};
use bundle::archive::volumes::volume_name;
use bundle::oci::Digest;
use bundle::pack::seal::NotSealed;
use bundle::progress::Waits;
use bundle::report::seal::{SealingRefusal, SealingReport, Unconfirmed, UnconfirmedCode};
use bundle::seal::{KeyFile, KeyFileError, MakingError, fingerprint_of};
use bundle::signers::files;
use bundle::trust::{Pattern, SigningKey};
use bundle::unpack::{NotSworn, SealRequest, seal_verified};
use clap::Args;
use std::path::{Path, PathBuf};

/// Verify a bundle and sign it as a whole with your own key, where it lies; an earlier seal is replaced
#[derive(Args)]
#[command(
    after_help = "The password of the key comes from COSIGN_PASSWORD, or is asked for on the terminal.\n\
                  The seal covers everything in the bundle, so it swears only to what was verified: with --expect-bundle and the\n\
                  digest that pack printed to all of it, with --key and the like to verdicts that are reached again. What no\n\
                  signature covers (tags, completeness, series, age) is printed before the bundle is sealed.\n\
                  `bundle keygen` makes a key; so does `cosign generate-key-pair`."
)]
pub(super) struct Options {
    /// The bundle; or its volumes, or folders that hold them
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The private key, as cosign keeps it
    #[arg(long, value_name = "FILE")]
    seal_key: PathBuf,
    /// The bundle may announce that this key takes over the series: SHA-256 of its SubjectPublicKeyInfo, received
    /// another way than the bundle. --expect-bundle covers it too
    #[arg(long, value_name = "sha256:…")]
    accept_rotation: Option<Digest>,
    /// Images that you accept without a trusted signature, as pack was told (repeatable)
    #[arg(long, value_name = "PATTERN", conflicts_with_all = ["policy", "host_policy"])]
    accept_unsigned: Vec<Pattern>,
    /// Read head, trust section and signatures only
    #[arg(long)]
    quick: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// No progress on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    trust: Trust,
}

pub(super) fn run(options: &Options) -> Result<Status, Failure> {
    if options.files.iter().any(|file| pipes::is_pipe(file)) {
        return Err(Failure::usage("a pipe cannot be sealed: the seal is written into the file")
            .hint("keep the bundle in a file first, or seal it while packing"));
    }
    let mut trust = options.trust.inputs_to_seal()?;
    trust.anchors.allow_unsigned.extend(options.accept_unsigned.iter().cloned());
    let key = unlock(&options.seal_key)?;
    let request = SealRequest::new(&options.files, &key, trust)
        .depth(if options.quick { Depth::TrustSection } else { Depth::Whole })
        .accept_rotation(options.accept_rotation)
        .series(options.trust.seal_names().to_vec());
    let waits = Waits::default();
    let progress = progress(if options.quiet { Talk::Quiet } else { Talk::Progress }, &waits);
    let _told = waits.work("verifying and sealing the bundle");
    let sealed = seal_verified(request, &*progress, sworn::tell_sworn);
    drop(progress);
    let (sealed, sworn) = sealed.map_err(|error| options.not_sworn(error))?;
    say_what_changed(&sealed);
    let Sealed { files, bundle_digest, replaced, repaired } = sealed;
    let (report_version, key) = ("1.0", fingerprint_of(key.public_key()));
    let report =
        SealingReport { report_version, files, bundle_digest, key, replaced, repaired, sworn };
    let output = if options.json { Output::json(&report)? } else { summary(&report) };
    output.write()?;
    Ok(Status::Done)
}

impl Options {
    /// Why the bundle is not sealed, with the way out.
    fn not_sworn(&self, error: NotSworn) -> Failure {
        let path = &self.files[0];
        match &error {
            NotSworn::Unpack(error) => {
                failed(error, &self.files, Hints { command: "seal", asked: true })
            }
            NotSworn::Unconfirmed(refusal) => {
                if self.json {
                    // The refusal outweighs whatever is wrong with standard output.
                    let _ = Output::json(refusal).and_then(Output::write);
                }
                unconfirmed(&error, refusal, self.trust.expects_bundle())
            }
            NotSworn::Damaged(_) => {
                let file = path.display();
                Failure::of(Status::Medium, &error)
                    .hint(format!("bundle verify {file} names all that is damaged"))
            }
            NotSworn::Sealing(_) | NotSworn::Making(_) => match error {
                NotSworn::Sealing(error) => refusal(&NotSealed::Sealing(error), path),
                NotSworn::Making(error) => refusal(&NotSealed::Making(error), path),
                other => Failure::of(Status::Other, &other),
            },
        }
    }
}

/// Statements that nobody here can swear to: all of them, then what could be given.
fn unconfirmed(error: &NotSworn, refusal: &SealingRefusal, is_expected: bool) -> Failure {
    for Unconfirmed { code, subject, detail } in &refusal.refusals {
        tell!("refused: {}: {}: {}", line(subject), code.as_str(), line(detail));
    }
    let any = |codes: &[UnconfirmedCode]| {
        refusal.refusals.iter().any(|refusal| codes.contains(&refusal.code))
    };
    let mut failure = Failure::of(Status::Refused, error);
    let is_other = |one: &Unconfirmed| one.code != UnconfirmedCode::SeriesNotExpected;
    if !is_expected && refusal.refusals.iter().any(is_other) {
        failure = failure.hint(
            "give the bundle digest that pack printed, received another way: --expect-bundle sha256:…",
        );
    }
    if any(&[UnconfirmedCode::VerdictUnchecked]) {
        failure = failure.hint(
            "or give what pack was given to verify with: --key SCOPE=FILE, --gpg-key, --trusted-root, --policy, --accept-unsigned, …",
        );
    }
    if any(&[UnconfirmedCode::UnsignedNotAccepted]) {
        failure = failure.hint(
            "where you accept the image without a signature too, whatever it holds now, give --accept-unsigned PATTERN",
        );
    }
    if any(&[UnconfirmedCode::VerdictNotConfirmed, UnconfirmedCode::SignerNotConfirmed]) {
        failure = failure.hint(
            "give every key that pack was given; where all are given, find out who changed the bundle",
        );
    }
    if any(&[UnconfirmedCode::NameNotConfirmed]) {
        failure = failure.hint(
            "verify it by the key of its publisher when packing; to swear to the name as it stands: --accept-unbound-names SCOPE",
        );
    }
    if any(&[UnconfirmedCode::KeyNotConfirmed]) {
        failure = failure.hint(
            "give the key for the scope that is stated, as it came another way: --key SCOPE=FILE or --trust-fingerprint SCOPE=FINGERPRINT",
        );
    }
    if any(&[UnconfirmedCode::SeriesNotExpected]) {
        failure = failure.hint("ask for the bundle of that series, or leave out --seal-name");
    }
    if any(&[UnconfirmedCode::RotationNotConfirmed]) {
        failure = failure.hint(
            "name the key that takes over, if one shall, as you know it: --accept-rotation sha256:…",
        );
    }
    failure
}

fn summary(report: &SealingReport) -> Output {
    let mut output = Output::default();
    let done = if report.replaced { "sealed anew" } else { "sealed" };
    for first in report.files.iter().take(1) {
        say!(output, "{done}: {}", safe(&first.display().to_string()));
    }
    say!(output, "verified: {}", sworn::in_words(&report.sworn));
    say!(output, "bundle digest: {}", report.bundle_digest);
    say!(output, "seal key: {}", report.key);
    output
}

/// Reads and decrypts a private key.
pub(super) fn unlock(path: &Path) -> Result<SigningKey, Failure> {
    let (bytes, _) = files::read(path)?;
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
        NotSealed::Sealing(SealingError::OtherArchive { path }) => (
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
