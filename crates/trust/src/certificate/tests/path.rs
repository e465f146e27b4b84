//! The path to a root, and what the certificates on it must be.

use super::*;
use crate::testing::HasPublicKey as _;

#[test]
fn a_valid_certificate_gives_its_key_its_names_and_its_issuer() {
    let world = World::new();
    let leaf = world.check(&world.leaf()).expect("accepted");
    assert_eq!(leaf.key(), &world.signer.public());
    assert_eq!(leaf.identities(), [Identity::Email("me@example.com".into())]);
    assert_eq!(leaf.issuer(), Ok(ISSUER));
    assert_eq!(leaf.validity(), (1_699_999_800, 1_700_000_400));
}

#[test]
fn keys_of_every_supported_algorithm_are_vouched_for_and_vouch() {
    let mut world = World::new();
    for (signer, algorithm) in [
        (p384(), Algorithm::EcdsaP384),
        (Signer::p521(), Algorithm::EcdsaP521),
        (Signer::ed25519(), Algorithm::Ed25519),
        (Signer::Rsa, Algorithm::Rsa { bits: 2048 }),
    ] {
        world.signer = signer;
        let leaf = world.check(&world.leaf()).expect("accepted");
        assert_eq!(leaf.key().algorithm(), algorithm);
    }
    for middle in [Signer::p256(), p384(), p521(), Signer::ed25519(), Signer::Rsa] {
        world.middle = middle;
        assert!(world.check(&world.leaf()).is_ok(), "{:?}", world.middle.public());
    }
    let mut leaf = world.leaf();
    leaf.spki = tlv(0x30, &[tlv(0x30, &oid("1.3.101.110")), tlv(0x03, &[0; 33])].concat());
    let error = world.check(&leaf).expect_err("X25519 does not sign");
    assert_eq!(error, CertificateError::Key(KeyError::Algorithm("1.3.101.110".into())));
}

#[test]
fn path_is_refused_unless_all_are_valid_at_the_time() {
    let world = World::new();
    let valid = |sketch: Sketch, (from, until)| sketch.valid(from, until);
    assert!(world.check_with(&world.leaf(), &valid(world.middle(), AROUND)).is_ok());
    let (expired, early) = (
        CertificateError::Expired { at: AT, until: 1_699_999_800 },
        CertificateError::NotYetValid { at: AT, from: 1_700_000_400 },
    );
    assert_eq!(world.check(&valid(world.leaf(), BEFORE)), Err(expired.clone()));
    assert_eq!(world.check(&valid(world.leaf(), AFTER)), Err(early.clone()));
    assert_eq!(world.check_with(&world.leaf(), &valid(world.middle(), BEFORE)), Err(expired));
    assert_eq!(world.check_with(&world.leaf(), &valid(world.middle(), AFTER)), Err(early));

    // A root outside of its own validity is none.
    let chain = world.chain(&world.middle());
    let presented = Presented::from_pem(&world.leaf().pem(&world.middle), Some(&chain));
    let presented = presented.expect("well formed");
    for (period, accepted) in [(AROUND, true), (BEFORE, false), (AFTER, false)] {
        let root = valid(world.root(), period).pem(&world.root);
        let roots = Authorities::from_pem(root.as_bytes()).expect("a root");
        assert_eq!(world.fulcio(roots).verify(&presented, AT).is_ok(), accepted, "{period:?}");
    }
    // The first and the last second count as valid.
    let fulcio = world.fulcio(world.roots());
    for (at, accepted) in [
        (1_699_999_799, false),
        (1_699_999_800, true),
        (1_700_000_400, true),
        (1_700_000_401, false),
        (0, false),
        (u64::MAX, false),
    ] {
        assert_eq!(fulcio.verify(&presented, at).is_ok(), accepted, "{at}");
    }
}

