//! One key in the place of another: what it takes over, what is refused, and what a power cut in between leaves.

use super::*;

fn old() -> KeyToInstall {
    key(b"acme", &["quay.io/acme/app", "quay.io/acme/old"])
}

fn new() -> KeyToInstall {
    key(b"new", &["quay.io/acme/app", "quay.io/acme/web"])
}

fn replace(
    scratch: &TempDir,
    stated: &KeyToInstall,
    by: &KeyToInstall,
    keys: &[KeyToInstall],
) -> Result<Installed, InstallError> {
    let name = "acme".parse().expect("name");
    let replacement = Replacement { name, old: stated.fingerprint, new: by.fingerprint };
    let naming = Naming { replacements: vec![replacement], ..Naming::default() };
    install(plan_install(root(scratch), keys, &naming, Digest::of(b"bundle"))?, now())
}

fn only_key(scratch: &TempDir) -> InstalledKey {
    let found = installed_keys(&root(scratch)).expect("keys");
    let [key] = &found.keys[..] else { panic!("{found:?}") };
    key.clone()
}

#[test]
fn the_new_key_has_what_it_verified_and_the_old_one_is_gone() {
    let scratch = scratch();
    try_install(&scratch, &[old()]).expect("first");
    let Err(error) = try_install(&scratch, &[new()]) else { panic!("not without being asked") };
    assert!(matches!(error, InstallError::DifferentKey { .. }), "{error:?}");
    let done = replace(&scratch, &old(), &new(), &[new()]).expect("replaced");
    assert_eq!(done.keys[0].change, Change::Replace(old().fingerprint));
    let dropped: Vec<_> = done.keys[0].dropped.iter().collect();
    assert_eq!(dropped, ["quay.io/acme/old"]);
    let there = only_key(&scratch);
    assert_eq!(there.content, new().content);
    let scopes: Vec<_> = there.record.grant.scopes.iter().collect();
    assert_eq!(scopes, ["quay.io/acme/app", "quay.io/acme/web"]);
    // Asking again is no error: it is done.
    let again = replace(&scratch, &old(), &new(), &[new()]).expect("again");
    assert_eq!(again.keys[0].change, Change::Nothing);
}

#[test]
fn a_key_makes_way_although_it_verified_something_too() {
    let name: KeyName = "acme".parse().expect("name");
    let other: KeyName = "acme-2025".parse().expect("name");
    for (old_name, expected) in
        [(None, vec![&name]), (Some(&name), vec![&name]), (Some(&other), vec![&name, &other])]
    {
        let scratch = scratch();
        let first =
            Naming { names: [(old().fingerprint, name.clone())].into(), ..Naming::default() };
        let bundle = Digest::of(b"bundle");
        let plan = plan_install(root(&scratch), &[old()], &first, bundle).expect("first");
        install(plan, now()).expect("installed");
        let naming = Naming {
            names: old_name.map(|name| (old().fingerprint, name.clone())).into_iter().collect(),
            replacements: vec![Replacement {
                name: name.clone(),
                old: old().fingerprint,
                new: new().fingerprint,
            }],
        };
        let plan = plan_install(root(&scratch), &[old(), new()], &naming, bundle).expect("a plan");
        let done = install(plan, now()).expect("replaced");
        let names: Vec<&KeyName> = done.keys.iter().map(|key| &key.name).collect();
        assert_eq!(names, expected);
        assert_eq!(done.keys[0].fingerprint, new().fingerprint);
        assert_eq!(done.keys[0].change, Change::Replace(old().fingerprint));
    }
}

#[test]
fn only_what_was_named_is_replaced_and_only_by_a_trusted_key() {
    let scratch = scratch();
    let nothing = replace(&scratch, &old(), &new(), &[new()]);
    assert!(matches!(nothing, Err(InstallError::NotTheOldKey { .. })), "{nothing:?}");
    try_install(&scratch, &[old()]).expect("first");
    let before = listing(scratch.path());
    let other = key(b"other", &["quay.io/acme/app"]);
    let wrong = replace(&scratch, &other, &new(), &[new()]);
    assert!(matches!(wrong, Err(InstallError::NotTheOldKey { .. })), "{wrong:?}");
    let untrusted = replace(&scratch, &old(), &new(), &[other]);
    assert!(matches!(untrusted, Err(InstallError::ReplacementNotTrusted { .. })), "{untrusted:?}");
    let itself = replace(&scratch, &old(), &old(), &[old()]);
    assert!(matches!(itself, Err(InstallError::ReplacesItself { .. })), "{itself:?}");
    let log = KeyToInstall { usage: KeyUse::Rekor, ..new() };
    let other_use = replace(&scratch, &old(), &log, std::slice::from_ref(&log));
    assert!(matches!(other_use, Err(InstallError::NotTheOldKey { .. })), "{other_use:?}");
    assert_eq!(listing(scratch.path()), before);
    replace(&scratch, &old(), &new(), &[new()]).expect("twin");
}

#[test]
fn power_cut_leaves_no_wrong_trust_and_is_completed() {
    // The three states between the steps: the old record is gone; the new key has its name; the record is half written.
    type Cut = fn(&TempDir);
    let cuts: [(&str, Cut, usize); 3] = [
        ("the record is gone", |s| fs::remove_file(s.path().join(RECORD)).expect("remove"), 0),
        (
            "the new key is there",
            |s| {
                fs::remove_file(s.path().join(RECORD)).expect("remove");
                write(s, KEY, &new().content);
            },
            0,
        ),
        ("only prepared", |s| write(s, "etc/pki/sigstore/.acme.pub.new", b"half"), 1),
    ];
    for (what, cut, trusted) in cuts {
        let scratch = scratch();
        try_install(&scratch, &[old()]).expect("first");
        cut(&scratch);
        let found = installed_keys(&root(&scratch)).expect("keys");
        assert_eq!(found.keys.len(), trusted, "{what}");
        assert!(found.skipped.is_empty(), "{what}: no record names a key that is not there");
        replace(&scratch, &old(), &new(), &[new()]).expect(what);
        assert_eq!(only_key(&scratch).record.fingerprint, new().fingerprint, "{what}");
        assert!(!scratch.path().join("etc/pki/sigstore/.acme.pub.new").exists(), "{what}");
    }
}

#[test]
fn somebody_elses_file_is_never_replaced() {
    let scratch = scratch();
    write(&scratch, KEY, b"the administrator's notes");
    let before = listing(scratch.path());
    let refused = replace(&scratch, &old(), &new(), &[new()]);
    assert!(matches!(refused, Err(InstallError::NotTheOldKey { .. })), "{refused:?}");
    assert_eq!(listing(scratch.path()), before);
    write(&scratch, KEY, &old().content);
    replace(&scratch, &old(), &new(), &[new()]).expect("twin: the bare old key");
}
