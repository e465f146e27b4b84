#![no_main]
//! A whole bundle, forged, opened and planned as `unpack` does it: nothing gets a place at the target that the trusted key
//! did not sign under the image's own name, or that a permission does not reach; and what is found is no more than what
//! is bounded before it is looked for.

use bundle::archive::sequential;
use bundle::trust::ImageVerdict;
use bundle::unpack::{Opened, UnpackError};
use bundle_fuzz::forger::{Choices, Forger};
use bundle_fuzz::setting::Setting;
use bundle_fuzz::world;
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::Arc;

/// Findings and children of all verdicts of one bundle: far below what a bundle of this size could name.
const MOST: usize = 10_000;

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let setting = Setting::choose(&mut choices);
    let mut forger = Forger::default();
    let bytes = forger.forge(&mut choices);
    let reader = Box::new(std::io::Cursor::new(bytes));
    let Ok((archive, _cargo)) = sequential::open(reader, Path::new("fuzz")) else { return };
    let Ok(checked) = Opened::of(Arc::new(archive)).check() else { return };
    let addressed = match checked.verify_for(setting.target(), setting.trust(world::key().clone()))
    {
        Ok(addressed) => addressed,
        Err(UnpackError::Refused(refused)) => {
            assert!(told(&refused.verdicts) <= MOST);
            return;
        }
        Err(_) => return,
    };
    let Ok(planned) = addressed.plan() else { return };
    assert!(told(planned.verified().verdicts()) <= MOST);
    let plan = planned.plan();
    for image in plan.images() {
        let place = plan.repositories()[image.repository].to_string();
        let source = image.source.repository();
        let objection = setting.objection(&forger.ledger, source, image.digest, &place);
        assert!(objection.is_none(), "{objection:?}: {source} at {place}");
    }
});

fn told(verdicts: &[ImageVerdict]) -> usize {
    verdicts.iter().map(|verdict| verdict.signatures().len() + verdict.children().len()).sum()
}
