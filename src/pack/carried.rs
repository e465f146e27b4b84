//! Keys that travel along: which they are, and the head entries that they become.

use crate::archive::head::{self, HeadFile};
use crate::inventory::KeyEntry;
use crate::signers::CarriedKey;
use crate::trust::KeyMaterial;

/// Endings that people's files of public keys have; each use has one of its own in a bundle.
const ENDINGS: [&str; 6] = [".pub", ".pem", ".asc", ".gpg", ".pgp", ".json"];

/// Keys as head entries, each once for each use, names made distinct.
pub(super) fn key_files(keys: &[CarriedKey]) -> Vec<(KeyEntry, HeadFile)> {
    let mut files: Vec<(KeyEntry, HeadFile)> = Vec::new();
    for carried in keys {
        let (usage, fingerprint) = (carried.material.usage(), carried.material.fingerprint());
        let scopes: Vec<String> = carried.scopes.iter().map(ToString::to_string).collect();
        let known = files.iter_mut().find(|(entry, _)| {
            entry.purpose == usage.as_str() && entry.fingerprint == fingerprint.to_string()
        });
        if let Some((known, file)) = known {
            // Two copies of an OpenPGP key may say different things; a revocation in one of them must not stay behind.
            let both = [&file.bytes[..], &carried.material.to_bytes()].concat();
            if let Ok([joined]) = KeyMaterial::detect(&both).as_deref() {
                file.bytes = joined.to_bytes();
            }
            known.scopes.extend(scopes);
            known.scopes.sort();
            known.scopes.dedup();
            continue;
        }
        let (stem, hex) = (stem(&carried.name), fingerprint.hex());
        let candidates =
            [stem.clone(), format!("{stem}-{}", &hex[..16]), format!("{stem}-{usage}-{hex}")];
        let mut names =
            candidates.map(|stem| format!("{}{stem}{}", head::KEYS, usage.ending())).into_iter();
        let taken = |name: &String| files.iter().any(|(entry, _)| entry.file == *name);
        let Some(file) = names.find(|name| !taken(name)) else { continue };
        let entry = KeyEntry {
            file: file.clone(),
            purpose: usage.to_string(),
            fingerprint: fingerprint.to_string(),
            scopes,
        };
        files.push((entry, HeadFile { name: file, bytes: carried.material.to_bytes() }));
    }
    files
}

/// A name that is safe everywhere, without its ending.
fn stem(name: &str) -> String {
    let stem = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let stem: String = stem.trim_start_matches('.').chars().map(plain).collect();
    if stem.is_empty() { "key".to_owned() } else { stem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{KeyUse, PublicKey};
    use bundle_testing::Signer;

    fn carried(signer: &Signer, usage: KeyUse, name: &str) -> CarriedKey {
        let material = KeyMaterial::read(usage, signer.public_pem().as_bytes()).expect("a key");
        CarriedKey { material, name: name.into(), scopes: vec!["quay.io".parse().expect("scope")] }
    }

    #[test]
    fn names_are_safe_and_distinct_whatever_files_are_called() {
        let signers: Vec<Signer> = (0..4).map(|_| Signer::p256()).collect();
        let keys = [
            carried(&signers[0], KeyUse::Cosign, "release.pub"),
            carried(&signers[1], KeyUse::Cosign, "release.pem"),
            carried(&signers[1], KeyUse::Rekor, "release.pub"),
            carried(&signers[2], KeyUse::Cosign, "..//Grö ße"),
            carried(&signers[3], KeyUse::Cosign, ".pub"),
        ];
        let files = key_files(&keys);
        let hex = signers[1].fingerprint().hex();
        let names: Vec<_> = files.iter().map(|(entry, _)| entry.file.as_str()).collect();
        let expected = [
            "keys/release.pub".to_owned(),
            format!("keys/release-{}.pub", &hex[..16]),
            format!("keys/release-rekor-{hex}.pub"),
            "keys/--Gr---e.pub".to_owned(),
            "keys/key.pub".to_owned(),
        ];
        assert_eq!(names, expected);
        for (entry, file) in &files {
            assert_eq!(entry.file, file.name);
        }
        assert_eq!(files[2].0.purpose, "rekor");
    }

    #[test]
    fn a_key_given_twice_is_carried_once_with_the_scopes_of_both() {
        let signer = Signer::p256();
        let mut again = carried(&signer, KeyUse::Cosign, "other.pub");
        again.scopes = vec!["a.example".parse().expect("scope")];
        let files = key_files(&[carried(&signer, KeyUse::Cosign, "release.pub"), again]);
        let [(entry, _)] = &files[..] else { panic!("{files:?}") };
        assert_eq!(
            (&*entry.file, &entry.scopes[..]),
            ("keys/release.pub", &["a.example".to_owned(), "quay.io".to_owned()][..])
        );
    }

    #[test]
    fn the_form_of_the_file_is_that_of_its_use() {
        let key = PublicKey::from_spki(Signer::p256().spki()).expect("a key");
        let text = crate::trust::trusted_root::text_of_log(&key);
        let material = KeyMaterial::read(KeyUse::TrustedRoot, text.as_bytes()).expect("a root");
        let root = CarriedKey { material, name: "trusted_root.json".into(), scopes: vec![] };
        let files = key_files(&[root]);
        assert_eq!(files[0].0.file, "keys/trusted_root.json");
        assert_eq!(files[0].0.purpose, "trusted-root");
        assert_eq!(files[0].1.bytes, text.as_bytes());
    }
}
