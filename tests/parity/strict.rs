//! Where we refuse what the container stack accepts.

/// A kind of pairs.
pub(super) struct Stricter {
    /// The policies; empty for all.
    policies: &'static [&'static str],
    /// The exhibits; empty for all.
    exhibits: &'static [&'static str],
    pub(super) reason: &'static str,
}

/// All of them. Each is met in the matrix.
pub(super) const STRICTER: [Stricter; 2] = [
    Stricter {
        policies: &["key-then-another"],
        exhibits: &[],
        reason: "the stack silently leaves out the second key of a file; here no image gets past such a file",
    },
    Stricter {
        policies: &["log", "log-any", "log-and-key"],
        exhibits: &["log-misnamed"],
        reason: "an entry that names another log than the one that signed it; the stack does not look at the name",
    },
];

/// Which kind a pair is of.
pub(super) fn kind(policy: &str, exhibit: &str) -> Option<usize> {
    let of = |names: &[&str], name| names.is_empty() || names.contains(&name);
    STRICTER.iter().position(|kind| of(kind.policies, policy) && of(kind.exhibits, exhibit))
}
