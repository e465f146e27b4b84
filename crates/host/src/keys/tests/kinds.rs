//! Keys of logs, OpenPGP keys and trusted roots: where each lies, in which form, and what is refused as none of them.

use super::*;
use crate::keys::holder::Holder;
use crate::keys::skip_reason::SkipReason;
use bundle_trust::openpgp::SingleKey;
use std::collections::BTreeSet;
use std::os::unix::fs::symlink;

const OPENPGP: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/host/openpgp.asc"));
const RENEWED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/host/openpgp-renewed.asc"));
const OPENPGP_FILE: &str = "etc/pki/rpm-gpg/acme.asc";

fn canonical(export: &[u8]) -> String {
    SingleKey::all_of(export).expect("a key")[0].armored().to_owned()
}

fn trusted_root() -> String {
    let key = bundle_trust::PublicKey::from_pem(include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/host/p256.pub"
    )));
    bundle_trust::trusted_root::text_of_log(&key.expect("a key"))
}

fn of_use(usage: KeyUse, content: impl Into<Vec<u8>>) -> KeyToInstall {
    let content = content.into();
    let fingerprint = match usage {
        KeyUse::OpenPgp => include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../testdata/host/openpgp.fingerprint"
        ))
        .trim()
        .parse()
        .expect("fingerprint"),
        KeyUse::TrustedRoot => Digest::of(&content).into(),
        KeyUse::Cosign | KeyUse::Rekor => public_key::fingerprint(&content).expect("a key").into(),
    };
    KeyToInstall { usage, content, fingerprint, ..acme() }
}

fn each() -> [(KeyToInstall, &'static str); 3] {
    [
        (
            of_use(
                KeyUse::Rekor,
                include_bytes!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/../../testdata/host/p256.pub"
                )),
            ),
            KEY,
        ),
        (of_use(KeyUse::OpenPgp, canonical(OPENPGP)), OPENPGP_FILE),
        (of_use(KeyUse::TrustedRoot, trusted_root()), "etc/pki/sigstore/acme.json"),
    ]
}

#[test]
fn each_kind_has_its_place_and_reads_back() {
    for (key, file) in each() {
        let scratch = scratch();
        let installed = try_install(&scratch, std::slice::from_ref(&key)).expect("install");
        assert_eq!(installed.keys[0].path, scratch.path().join(file));
        assert_eq!(fs::read(scratch.path().join(file)).expect("file"), key.content);
        let found = installed_keys(&root(&scratch)).expect("keys");
        let [read] = &found.keys[..] else { panic!("{found:?}") };
        assert_eq!((read.record.usage, read.record.fingerprint), (key.usage, key.fingerprint));
        assert_eq!((&read.content, &read.path), (&key.content, &scratch.path().join(file)));
        let again = try_install(&scratch, &[key]).expect("again");
        assert_eq!(again.keys[0].change, Change::Nothing);
    }
}

#[test]
fn record_in_another_form_is_refused_and_grants_nothing() {
    let openpgp = canonical(OPENPGP);
    let private = openpgp.replace("PUBLIC KEY", "PRIVATE KEY");
    let cases: Vec<(&str, KeyUse, Vec<u8>)> = vec![
        ("an export that is not canonical", KeyUse::OpenPgp, OPENPGP.to_vec()),
        ("two OpenPGP keys", KeyUse::OpenPgp, openpgp.repeat(2).into()),
        ("a secret OpenPGP key", KeyUse::OpenPgp, private.into()),
        ("a PEM key as OpenPGP", KeyUse::OpenPgp, acme().content),
        ("an OpenPGP key as a log's", KeyUse::Rekor, openpgp.into()),
        ("a PEM key as trusted root", KeyUse::TrustedRoot, acme().content),
        ("a trusted root without anything", KeyUse::TrustedRoot, b"{}".to_vec()),
        ("a trusted root twice", KeyUse::TrustedRoot, trusted_root().repeat(2).into()),
    ];
    for (what, usage, content) in cases {
        for (good, file) in each().into_iter().filter(|(good, _)| good.usage == usage) {
            let scratch = scratch();
            let bad = KeyToInstall { content: content.clone(), ..good.clone() };
            let refused = plan(&scratch, &[bad]);
            assert!(matches!(refused, Err(InstallError::Key { .. })), "{what}: {refused:?}");
            try_install(&scratch, &[good]).unwrap_or_else(|e| panic!("{what}, twin: {e:?}"));
            // The same put in the place of an installed key.
            fs::write(scratch.path().join(file), &content).expect("write");
            let found = installed_keys(&root(&scratch)).expect("keys");
            assert!(found.keys.is_empty(), "{what}");
            assert!(matches!(found.skipped[0].reason, SkipReason::Key { .. }), "{found:?}");
        }
    }
}

