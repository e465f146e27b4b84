#![no_main]
//! The head of an archive, and what opening compares it with. Checksums of frames are made right first, or nothing
//! behind the first frame would ever be looked at.

use bundle::archive::Archive;
use bundle::archive::frame::{self, raw_frame};
use bundle::archive::head;
use bundle::archive::medium::Medium;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = head::read(&Medium::held(data.to_vec().into()));
    // The same bytes as the content of raw frames, with slack behind them.
    let mut bytes = Vec::new();
    for piece in data.chunks(2 << 20) {
        bytes.extend_from_slice(&raw_frame(piece));
    }
    let end = (bytes.len() + 8 + (32 << 10)).next_multiple_of(4096);
    bytes.extend_from_slice(&frame::skip_header((end - bytes.len() - 8) as u32));
    bytes.resize(end, 0);
    let medium = Medium::held(bytes.into());
    if let Ok(read) = head::read(&medium) {
        let (again, extent) = head::encode_within(&read.files, read.mtime, read.extent.end)
            .expect("what was read fits where it was");
        assert_eq!(extent.end, read.extent.end);
        let again = head::read(&Medium::held(again.into())).expect("our own head");
        assert_eq!(again.files, read.files);
    }
    let _ = Archive::read_from("fuzz".into(), medium);
});
