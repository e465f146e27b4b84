//! Files of the host, written safely: no link is followed, nothing is written where somebody else could change it, and
//! a file is whole before it has its name.
//!
//! - `root`: `/` or the directory given in its place
//! - `owners`: whose files count below it
//! - `directory`: one directory below it, and the files in it
//! - `staged`: a file that is whole before it has its name
//! - `selinux`: the label of what is written
//! - `error`: what can be wrong with a path

mod directory;
mod error;
mod owners;
mod root;
mod selinux;
mod staged;

pub(crate) use directory::{Directory, Lock};
pub use error::{FileKind, PathError};
#[cfg(test)]
pub(crate) use owners::Owners;
pub use root::HostRoot;
pub(crate) use staged::Staged;
