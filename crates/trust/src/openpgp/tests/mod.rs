//! The module as a whole, on what real gpg makes and on what is forged.

mod anchors;
mod canonical;
mod forged_keys;
mod forged_signatures;
mod forms;
mod gpg;
mod keys;
mod payload;
mod recorded;
mod scene;
