//! What fuzz targets and their seeds share.
//!
//! - [`archives`]: small genuine archives
//! - [`forger`]: whole bundles, driven by bytes, and what the trusted key signed in them
//! - [`setting`]: what an operator asks for, and a second opinion on what he may get; [`unpacking`]: both together
//! - [`openpgp`]: a key, and all that it ever signed
//! - [`world`]: somebody who signs, a log, an authority and an image; [`bundles`] are what they say together
//! - [`reading`]: documents read a second time, by other code than what is under test

pub mod archives;
pub mod bundles;
pub mod forger;
pub mod openpgp;
pub mod reading;
pub mod setting;
pub mod unpacking;
pub mod world;
