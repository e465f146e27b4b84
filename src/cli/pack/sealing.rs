//! Options of pack about the seal and the series: unlocked before any work, used when the archive is whole.

use crate::cli::failure::Failure;
use crate::cli::seal::{refusal, unlock};
use bundle::pack::seal::NotSealed;
use bundle::pack::{Expires, Handover, SeriesPlace};
use bundle::seal::{MAX_SEQUENCE, fingerprint_of};
use bundle::signers::files;
use bundle::trust::SigningKey;
use clap::Args;
use std::path::{Path, PathBuf};

/// The seal, and what it binds.
#[derive(Args)]
#[command(next_help_heading = "Seal")]
pub(super) struct Sealing {
    /// Seal the bundle with this private key, as cosign keeps it; the password comes from COSIGN_PASSWORD, or is asked for
    #[arg(long, value_name = "FILE")]
    seal_key: Option<PathBuf>,
    /// Position in the series of --name: enclaves refuse sealed bundles that are older than one they have used
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=MAX_SEQUENCE))]
    sequence: Option<u64>,
    /// Enclaves refuse the sealed bundle from then on: a time (RFC 3339), or so long after it was made (12h, 30d, 4w)
    #[arg(long, value_name = "TIME", value_parser = crate::cli::parsed::<Expires>)]
    expires: Option<Expires>,
    /// Later bundles of the series are sealed by this public key, which is carried (key rotation)
    #[arg(long, value_name = "FILE", requires = "from_sequence", requires = "sequence")]
    successor: Option<PathBuf>,
    /// The first sequence that --successor seals
    #[arg(long, value_name = "N", requires = "successor")]
    from_sequence: Option<u64>,
    /// The public key that retires and seals this bundle [default: that of --seal-key]
    #[arg(long, value_name = "FILE", requires = "successor")]
    retires: Option<PathBuf>,
}

impl Sealing {
    /// Unlocks the key; this may ask for a password.
    pub(super) fn unlock(&self) -> Result<Option<SigningKey>, Failure> {
        self.seal_key.as_deref().map(unlock).transpose()
    }

    /// What the inventory says of the bundle's place in its series.
    pub(super) fn place(&self, seal_key: Option<&SigningKey>) -> Result<SeriesPlace, Failure> {
        let (sequence, expires) = (self.sequence, self.expires);
        let (Some(successor), Some(from_sequence)) = (&self.successor, self.from_sequence) else {
            return Ok(SeriesPlace { sequence, expires, succession: None });
        };
        let own = seal_key.map(|key| fingerprint_of(key.public_key()));
        let given = self.retires.as_deref().map(files::public_key).transpose()?;
        let retires = match (given.map(|(key, _)| fingerprint_of(&key)), own) {
            (Some(given), Some(own)) if given != own => {
                let what = format!("--retires is {given}, and --seal-key {own}");
                return Err(Failure::usage(what).hint("a key retires only itself"));
            }
            (given, own) => given.or(own),
        };
        let retires = retires.ok_or_else(|| {
            Failure::usage("which key retires? neither --seal-key nor --retires is given")
                .hint("the public key that will seal this bundle: --retires FILE")
        })?;
        let (successor, _) = files::public_key(successor)?;
        let succession = Some(Handover { retires, successor, from_sequence });
        Ok(SeriesPlace { sequence, expires, succession })
    }

    /// Why the archive that was packed is not sealed, with the way on.
    pub(super) fn not_sealed(&self, path: &Path, error: &NotSealed) -> Failure {
        let file = path.display();
        let key = self.seal_key.as_deref().unwrap_or(Path::new("FILE")).display();
        refusal(error, path).context(format!("{file} is complete, and not sealed")).hint(format!(
            "the bundle is packed but not sealed; seal it: bundle seal {file} --seal-key {key}"
        ))
    }
}
