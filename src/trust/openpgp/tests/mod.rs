//! The module as a whole: third-party vectors, and what real gpg makes.

mod forged;
mod forms;
mod gpg;
mod keys;
mod payload;
mod scene;
mod vectors;
