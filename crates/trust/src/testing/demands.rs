//! Demands beyond a signature: several signers, an attestation, a log.

use super::{PrivateLog, Signer};
use crate::{Anchors, Log, LogAuthority};
use std::sync::Arc;

/// The kinds of demands that [`demand`] knows.
pub const DEMANDS: [&str; 3] = ["signers", "attestation", "log"];

/// Demands something of the images in `scope` that the scene's image does not have.
pub fn demand(anchors: &mut Anchors, what: &str, scope: &str) {
    match what {
        "signers" => {
            anchors.thresholds.push(format!("{scope}=2").parse().expect("an option"));
        }
        "attestation" => {
            let option = format!("{scope}=slsaprovenance");
            anchors.required_attestations.push(option.parse().expect("an option"));
        }
        _ => anchors.logs.push(LogAuthority {
            scope: scope.parse().expect("a scope"),
            log: Log::Root(Arc::new(PrivateLog(Signer::p256()).root())),
            name: "root.json".into(),
        }),
    }
}
