//! A part of the images of a bundle: those that are asked for, and those that can be had where others are refused.

use super::check::Checked;
use super::error::UnpackError;
use crate::oci::Reference;
use crate::trust::Pattern;

/// Which images of a bundle are unpacked.
#[derive(Debug, Clone, Default)]
pub struct ImageSelection {
    /// Images that one of these covers; all when empty.
    pub only: Vec<Pattern>,
    /// Images that one of these covers are left out. They are neither judged nor published.
    pub exclude: Vec<Pattern>,
    /// What an image that may not be published does.
    pub refused: RefusedImages,
}

/// What an image that may not be published does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RefusedImages {
    /// It keeps the whole bundle out.
    #[default]
    Fail,
    /// The others are published, and nothing of its own is.
    Skip,
}

impl ImageSelection {
    /// True for an image that is asked for. `source` comes with its digest, as patterns may name that.
    fn wants(&self, source: &Reference) -> bool {
        let covers = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.covers(source));
        (self.only.is_empty() || covers(&self.only)) && !covers(&self.exclude)
    }
}

impl Checked {
    /// The same bundle with the images that are asked for alone. It was checked as a whole before.
    ///
    /// # Errors
    /// [`UnpackError::NothingSelected`].
    pub fn select(self, selection: &ImageSelection) -> Result<Self, UnpackError> {
        let wanted: Vec<bool> = self.names().iter().map(|name| selection.wants(name)).collect();
        match wanted.iter().filter(|wanted| **wanted).count() {
            0 if !wanted.is_empty() => Err(UnpackError::NothingSelected),
            all if all == wanted.len() => Ok(self),
            _ => Ok(self.with_images(&wanted)),
        }
    }
}
