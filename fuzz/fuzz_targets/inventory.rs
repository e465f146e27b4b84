#![no_main]
//! Inventories: what is taken has places, and says the same when it is written again.

use bundle::archive::geometry::Geometry;
use bundle::archive::places::Places;
use bundle::inventory::Inventory;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(inventory) = Inventory::from_bytes(data) else { return };
    let bytes = inventory.to_bytes().expect("JSON");
    let again = Inventory::from_bytes(&bytes).expect("our own inventory");
    assert_eq!(again.to_bytes().expect("JSON"), bytes);
    if let Ok(geometry) = Geometry::recorded(inventory.volume_size) {
        let _ = Places::new(geometry, 40_960, 2, &inventory.blobs, &inventory.holes);
    }
});
