//! Places that configurations name, files in them, and what is found twice.

use super::*;
use crate::registry::ClientOptions;

fn client() -> Client {
    Client::new(ClientOptions::default()).expect("a client")
}

fn place_of(base: &str) -> Result<Option<PathBuf>, String> {
    let repository = Repository::new("registry.example:5000", "team/app").expect("a name");
    place(base, &repository, &client()).map(|place| match place {
        Place::Directory(path) => Some(path),
        Place::Server(_) => None,
    })
}

#[test]
fn a_lookaside_is_a_directory_or_a_web_server() {
    for (base, expected) in [
        ("file:///srv/sigs", Some("/srv/sigs/team/app")),
        ("file:///srv/sigs/", Some("/srv/sigs//team/app")),
        ("file:/srv", Some("/srv/team/app")),
        ("FILE://localhost/srv", Some("/srv/team/app")),
        ("file:///a%20b", Some("/a b/team/app")),
        ("https://sigs.example/x", None),
        ("http://sigs.example:8080", None),
    ] {
        assert_eq!(place_of(base), Ok(expected.map(PathBuf::from)), "{base}");
    }
    for base in [
        "file:relative",
        "file://host/srv",
        "file:///a?b",
        "file:///a%00b",
        "ftp://sigs.example",
        "https://user:password@sigs.example",
        "/srv/sigs",
        "é",
        "",
    ] {
        let error = place_of(base).expect_err(base);
        assert!(!error.contains("password@") && !error.contains("user:"), "{error}");
    }
    assert!(place_of(&"é".repeat(10_000)).expect_err("no URL").chars().count() < 500);
}

#[test]
fn files_are_read_until_there_is_none_and_nothing_else_is() {
    let root = tempfile::tempdir().expect("a directory");
    let subject = Digest::of(b"manifest");
    let start = root.path().join("team/app");
    let folder = root.path().join(format!("team/app@sha256={}", subject.hex()));
    let of = |number| read(&start, &subject, number);
    assert_eq!(of(1).expect("no directory, no signature"), None);
    std::fs::create_dir_all(&folder).expect("a directory");
    std::fs::write(folder.join("signature-1"), b"\x90one").expect("a file");
    assert_eq!(of(1).expect("read"), Some(Bytes::from_static(b"\x90one")));
    assert_eq!(of(2).expect("the end"), None);
    std::fs::create_dir(folder.join("signature-2")).expect("a directory");
    assert!(of(2).expect_err("a directory").to_string().contains("not a regular file"));
    let longest = vec![0x90; MAX_SIGNATURE as usize];
    std::fs::write(folder.join("signature-3"), &longest).expect("a file");
    assert_eq!(of(3).expect("read").map(|c| c.len()), Some(longest.len()));
    std::fs::write(folder.join("signature-3"), [&longest[..], b"x"].concat()).expect("a file");
    assert!(of(3).expect_err("too long").to_string().contains("longer than any signature"));
    // What is no directory where one must be is a failure, not "none".
    std::fs::remove_dir_all(&folder).expect("removed");
    std::fs::write(&folder, "a file").expect("a file");
    assert!(of(1).is_err());
}

#[test]
fn signature_in_both_places_has_the_name_of_the_registry() {
    let subject = Digest::of(b"manifest");
    let signature = |name: &str, found, content: &'static [u8]| FoundSignature {
        name: AtomicName::of(subject, name.as_bytes()),
        found,
        content: Bytes::from_static(content),
    };
    let registry = [
        signature("a", AtomicFound::Extension, b"one"),
        signature("b", AtomicFound::Extension, b"one"),
        signature("a", AtomicFound::Extension, b"one"),
    ];
    let beside = [
        signature("one", AtomicFound::Lookaside, b"one"),
        signature("two", AtomicFound::Lookaside, b"two"),
        signature("two", AtomicFound::Lookaside, b"two"),
    ];
    let mut found = Vec::new();
    add_new(&mut found, 0, registry.to_vec());
    add_new(&mut found, 0, beside.to_vec());
    assert_eq!(found, [registry[0].clone(), registry[1].clone(), beside[1].clone()]);
}

#[test]
fn a_gpg_signature_alone_makes_an_image_signed() {
    let mut attachments = Attachments {
        found: Vec::new(),
        signatures: Vec::new(),
        lookup: Lookup::Complete,
        failures: Vec::new(),
    };
    assert!(!attachments.has_signature());
    let (subject, found) = (Digest::of(b"manifest"), AtomicFound::Lookaside);
    let name = AtomicName::of(subject, b"one");
    attachments.signatures.push(FoundSignature { name, found, content: b"one"[..].into() });
    assert!(attachments.has_signature());
    assert_eq!(attachments.signatures[0].subject(), subject);
    assert_eq!(attachments.signatures[0].blob().digest, Digest::of(b"one"));
}