#[test]
fn a_key_of_one_use_is_no_key_of_another_under_the_same_name() {
    let scratch = scratch();
    let log = of_use(
        KeyUse::Rekor,
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/host/p256.pub")),
    );
    let signer = KeyToInstall { usage: KeyUse::Cosign, ..log.clone() };
    try_install(&scratch, std::slice::from_ref(&log)).expect("the log's key");
    let Err(error) = try_install(&scratch, std::slice::from_ref(&signer)) else {
        panic!("a log's key does not become a signer's")
    };
    assert!(matches!(error, InstallError::DifferentKey { .. }), "{error:?}");
    let Err(error) = plan(&scratch, &[log, signer]) else { panic!("nor both at once") };
    assert!(matches!(error, InstallError::SameName { .. }), "{error:?}");
}

#[test]
fn a_record_that_gives_a_key_another_use_grants_nothing() {
    let scratch = scratch();
    let log = of_use(
        KeyUse::Rekor,
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/host/p256.pub")),
    );
    try_install(&scratch, &[log]).expect("install");
    let record = fs::read_to_string(scratch.path().join(RECORD)).expect("record");
    for usage in ["openpgp", "trusted-root", "seal"] {
        let changed = record.replace("\"rekor\"", &format!("{usage:?}"));
        fs::write(scratch.path().join(RECORD), changed).expect("write");
        assert!(installed_keys(&root(&scratch)).expect("keys").keys.is_empty(), "{usage}");
    }
    fs::write(scratch.path().join(RECORD), record).expect("write");
    assert_eq!(installed_keys(&root(&scratch)).expect("twin").keys.len(), 1);
}

#[test]
fn news_of_an_openpgp_key_are_added_to_what_is_there() {
    let scratch = scratch();
    let (old, new) = (canonical(OPENPGP), canonical(RENEWED));
    assert_ne!(old, new);
    try_install(&scratch, &[of_use(KeyUse::OpenPgp, &*old)]).expect("first");
    let renewed = try_install(&scratch, &[of_use(KeyUse::OpenPgp, &*new)]).expect("renewed");
    assert_eq!(renewed.keys[0].change, Change::Renew);
    let there = fs::read_to_string(scratch.path().join(OPENPGP_FILE)).expect("file");
    assert_eq!(there, canonical(format!("{old}{new}").as_bytes()));
    // An older copy takes nothing back.
    let older = try_install(&scratch, &[of_use(KeyUse::OpenPgp, &*old)]).expect("older");
    assert_eq!(older.keys[0].change, Change::Nothing);
    assert_eq!(fs::read_to_string(scratch.path().join(OPENPGP_FILE)).expect("file"), there);
}

