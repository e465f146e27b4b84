//! Markers of the volumes that an archive is read from, compared with what they must be.

use super::ArchiveError;
use super::medium::Medium;
use super::volumes::{marked_bundle, marked_number, marker};
use bundle_oci::Digest;

/// Compares the markers of all volumes that are known: of this bundle, each in its place.
///
/// # Errors
/// [`ArchiveError::Volume`], which names the volume that is another's, at another's place, or damaged.
pub(super) fn check_order(medium: &Medium, bundle: &Digest) -> Result<(), ArchiveError> {
    let mut markers = Vec::new();
    let mut unreadable = None;
    for volume in 1..medium.volumes() {
        match read_marker(medium, volume) {
            Ok((number, bundle)) => markers.push((volume, number, bundle)),
            Err(error) => {
                // Volumes in a wrong order, or a strange one, may be why: they come first.
                unreadable = Some(error);
                break;
            }
        }
    }
    // The first volume says which bundle it is. Where all others agree on another one, it is the stranger.
    if let [(_, _, first), others @ ..] = &markers[..]
        && first != bundle
        && !others.is_empty()
        && others.iter().all(|(_, _, other)| other == first)
    {
        let what = format!("belongs to another bundle than the other {} volumes", markers.len());
        return Err(medium.volume_error(0, what));
    }
    for (volume, number, stated) in markers {
        let what = if stated != *bundle {
            "belongs to another bundle than the first volume (or its first bytes are damaged)"
                .into()
        } else if number as usize != volume + 1 {
            format!("holds volume {number} where volume {} is expected", volume + 1)
        } else {
            continue;
        };
        return Err(medium.volume_error(volume, what));
    }
    unreadable.map_or(Ok(()), Err)
}

fn read_marker(medium: &Medium, volume: usize) -> Result<(u32, Digest), ArchiveError> {
    let marker = medium.marker(volume)?;
    let number = marked_number(&marker);
    let number = number
        .ok_or_else(|| medium.volume_error(volume, "does not begin as a volume does".to_owned()))?;
    Ok((number, marked_bundle(&marker)))
}

/// Compares what markers say about the number of volumes, which is known to be `count`.
///
/// # Errors
/// [`ArchiveError::Volume`] for one that is missing, one too many, or a marker that is not what it must be.
pub(super) fn check_count(
    medium: &Medium,
    bundle: &Digest,
    count: usize,
) -> Result<(), ArchiveError> {
    if medium.volumes() > count {
        let what = format!("is too many: the archive has {count}");
        return Err(medium.volume_error(count, what));
    }
    for volume in 1..count {
        let last = (volume + 1 == count).then_some(count as u32);
        if medium.marker(volume)? != marker(bundle, volume as u32 + 1, last) {
            return Err(medium.volume_error(volume, "has a damaged marker".to_owned()));
        }
    }
    Ok(())
}
