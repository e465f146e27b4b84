//! Kinds of failures.

/// What kind of failure it is: decides the exit status. A later one outweighs an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Something of this machine or program.
    Other,
    /// What was asked for cannot be done.
    Usage,
    /// The target, or the way there.
    Network,
    /// The archive or its medium.
    Medium,
    /// Verification.
    Refused,
}
