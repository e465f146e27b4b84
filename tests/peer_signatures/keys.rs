//! Key pairs of every kind that cosign signs with.

use crate::harness::cosign::{Cosign, KeyPair, private_key};
use bundle_testing::peers;

/// Kinds that cosign does not make itself, as the arguments of `openssl genpkey`.
const IMPORTED: [(&str, &[&str]); 4] = [
    ("rsa-3072", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"]),
    ("p384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
    ("p521", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
    ("ed25519", &["-algorithm", "ED25519"]),
];

/// A key pair of each kind by its name: one that `importers` first in line makes, the others imported by whichever of
/// them takes them. What none of them takes is named as left out.
pub(super) fn of_every_kind(test: &str, importers: &[&Cosign]) -> Vec<(&'static str, KeyPair)> {
    let mut pairs = vec![("p256", importers[0].generate("p256"))];
    let Some(openssl) = peers::require(test, "openssl") else {
        return pairs;
    };
    let folder = tempfile::tempdir().expect("folder");
    for (kind, arguments) in IMPORTED {
        let pem = folder.path().join(format!("{kind}.pem"));
        private_key(&openssl, &pem, arguments);
        let mut refusals = Vec::new();
        let pair = importers.iter().find_map(|cosign| {
            cosign.import(kind, &pem).map_err(|ran| refusals.push(ran.stderr)).ok()
        });
        for refusal in refusals {
            println!("{kind}: one cosign does not import it: {}", refusal.trim());
        }
        match pair {
            Some(pair) => pairs.push((kind, pair)),
            None => println!("left out: {test} with {kind}, which no cosign here imports"),
        }
    }
    pairs
}

/// The fingerprint as reports write it.
pub(super) fn fingerprint(pair: &KeyPair) -> String {
    let file = std::fs::read(&pair.public).expect("public key");
    bundle::trust::PublicKey::from_pem(&file).expect("a usable key").fingerprint().to_string()
}
