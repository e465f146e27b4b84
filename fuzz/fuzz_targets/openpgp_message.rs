#![no_main]
//! Signed OpenPGP messages, under a key that signed one thing only.

use bundle::trust::openpgp::Keyring;
use bundle_fuzz::openpgp::{KEY, PAYLOAD};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KEYRING: LazyLock<Keyring> = LazyLock::new(|| Keyring::read(KEY).expect("a keyring"));

fuzz_target!(|data: &[u8]| {
    if let Ok(signed) = KEYRING.verify(data, 1 << 31) {
        assert_eq!(signed.payload, PAYLOAD);
    }
});
