//! Tags that would go back in time. The sequence of a series tells that only within the series: another one of the same
//! key, a bundle without a sequence, or one without its seal could move a tag to what was replaced long ago. So what
//! filled each tag, and how old it was, is remembered by target repository and tag, whichever bundle it was.

use super::error::{TagsBack, UnpackError};
use super::plan::{Plan, Planned, PlannedImage};
use super::target::Target;
use crate::host::records::tags::{TagFill, TagPlace, TagStanding};
use crate::host::{HostRoot, check_tags, record_tags};
use crate::oci::host_name::canonical;
use crate::oci::text::bounded;
use crate::report::unpack::{TagAge, TagChange};
use crate::trust::Scope;
use std::path::PathBuf;

/// Refuses what would move a tag back in time, or may, unless one of the scopes allows it for the image's source. Gives
/// how each image's tag stands; an image without a tag has none.
///
/// # Errors
/// [`UnpackError::TagsBack`], [`UnpackError::Tags`].
pub(super) fn check(
    planned: &Planned,
    root: Option<&HostRoot>,
    allowed: &[Scope],
) -> Result<Vec<Option<TagStanding>>, UnpackError> {
    let Some(root) = root else { return Ok(vec![None; planned.plan.images().len()]) };
    let filler = planned.verified.filler();
    let fills = fills(&planned.plan);
    let wanted: Vec<TagFill> = fills.iter().flatten().cloned().collect();
    let mut standing = check_tags(root, &filler, &wanted)?.into_iter();
    let by_image: Vec<Option<TagStanding>> =
        fills.iter().map(|fill| fill.as_ref().and_then(|_| standing.next())).collect();
    let going_back = planned.verified.seal().is_going_back();
    let mut refused = Vec::new();
    for (image, standing) in planned.plan.images().iter().zip(&by_image) {
        let Some(TagStanding::Back(back)) = standing else { continue };
        let source = image.source.with_digest(image.digest);
        // To go back within the series was allowed by the very sequence.
        let is_allowed =
            (going_back && back.same_series) || allowed.iter().any(|scope| scope.covers(&source));
        if !is_allowed {
            refused.push((**back).clone());
        }
    }
    match refused.is_empty() {
        true => Ok(by_image),
        false => Err(UnpackError::TagsBack(TagsBack(refused))),
    }
}

/// Remembers what was filled, after the push. A user who may not write there gets a warning.
///
/// # Errors
/// [`UnpackError::TagsNotRemembered`].
pub(super) fn record(
    planned: &Planned,
    root: Option<&HostRoot>,
) -> Result<Option<String>, UnpackError> {
    record_some(planned, root, &|_| true)
}

/// As [`record`], for the images with these numbers: a registry took their tags, and not those of others.
///
/// # Errors
/// [`UnpackError::TagsNotRemembered`].
pub(super) fn record_set(
    planned: &Planned,
    root: Option<&HostRoot>,
    images: &[usize],
) -> Result<Option<String>, UnpackError> {
    record_some(planned, root, &|number| images.contains(&number))
}

fn record_some(
    planned: &Planned,
    root: Option<&HostRoot>,
    is_set: &dyn Fn(usize) -> bool,
) -> Result<Option<String>, UnpackError> {
    let Some(root) = root else { return Ok(None) };
    let all = fills(&planned.plan).into_iter().enumerate();
    let fills: Vec<TagFill> =
        all.filter(|(number, _)| is_set(*number)).filter_map(|(_, fill)| fill).collect();
    match record_tags(root, &planned.verified.filler(), &fills) {
        Ok(()) => Ok(None),
        Err(error) if error.is_permission() => Ok(Some(format!(
            "which bundle filled these tags is not remembered, so an older one could move them back later: this user may not write below {}",
            root.path().join("var/lib/bundle").display()
        ))),
        Err(error) => Err(UnpackError::TagsNotRemembered(error)),
    }
}

/// What is said of the age of a tag that is moved. Nothing is said of a bundle that nothing authenticates: the report
/// says of all of it that its age is not known.
pub(super) fn age(
    planned: &Planned,
    change: TagChange,
    standing: Option<&TagStanding>,
) -> Option<TagAge> {
    let TagChange::Moved { .. } = change else { return None };
    match standing? {
        TagStanding::Same => None,
        TagStanding::Newer { .. } => Some(TagAge::Newer),
        TagStanding::Back(back) if back.is_older => Some(TagAge::Older),
        TagStanding::Back(_) => Some(TagAge::Unknown),
        TagStanding::New if planned.verified.seal().is_of_unknown_age() => Some(TagAge::Unknown),
        TagStanding::New => None,
    }
}

/// What the operator has to know of a tag that was moved.
pub(super) fn warning(
    name: &str,
    change: TagChange,
    age: Option<TagAge>,
    standing: Option<&TagStanding>,
) -> Option<String> {
    let TagChange::Moved { from } = change else { return None };
    match (age?, standing) {
        (TagAge::Older, _) => {
            Some(format!("{name}: moved from {from} back to older content, as allowed"))
        }
        (TagAge::Unknown, _) => Some(format!(
            "{name}: moved from {from}, and nothing here tells whether that goes back in time"
        )),
        (TagAge::Newer, Some(TagStanding::Newer { other_series: Some(place) })) => {
            let series = bounded(&place.name);
            Some(format!(
                "{name}: the series {series:?} filled it before; --seal-name says which series count"
            ))
        }
        (TagAge::Newer, _) => None,
    }
}

/// What each image puts under its tag.
fn fills(plan: &Plan) -> Vec<Option<TagFill>> {
    let directory = match plan.target() {
        Target::Layout(directory) => Some(absolute(directory)),
        Target::Registry(_) => None,
    };
    let fill = |image: &PlannedImage| {
        let tag = image.source.tag()?.to_owned();
        let repository = &plan.repositories()[image.repository];
        // However the host is written, the tag is the same one.
        let name = format!("{}/{}", canonical(repository.host()), repository.path());
        let repository = match &directory {
            Some(directory) => format!("oci:{directory}#{name}"),
            None => name,
        };
        Some(TagFill { place: TagPlace { repository, tag }, digest: image.digest })
    };
    plan.images().iter().map(fill).collect()
}

/// The one name of a layout directory, by whatever path it was given.
fn absolute(directory: &PathBuf) -> String {
    let path = directory.canonicalize().or_else(|_| std::path::absolute(directory));
    path.unwrap_or_else(|_| directory.clone()).display().to_string()
}
