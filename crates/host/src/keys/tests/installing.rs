//! Installing below a scratch root, and what is refused for its own sake.

use super::*;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Barrier;

#[test]
fn an_installed_key_reads_back_with_its_record() {
    let scratch = scratch();
    let keys = [acme(), key(b"other", &["quay.io/other", "quay.io/another"])];
    let installed = try_install(&scratch, &keys).expect("install");
    assert_eq!(installed.keys.iter().map(|k| k.change).collect::<Vec<_>>(), [Change::Create; 2]);
    assert_eq!(installed.keys[0].path, scratch.path().join(KEY));

    let found = installed_keys(&root(&scratch)).expect("keys");
    assert!(found.skipped.is_empty(), "{:?}", found.skipped);
    let [first, second] = &found.keys[..] else { panic!("{:?}", found.keys) };
    assert_eq!(first.content, keys[0].content);
    assert_eq!(first.record.name.as_str(), "acme");
    assert_eq!(first.record.fingerprint, keys[0].fingerprint);
    let origin = KeyOrigin {
        bundle: Digest::of(b"bundle"),
        file: "keys/one.pub".into(),
        installed_at: now(),
        found_key_file: false,
    };
    assert_eq!(first.record.origin, origin);
    assert_eq!(second.record.name, KeyName::of_fingerprint(&keys[1].fingerprint));
    let scopes: Vec<_> = second.record.grant.scopes.iter().collect();
    assert_eq!(scopes, ["quay.io/another", "quay.io/other"]);
}

#[test]
fn planning_changes_nothing() {
    let scratch = scratch();
    let before = listing(scratch.path());
    let plan = plan(&scratch, &[acme()]).expect("plan");
    assert_eq!(plan.keys()[0].change, Change::Create);
    assert_eq!(listing(scratch.path()), before);
}

#[test]
fn files_have_mode_0644_and_directories_0755_whatever_the_umask() {
    let scratch = scratch();
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let installed = try_install(&scratch, &[acme()]);
    rustix::process::umask(before);
    installed.expect("install");
    let mode = |path: &str| {
        fs::metadata(scratch.path().join(path)).expect("metadata").permissions().mode() & 0o7777
    };
    for path in [KEY, RECORD] {
        assert_eq!(mode(path), 0o644, "{path}");
    }
    for path in ["etc", "etc/pki", "etc/pki/sigstore", "etc/bundle", "etc/bundle/trust.d"] {
        assert_eq!(mode(path), 0o755, "{path}");
    }
}

#[test]
fn the_same_key_again_adds_its_scopes_and_nothing_else() {
    let scratch = scratch();
    try_install(&scratch, &[acme()]).expect("first");
    let before = listing(scratch.path());
    let again = try_install(&scratch, &[acme()]).expect("again");
    assert_eq!(again.keys[0].change, Change::Nothing);
    assert_eq!(listing(scratch.path()), before);

    let wider = key(b"acme", &["quay.io/acme/app", "quay.io/acme/web"]);
    let widened = try_install(&scratch, &[wider]).expect("wider");
    assert_eq!(widened.keys[0].change, Change::Widen);
    let found = installed_keys(&root(&scratch)).expect("keys").keys;
    let scopes: Vec<_> = found[0].record.grant.scopes.iter().collect();
    assert_eq!(scopes, ["quay.io/acme/app", "quay.io/acme/web"]);
}

#[test]
fn the_same_key_twice_in_one_run_counts_once() {
    let scratch = scratch();
    let installed =
        try_install(&scratch, &[acme(), key(b"acme", &["quay.io/acme/web"])]).expect("install");
    assert_eq!(installed.keys.len(), 1);
    assert_eq!(installed.keys[0].grant.scopes.len(), 2);
}

#[test]
fn a_key_that_a_power_cut_left_without_its_record_is_completed() {
    let scratch = scratch();
    write(&scratch, KEY, &acme().content);
    assert!(
        installed_keys(&root(&scratch)).expect("keys").keys.is_empty(),
        "a bare file is no anchor"
    );
    write(&scratch, "etc/bundle/trust.d/.acme.json.new", b"{\"half\":");
    let installed = try_install(&scratch, &[acme()]).expect("install");
    assert_eq!(installed.keys[0].change, Change::Record);
    assert_eq!(installed_keys(&root(&scratch)).expect("keys").keys.len(), 1);
    assert!(!scratch.path().join("etc/bundle/trust.d/.acme.json.new").exists());
}

