use super::*;
use crate::files::FileKind;
use bundle_trust::SigningKey;
use std::error::Error as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use tempfile::TempDir;

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn series(name: &str) -> Series {
    Series::new(digest("key"), Some(name)).expect("a series")
}

fn state(name: &str, sequence: u64) -> SealState {
    SealState {
        series: series(name),
        sequence,
        bundle: digest(&format!("bundle {sequence}")),
        rotation: None,
        recorded_at: OffsetDateTime::from_unix_timestamp(1_800_000_000).expect("a time"),
    }
}

/// A key that succeeds `retires` from a sequence on.
fn succession(retires: Digest, from_sequence: u64) -> Succession {
    let next = SigningKey::generate().expect("a key").public_key().clone();
    let rotation = Rotation { retires, successor: fingerprint_of(&next), from_sequence };
    Succession::new(rotation, next).expect("a succession")
}

fn rotation() -> Succession {
    succession(digest("key"), 100)
}

fn scratch() -> (TempDir, HostRoot) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = HostRoot::under(folder.path()).expect("a root");
    (folder, root)
}

fn directory(folder: &TempDir) -> PathBuf {
    folder.path().join("var/lib/bundle/seals")
}

fn path(folder: &TempDir, name: &str) -> PathBuf {
    directory(folder).join(series(name).file())
}

#[test]
fn nothing_is_known_until_something_is_recorded() {
    let (folder, root) = scratch();
    assert_eq!(seal_state(&root, &series("a")).expect("read"), None);
    assert_eq!(fs::read_dir(folder.path()).expect("folder").count(), 0, "reading makes nothing");
    assert_eq!(record_seal(&root, &state("a", 7)).expect("recorded"), state("a", 7));
    assert_eq!(seal_state(&root, &series("a")).expect("read"), Some(state("a", 7)));
    // Another name, another key: another series.
    assert_eq!(seal_state(&root, &series("b")).expect("read"), None);
    let other = Series::new(digest("other"), Some("a")).expect("a series");
    assert_eq!(seal_state(&root, &other).expect("read"), None);
    let file = path(&folder, "a");
    assert_eq!(fs::metadata(file).expect("a file").permissions().mode() & 0o7777, 0o644);
    let left: Vec<_> = fs::read_dir(directory(&folder))
        .expect("folder")
        .map(|entry| entry.expect("entry").file_name())
        .filter(|name| name != ".lock")
        .collect();
    assert_eq!(left, [series("a").file().as_str()], "nothing unfinished is left");
}

#[test]
fn what_is_known_never_goes_down() {
    let (folder, root) = scratch();
    let with_rotation = SealState { rotation: Some(rotation()), ..state("a", 9) };
    record_seal(&root, &state("a", 7)).expect("recorded");
    assert_eq!(record_seal(&root, &with_rotation).expect("recorded"), with_rotation);
    let other = SealState { bundle: digest("another"), ..state("a", 9) };
    let merged = record_seal(&root, &other).expect("recorded");
    assert_eq!(merged, with_rotation, "nor does another bundle take its place");
    let merged = record_seal(&root, &state("a", 8)).expect("recorded");
    assert_eq!(merged, with_rotation);
    assert_eq!(seal_state(&root, &series("a")).expect("read"), Some(with_rotation));
    // What a power cut left of an earlier attempt is no obstacle.
    fs::write(directory(&folder).join(format!(".{}.new", series("a").file())), "{").expect("file");
    assert_eq!(record_seal(&root, &state("a", 10)).expect("recorded").sequence, 10);
    let too_large = record_seal(&root, &state("a", MAX_SEQUENCE + 1));
    assert!(matches!(too_large, Err(StateError::Unwritable(StateFault::Value("sequence")))));
    assert_eq!(record_seal(&root, &state("a", 9)).expect("recorded").sequence, 10);
    record_seal(&root, &state("a", MAX_SEQUENCE)).expect("the positive twin");
}

