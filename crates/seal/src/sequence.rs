//! Whether a sealed bundle is older than one of its series that was used already. The series is that of a seal key and
//! a name; what was seen of it comes from `bundle_host::records::seals`.

use bundle_oci::Digest;

/// Largest sequence: integers up to here are the same in every JSON reader (RFC 8259 §6).
pub const MAX_SEQUENCE: u64 = 1 << 53;
/// Longest step from one bundle to the next that needs no word of the administrator. A mistyped sequence would make
/// every later bundle look old.
pub const LONGEST_STEP: u64 = 1_000_000;

/// The newest bundle of a series that was used on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its sequence.
    pub sequence: u64,
    /// Its digest.
    pub bundle: Digest,
}

/// Exceptions that the administrator allows for this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exceptions {
    /// The one older sequence that may be used.
    pub rollback_to: Option<u64>,
    /// True where the sequence may go up by more than [`LONGEST_STEP`].
    pub long_step: bool,
    /// True where a bundle without a sequence may be used although its seal key has numbered ones.
    pub unnumbered: bool,
}

/// The reason why a bundle may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It says no sequence: its age is not known. No bundle of its seal key has said one, or the administrator allowed it.
    Unnumbered,
    /// Nothing is known of its series: an older one than was used before would not be noticed. To be reported.
    First,
    /// Newer than what is known.
    Newer,
    /// The very bundle that is known.
    Same,
    /// Older, which the administrator allowed. What is known stays.
    RolledBack {
        /// The newest that is known.
        from: u64,
    },
}

/// The reason why a bundle may not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// Older than one that was used.
    #[error(
        "the bundle has sequence {sequence}, and {known} of the same series was used here: it is older"
    )]
    Older {
        /// Its sequence.
        sequence: u64,
        /// The newest that was used.
        known: u64,
    },
    /// Another bundle with the sequence of the newest one: which is older cannot be said.
    #[error("another bundle with the same sequence {sequence} was used here: {bundle}")]
    Ambiguous {
        /// The sequence of both.
        sequence: u64,
        /// The one that was used.
        bundle: Digest,
    },
    /// It says no sequence although its series has them.
    #[error("the bundle has no sequence, and {known} of the same series was used here")]
    Missing {
        /// The newest that was used.
        known: u64,
    },
    /// It says no sequence although other series of its seal key have them.
    #[error(
        "unnumbered-bundle: the bundle has no sequence, and its seal key has numbered ones: {known} of the series {series:?} was used here"
    )]
    Unnumbered {
        /// The name of one of these series, bounded.
        series: String,
        /// The newest of it that was used.
        known: u64,
    },
    /// More than [`LONGEST_STEP`] above what is known.
    #[error(
        "the bundle has sequence {sequence}, more than {LONGEST_STEP} above {known}, the newest that was used here"
    )]
    LongStep {
        /// Its sequence.
        sequence: u64,
        /// The newest that was used.
        known: u64,
    },
    /// More than [`MAX_SEQUENCE`].
    #[error("the bundle has sequence {0}, more than {MAX_SEQUENCE}")]
    TooLarge(u64),
}

