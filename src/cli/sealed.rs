//! Options about the operator's seal for who unpacks or verifies, and what is said of it.

use super::failure::Failure;
use super::output::{Output, say};
use super::settings;
use super::text::safe;
use bundle::host::HostRoot;
use bundle::host::settings::InForce;
use bundle::report::seal::{KeyStanding, SealReport, SeriesState, VerifiedSeal};
use bundle::seal::{Exceptions, MAX_SEQUENCE};
use bundle::signers::files;
use bundle::unpack::SealInputs;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;

/// The operator's seal.
#[derive(Args)]
#[command(next_help_heading = "Seal")]
pub(super) struct SealTrust {
    /// The bundle must be sealed with the private half of this key, or of one that a sealed bundle announced as its
    /// successor: names, completeness, age and the verdicts at pack are then authentic (repeatable)
    #[arg(long, value_name = "FILE")]
    seal_pub: Vec<PathBuf>,
    /// The bundle must be of the series with this name, as pack --name gave it; '' is that of bundles without a name
    /// (repeatable)
    #[arg(long, value_name = "NAME")]
    seal_name: Vec<String>,
    /// Keys that the sealed bundle carries with scopes are trusted for these scopes
    #[arg(long, conflicts_with_all = ["policy", "host_policy"])]
    seal_introduces_keys: bool,
    /// Take a sealed bundle with this sequence although a newer one was used here
    #[arg(long, value_name = "SEQUENCE", value_parser = clap::value_parser!(u64).range(0..=MAX_SEQUENCE))]
    allow_rollback: Option<u64>,
    /// Take a sealed bundle whose sequence is more than a million above the newest that was used here
    #[arg(long)]
    allow_sequence_jump: bool,
    /// Take a sealed bundle without a sequence although numbered ones of its seal key were used here
    #[arg(long)]
    allow_unnumbered: bool,
}

impl SealTrust {
    /// Whether keys in the bundle may become anchors.
    pub(super) fn introduces_keys(&self) -> bool {
        self.seal_introduces_keys
    }

    /// Reads the keys, given or configured. `root` is where it is remembered what was seen.
    pub(super) fn inputs(&self, root: HostRoot, in_force: &InForce) -> Result<SealInputs, Failure> {
        let (keys, required) = settings::seal(&self.seal_pub, in_force)?;
        let own = self.with_keys(&keys)?;
        let names = settings::seal_names(&self.seal_name, in_force);
        Ok(SealInputs { required, names, state: Some(Arc::new(root)), ..own })
    }

    /// The names of series that were given as options.
    pub(super) fn names(&self) -> &[String] {
        &self.seal_name
    }

    /// What the options say alone; nothing is remembered.
    pub(super) fn given(&self) -> Result<SealInputs, Failure> {
        self.with_keys(&self.seal_pub)
    }

    fn with_keys(&self, keys: &[PathBuf]) -> Result<SealInputs, Failure> {
        let keys = keys.iter().map(|path| Ok(files::public_key(path)?.0));
        Ok(SealInputs {
            keys: keys.collect::<Result<_, Failure>>()?,
            introduces_keys: self.seal_introduces_keys,
            exceptions: Exceptions {
                rollback_to: self.allow_rollback,
                long_step: self.allow_sequence_jump,
                unnumbered: self.allow_unnumbered,
            },
            ..SealInputs::default()
        })
    }
}

/// What people read about the seal.
pub(super) fn say_seal(out: &mut Output, seal: &SealReport) {
    let seal = match seal {
        SealReport::Absent => return,
        SealReport::Unexamined => {
            say!(out, "seal: there, not verified");
            return;
        }
        SealReport::Verified(seal) => seal,
    };
    say!(out, "seal: by {}{}", seal.key, standing(seal));
    let name = seal.name.as_deref().unwrap_or("(without a name)");
    let sequence = seal.sequence.map_or_else(|| "no sequence".to_owned(), |n| n.to_string());
    say!(out, "  series {}: {sequence}, {}", safe(name), state(seal.state));
    if let Some(expires) = &seal.expires {
        say!(out, "  expires {}", safe(expires));
    }
    if let Some(rotation) = seal.rotation {
        let (next, from) = (rotation.successor, rotation.from_sequence);
        say!(out, "  from {from} on sealed by {next}");
    }
}

fn standing(seal: &VerifiedSeal) -> String {
    match seal.standing {
        KeyStanding::Unmentioned => String::new(),
        KeyStanding::Outgoing => ", which retires later".to_owned(),
        KeyStanding::Successor { succeeds } => format!(", the successor of {succeeds}"),
    }
}

fn state(state: SeriesState) -> String {
    match state {
        SeriesState::Unnumbered => "of unknown age".to_owned(),
        SeriesState::First => "the first that is known here".to_owned(),
        SeriesState::Newer => "newer than what was used here".to_owned(),
        SeriesState::Same => "used here before".to_owned(),
        SeriesState::RolledBack { known } => format!("allowed although {known} was used here"),
    }
}
