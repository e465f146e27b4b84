//! OpenPGP keys, made by gpg, and copies of them that say other things.

use crate::harness::gpg::Gpg;
use std::path::PathBuf;
use tempfile::TempDir;

/// Who signs with GPG.
pub(super) struct OpenPgpKeys {
    pub(super) gpg: Gpg,
    folder: TempDir,
    pub(super) rsa: OpenPgpKey,
    pub(super) ed: OpenPgpKey,
    /// Signs with a subkey; the primary key may not sign.
    pub(super) by_subkey: OpenPgpKey,
    /// As it was when it signed.
    pub(super) old: OpenPgpKey,
    /// Too short for us.
    pub(super) short: OpenPgpKey,
    /// Signs nothing.
    pub(super) stranger: OpenPgpKey,
}

/// A key, and the file with its public part.
pub(super) struct OpenPgpKey {
    pub(super) fingerprint: String,
    pub(super) file: PathBuf,
}

/// Long before the signatures: when the keys were made that have expired in [`OpenPgpKeys::expired`].
const BIRTH: &[&str] = &["--faked-system-time", "20200101T000000"];
/// When they were given a month to live.
const NEXT_DAY: &[&str] = &["--faked-system-time", "20200102T000000"];

impl OpenPgpKeys {
    /// `None` without gpg, or where the product is built without OpenPGP.
    pub(super) fn new(test: &str) -> Option<Self> {
        if !cfg!(feature = "openpgp") {
            println!("left out: {test} with GPG signatures, which this build does not check");
            return None;
        }
        let gpg = Gpg::of_kind(test, "rsa3072")?;
        let folder = tempfile::tempdir().expect("folder");
        let key = |name: &str, fingerprint: String| {
            let file = folder.path().join(format!("{name}.gpg"));
            gpg.export(&fingerprint, &file);
            OpenPgpKey { fingerprint, file }
        };
        let made = |name: &str, options: &[&str], kind: &str| {
            key(name, gpg.add_key(options, name, &[kind, "sign", "never"]))
        };
        let primary = gpg.add_key(BIRTH, "by-subkey", &["ed25519", "cert", "never"]);
        let bind = ["--passphrase", "", "--quick-add-key", &primary, "ed25519", "sign", "never"];
        gpg.gpg(&[BIRTH, &bind[..]].concat()).expect_code(0);
        Some(Self {
            rsa: key("rsa", gpg.fingerprint().to_owned()),
            ed: made("ed25519", &[], "ed25519"),
            by_subkey: key("by-subkey", primary),
            old: made("old", BIRTH, "ed25519"),
            short: made("short", &[], "rsa1024"),
            stranger: made("stranger", &[], "ed25519"),
            gpg,
            folder,
        })
    }

    /// The old key, with the word that it expired long before it signed.
    pub(super) fn expired(&self) -> PathBuf {
        self.folder.path().join("expired.gpg")
    }

    /// The key whose subkey signs, with the word that the subkey has expired.
    pub(super) fn subkey_expired(&self) -> PathBuf {
        self.folder.path().join("subkey-expired.gpg")
    }

    /// The old key, with the word that it is revoked.
    pub(super) fn revoked(&self) -> PathBuf {
        self.folder.path().join("revoked.gpg")
    }

    /// Writes the copies of keys with which nobody can sign any more.
    pub(super) fn age(&self) {
        let expire = |options: &[&str], arguments: &[&str]| {
            let command = ["--passphrase", "", "--quick-set-expire"];
            self.gpg.gpg(&[options, &command[..], arguments].concat()).expect_code(0);
        };
        expire(NEXT_DAY, &[&self.old.fingerprint, "30d"]);
        self.gpg.export(&self.old.fingerprint, &self.expired());
        expire(NEXT_DAY, &[&self.by_subkey.fingerprint, "30d", "*"]);
        self.gpg.export(&self.by_subkey.fingerprint, &self.subkey_expired());
        // It is revoked in its best years.
        expire(&[], &[&self.old.fingerprint, "never"]);
        self.gpg.revoke(&self.old.fingerprint);
        self.gpg.export(&self.old.fingerprint, &self.revoked());
    }
}
