#![no_main]
//! A whole bundle, forged, opened and planned as `unpack` does it. Every image that gets a place at the target is signed by
//! the trusted key under its own name, or a permission reaches that place. The number of findings is bounded.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    bundle_fuzz::unpacking::unpack(data);
});
