#![no_main]
//! Trusted roots: what is accepted is strict JSON, names something, reads the same however it is written, and lets the
//! genuine bundle pass only if it has the authority and the log of it.

use bundle::trust::sigstore_bundle::{Bundle, Signer, Subject};
use bundle::trust::trusted_root::TrustedRoot;
use bundle_fuzz::{bundles, reading, world};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::sync::LazyLock;

static BUNDLES: LazyLock<[Bundle; 2]> = LazyLock::new(|| {
    [bundles::by_key(), bundles::by_certificate()].map(|material| {
        let bundle = bundles::of_statement(material).to_string();
        Bundle::parse(bundle.as_bytes()).expect("a bundle")
    })
});

fuzz_target!(|data: &[u8]| {
    let root = match TrustedRoot::parse(data) {
        Ok(root) => root,
        Err(error) => return reading::assert_bounded(&error),
    };
    let wire = reading::accepted(data);
    let again = TrustedRoot::parse(wire.to_string().as_bytes()).expect("the same");
    let has = |root: &TrustedRoot| {
        (root.has_logs(), root.has_ct_keys(), root.has_timestamp_authorities())
    };
    assert_eq!(has(&again), has(&root));
    let count = |list: &str| wire[list].as_array().map_or(0, Vec::len);
    assert_eq!(
        has(&root),
        (count("tlogs") > 0, count("ctlogs") > 0, count("timestampAuthorities") > 0)
    );
    assert!(
        root.has_logs() || root.has_timestamp_authorities() || count("certificateAuthorities") > 0
    );

    let subject = Subject::Manifest(world::manifest());
    let [keyed, certified] = &*BUNDLES;
    if keyed.verify_logged(world::key(), &root, subject).is_ok() {
        assert!(has_log(&wire), "the log's entry counts under its own key only");
    }
    if let Ok(evidence) = certified.verify_keyless(&world::keyless(root), subject) {
        let authorities = wire["certificateAuthorities"].as_array().expect("one vouched");
        let key = world::authority_key();
        let certifies = |certificate: &Value| {
            let der = reading::base64(&certificate["rawBytes"]);
            der.windows(key.spki().len()).any(|part| part == key.spki())
        };
        let chain = |authority: &Value| authority["certChain"]["certificates"].as_array().cloned();
        assert!(authorities.iter().filter_map(chain).flatten().any(|one| certifies(&one)));
        assert!(count("tlogs") == 0 || has_log(&wire));
        assert_eq!(count("ctlogs"), 0, "it is in no certificate transparency log");
        assert!(matches!(evidence.signer, Signer::Certificate { sct_verified: false, .. }));
    }
});

fn has_log(root: &Value) -> bool {
    let log = world::log_key();
    let logs = root["tlogs"].as_array().into_iter().flatten();
    let mut keys = logs.map(|log| reading::base64(&log["publicKey"]["rawBytes"]));
    keys.any(|key| key == log.key().spki())
}
