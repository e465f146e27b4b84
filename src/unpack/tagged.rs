//! The last step of a push: tags are moved, and where a registry does not take all of them, those that are set are named.

use super::error::{TagsIncomplete, UnpackError};
use super::push::under_way::Push;
use crate::oci::Digest;
use crate::report::unpack::TagChange;
use futures_util::{StreamExt as _, stream};
use std::sync::atomic::{AtomicBool, Ordering};

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
