//! Forged bundles, opened and planned as `unpack` does it.

use crate::forger::{Choices, Forger};
use crate::setting::Setting;
use crate::world;
use bundle::archive::sequential;
use bundle::trust::ImageVerdict;
use bundle::unpack::{Opened, UnpackError};
use std::path::Path;
use std::sync::Arc;

/// Findings and children of all verdicts of one bundle: far below what a bundle of this size could name.
const MOST: usize = 10_000;

/// What became of one bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It cannot be read, or does not add up.
    Unreadable,
    /// An image is refused, or has no place.
    Refused,
    /// So many images may be published.
    Planned(usize),
}

/// Forges a bundle and a setting of these choices, and unpacks it as far as to the plan. Panics where an image gets a place
/// that a second opinion does not give it, or where more is found than is bounded.
pub fn unpack(data: &[u8]) -> Ended {
    let mut choices = Choices(data);
    let setting = Setting::choose(&mut choices);
    let mut forger = Forger::default();
    let bytes = forger.forge(&mut choices);
    let reader = Box::new(std::io::Cursor::new(bytes));
    let opened = sequential::open(reader, Path::new("fuzz"));
    let Ok((archive, _cargo)) = opened else { return Ended::Unreadable };
    let Ok(checked) = Opened::of(Arc::new(archive)).check() else { return Ended::Unreadable };
    let addressed = match checked.verify_for(setting.target(), setting.trust(world::key().clone()))
    {
        Ok(addressed) => addressed,
        Err(UnpackError::Refused(refused)) => {
            assert!(told(&refused.verdicts) <= MOST);
            return Ended::Refused;
        }
        Err(_) => return Ended::Refused,
    };
    let Ok(planned) = addressed.plan() else { return Ended::Refused };
    assert!(told(planned.verified().verdicts()) <= MOST);
    let plan = planned.plan();
    for image in plan.images() {
        let place = plan.repositories()[image.repository].to_string();
        let source = image.source.repository();
        let objection = setting.objection(&forger.ledger, source, image.digest, &place);
        assert!(objection.is_none(), "{objection:?}: {source} at {place}");
    }
    Ended::Planned(plan.images().len())
}

fn told(verdicts: &[ImageVerdict]) -> usize {
    verdicts.iter().map(|verdict| verdict.signatures().len() + verdict.children().len()).sum()
}
