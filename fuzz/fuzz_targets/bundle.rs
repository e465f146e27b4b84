#![no_main]
//! A whole bundle, forged, opened and planned as `unpack` does it: nothing gets a place at the target that the trusted key
//! did not sign under the image's own name, or that a permission does not reach; and what is found is no more than what
//! is bounded before it is looked for.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    bundle_fuzz::unpacking::unpack(data);
});
