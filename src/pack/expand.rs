//! Globs of tags become images: each repository is asked once which tags it has.

use super::select::{Location, Selection, Source, Wanted};
use super::{PackError, error::with_causes};
use crate::oci::Repository;
use crate::registry::Client;
use bundle_lists::TagGlob;
use futures_util::{StreamExt as _, stream};
use std::collections::{BTreeSet, HashMap};

/// Repositories that are asked at the same time.
const REPOSITORIES_IN_FLIGHT: usize = 8;

/// Fills the sources of a request, in the order of what is asked for.
///
/// # Errors
/// [`PackError::Tags`] with all globs that mean no tag, and all repositories whose tags cannot be listed.
pub(super) async fn expand(request: &mut Selection, client: &Client) -> Result<(), PackError> {
    let globs = request.wanted.iter().filter_map(|wanted| match wanted {
        Wanted::Tags(repository, _) => Some(repository.clone()),
        Wanted::Image(_) => None,
    });
    let repositories: BTreeSet<Repository> = globs.collect();
    if repositories.is_empty() {
        return Ok(());
    }
    let _told = client.waits().work("listing tags");
    let listed: HashMap<Repository, Result<Vec<String>, String>> = stream::iter(repositories)
        .map(|repository| async move {
            let tags = client.repository(&repository).tags().await;
            (repository, tags.map_err(|error| with_causes(&error)))
        })
        .buffer_unordered(REPOSITORIES_IN_FLIGHT)
        .collect()
        .await;
    let (mut sources, mut faults) = (Vec::new(), Vec::new());
    for wanted in &request.wanted {
        match wanted {
            Wanted::Image(source) => sources.push(source.clone()),
            Wanted::Tags(repository, glob) => match selected(repository, glob, &listed) {
                Ok(images) => sources.extend(images),
                Err(fault) => faults.push(fault),
            },
        }
    }
    if !faults.is_empty() {
        return Err(PackError::Tags(faults));
    }
    request.sources = sources;
    Ok(())
}

/// The images that one glob means.
fn selected(
    repository: &Repository,
    glob: &TagGlob,
    listed: &HashMap<Repository, Result<Vec<String>, String>>,
) -> Result<Vec<Source>, String> {
    let tags = match listed.get(repository) {
        Some(Ok(tags)) => tags,
        Some(Err(why)) => return Err(format!("the tags of {repository} cannot be listed: {why}")),
        None => return Err(format!("the tags of {repository} were not listed")),
    };
    let meant = glob.select(tags.clone());
    if meant.is_empty() {
        return Err(format!("none of the {} tags of {repository} matches {glob}", tags.len()));
    }
    let image = |tag: &String| {
        let reference = repository.tagged(tag).map_err(|error| error.to_string())?;
        Ok(Source { location: Location::Registry(reference.clone()), name: Some(reference) })
    };
    meant.iter().map(image).collect()
}
