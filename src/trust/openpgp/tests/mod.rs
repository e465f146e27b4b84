//! The module as a whole: third-party vectors, and what real gpg makes.

mod forged_keys;
mod forged_signatures;
mod forms;
mod gpg;
mod keys;
mod payload;
mod recorded;
mod scene;
mod vectors;
