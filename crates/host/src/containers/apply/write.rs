//! Writing: everything is staged first, then each file gets its name.

use super::planned::PlannedFile;
use super::{CONTAINERS, ConfigError, HostConfig, LOCKED};
use crate::containers::certs_d;
use crate::files::{Directory, HostRoot, PathError, Staged};

/// Refuses when files cannot be written where they would be.
pub(super) fn check_writable(root: &HostRoot, request: &HostConfig) -> Result<(), ConfigError> {
    let own =
        |name: &str| vec![CONTAINERS[0].to_owned(), CONTAINERS[1].to_owned(), name.to_owned()];
    let mut places = vec![own("registries.d"), own("registries.conf.d")];
    places.extend([CONTAINERS, LOCKED].map(|place| place.map(str::to_owned).to_vec()));
    if let Some(ca) = &request.ca {
        places.push(certs_d::place(&ca.host)?[..4].to_vec());
    }
    for place in places {
        let place: Vec<&str> = place.iter().map(String::as_str).collect();
        root.walk(&place)?.deepest.check_writable()?;
    }
    Ok(())
}

/// Writes what changes, in order, in the place of what was read.
pub(super) fn in_place(root: &HostRoot, files: &[PlannedFile]) -> Result<(), ConfigError> {
    let changed: Vec<_> =
        files.iter().filter_map(|file| Some((file, file.content.as_ref()?))).collect();
    let directories = changed
        .iter()
        .map(|(file, _)| root.create(&file.components()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut staged = Vec::new();
    for ((file, content), directory) in changed.iter().zip(&directories) {
        let backup = backup(directory, file)?;
        staged.push((
            *file,
            directory,
            backup,
            directory.stage_like(&file.name, &file.name, content.as_bytes())?,
        ));
    }
    for (file, directory, backup, content) in staged {
        if let Some(backup) = backup {
            backup.publish_new()?;
            directory.sync()?;
        }
        match file.is_there() {
            true => content.publish_over()?,
            false => content.publish_new()?,
        }
        directory.sync()?;
    }
    Ok(())
}

/// The backup, staged; nothing when none is needed, or it is there.
fn backup<'d>(
    directory: &'d Directory,
    file: &PlannedFile,
) -> Result<Option<Staged<'d>>, ConfigError> {
    match (&file.backup, &file.before) {
        (Some(name), Some(before)) if !is_kept(directory, name, before)? => {
            Ok(Some(directory.stage_like(&file.name, name, before)?))
        }
        _ => Ok(None),
    }
}

/// Refuses when the name of a backup is taken by something else.
pub(super) fn check_backups(root: &HostRoot, files: &[PlannedFile]) -> Result<(), ConfigError> {
    for file in files {
        if let (Some(name), Some(before)) = (&file.backup, &file.before)
            && let Some(directory) = root.existing(&file.components())?
        {
            is_kept(&directory, name, before)?;
        }
    }
    Ok(())
}

/// Whether this content lies under the name of its backup.
fn is_kept(directory: &Directory, name: &str, content: &[u8]) -> Result<bool, ConfigError> {
    match directory.read(name, content.len() as u64) {
        Ok(None) => Ok(false),
        Ok(Some(there)) if there == content => Ok(true),
        Ok(Some(_)) | Err(PathError::TooLarge { .. }) => {
            Err(ConfigError::Backup(directory.path_of(name)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes every file as it would be into a directory that no host reads.
pub(super) fn elsewhere(root: &HostRoot, files: &[PlannedFile]) -> Result<(), ConfigError> {
    for file in files {
        let Some(content) = file.after() else { continue };
        let directory = root.create(&file.components())?;
        directory.stage(&file.name, content)?.publish_over()?;
        directory.sync()?;
    }
    Ok(())
}