#[test]
fn only_a_whole_path_to_a_trusted_root_counts() {
    let world = World::new();
    let leaf = world.leaf().pem(&world.middle);
    let (middle, root) = (world.middle().pem(&world.root), world.root().pem(&world.root));
    let check = |leaf: &str, chain: Option<&str>, roots: Authorities| {
        world.fulcio(roots).verify(&Presented::from_pem(leaf, chain)?, AT)
    };
    let missing = Err(no_path("an authority on the way is missing or not trusted"));
    assert!(check(&leaf, Some(&format!("{middle}{root}")), world.roots()).is_ok());
    // The last certificate of a chain is taken for a root, and so never used.
    assert_eq!(check(&leaf, Some(&middle), world.roots()), missing);
    assert_eq!(check(&leaf, Some(&root), world.roots()), missing);
    assert_eq!(check(&leaf, Some(""), world.roots()), missing);
    assert_eq!(check(&leaf, None, world.roots()), missing);
    assert!(check(&leaf, Some(&format!("{middle}{middle}")), world.roots()).is_ok());
    // An intermediate that is trusted as a root is one.
    let trusted = |pem: &str| Authorities::from_pem(pem.as_bytes()).expect("authorities");
    assert!(check(&leaf, None, trusted(&middle)).is_ok());

    // Another authority of the same name, and one of another name.
    let imposter = World::new();
    let chain = format!("{middle}{root}");
    let forged = imposter.leaf().pem(&imposter.middle);
    let unsigned = Err(no_path("a signature on the way does not verify"));
    assert_eq!(check(&forged, Some(&chain), world.roots()), unsigned);
    assert_eq!(check(&leaf, Some(&chain), imposter.roots()), unsigned);
    let mut other = imposter.root();
    (other.subject, other.issuer) = ("other".into(), "other".into());
    assert_eq!(check(&leaf, Some(&chain), trusted(&other.pem(&imposter.root))), missing);
    assert!(
        check(&leaf, Some(&chain), trusted(&format!("{}{root}", other.pem(&imposter.root))))
            .is_ok()
    );
}

#[test]
fn intermediate_is_refused_unless_it_may_sign_certificates() {
    let world = World::new();
    let bare = || Sketch::new("middle", &world.middle, "root");
    let missing = Err(no_path("an authority on the way is missing or not trusted"));
    assert!(world.check_with(&world.leaf(), &bare().with(authority(None))).is_ok());
    assert_eq!(world.check_with(&world.leaf(), &bare()), missing);
    let no_signer = bare().with(authority(None)).with(key_usage(0));
    assert_eq!(world.check_with(&world.leaf(), &no_signer), missing);
    let server = bare().with(authority(None)).with(purposes(&[SERVER]));
    assert_eq!(world.check_with(&world.leaf(), &server), Err(CertificateError::Usage));
    let unknown = bare().with(authority(None)).with(extension("1.2.3.4", true, b"x"));
    let error = world.check_with(&world.leaf(), &unknown);
    assert_eq!(error, Err(no_path("a critical extension is not supported")));
}

#[test]
fn a_root_limits_purpose_length_and_names() {
    let world = World::new();
    let chain = world.chain(&world.middle());
    let presented = Presented::from_pem(&world.leaf().pem(&world.middle), Some(&chain));
    let presented = presented.expect("well formed");
    let bare = || Sketch::new("root", &world.root, "root");
    let check = |root: Sketch| {
        let roots = Authorities::from_pem(root.pem(&world.root).as_bytes()).expect("a root");
        world.fulcio(roots).verify(&presented, AT)
    };
    let email_constraint = |domain: &[u8]| {
        let permitted = tlv(0xa0, &tlv(0x30, &tlv(EMAIL, domain)));
        extension("2.5.29.30", true, &tlv(0x30, &permitted))
    };
    let dns_constraint = {
        let permitted = tlv(0xa0, &tlv(0x30, &tlv(DNS, b"example.com")));
        extension("2.5.29.30", true, &tlv(0x30, &permitted))
    };
    assert!(check(bare().with(authority(None))).is_ok());
    assert!(check(bare().with(authority(Some(1)))).is_ok());
    let error = check(bare().with(authority(Some(0))));
    assert_eq!(error, Err(no_path("the path is longer than an authority permits")));
    let missing = Err(no_path("an authority on the way is missing or not trusted"));
    for (purpose, accepted) in [(CODE_SIGNING, true), (ANY, true), (SERVER, false)] {
        let found = check(bare().with(authority(None)).with(purposes(&[purpose])));
        assert_eq!(found.is_ok(), accepted, "{purpose}");
        assert!(accepted || found == missing);
    }
    assert!(check(bare().with(authority(None)).with(dns_constraint)).is_ok());
    let error = check(bare().with(authority(None)).with(email_constraint(b"example.com")));
    assert_eq!(error, Err(no_path("a name is outside of what an authority may vouch for")));
}