/// Compares a sealed bundle with what is known of its series.
///
/// # Errors
/// [`SequenceError`].
pub fn check(
    sequence: Option<u64>,
    bundle: Digest,
    known: Option<Known>,
    exceptions: Exceptions,
) -> Result<Verdict, SequenceError> {
    if let Some(sequence) = sequence.filter(|sequence| *sequence > MAX_SEQUENCE) {
        return Err(SequenceError::TooLarge(sequence));
    }
    let (sequence, known) = match (sequence, known) {
        (None, None) => return Ok(Verdict::Unnumbered),
        (None, Some(_)) if exceptions.unnumbered => return Ok(Verdict::Unnumbered),
        (None, Some(known)) => return Err(SequenceError::Missing { known: known.sequence }),
        (Some(_), None) => return Ok(Verdict::First),
        (Some(sequence), Some(known)) => (sequence, known),
    };
    let from = known.sequence;
    if sequence == from && bundle == known.bundle {
        return Ok(Verdict::Same);
    }
    if sequence <= from {
        return match exceptions.rollback_to {
            Some(allowed) if allowed == sequence => Ok(Verdict::RolledBack { from }),
            _ if sequence < from => Err(SequenceError::Older { sequence, known: from }),
            _ => Err(SequenceError::Ambiguous { sequence, bundle: known.bundle }),
        };
    }
    match sequence - from > LONGEST_STEP && !exceptions.long_step {
        true => Err(SequenceError::LongStep { sequence, known: from }),
        false => Ok(Verdict::Newer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Exceptions = Exceptions { rollback_to: None, long_step: false, unnumbered: false };

    fn bundle() -> Digest {
        Digest::of(b"bundle")
    }

    fn known(sequence: u64) -> Option<Known> {
        Some(Known { sequence, bundle: bundle() })
    }

    fn other(sequence: u64, known: u64, exceptions: Exceptions) -> Result<Verdict, SequenceError> {
        check(Some(sequence), Digest::of(b"other"), super::tests::known(known), exceptions)
    }

    #[test]
    fn a_series_goes_up() {
        assert_eq!(check(Some(7), bundle(), None, NONE), Ok(Verdict::First));
        assert_eq!(check(Some(0), bundle(), None, NONE), Ok(Verdict::First));
        assert_eq!(check(Some(7), bundle(), known(7), NONE), Ok(Verdict::Same));
        assert_eq!(other(8, 7, NONE), Ok(Verdict::Newer));
        let older = SequenceError::Older { sequence: 6, known: 7 };
        assert_eq!(other(6, 7, NONE), Err(older.clone()));
        assert_eq!(check(Some(6), bundle(), known(7), NONE), Err(older), "whatever its bytes");
        let twice = SequenceError::Ambiguous { sequence: 7, bundle: bundle() };
        assert_eq!(other(7, 7, NONE), Err(twice));
    }

    #[test]
    fn going_back_is_allowed_to_one_sequence_only() {
        let back = |to| Exceptions { rollback_to: Some(to), ..NONE };
        assert_eq!(other(5, 7, back(5)), Ok(Verdict::RolledBack { from: 7 }));
        assert_eq!(other(7, 7, back(7)), Ok(Verdict::RolledBack { from: 7 }));
        let older = |sequence| Err(SequenceError::Older { sequence, known: 7 });
        assert_eq!(other(4, 7, back(5)), older(4));
        assert_eq!(other(6, 7, back(5)), older(6));
        assert_eq!(other(8, 7, back(5)), Ok(Verdict::Newer));
    }

    #[test]
    fn a_long_step_needs_a_word() {
        assert_eq!(other(LONGEST_STEP + 7, 7, NONE), Ok(Verdict::Newer));
        let sequence = LONGEST_STEP + 8;
        assert_eq!(other(sequence, 7, NONE), Err(SequenceError::LongStep { sequence, known: 7 }));
        let allowed = Exceptions { long_step: true, ..NONE };
        assert_eq!(other(sequence, 7, allowed), Ok(Verdict::Newer));
        assert_eq!(other(MAX_SEQUENCE, 7, allowed), Ok(Verdict::Newer));
        for exceptions in [allowed, NONE] {
            let too_large = SequenceError::TooLarge(MAX_SEQUENCE + 1);
            assert_eq!(other(MAX_SEQUENCE + 1, 7, exceptions), Err(too_large));
        }
    }

    #[test]
    fn leaving_the_sequence_out_is_no_way_around_it() {
        assert_eq!(check(None, bundle(), None, NONE), Ok(Verdict::Unnumbered));
        let missing = Err(SequenceError::Missing { known: 7 });
        assert_eq!(check(None, bundle(), known(7), NONE), missing);
        let allowed = Exceptions { rollback_to: Some(0), long_step: true, ..NONE };
        assert_eq!(check(None, bundle(), known(7), allowed), missing);
        let allowed = Exceptions { unnumbered: true, ..NONE };
        assert_eq!(check(None, bundle(), known(7), allowed), Ok(Verdict::Unnumbered));
        let older = SequenceError::Older { sequence: 6, known: 7 };
        assert_eq!(check(Some(6), bundle(), known(7), allowed), Err(older), "that alone");
    }
}
