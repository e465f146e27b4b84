//! Inspecting a bundle: its contents by its own words. Nothing is verified, and nothing is trusted.

use crate::archive::{ArchiveError, Input};
use crate::report::inspect::InspectReport;

/// A bundle to inspect.
pub struct Request {
    input: Input,
}

impl Request {
    /// The bundle that `input` holds. Of a stream, head and trust section are read.
    pub fn new(input: Input) -> Self {
        Self { input }
    }
}

/// Reads what a bundle says of itself. Blocks.
///
/// # Errors
/// [`ArchiveError`]: the archive cannot be opened.
pub fn inspect(request: Request) -> Result<InspectReport, ArchiveError> {
    let (archive, _) = request.input.open()?;
    Ok(InspectReport::new(&archive))
}
