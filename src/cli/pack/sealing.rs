//! Options of pack about the seal and the series: unlocked before any work, used when the archive is whole.

use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::seal::{refusal, unlock};
use bundle::pack::{Expires, Handover, SeriesPlace};
use bundle::seal::{MAX_SEQUENCE, fingerprint_of};
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

/// A private key that is ready to seal.
pub(super) struct SealKey {
    pub(super) key: SigningKey,
    file: PathBuf,
}

impl Sealing {
    /// Unlocks the key; this may ask for a password.
    pub(super) fn unlock(&self) -> Result<Option<SealKey>, Failure> {
        let Some(file) = &self.seal_key else { return Ok(None) };
        Ok(Some(SealKey { key: unlock(file)?, file: file.clone() }))
    }

    /// What the inventory says of the bundle's place in its series.
    pub(super) fn place(&self, seal_key: Option<&SealKey>) -> Result<SeriesPlace, Failure> {
        let (sequence, expires) = (self.sequence, self.expires);
        let (Some(successor), Some(from_sequence)) = (&self.successor, self.from_sequence) else {
            return Ok(SeriesPlace { sequence, expires, succession: None });
        };
        let own = seal_key.map(|seal_key| fingerprint_of(seal_key.key.public_key()));
        let given = self.retires.as_deref().map(keys::read).transpose()?;
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
        let (successor, _) = keys::read(successor)?;
        let succession = Some(Handover { retires, successor, from_sequence });
        Ok(SeriesPlace { sequence, expires, succession })
    }
}

impl SealKey {
    /// Seals the archive that was packed to `output`.
    pub(super) fn seal(&self, output: &Path) -> Result<(), Failure> {
        let sealed = bundle::pack::seal::seal(&[output.to_owned()], &self.key);
        sealed.map(|_| ()).map_err(|error| {
            let (file, key) = (output.display(), self.file.display());
            refusal(&error, output)
                .context(format!("{file} is complete, and not sealed"))
                .hint(format!("the bundle is packed but not sealed; seal it: bundle seal {file} --seal-key {key}"))
        })
    }
}
