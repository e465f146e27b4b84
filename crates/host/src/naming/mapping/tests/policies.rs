//! Places that rules of a policy protect.

use super::places::{CASES, KEEP, REDHAT, is_admitted, scene, signed};
use bundle_trust::RefusalCode;
use bundle_trust::testing::Signer;
use bundle_trust::testing::demands::{DEMANDS, demand};
use serde_json::json;

#[test]
fn a_policy_that_accepts_anything_gives_no_protected_place_away() {
    let anything = json!([{"type": "insecureAcceptAnything"}]);
    for &(source, names, protected, _, admitted) in CASES {
        // A policy has no such scope, and no word for one repository alone.
        let protected = protected.trim_end_matches(":*");
        let is_wide = !protected.contains('/');
        if names.is_empty() && is_wide {
            continue;
        }
        let what = format!("{source} {names:?} {protected}");
        for accepting in ["", "a.example"] {
            let mut scene = scene(source, names);
            let scopes = json!({accepting: anything, protected: signed(&Signer::p256())});
            scene.set_policy(&json!({"default": anything, "transports": {"docker": scopes}}));
            assert_eq!(is_admitted(&scene, &what), admitted, "{what}, by {accepting:?}");
        }
    }
}

#[test]
fn vendor_rule_keeps_its_places_under_an_accepting_default() {
    let signer = Signer::p256();
    let anything = json!([{"type": "insecureAcceptAnything"}]);
    let policy = json!({
        "default": anything,
        "transports": {"docker": {"registry.redhat.io": signed(&signer), "evil.example/a": anything}},
    });
    for (source, names, admitted) in [
        ("evil.example/ubi9/ubi:1", &[][..], false),
        ("evil.example/a/ubi:1", &[], false),
        ("evil.example/ubi9/ubi:1", REDHAT, true),
        ("evil.example/redhat/ubi9/ubi:1", REDHAT, false),
        ("evil.example/ubi9/ubi:1", &[KEEP], true),
        ("registry.redhat.io:8443/ubi9/ubi:1", &[], false),
        ("registry.redhat.io:8443/ubi9/ubi:1", &[KEEP], true),
    ] {
        let mut scene = scene(source, names);
        scene.set_policy(&policy);
        assert_eq!(is_admitted(&scene, source), admitted, "{source} {names:?}");
    }
    // Other spellings of the registry are the registry: a signature is demanded, and enough.
    for spelling in ["registry.redhat.io:443", "REGISTRY.redhat.io", "registry.redhat.io:0080"] {
        let mut scene = scene(&format!("{spelling}/ubi9/ubi:1"), &[]);
        scene.set_policy(&policy);
        assert_eq!(scene.refusal(), RefusalCode::NoSignature, "{spelling}");
    }
}

#[test]
fn a_demand_stands_beside_a_policy_that_accepts_anything() {
    for demanded in DEMANDS {
        for (scope, admitted) in [("quay.io/org", false), ("quay.io/other", true)] {
            let mut scene = scene("a.example/org/app:1", &[]);
            scene.set_policy(&json!({"default": [{"type": "insecureAcceptAnything"}]}));
            demand(&mut scene.anchors, demanded, scope);
            assert_eq!(is_admitted(&scene, demanded), admitted, "{demanded} {scope}");
        }
    }
}

#[test]
fn what_a_policy_demands_by_default_keeps_its_places() {
    let anything = json!([{"type": "insecureAcceptAnything"}]);
    let demanded = signed(&Signer::p256());
    let rejected = json!([{"type": "reject"}]);
    let tools = json!({"tools.example": anything});
    let others = json!({"tools.example": anything, "": demanded});
    let opened = json!({"tools.example": anything, "": anything});
    for (default, docker, names, admitted) in [
        (&demanded, &tools, &[][..], false),
        (&rejected, &others, &[], false),
        (&demanded, &tools, &[KEEP], true),
        (&demanded, &tools, &["tools.example=quay.io"], true),
        (&rejected, &tools, &[], true),
        (&demanded, &opened, &[], true),
    ] {
        let mut scene = scene("tools.example/org/app:1", names);
        scene.set_policy(&json!({"default": default, "transports": {"docker": docker}}));
        let what = format!("{default} {docker} {names:?}");
        assert_eq!(is_admitted(&scene, &what), admitted, "{what}");
    }
}