#[test]
fn a_leaf_must_be_for_code_signing_and_no_authority() {
    let world = World::new();
    let named = || world.bare().with(names(&[(EMAIL, ME)])).with(new_issuer(ISSUER));
    let code = || named().with(purposes(&[CODE_SIGNING]));
    assert!(world.check(&code()).is_ok());
    assert!(world.check(&named().with(purposes(&[SERVER, CODE_SIGNING]))).is_ok());
    assert!(world.check(&code().with(key_usage(1))).is_ok(), "non-repudiation is a signature too");
    for (name, leaf) in [
        ("no purpose", named()),
        ("another purpose", named().with(purposes(&[SERVER]))),
        ("any purpose", named().with(purposes(&[ANY]))),
        ("for encipherment", code().with(key_usage(2))),
    ] {
        assert_eq!(world.check(&leaf), Err(CertificateError::Usage), "{name}");
    }
    let ca = code().with(authority(None));
    assert_eq!(world.check(&ca), Err(CertificateError::AuthorityAsLeaf));
    let unknown = code().with(extension("1.2.3.4", true, b"x"));
    let reason = "UnsupportedCriticalExtension".into();
    let error = CertificateError::Structure { part: Part::Leaf, reason };
    assert_eq!(world.check(&unknown), Err(error));
    assert!(world.check(&code().with(extension("1.2.3.4", false, b"x"))).is_ok());
}

#[test]
fn intermediates_of_the_policy_lead_to_its_roots() {
    let world = World::new();
    let leaf = world.bare().with(names(&[(EMAIL, ME)])).pem(&world.middle);
    let presented = Presented::from_pem(&leaf, None).expect("well formed");
    let middle = world.middle().pem(&world.root);
    let intermediates = Authorities::from_pem(middle.as_bytes()).expect("an authority");
    let check = |intermediates: Option<Authorities>| {
        let email = Some("me@example.com".to_owned());
        let pki = Pki::new(world.roots(), intermediates, email, None).expect("expectations");
        pki.verify(&presented, AT)
    };
    assert!(check(Some(intermediates)).is_ok());
    let missing = Err(no_path("an authority on the way is missing or not trusted"));
    assert_eq!(check(None), missing);
    let imposter = World::new();
    let middle = imposter.middle().pem(&imposter.root);
    let intermediates = Authorities::from_pem(middle.as_bytes()).expect("an authority");
    assert!(matches!(check(Some(intermediates)), Err(CertificateError::NoPath(_))));
}

#[test]
fn a_chain_that_leads_in_circles_leads_nowhere() {
    let world = World::new();
    let same: String = (0..MAX_CHAIN_CERTIFICATES)
        .map(|_| {
            let key = Signer::p256();
            Sketch::new("middle", &key, "middle").with(authority(None)).pem(&key)
        })
        .collect();
    let presented = Presented::from_pem(&world.leaf().pem(&world.middle), Some(&same));
    let error = world.fulcio(world.roots()).verify(&presented.expect("well formed"), AT);
    assert!(matches!(error, Err(CertificateError::NoPath(_))), "{error:?}");
}
