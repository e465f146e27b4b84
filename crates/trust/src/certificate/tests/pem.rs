//! What is read as certificates.

use super::*;
use crate::testing::HasPublicKey as _;

#[test]
fn what_is_presented_is_one_leaf_and_a_short_chain() {
    let world = World::new();
    let leaf = world.leaf().pem(&world.middle);
    let chain = world.chain(&world.middle());
    let root = world.root().pem(&world.root);
    assert!(Presented::from_pem(&leaf, Some(&chain)).is_ok());
    assert!(
        Presented::from_pem(&format!("prose\n{leaf}"), Some(&format!("{root}prose\n{root}")))
            .is_ok()
    );
    let pem_error = |part, error| Err(CertificateError::Pem { part, error });
    for (name, text, error) in [
        ("two", format!("{leaf}{leaf}"), BlocksError::TooMany(1)),
        ("text after", format!("{leaf}x"), BlocksError::Prose),
        ("none", String::new(), BlocksError::NoBlock),
        (
            "too large",
            format!("{leaf}{}", " ".repeat(MAX_LEAF)),
            BlocksError::TooLarge { bytes: leaf.len() + MAX_LEAF, most: MAX_LEAF },
        ),
    ] {
        assert_eq!(Presented::from_pem(&text, None), pem_error(Part::Leaf, error), "{name}");
    }
    assert!(Presented::from_pem(&leaf, Some(&root.repeat(MAX_CHAIN_CERTIFICATES))).is_ok());
    let long = Presented::from_pem(&leaf, Some(&root.repeat(MAX_CHAIN_CERTIFICATES + 1)));
    assert_eq!(long, pem_error(Part::Chain, BlocksError::TooMany(MAX_CHAIN_CERTIFICATES)));
    let prose = Presented::from_pem(&leaf, Some(&format!("{chain}x")));
    assert_eq!(prose, pem_error(Part::Chain, BlocksError::Prose));
    let damaged = Presented::from_pem(&leaf, Some(&format!("{}{root}", pem(b"no DER"))));
    assert!(matches!(damaged, Err(CertificateError::Structure { part: Part::Chain, .. })));
    let presented = Presented::from_pem(&pem(b"no DER"), None).expect("it is PEM");
    let error = world.fulcio(world.roots()).verify(&presented, AT).expect_err("no certificate");
    assert!(matches!(error, CertificateError::Structure { part: Part::Leaf, .. }));
}

#[test]
fn last_of_a_chain_is_a_certificate_and_is_left_out() {
    let world = World::new();
    let leaf = world.leaf().pem(&world.middle);
    let (root, middle) = (world.root().pem(&world.root), world.middle().pem(&world.root));
    let read = |chain: Option<String>| Presented::from_pem(&leaf, chain.as_deref());
    for (name, chain, intermediates, ends_in_root) in [
        ("no chain", None, 0, true),
        ("an empty chain", Some(String::new()), 0, true),
        ("a root", Some(root.clone()), 0, true),
        ("an intermediate", Some(middle.clone()), 0, false),
        ("both", Some(format!("{middle}{root}")), 1, true),
        ("a root too many", Some(format!("{root}{middle}{root}")), 1, true),
        ("one that is no authority", Some(format!("{leaf}{root}")), 0, true),
    ] {
        let presented = read(chain).expect(name);
        assert_eq!(presented.certificates().len(), 1 + intermediates, "{name}");
        assert_eq!(presented.ends_in_root(), ends_in_root, "{name}");
    }
    let blank = read(Some(" \n".into()));
    let error = BlocksError::NoBlock;
    assert_eq!(blank, Err(CertificateError::Pem { part: Part::Chain, error }));
    for broken in [format!("{middle}{}", pem(b"no DER")), pem(b"no DER")] {
        let found = read(Some(broken));
        let part = Part::Chain;
        assert!(matches!(found, Err(CertificateError::Structure { part: p, .. }) if p == part));
    }
}

#[test]
fn a_file_of_authorities_holds_nothing_else() {
    let world = World::new();
    let root = world.root().pem(&world.root);
    let read = |text: &str| Authorities::from_pem(text.as_bytes());
    assert!(read(&format!("a\n{root}b\n{root}c\n")).is_ok());
    let bare = Sketch::new("root", &world.root, "root");
    let mut first_version = bare.clone();
    first_version.version = 1;
    for (name, sketch) in [
        ("no basic constraints", bare.clone()),
        ("version 1", first_version),
        ("may not sign certificates", bare.with(authority(None)).with(key_usage(0))),
    ] {
        let second = format!("{root}{}", sketch.pem(&world.root));
        assert_eq!(read(&second), Err(AuthorityError::NotAuthority(2)), "{name}");
    }
    let damaged = read(&pem(b"no DER"));
    assert!(matches!(damaged, Err(AuthorityError::Structure { place: 1, .. })), "{damaged:?}");
    assert_eq!(read(""), Err(AuthorityError::Pem(BlocksError::NoBlock)));
    let key = world.signer.public().to_pem();
    assert!(matches!(read(&key), Err(AuthorityError::Pem(BlocksError::OtherBlock(_)))));
}