#[test]
fn damage_is_not_absence() {
    let (folder, root) = scratch();
    let known = SealState { rotation: Some(rotation()), ..state("a", 7) };
    record_seal(&root, &known).expect("recorded");
    let file = path(&folder, "a");
    let good = fs::read_to_string(&file).expect("a file");
    let value: serde_json::Value = serde_json::from_str(&good).expect("JSON");
    let with = |key: &str, value_of: serde_json::Value| {
        let mut changed = value.clone();
        changed[key] = value_of;
        changed.to_string()
    };
    let null = serde_json::Value::Null;
    let another = rotation().successor().to_pem();
    let turned = serde_json::json!({"retires": digest("other"), "successor": digest("key"),
        "fromSequence": 5});
    let listed = serde_json::json!([digest("key"), digest("next"), 5]);
    for (what, text) in [
        ("nothing", String::new()),
        ("the first half", good[..good.len() / 2].to_owned()),
        ("zeros", "\0".repeat(good.len())),
        ("two documents", good.repeat(2)),
        ("a list", format!("[{good}]")),
        ("a key twice", good.replacen('{', r#"{"sequence":0,"#, 1)),
        ("a key that is not known", with("more", 1.into())),
        ("no sequence", with("sequence", null.clone())),
        ("a negative sequence", with("sequence", (-1).into())),
        ("a fraction", with("sequence", serde_json::json!(7.5))),
        ("a sequence that is too large", with("sequence", (MAX_SEQUENCE + 1).into())),
        ("another series", with("name", "b".into())),
        ("another key", with("sealKey", digest("x").to_string().into())),
        ("another's rotation", with("rotation", turned)),
        ("a rotation as a list", with("rotation", listed)),
        ("a key without its rotation", with("rotation", null.clone())),
        ("a rotation without its key", with("successorKey", null.clone())),
        ("another successor's key", with("successorKey", another.into())),
        ("what is no key", with("successorKey", "key".into())),
        ("no time", with("recordedAt", "now".into())),
    ] {
        fs::write(&file, &text).expect("a file");
        let error = seal_state(&root, &series("a")).expect_err(what);
        assert!(matches!(&error, StateError::Damaged { path, .. } if *path == file), "{what}");
        assert!(error.source().is_some());
        assert!(record_seal(&root, &state("a", 8)).is_err(), "{what}: nothing is written over it");
        assert!(seal_states(&root).is_err(), "{what}: it may have held a rotation");
        assert_eq!(fs::read_to_string(&file).expect("a file"), text);
    }
    fs::write(&file, "x".repeat(MAX_STATE as usize + 1)).expect("a file");
    let error = seal_state(&root, &series("a")).expect_err("too long");
    assert!(matches!(error, StateError::Path(PathError::TooLarge { .. })));
    fs::write(&file, good).expect("a file");
    assert_eq!(seal_state(&root, &series("a")).expect("read"), Some(known));
}

#[test]
fn only_what_nobody_else_could_write_counts() {
    let (folder, root) = scratch();
    record_seal(&root, &state("a", 7)).expect("recorded");
    let file = path(&folder, "a");
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
    };
    for (path, usual) in [(file.clone(), 0o644), (directory(&folder), 0o755)] {
        for exposed in [0o666, 0o664, 0o777] {
            mode(&path, exposed);
            let error = seal_state(&root, &series("a")).expect_err("exposed");
            assert!(matches!(error, StateError::Path(PathError::Exposed { .. })), "{error}");
        }
        mode(&path, usual);
        assert!(seal_state(&root, &series("a")).expect("read").is_some());
    }
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&file, &elsewhere).expect("moved");
    symlink(&elsewhere, &file).expect("a link");
    let error = seal_state(&root, &series("a")).expect_err("a link");
    let is_link =
        matches!(error, StateError::Path(PathError::Kind { found: FileKind::SymbolicLink, .. }));
    assert!(is_link);
    assert!(record_seal(&root, &state("a", 9)).is_err());
}

#[test]
fn all_states_are_found_whoever_sealed() {
    let (folder, root) = scratch();
    assert_eq!(seal_states(&root).expect("read"), []);
    let first = SealState { rotation: Some(rotation()), ..state("a", 7) };
    let Some(known) = &first.rotation else { unreachable!() };
    let next = known.rotation().successor;
    let series = Series::new(next, Some("a")).expect("a series");
    let second = SealState { series, rotation: Some(succession(next, 200)), ..state("a", 150) };
    for state in [&first, &state("b", 7), &second] {
        record_seal(&root, state).expect("recorded");
    }
    fs::write(directory(&folder).join("README"), "not a state").expect("a file");
    let mut found = seal_states(&root).expect("read");
    found.sort_by_key(|state| (state.series.name().to_owned(), state.sequence));
    assert_eq!(found, [first, second, state("b", 7)]);
    let wrong = Rotation { retires: next, successor: digest("other"), from_sequence: 9 };
    let key = found[0].rotation.as_ref().expect("a rotation").successor().clone();
    assert_eq!(Succession::new(wrong, key), None, "another key than it names");
}

#[test]
fn any_name_is_a_series_but_not_a_path() {
    let (folder, root) = scratch();
    for name in ["../../etc/x", "", "a/b", "\u{202e}\n", &"é".repeat(120)] {
        record_seal(&root, &state(name, 1)).expect("recorded");
        assert_eq!(seal_state(&root, &series(name)).expect("read"), Some(state(name, 1)));
    }
    assert_eq!(fs::read_dir(directory(&folder)).expect("folder").count(), 5 + 1);
    let error = Series::new(digest("key"), Some(&"x".repeat(MAX_NAME + 1))).expect_err("too long");
    assert!(matches!(error, StateError::Name(256)));
    assert_eq!(Series::new(digest("key"), None).expect("nameless"), series(""));
}
