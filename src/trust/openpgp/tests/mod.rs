//! The module as a whole: third-party vectors, and what real gpg makes.

mod vectors;