#[test]
fn other_key_under_a_name_is_refused_without_a_change() {
    let scratch = scratch();
    try_install(&scratch, &[acme()]).expect("first");
    let before = listing(scratch.path());
    let intruder = [key(b"intruder", &["quay.io/acme/app"]), key(b"second", &["quay.io/second"])];
    let Err(error) = try_install(&scratch, &intruder) else { panic!("refused") };
    assert!(matches!(error, InstallError::DifferentKey { .. }), "{error:?}");
    assert_eq!(listing(scratch.path()), before);
    try_install(&scratch, &[acme(), key(b"second", &["quay.io/second"])]).expect("twin");
}

#[test]
fn the_record_of_a_removed_key_is_not_brought_back_to_life() {
    let scratch = scratch();
    try_install(&scratch, &[key(b"acme", &["quay.io/everything"])]).expect("first");
    fs::remove_file(scratch.path().join(KEY)).expect("remove");
    let Err(error) = try_install(&scratch, &[acme()]) else { panic!("refused") };
    assert!(matches!(error, InstallError::RecordWithoutKey { .. }), "{error:?}");
    fs::remove_file(scratch.path().join(RECORD)).expect("remove");
    let installed = try_install(&scratch, &[acme()]).expect("twin");
    assert_eq!(installed.keys[0].grant.scopes.len(), 1);
}

#[test]
fn only_root_installs_on_the_host_itself() {
    let scratch = scratch();
    let host = HostRoot::open(scratch.path(), Owners::Root).expect("root");
    assert!(!host.admits_installer(1000));
    assert!(host.admits_installer(0));
    assert!(root(&scratch).admits_installer(1000));
    if !host.may_install() {
        let refused = plan_install(host, &[acme()], &Naming::default(), Digest::of(b"bundle"));
        assert!(matches!(refused, Err(InstallError::NotRoot)), "{refused:?}");
    }
}

#[test]
fn keys_in_another_form_than_they_are_installed_in_are_refused() {
    let scratch = scratch();
    type Break = fn(&mut KeyToInstall);
    let breaks: [(&str, Break); 5] = [
        ("two blocks", |key| key.content = key.content.repeat(2)),
        ("a private key", |key| key.content = text(key).replace("PUBLIC", "PRIVATE").into()),
        ("a certificate", |key| {
            key.content = text(key).replace("PUBLIC KEY", "CERTIFICATE").into()
        }),
        ("another key's fingerprint", |key| key.fingerprint = Digest::of(b"other").into()),
        ("no scope", |key| key.scopes.clear()),
    ];
    for (what, break_it) in breaks {
        let mut broken = acme();
        break_it(&mut broken);
        assert!(plan(&scratch, &[broken]).is_err(), "{what}");
        assert!(plan(&scratch, &[acme()]).is_ok(), "{what}, twin");
    }
}

#[test]
fn a_name_belongs_to_one_key_that_is_there() {
    let scratch = scratch();
    let bundle = Digest::of(b"bundle");
    let keys = [acme(), key(b"second", &["quay.io/second"])];
    let name = |text: &str| text.parse::<KeyName>().expect("name");
    let mut names = named(&keys);
    names.names.insert(keys[1].fingerprint, name("acme"));
    let refused = plan_install(root(&scratch), &keys, &names, bundle);
    assert!(matches!(refused, Err(InstallError::SameName { .. })), "{refused:?}");
    names.names.insert(keys[1].fingerprint, name("second"));
    plan_install(root(&scratch), &keys, &names, bundle).expect("twin");
    names.names.insert(Digest::of(b"nobody's").into(), name("third"));
    let refused = plan_install(root(&scratch), &keys, &names, bundle);
    assert!(matches!(refused, Err(InstallError::NameWithoutKey { .. })), "{refused:?}");
}

#[test]
fn what_two_runs_install_at_once_is_all_there() {
    let scratch = scratch();
    let start = Barrier::new(8);
    std::thread::scope(|threads| {
        for number in 0..8 {
            let (scratch, start) = (&scratch, &start);
            threads.spawn(move || {
                let scope = format!("quay.io/acme/{number}");
                start.wait();
                try_install(scratch, &[key(b"acme", &[&scope])]).expect("install");
            });
        }
    });
    let found = installed_keys(&root(&scratch)).expect("keys");
    assert_eq!(found.keys[0].record.grant.scopes.len(), 8);
}
