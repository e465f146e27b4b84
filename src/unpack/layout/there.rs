//! Reading the content that a layout directory has already.

use crate::oci::layout::{LayoutDirectory, LayoutError};
use crate::oci::source::Trouble;
use crate::oci::{Descriptor, Digest, Manifest};
use crate::unpack::error::UnpackError;

/// An error about a blob that lies at the target: the bundle has no part in it.
pub(super) fn of_target(
    layout: &LayoutDirectory,
    blob: &Digest,
    error: LayoutError,
) -> UnpackError {
    match error {
        LayoutError::Blob(source) if source.trouble == Trouble::Content => {
            let file = layout.path().join("blobs/sha256").join(blob.hex());
            UnpackError::TargetBlob { file, source: source.into() }
        }
        other => other.into(),
    }
}

/// Reads a manifest that lies at the target; nothing when it is not there.
pub(in crate::unpack) async fn read_there(
    layout: &LayoutDirectory,
    there: &Descriptor,
) -> Result<Option<Manifest>, UnpackError> {
    let read = layout.read_manifest(there).await;
    read.map_err(|error| of_target(layout, &there.digest, error))
}
