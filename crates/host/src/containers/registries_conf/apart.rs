//! Entries for names below one that is served: an entry is about everything below its prefix too, so the mirror's place
//! below its own would be served under a name of that source, whoever fills it. Such a name gets an entry without this
//! mirror.

use super::entry::{Entries, Entry, Mirror};
use super::{MirrorRequest, Mirrored};
use std::collections::BTreeMap;

/// Adds what is missing. Entries of earlier runs count as much as those of this one; the first mirror of each is this
/// program's.
pub(super) fn keep(after: &mut BTreeMap<String, Entry>, others: &Entries, request: &MirrorRequest) {
    let pair = |one: &Mirrored| (one.source.to_string(), one.mirror.to_string());
    let withheld: Vec<_> = request.withheld.iter().map(pair).collect();
    let served: Vec<(String, Mirror)> = after
        .iter()
        .filter_map(|(prefix, entry)| Some((prefix.clone(), entry.mirrors.first()?.clone())))
        .collect();
    let known = served.iter().map(|(source, mirror)| (source.clone(), mirror.location.clone()));
    let filled: Vec<_> =
        request.mirrored.iter().map(pair).chain(known).chain(withheld.iter().cloned()).collect();
    for (prefix, mirror) in &served {
        for (source, place) in &filled {
            let Some(rest) = place.strip_prefix(&mirror.location) else { continue };
            let name = format!("{prefix}{rest}");
            let is_its_own = name == *source && !withheld.iter().any(|(other, _)| *other == name);
            if !rest.starts_with('/')
                || is_its_own
                || after.contains_key(&name)
                || others.has_narrower(prefix, &name)
            {
                continue;
            }
            if let Some(entry) = after.get(prefix) {
                let entry = entry.below(rest, &mirror.location);
                after.insert(name, entry);
            }
        }
    }
}

impl Entry {
    /// This entry for what lies at `rest` below its prefix, without one mirror.
    fn below(&self, rest: &str, without: &str) -> Self {
        let others = self.mirrors.iter().filter(|mirror| mirror.location != without);
        let moved = |mirror: &Mirror| Mirror {
            location: format!("{}{rest}", mirror.location),
            ..mirror.clone()
        };
        Self {
            location: format!("{}{rest}", self.location),
            mirrors: others.map(moved).collect(),
            ..self.clone()
        }
    }
}
