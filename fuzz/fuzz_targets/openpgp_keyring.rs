#![no_main]
//! Files of OpenPGP keys, binary and armored.

use bundle::trust::openpgp::Keyring;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(keyring) = Keyring::read(data) {
        let keys = keyring.keys();
        assert!(keys.iter().any(|key| key.weakness.is_none()));
        assert!(keys.iter().all(|key| keyring.contains(&key.fingerprint)));
        let joined = Keyring::merged([keyring.clone(), keyring.clone()]).expect("the same keys");
        assert_eq!(joined.keys().len(), keys.len());
        // Whatever the file says, at no time did one of its keys sign these bytes.
        for now in [0, 1 << 31, i64::MAX] {
            assert!(keyring.verify(data, now).is_err());
        }
    }
});
