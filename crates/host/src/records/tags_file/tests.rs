//! The file on a host.

use super::*;
use crate::records::tags::TagPlace;
use bundle_oci::Digest;
use bundle_seal::age::Age;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use tempfile::TempDir;
use time::OffsetDateTime;

fn scratch() -> (TempDir, HostRoot) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = HostRoot::under(folder.path()).expect("a root");
    (folder, root)
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("var/lib/bundle/tags.json")
}

fn filler(created: i64) -> Filler {
    let created_at = OffsetDateTime::from_unix_timestamp(created).expect("a time");
    let bundle = Digest::of(created.to_string().as_bytes());
    Filler { bundle, age: Some(Age { created: created_at, place: None }), rotations: Vec::new() }
}

fn fills(content: &str) -> Vec<TagFill> {
    let place = TagPlace { repository: "r.example/org/app".into(), tag: "1".into() };
    vec![TagFill { place, digest: Digest::of(content.as_bytes()) }]
}

#[test]
fn what_filled_a_tag_is_remembered_on_the_host() {
    let (folder, root) = scratch();
    let new = check_tags(&root, &filler(7), &fills("a")).expect("nothing is known");
    assert_eq!(new, [TagStanding::New]);
    assert!(!file(&folder).exists(), "a check makes nothing");
    record_tags(&root, &filler(7), &fills("a")).expect("recorded");
    assert_eq!(fs::metadata(file(&folder)).expect("file").permissions().mode() & 0o7777, 0o644);
    let older = check_tags(&root, &filler(6), &fills("b")).expect("known");
    assert!(matches!(older[..], [TagStanding::Back(_)]), "{older:?}");
    record_tags(&root, &filler(6), &fills("b")).expect("nothing to record");
    let newer = check_tags(&root, &filler(8), &fills("b")).expect("known");
    assert_eq!(newer, [TagStanding::Newer { other_series: None }]);
}

#[test]
fn a_memory_of_tags_that_cannot_be_used_is_refused() {
    let (folder, root) = scratch();
    record_tags(&root, &filler(7), &fills("a")).expect("recorded");
    let good = fs::read(file(&folder)).expect("file");
    for damage in [&b""[..], &good[..good.len() / 2], b"{}"] {
        fs::write(file(&folder), damage).expect("written");
        let checked = check_tags(&root, &filler(8), &fills("b"));
        assert!(matches!(checked, Err(TagsFileError::Damaged { .. })), "{checked:?}");
        assert!(record_tags(&root, &filler(8), &fills("b")).is_err());
        assert_eq!(fs::read(file(&folder)).expect("file"), damage, "it is left as it is");
    }
    fs::write(file(&folder), &good).expect("written");
    let mode = |bits| {
        fs::set_permissions(file(&folder), fs::Permissions::from_mode(bits)).expect("mode");
    };
    mode(0o666);
    let exposed = check_tags(&root, &filler(8), &fills("b")).expect_err("refused");
    assert!(matches!(exposed, TagsFileError::Path(PathError::Exposed { .. })), "{exposed}");
    mode(0o644);
    check_tags(&root, &filler(8), &fills("b")).expect("the twin");
    let aside = folder.path().join("aside");
    fs::rename(file(&folder), &aside).expect("moved");
    symlink(&aside, file(&folder)).expect("a link");
    assert!(check_tags(&root, &filler(8), &fills("b")).is_err());
}

#[test]
fn no_more_tags_are_remembered_than_the_file_may_hold() {
    let (folder, root) = scratch();
    let tag = |number: usize| TagFill {
        place: TagPlace { repository: "r.example/app".into(), tag: number.to_string() },
        digest: Digest::of(b"a"),
    };
    let most: Vec<TagFill> = (0..=MAX_TAGS).map(tag).collect();
    assert!(check_tags(&root, &filler(7), &most).is_err(), "before the push");
    assert!(record_tags(&root, &filler(7), &most).is_err());
    assert!(!file(&folder).exists());
    record_tags(&root, &filler(7), &most[1..]).expect("the twin");
    assert!(fs::metadata(file(&folder)).expect("file").len() < MAX_FILE as u64);
    let again = check_tags(&root, &filler(7), &most[1..2]).expect("readable");
    assert_eq!(again, [TagStanding::Same]);
}
