//! Tags that must not be moved, and tags that could not be.

use crate::host::records::tags::{TagBack, TagPlace};
use crate::oci::text::bounded;
use crate::seal::age::Age;
use std::fmt;
use time::format_description::well_known::Rfc3339;

/// Most names in a message.
const MOST: usize = 10;

/// Tags that would go back in time: all of them, the first one named.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.first().map(|first| in_words(first, .0.len() - 1)).unwrap_or_default())]
pub struct TagsBack(pub Vec<TagBack>);

fn in_words(back: &TagBack, others: usize) -> String {
    let code = if back.is_older { "tag-older" } else { "tag-age-unknown" };
    let TagPlace { repository, tag } = &back.place;
    let offered = match (&back.offered_age, back.is_older) {
        (Some(age), true) => format!("an older one ({})", of_age(age)),
        (Some(age), false) => {
            format!("one that may not be newer ({})", of_age(age))
        }
        (None, _) => "one whose age nothing authenticates".to_owned(),
    };
    let others = match others {
        0 => String::new(),
        1 => "; and 1 more tag".to_owned(),
        more => format!("; and {more} more tags"),
    };
    format!(
        "{code}: {repository}:{tag} was filled with {} by a bundle ({}), and would go to {} of {offered}{others}",
        back.known,
        of_age(&back.known_age),
        back.offered
    )
}

/// A bundle's age, as messages have it.
fn of_age(age: &Age) -> String {
    let created = age.created.format(&Rfc3339).unwrap_or_default();
    match &age.place {
        Some(place) => {
            let name = bounded(&place.name);
            format!("series {name:?}, sequence {}, made {created}", place.sequence)
        }
        None => format!("without a sequence, made {created}"),
    }
}

/// Tags that are set beside others that are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagsIncomplete {
    /// Names at the target that lead to what was carried.
    pub set: Vec<String>,
    /// Names that do not, or of which that is not known.
    pub unset: Vec<String>,
    /// Numbers of the images whose tags are set.
    pub(in crate::unpack) set_images: Vec<usize>,
}

impl fmt::Display for TagsIncomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (set, all) = (self.set.len(), self.set.len() + self.unset.len());
        write!(f, "{set} of {all} tags are set: {}", listed(&self.set))?;
        write!(f, "; not set: {}", listed(&self.unset))
    }
}

fn listed(names: &[String]) -> String {
    let first = names[..names.len().min(MOST)].join(", ");
    match names.len().checked_sub(MOST) {
        None | Some(0) => first,
        Some(more) => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_named_up_to_a_bound() {
        let names = |count| (0..count).map(|number| format!("r/a:{number}")).collect();
        let of = |set, unset| {
            TagsIncomplete { set: names(set), unset: names(unset), set_images: Vec::new() }
                .to_string()
        };
        assert_eq!(of(2, 1), "2 of 3 tags are set: r/a:0, r/a:1; not set: r/a:0");
        assert!(of(10, 1).ends_with("r/a:9; not set: r/a:0"));
        assert!(of(1, 512).ends_with("r/a:9 and 502 more"));
    }
}
