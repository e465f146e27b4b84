//! The last step of a push: tags are moved, and where a registry does not take all of them, those that are set are named.

use super::error::UnpackError;
use super::push::Push;
use crate::oci::Digest;
use crate::report::unpack::TagChange;
use futures_util::{StreamExt as _, stream};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Most names in a message.
const MOST: usize = 10;

/// Tags that are set beside others that are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagsIncomplete {
    /// Names at the target that lead to what was carried.
    pub set: Vec<String>,
    /// Names that do not, or of which that is not known.
    pub unset: Vec<String>,
    /// Numbers of the images whose tags are set.
    pub(super) set_images: Vec<usize>,
}

impl Push<'_> {
    /// Moves all tags, `limit` at a time. After a failure no other one is begun, and those that were are ended: so it is
    /// known which tags are set.
    pub(super) async fn tags(
        &self,
        children: &[Option<Digest>],
        limit: usize,
    ) -> Result<(), UnpackError> {
        let has_failed = AtomicBool::new(false);
        let failed = &has_failed;
        let outcomes: Vec<Option<Result<(), UnpackError>>> = stream::iter(0..children.len())
            .map(|number| async move {
                if failed.load(Ordering::Relaxed) {
                    return None;
                }
                let outcome = self.tag(number, children[number]).await;
                failed.fetch_or(outcome.is_err(), Ordering::Relaxed);
                Some(outcome)
            })
            .buffered(limit)
            .collect()
            .await;
        let (mut set, mut unset, mut first) = (Vec::new(), Vec::new(), None);
        let mut set_images = Vec::new();
        for (number, outcome) in outcomes.into_iter().enumerate() {
            let image = &self.planned.plan.images()[number];
            match outcome {
                Some(Ok(())) => {
                    set.push(image.target.clone());
                    set_images.push(number);
                }
                Some(Err(error)) => {
                    unset.push(image.target.clone());
                    first = first.or(Some(error));
                }
                None => unset.push(image.target.clone()),
            }
        }
        match first {
            None => Ok(()),
            Some(error) if set.is_empty() => Err(error),
            Some(error) => {
                let tags = TagsIncomplete { set, unset, set_images };
                Err(UnpackError::TagsIncomplete(tags.into(), error.into()))
            }
        }
    }

    /// Moves the tag, and reads back where it points. An image without a tag is read back by its digest.
    async fn tag(&self, number: usize, child: Option<Digest>) -> Result<(), UnpackError> {
        let image = &self.planned.plan.images()[number];
        let remote = &self.repositories[image.repository];
        let wanted = child.unwrap_or(image.digest);
        let by_digest = wanted.to_string();
        let name = image.source.tag().unwrap_or(&by_digest);
        let unchanged = match self.survey.tags[number] {
            TagChange::Unchanged => child.is_none(),
            // An earlier run had to tag the same child.
            TagChange::Moved { from } => Some(from) == child,
            TagChange::Created | TagChange::ByDigest => false,
        };
        let mut now = match image.source.tag().is_none() || unchanged {
            true => remote.manifest_digest(name).await?,
            false => None,
        };
        if now != Some(wanted)
            && let Some(record) = self.verified.catalogue().manifest(&wanted)
        {
            remote.push_manifest(image.source.tag(), &self.read(record)?).await?;
            now = remote.manifest_digest(name).await?;
        }
        if now == Some(wanted) {
            return Ok(());
        }
        let found = now.map_or_else(|| "not there".to_owned(), |digest| digest.to_string());
        let name = format!("{}:{name}", remote.name());
        Err(UnpackError::ReadBack { name, expected: wanted, found })
    }
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
