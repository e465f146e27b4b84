//! This tool's own file.

use super::entry::{self, Entry};
use super::{FILE, RegistriesConfError};
use crate::quoting::quoted;
use std::collections::BTreeMap;

const HEADER: &str = "# Written by bundle. Changes belong into another file: this one is refused when it was edited.\n";

/// Reads the file, which must be what [`render`] makes, to the byte.
pub(super) fn read(content: &str) -> Result<BTreeMap<String, Entry>, RegistriesConfError> {
    let entries = entry::read(FILE, content).map_err(|_| RegistriesConfError::Edited)?;
    if render(&entries) == content { Ok(entries) } else { Err(RegistriesConfError::Edited) }
}

/// The file with these entries.
pub(super) fn render(entries: &BTreeMap<String, Entry>) -> String {
    let mut text = HEADER.to_owned();
    for (prefix, entry) in entries {
        text.push_str("\n[[registry]]\n");
        text.push_str(&format!("prefix = {}\n", quoted(prefix)));
        text.push_str(&format!("location = {}\n", quoted(&entry.location)));
        for (key, value) in [("insecure", entry.insecure), ("blocked", entry.blocked)] {
            if value {
                text.push_str(&format!("{key} = true\n"));
            }
        }
        for mirror in &entry.mirrors {
            text.push_str("[[registry.mirror]]\n");
            text.push_str(&format!("location = {}\n", quoted(&mirror.location)));
            if mirror.insecure {
                text.push_str("insecure = true\n");
            }
            if !mirror.pull_from_mirror.is_empty() {
                let when = quoted(&mirror.pull_from_mirror);
                text.push_str(&format!("pull-from-mirror = {when}\n"));
            }
        }
    }
    text
}
