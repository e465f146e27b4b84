#![no_main]
//! Tar headers: what is taken is what would be written.

use bundle::archive::entry;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(bytes) = data.first_chunk::<512>() else { return };
    if let Ok((name, size, mtime)) = entry::parse(bytes, 0) {
        assert_eq!(entry::header(&name, size, mtime).expect("what was read"), *bytes);
    }
});
