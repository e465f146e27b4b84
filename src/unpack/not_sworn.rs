//! The reasons against sealing a bundle.

use super::error::UnpackError;
use crate::archive::integrity::Damage;
use crate::archive::sealing::SealingError;
use crate::report::seal::SealingRefusal;
use crate::seal::MakingError;

/// Why a bundle is not sealed.
#[derive(Debug, thiserror::Error)]
pub enum NotSworn {
    /// It cannot be read, or what was given does not fit it.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// It states what nobody here can swear to.
    #[error(
        "{} statements of the bundle cannot be verified, so it is not sealed",
        count(.0.refusals.len())
    )]
    Unconfirmed(Box<SealingRefusal>),
    /// Some of its content is not what the inventory says.
    #[error("the bundle is damaged in {} of its blobs, so it is not sealed", .0.len())]
    Damaged(Vec<Damage>),
    /// The seal cannot be put into it.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// There is no seal to put into it.
    #[error(transparent)]
    Making(#[from] MakingError),
}

fn count(statements: usize) -> String {
    match statements {
        1 => "1 statement".to_owned(),
        more => format!("{more} statements"),
    }
}