#[test]
fn identities_are_recorded_with_a_root_and_never_with_a_key() {
    let holder = |identity: &str| Holder {
        identity: identity.into(),
        issuer: "https://issuer.example".into(),
    };
    let of = |identity: &str| {
        BTreeMap::from([(holder(identity), BTreeSet::from(["quay.io/acme/app".to_owned()]))])
    };
    let key = KeyToInstall {
        scopes: vec![],
        holders: of("release@acme.example"),
        ..of_use(KeyUse::TrustedRoot, trusted_root())
    };
    let scratch = scratch();
    try_install(&scratch, std::slice::from_ref(&key)).expect("install");
    let more = KeyToInstall { holders: of("web@acme.example"), ..key.clone() };
    let widened = try_install(&scratch, &[more]).expect("widened");
    assert_eq!(widened.keys[0].change, Change::Widen);
    let found = installed_keys(&root(&scratch)).expect("keys").keys;
    assert!(found[0].record.grant.scopes.is_empty(), "no log is demanded of keys");
    let holders: Vec<_> = found[0].record.grant.holders.keys().cloned().collect();
    assert_eq!(holders, [holder("release@acme.example"), holder("web@acme.example")]);
    for (what, broken) in [
        ("nobody at all", KeyToInstall { holders: BTreeMap::new(), ..key.clone() }),
        ("an empty identity", KeyToInstall { holders: of(""), ..key.clone() }),
        ("a line end", KeyToInstall { holders: of("a\nb"), ..key.clone() }),
        ("a key with holders", KeyToInstall { holders: of("a@b"), ..acme() }),
    ] {
        let refused = plan(&scratch, &[broken]);
        assert!(matches!(refused, Err(InstallError::Scopes { .. })), "{what}: {refused:?}");
    }
}

#[test]
fn whatever_else_stands_at_the_place_of_a_kind_is_refused() {
    type Obstacle = fn(&Path);
    let obstacles: [(&str, Obstacle); 5] = [
        ("is a symbolic link", |path| symlink("/nowhere", path).expect("link")),
        ("is a named pipe", super::obstacles::pipe),
        ("is a directory", |path| fs::create_dir(path).expect("directory")),
        ("holds something else", |path| fs::write(path, "something").expect("file")),
        ("is a symbolic link", |path| {
            let directory = path.parent().expect("directory");
            fs::remove_dir(directory).expect("remove");
            symlink("/tmp", directory).expect("link");
        }),
    ];
    for (key, file) in each() {
        for (expected, obstacle) in obstacles {
            let (first, second) = (scratch(), scratch());
            let path = first.path().join(file);
            fs::create_dir_all(path.parent().expect("parent")).expect("parents");
            obstacle(&path);
            let before = listing(first.path());
            let Err(error) = plan(&first, std::slice::from_ref(&key)) else { panic!("{file}") };
            assert!(messages(&error).contains(expected), "{file}: {}", messages(&error));
            assert_eq!(listing(first.path()), before, "{file}");
            try_install(&second, std::slice::from_ref(&key)).expect("twin");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_leaves_nothing_of_any_kind() {
    for (key, file) in each() {
        let scratch = scratch();
        let mount = super::obstacles::Mount::over(
            &scratch,
            "a_disk_that_is_full_leaves_nothing_of_any_kind",
        );
        let Some(_mount) = mount else { return };
        for directory in ["etc/pki/sigstore", "etc/pki/rpm-gpg", "etc/bundle/trust.d"] {
            fs::create_dir_all(scratch.path().join(directory)).expect("directory");
        }
        fs::write(scratch.path().join("etc/bundle/trust.d/.lock"), "").expect("lock");
        // The key file has room, its record has none.
        let ballast = super::obstacles::leave_one_page(&scratch);
        let before = listing(scratch.path());
        let Err(error) = try_install(&scratch, std::slice::from_ref(&key)) else {
            panic!("{file}: the disk is full")
        };
        assert!(messages(&error).contains("No space left"), "{}", messages(&error));
        assert_eq!(listing(scratch.path()), before, "{file}");
        fs::remove_file(ballast).expect("room");
        try_install(&scratch, std::slice::from_ref(&key)).expect("twin");
    }
}
