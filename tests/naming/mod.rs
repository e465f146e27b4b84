//! What images are called at the target, and from where a repository there may be filled.

mod memory;
mod names;
mod places;

use crate::harness::command::{Program, Ran};
use crate::harness::scene::Connected;
use std::path::PathBuf;

/// Packs images of the connected side, each as if it came from the named repository (tag 1), unsigned.
pub(crate) fn pack(side: &Connected, name: &str, images: &[(&str, &str)]) -> PathBuf {
    let file = side.output(name);
    let sources = images
        .iter()
        .map(|(repository, source)| format!("{}/{repository}:1={source}:1", side.address()));
    let sources: Vec<String> = sources.collect();
    Program::bundle().args(&["pack", "-q", "-o"]).arg(&file).args(&sources).run().expect_code(0);
    file
}

/// `--allow-unsigned` for these hosts.
pub(crate) fn unsigned<'a>(hosts: &[&'a str]) -> Vec<&'a str> {
    hosts.iter().flat_map(|host| ["--allow-unsigned", host]).collect()
}

/// What the report says of the target's repositories.
#[track_caller]
fn repositories(ran: &Ran) -> serde_json::Value {
    ran.json()["repositories"].clone()
}
