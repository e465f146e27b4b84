//! Where we refuse what the container stack accepts.

use super::Names;

/// A kind of pairs.
pub(super) struct Stricter {
    /// The policies; empty for all.
    policies: &'static [&'static str],
    /// The exhibits; empty for all.
    exhibits: &'static [&'static str],
    pub(super) reason: &'static str,
}

/// All of them. Each is met in the matrix, where the programs are there that make its exhibits.
pub(super) const STRICTER: [Stricter; 5] = [
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
    Stricter {
        policies: &[],
        exhibits: &["gpg-sha1"],
        reason: "a GPG signature over a SHA-1 hash, for which two messages can be made to agree; gpg takes it",
    },
    Stricter {
        policies: &[],
        exhibits: &["gpg-text"],
        reason: "a GPG signature over text, whose line endings are not signed; skopeo does not make such",
    },
    Stricter {
        policies: &[],
        exhibits: &["gpg-short"],
        reason: "a GPG signature by a key of RSA-1024; gpg takes it",
    },
];

/// Which kind a pair is of.
pub(super) fn kind(policy: &str, exhibit: &str) -> Option<usize> {
    let of = |names: &[&str], name| names.is_empty() || names.contains(&name);
    STRICTER.iter().position(|kind| of(kind.policies, policy) && of(kind.exhibits, exhibit))
}

/// True when all exhibits that a kind names are there.
pub(super) fn could_be_met(kind: usize, exhibits: &Names) -> bool {
    STRICTER[kind].exhibits.iter().all(|name| exhibits.contains(name))
}
