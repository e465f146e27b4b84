use super::*;
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn a_staged_file_has_its_name_only_when_published() {
    let folder = tempfile::tempdir().expect("folder");
    let directory = Directory::open(folder.path()).expect("opened");
    let stage = |content: &[u8]| {
        let mut staged = directory.stage(".new".to_owned(), 0o600).expect("staged");
        staged.write(content).and_then(|()| staged.sync()).expect("written");
        staged
    };
    drop(stage(b"dropped"));
    assert!(directory.names().expect("names").is_empty());
    stage(b"old").publish_new("file").expect("a new name");
    let refused = stage(b"other").publish_new("file").expect_err("taken");
    assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(folder.path().join("file")).expect("read"), b"old");
    stage(b"new").publish_over("file").expect("replaced");
    assert_eq!(directory.read("file", 3).expect("read").as_deref(), Some(&b"new"[..]));
    assert_eq!(directory.names().expect("names"), ["file"]);
}

#[test]
fn no_link_in_a_held_directory_is_followed() {
    let folder = tempfile::tempdir().expect("folder");
    let directory = Directory::open(folder.path()).expect("opened");
    fs::write(folder.path().join("file"), "content").expect("written");
    symlink("file", folder.path().join("link")).expect("linked");
    symlink(".", folder.path().join("there")).expect("linked");
    assert!(directory.open_file("file").expect("opened").is_some());
    assert!(directory.open_file("link").is_err());
    assert!(directory.open_directory("there").is_err());
    assert!(directory.open_lock("link").is_err());
}
